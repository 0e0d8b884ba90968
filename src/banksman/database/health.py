"""Whether the database is there, of this version, and its queue is worked."""

from __future__ import annotations

import asyncio

import psycopg
from psycopg_pool import PoolTimeout

from banksman.database.migration import VERSION, MigrationError, State
from banksman.database.pool import Database
from banksman.database.queries import Queries

QUERIES = Queries("banksman.database")

LATE_S = 120.0  # a turn that is due for so long is not being worked


async def require_schema(database: Database) -> None:
    """Raises MigrationError unless the database is reachable and of this version."""
    try:
        async with asyncio.timeout(15):
            version = await database.as_system().value(QUERIES["schema_version"])
    except (
        psycopg.errors.InvalidSchemaName,
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedObject,
    ) as error:
        raise MigrationError("the database has no banksman schema: run `banksman migrate`") from error
    except (psycopg.Error, PoolTimeout, TimeoutError) as error:
        raise MigrationError(f"the database cannot be reached: {_first_line(error)}; check DATABASE_URL") from error
    State(version=version or 0).check()


async def problems(database: Database) -> list[str]:
    """What is not in order, in words; empty when all is."""
    try:
        async with asyncio.timeout(5):
            row = await database.as_system().one(QUERIES["health"])
    except (psycopg.Error, PoolTimeout, TimeoutError) as error:
        return [f"database: {type(error).__name__}"]
    found = []
    if row is None or row["version"] != VERSION:
        found.append(f"migrations: the database is at {row['version'] if row else 0}, the program at {VERSION}")
    if row and row["late_s"] > LATE_S:
        found.append(f"queue: a turn has been due for {row['late_s']:.0f} seconds")
    return found


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
