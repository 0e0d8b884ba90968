"""Webhooks acknowledged a second by one process at 64 connections: banksman against pywa and a bare server.

`make bench` runs it; it takes about a minute. The servers take turns within one run, since only ratios of
one run mean something. Everything listens on 127.0.0.1, and the database is made for the run and removed.
Exit status 1 where an answer was not 200, or the rows stored are not the messages acknowledged.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median

import psycopg

from banksman.database import embedded, migration
from benchmarks.deliveries import APP_SECRET, ID_PREFIX, PHONE_NUMBER_ID, requests
from benchmarks.load import Round, play

ROOT = Path(__file__).parents[1]
CONNECTIONS = 64
ROUNDS = 3
ROUND_S, WARM_UP_S = 4.0, 1.0
MOST = 80_000  # requests of one round; a faster server ends its round early
STOP_S = 15.0


@dataclass(kw_only=True)
class Server:
    """A server under measurement."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    requests: Iterator[bytes]
    warm_up: Round | None = None
    rounds: list[Round] = field(default_factory=list)

    def play(self, seconds: float) -> Round:
        """One round; its requests are made before its clock runs."""
        return play(self.port, list(islice(self.requests, MOST)), connections=CONNECTIONS, seconds=seconds)

    @property
    def all_rounds(self) -> list[Round]:
        """The measured ones and the warm-up."""
        return [*self.rounds, *([self.warm_up] if self.warm_up else [])]

    @property
    def acknowledged(self) -> int:
        """Answers 200 in all."""
        return sum(one.statuses[200] for one in self.all_rounds)

    @property
    def refused(self) -> int:
        """Answers that were anything else."""
        return sum(one.statuses.total() for one in self.all_rounds) - self.acknowledged


@contextmanager
def fresh_database() -> Iterator[embedded.Server]:
    """A durable embedded Postgres with the schema, removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="banksman-bench-"))
    directory.chmod(0o755)  # as root, Postgres runs as another user
    try:
        server = embedded.start(directory)
        with psycopg.connect(server.owner_url, autocommit=True) as connection:
            migration.migrate(connection)
        yield server
    finally:
        embedded.stop(directory)
        shutil.rmtree(directory)


@contextmanager
def running(name: str, environment: dict[str, str]) -> Iterator[Server]:
    """The server of that name on a free port, ended by its pid."""
    with socket.create_server(("127.0.0.1", 0), backlog=2 * CONNECTIONS) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", f"benchmarks.servers.{name}", str(listener.fileno())]
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, pass_fds=[listener.fileno()])
    try:
        yield Server(name=name, process=process, port=port, requests=requests(port))
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def settings(database: embedded.Server) -> dict[str, str]:
    """What `serve` requires, for the environment."""
    return {
        "BANKSMAN_ENV": "production",
        "DATABASE_URL": database.url("banksman_app"),
        "WHATSAPP_PHONE_NUMBER_ID": PHONE_NUMBER_ID,
        "WHATSAPP_ACCESS_TOKEN": "unused",
        "WHATSAPP_APP_SECRET": APP_SECRET,
        "WHATSAPP_VERIFY_TOKEN": "unused",
        "WHATSAPP_API_URL": "http://127.0.0.1:9/unused",
        "LOG_LEVEL": "WARNING",
    }


def stored(database: embedded.Server) -> int:
    """How many of the benchmark's messages the database holds."""
    query = "select count(*) from banksman.messages where direction = 'in' and starts_with(wa_message_id, %s)"
    with psycopg.connect(database.owner_url) as connection:
        row = connection.execute(query, (ID_PREFIX,)).fetchone()
    return int(row[0]) if row else 0


def report(servers: dict[str, Server]) -> None:
    """Prints each round and the ratios that the design asks for, each the median of the rounds."""
    for name, server in servers.items():
        for number, one in enumerate(server.rounds, 1):
            p50, p99 = one.percentile_ms(50), one.percentile_ms(99)
            print(f"{name:10} round {number}: {one.rate:6.0f} a second, p50 {p50:6.1f} ms, p99 {p99:6.1f} ms")
    for other, wanted in {"bare": 0.4, "pywa": 2.0, "pywa_async": 2.0}.items():
        pairs = list(zip(servers["ours"].rounds, servers[other].rounds, strict=True))
        rate = median(a.rate / b.rate for a, b in pairs)
        p99 = median(a.percentile_ms(99) / b.percentile_ms(99) for a, b in pairs)
        limit = "" if other == "bare" else " (wanted <= 0.10)"
        print(f"ours / {other:10}: rate {rate:.2f} (wanted >= {wanted:.2f}), p99 {p99:.2f}{limit}")


def main() -> int:
    """Runs it; gives the exit status."""
    with (
        fresh_database() as database,
        running("bare", {}) as bare,
        running("ours", settings(database)) as ours,
        running("pywa", {}) as pywa,
        running("pywa_async", {}) as pywa_async,
    ):
        servers = {server.name: server for server in (bare, ours, pywa, pywa_async)}
        for server in servers.values():
            server.warm_up = server.play(WARM_UP_S)
        for number in range(ROUNDS):
            for server in servers.values():
                print(f"round {number + 1} of {ROUNDS}: {server.name} …", file=sys.stderr)
                server.rounds.append(server.play(ROUND_S))
        rows = stored(database)
    report(servers)
    refused = sum(server.refused for server in servers.values())
    print(f"acknowledged by ours {ours.acknowledged}, rows stored {rows}; answers other than 200: {refused}")
    return 0 if rows == ours.acknowledged and not refused else 1


if __name__ == "__main__":
    sys.exit(main())
