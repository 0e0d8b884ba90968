"""The time of a turn by handler, from its claim until its reply is handed over to Graph, and its database round trips.

`.venv/bin/python -m benchmarks.turn` takes about half a minute. One person taps, one turn after the other; the
database is durable, made for the run and removed; the Graph API is the simulator in a process of its own.
Exit status 1 where the target (p50 of 25 ms) is missed.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
import psycopg
import uvicorn
from pydantic import SecretStr

from banksman import app
from banksman.database import embedded, migration
from banksman.database.pool import Database, Scope
from banksman.database.queries import Queries
from banksman.observability import logging
from banksman.services import turns
from banksman.settings import Settings
from banksman.simulator import Behaviour, Person, Simulator
from banksman.whatsapp.graph import GraphClient, Sent
from banksman.whatsapp.media import MediaStore

TARGET_MS = 25.0
WARM_UP, ROUNDS = 30, 300
NUMBER, TOKEN, WA_ID = "100000000000001", "benchmark", "447700900101"
PACKAGES = ("banksman.services", "banksman.whatsapp")
CREW = """
set role banksman_system;
insert into banksman.users (id, wa_id, name, language, status)
values ('00000000-0000-0000-0000-000000000001', '447700900101', 'Bob Hill', 'en', 'active');
insert into banksman.projects (id, name)
select ('00000000-0000-0000-0000-0000000001' || to_char(n, 'fm00'))::uuid, 'Site ' || n from generate_series(1, 5) n;
insert into banksman.project_members (project_id, user_id)
select id, '00000000-0000-0000-0000-000000000001' from banksman.projects;
insert into banksman.tasks (project_id, title) select id, 'Task ' || n from banksman.projects, generate_series(1, 20) n;
"""


@dataclass
class Measured:
    """What is seen from outside of each turn."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    claimed_at: float = 0.0
    handed_over_ms: list[float] = field(default_factory=list)  # the reply goes to Graph
    accepted_ms: list[float] = field(default_factory=list)  # and Graph has accepted it
    queries: Counter[str] = field(default_factory=Counter)

    def watch(self, names: dict[str, str]) -> None:
        """Stands before the claim, the call of Graph and each query."""
        claim, send, fetch = turns.claim, GraphClient.send, Scope.fetch

        async def claiming(*args: Any, **kwargs: Any) -> Any:
            began = perf_counter()
            found = await claim(*args, **kwargs)
            if isinstance(found, turns.Turn):
                self.claimed_at = began
                self.queries["claim_turn"] += 1
            return found

        async def sending(client: GraphClient, message: Any) -> Sent:
            self.handed_over_ms.append(1000 * (perf_counter() - self.claimed_at))
            sent = await send(client, message)
            self.accepted_ms.append(1000 * (perf_counter() - self.claimed_at))
            return sent

        async def fetching(scope: Scope, query: Any, params: Any = None) -> Any:
            rows = await fetch(scope, query, params)
            name = names.get(query, "other")
            if not name.startswith("claim"):  # empty claims belong to no turn
                self.queries[name] += 1
            if name == "settle_send":
                self.ended.set()
            return rows

        turns.claim, GraphClient.send, Scope.fetch = claiming, sending, fetching  # type: ignore[assignment,method-assign]

    def forget(self) -> None:
        """Begins anew, after the warm-up."""
        self.handed_over_ms.clear()
        self.accepted_ms.clear()
        self.queries.clear()


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


async def tap(system: Scope, store: Any, payload: str) -> None:
    """Stores a tap as the inbox does."""
    message = {"n": 0, "sender": 0, "id": f"wamid.{uuid.uuid4().hex}", "kind": "interactive", "body": "tapped",
               "tap": payload, "payload": {}, "sent_at": 4_000_000_000, "awaits_answer": True, "first_only": False,
               "reply_to": None}  # fmt: skip
    batch = {"senders": [{"wa_id": WA_ID}], "messages": [message], "changes": [], "statuses": [], "rekeys": [],
             "events": []}  # fmt: skip
    await system.value(store, {"batch": orjson.dumps(batch).decode(), "pause": 1.0, "max_pause": 4.0})


