"""The service as processes of its own, on a durable database, with WhatsApp in the test's process."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.running import NUMBER, SECRET, TOKEN, World, load_crew, serving

from banksman.database import embedded, migration
from banksman.database.embedded import Server
from banksman.simulator import Behaviour, Person, Simulator

BANKSMAN = Path(sys.executable).with_name("banksman")


@contextmanager
def durable_server() -> Iterator[tuple[Path, Server]]:
    """An embedded server of its own, as production's: what it committed survives."""
    folder = Path(tempfile.mkdtemp(prefix="banksman-kills-"))
    folder.chmod(0o755)
    try:
        server = embedded.start(folder)
        with psycopg.connect(server.owner_url, autocommit=True) as connection:
            migration.migrate(connection)
        yield folder, server
    finally:
        embedded.stop(folder)
        shutil.rmtree(folder)


@dataclass
class Processes:
    """Processes of the service by name."""

    environment: dict[str, str]
    log: Path
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    async def start(self, name: str, *command: str) -> None:
        """Starts `banksman COMMAND`."""
        with self.log.open("ab") as log:
            self.running[name] = await asyncio.create_subprocess_exec(
                str(BANKSMAN), *command, env=self.environment, cwd=self.log.parent, stdout=log, stderr=log
            )

    async def end(self, name: str, number: signal.Signals, *, within: float = 15.0) -> int:
        """Sends a signal that ends the process; gives its exit status."""
        process = self.running.pop(name)
        process.send_signal(number)
        return await asyncio.wait_for(process.wait(), within)

    def pause(self, name: str) -> None:
        """Stops a process where it is, as a machine does that has no time for it."""
        self.running[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Lets a paused process go on, which does not know that it was paused."""
        self.running[name].send_signal(signal.SIGCONT)

    async def end_all(self) -> None:
        """Ends what still runs."""
        for name in list(self.running):
            self.resume(name)
            await self.end(name, signal.SIGKILL)


@dataclass
class Site(World):
    """A world whose service runs in `processes`."""

    folder: Path = Path()
    processes: Processes = field(default_factory=lambda: Processes({}, Path()))

    async def answers(self) -> bool:
        """Whether the web process serves."""
        try:
            return (await self.http.get(f"{self.url}/health/live", timeout=1)).status_code == 200
        except httpx.HTTPError:
            return False

    async def type(self, wa_id: str, text: str, *, tap: str | None = None) -> None:
        """A person writes on their phone, or taps what says `text`, whether the service runs or not."""
        said: dict[str, Any] = {"type": "text", "text": text}
        if tap:
            said = {"type": "raw", "message": {"type": "button", "button": {"payload": tap, "text": text}}}
        answer = await self.http.post(f"{self.graph_url}/simulator/api/chats/{wa_id}/messages", json=said)
        assert answer.status_code == 201

    async def run(self, script: str) -> None:
        """Runs SQL as the database's owner."""
        async with await psycopg.AsyncConnection.connect(self.owner_url, autocommit=True) as connection:
            await connection.execute(script)

    def quiet(self) -> bool:
        """Whether WhatsApp has nothing left to tell."""
        assert self.simulator
        network = self.simulator._network
        return not network.deliveries._lanes and not network._ladders


class FarAway:
    """A Graph API to which a send takes up to `most_s` seconds, and its answer as long."""

    def __init__(self, app: ASGIApp, most_s: float, chance: random.Random) -> None:
        self._app, self._most_s, self._chance = app, most_s, chance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "/graph/" not in scope["path"]:
            await self._app(scope, receive, send)
            return

        async def late(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._wait()
            await send(message)

        await self._wait()
        await self._app(scope, receive, late)

    async def _wait(self) -> None:
        await asyncio.sleep(self._chance.uniform(0, self._most_s))


def free_port() -> int:
    """A port of this machine that nothing uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def site(crew: dict[str, Any], behaviour: Behaviour, *, graph_s: float = 0.0) -> AsyncIterator[Site]:
    """A database with the crew, WhatsApp, and as yet no process of the service."""
    with durable_server() as (folder, server):
        load_crew(server.owner_url, folder, crew)
        here = Site(owner_url=server.owner_url, folder=folder)
        here.url = f"http://127.0.0.1:{free_port()}"

        async def people() -> Sequence[Person]:
            return [Person(user["name"], user["wa_id"]) for user in crew["users"]]

        here.simulator = Simulator(
            phone_number_id=NUMBER, access_token=TOKEN, app_secret=SECRET.encode(), people=people,
            webhook_url=f"{here.url}/webhook", behaviour=behaviour,
        )  # fmt: skip
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(here.http)
            graph = FarAway(here.simulator.app(), graph_s, random.Random(1))
            here.graph_url = await stack.enter_async_context(serving(graph))
            here.processes = Processes(_environment(here, server), folder / "service.log")
            stack.push_async_callback(here.processes.end_all)
            yield here


def _environment(here: Site, server: Server) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "BANKSMAN_ENV": "production",
        "BANKSMAN_DATA_DIR": str(here.folder / "data"),
        "DATABASE_URL": server.url("banksman_app"),
        "HOST": "127.0.0.1",
        "PORT": here.url.rpartition(":")[2],
        "PUBLIC_URL": "http://127.0.0.1:9",
        "WHATSAPP_PHONE_NUMBER_ID": NUMBER,
        "WHATSAPP_ACCESS_TOKEN": TOKEN,
        "WHATSAPP_APP_SECRET": SECRET,
        "WHATSAPP_VERIFY_TOKEN": "verify-me",
        "WHATSAPP_API_URL": f"{here.graph_url}/simulator/graph/v26.0",
    }
