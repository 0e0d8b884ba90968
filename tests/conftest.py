"""Fixtures for all tests: a Postgres server a process, a fresh database a test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.running import World, world

from banksman.database import embedded, migration
from banksman.database.embedded import Server

COUNT = itertools.count()
TEMPLATE = "tests_template"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """An embedded server for this process of the tests, with a migrated template database.

    Not below pytest's own folder: as root the server runs as another user, who cannot get in there.
    """
    folder = Path(tempfile.mkdtemp(prefix="banksman-tests-"))
    folder.chmod(0o755)
    server = embedded.start(folder, durable=False)
    with psycopg.connect(server.owner_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
    with psycopg.connect(server.url("postgres", TEMPLATE), autocommit=True) as connection:
        migration.migrate(connection)
    yield server
    embedded.stop(folder)
    shutil.rmtree(folder)


@pytest.fixture
def urls(server: Server) -> Iterator[tuple[str, str]]:
    """A migrated, empty database: its owner's address, and that of `banksman_app`."""
    name = f"test_{next(COUNT)}"
    with psycopg.connect(server.owner_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {} strategy wal_log").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
        yield server.url("postgres", name), server.url("banksman_app", name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
async def here(urls: tuple[str, str], tmp_path: Path) -> AsyncIterator[World]:
    """A running service with the crew of the tests."""
    async with world(urls, tmp_path) as running:
        yield running