async def measure(url: str, graph_url: str, folder: Path) -> bool:
    """Prints the figures; whether the target is reached."""
    names = {queries[name]: name for package in PACKAGES for queries in [Queries(package)] for name in queries}
    store = Queries("banksman.webhook")["store_delivery"]
    measured = Measured()
    measured.watch(names)
    settings = Settings(
        _env_file=None, banksman_env="production", database_url=SecretStr(url), whatsapp_phone_number_id=NUMBER,
        whatsapp_access_token=SecretStr(TOKEN), whatsapp_app_secret=SecretStr("x"),
        whatsapp_verify_token=SecretStr("x"), whatsapp_api_url=graph_url, public_url="http://127.0.0.1:9",
    )  # fmt: skip
    reached = True
    async with (
        app.Service(settings, MediaStore(folder=folder / "media"), app.Parts(web=False)),
        Database(url) as outside,
    ):
        for payload in ("menu", "projects", "tasks"):
            for number in range(WARM_UP + ROUNDS):
                if number == WARM_UP:
                    measured.forget()
                measured.ended.clear()
                await tap(outside.as_system(), store, payload)
                async with asyncio.timeout(10):
                    await measured.ended.wait()
            reached &= report(payload, measured)
    return reached


def report(payload: str, measured: Measured) -> bool:
    """Prints what one kind of tap took; whether the target is reached."""
    over, accepted = measured.handed_over_ms, measured.accepted_ms
    print(f"tap `{payload}`, {len(over)} turns")
    print(f"  claim to hand-over   p50 {percentile(over, 50):6.1f} ms   p95 {percentile(over, 95):6.1f} ms")
    print(f"  claim to accepted    p50 {percentile(accepted, 50):6.1f} ms   p95 {percentile(accepted, 95):6.1f} ms")
    trips = {
        name: count / len(over) for name, count in measured.queries.items() if name not in ("store_delivery", "other")
    }
    before = sum(count for name, count in trips.items() if name not in ("settle_send", "renew_send"))
    told = ", ".join(f"{name} {count:g}" for name, count in trips.items())
    print(f"  round trips of the turn {before:g} (all: {told})")
    return percentile(over, 50) <= TARGET_MS


def serve_graph(port: int) -> None:
    """The Graph API, which tells no statuses."""

    async def people() -> Sequence[Person]:
        return [Person("Bob Hill", WA_ID)]

    simulator = Simulator(
        phone_number_id=NUMBER, access_token=TOKEN, app_secret=b"x", webhook_url="http://127.0.0.1:9/webhook",
        people=people, behaviour=Behaviour(statuses=False),
    )  # fmt: skip
    uvicorn.run(simulator.app(), host="127.0.0.1", port=port, log_config=None, access_log=False)


@asynccontextmanager
async def graph_process() -> AsyncIterator[str]:
    """The address of the Graph API in a process of its own."""
    listener = await asyncio.start_server(lambda _, w: w.close(), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.turn", "graph", str(port))
    try:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}/simulator/graph/v26.0"
    finally:
        process.terminate()
        await process.wait()


def main() -> int:
    """Runs it all; gives the exit status."""
    logging.configure("WARNING", "console")
    folder = Path(tempfile.mkdtemp(prefix="banksman-bench-"))
    folder.chmod(0o755)
    try:
        server = embedded.start(folder)
        with psycopg.connect(server.owner_url, autocommit=True) as connection:
            migration.migrate(connection)
            connection.execute(CREW.encode())
        return 0 if asyncio.run(against_graph(server.url("banksman_app"), folder)) else 1
    finally:
        embedded.stop(folder)
        shutil.rmtree(folder)


async def against_graph(url: str, folder: Path) -> bool:
    """Measures with a Graph API beside; whether the target is reached."""
    async with graph_process() as graph_url:
        return await measure(url, graph_url, folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["graph"]:
        serve_graph(int(sys.argv[2]))
    else:
        sys.exit(main())
