"""The service as tests run it: over HTTP, on a database of its own, against the simulator's Graph API."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import uvicorn
from psycopg.rows import dict_row
from pydantic import SecretStr
from starlette.types import ASGIApp

from banksman.app import Parts, Service, create_app
from banksman.services import import_file
from banksman.settings import Settings
from banksman.simulator import Behaviour, Person, Simulator
from banksman.webhook import signature
from banksman.whatsapp.media import MediaStore

NUMBER = "200100300400500"
SECRET = "app-secret-of-the-tests"
TOKEN = "access-token-of-the-tests"
QUICK = Behaviour(sent_after=0.02, delivered_after=0.04)

ANA, BOB, CLO = "33600000001", "447700900101", "33600000003"

CREW: dict[str, Any] = {
    "users": [
        {"ref": "ana", "wa_id": ANA, "name": "Ana Silva", "language": "fr", "time_zone": "Europe/Paris"},
        {"ref": "bob", "wa_id": BOB, "name": "Bob Hill", "language": "en", "time_zone": "Europe/London"},
        {"ref": "clo", "wa_id": CLO, "name": "Cloé Petit", "language": "en", "time_zone": "Europe/Paris"},
    ],
    "projects": [
        {"ref": "mill", "name": "Old Mill", "address": "12 Quai Nord, Lille", "members": ["ana", "bob"]},
        {"ref": "harbour", "name": "Harbour", "members": ["bob"]},
        {"ref": "secret", "name": "Secret Tower", "members": ["clo"]},
    ],
    "tasks": [
        {"ref": "tile", "project": "mill", "title": "Tile bathroom 2.04", "description": "Walls up to 2.10 m.",
         "status": "in_progress", "progress": 40, "due": "2026-12-04", "assignees": ["ana", "bob"]},
        {"ref": "slab", "project": "harbour", "title": "Pour the slab", "status": "open", "progress": 0,
         "due": "2026-11-20", "assignees": ["bob"]},
        {"ref": "vault", "project": "secret", "title": "Build the vault", "status": "open", "assignees": ["clo"]},
    ],
    "documents": [],
}  # fmt: skip


def load_crew(owner_url: str, folder: Path, crew: dict[str, Any] | None = None) -> None:
    """Loads an import file's rows."""
    path = folder / "crew.json"
    path.write_text(json.dumps(crew or CREW))
    found = import_file.read(path)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        import_file.load(connection, found, folder=folder, store=MediaStore(folder=folder / "media").put)


def settings_for(app_url: str, **changes: Any) -> Settings:
    """Settings of a test, untouched by the machine's environment."""
    values: dict[str, Any] = {
        "banksman_env": "development",
        "database_url": SecretStr(app_url),
        "whatsapp_phone_number_id": NUMBER,
        "whatsapp_access_token": SecretStr(TOKEN),
        "whatsapp_app_secret": SecretStr(SECRET),
        "whatsapp_verify_token": SecretStr("verify-me"),
        **changes,
    }
    return Settings(_env_file=None, **values)


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The address of `app`, served on a free port by this event loop, lifespan included."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=2)
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined,method-assign]  # the test's process keeps its own
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if task.done():
            task.result()
            raise RuntimeError("the server did not start")
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


async def until(found: Callable[[], Awaitable[Any]], *, within: float = 15.0) -> Any:
    """The first truthy result of `found`; AssertionError after `within` seconds."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        result = await found()
        if result:
            return result
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")


@dataclass
class World:
    """A running service with its database and its WhatsApp."""

    owner_url: str
    url: str = ""
    graph_url: str = ""
    simulator: Simulator | None = None
    service: Service | None = None
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(trust_env=False, timeout=20))

    async def rows(self, query: str, *params: object) -> list[dict[str, Any]]:
        """What the database's owner reads."""
        async with await psycopg.AsyncConnection.connect(
            self.owner_url, autocommit=True, row_factory=dict_row
        ) as connection:
            cursor = await connection.execute(query, params)  # type: ignore[arg-type]  # tests write SQL
            return await cursor.fetchall() if cursor.description else []

    async def post(self, body: bytes | dict[str, Any], *, secret: str = SECRET) -> httpx.Response:
        """Posts a webhook body, signed."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"x-hub-signature-256": signature.sign(raw, secret.encode())}
        return await self.http.post(f"{self.url}/webhook", content=raw, headers=headers)

    async def write(self, wa_id: str, text: str) -> str:
        """A person writes; gives the message's id."""
        message = text_message(wa_id, text)
        assert (await self.post(delivery(message))).status_code == 200
        return str(message["id"])

    async def tap(self, wa_id: str, payload: str, title: str = "tapped") -> str:
        """A person taps a button."""
        message = {
            **text_message(wa_id, ""),
            "type": "interactive",
            "interactive": {"type": "button_reply", "button_reply": {"id": payload, "title": title}},
        }
        assert (await self.post(delivery(message))).status_code == 200
        return str(message["id"])

    async def replies(self, wa_message_id: str, *, within: float = 15.0) -> list[dict[str, Any]]:
        """The out rows of the turn that answered a message, once it has finished."""

        async def finished() -> list[dict[str, Any]]:
            return await self.rows(
                "select t.id from banksman.messages m join banksman.turns t on t.id = m.turn_id"
                " where m.wa_message_id = %s and t.finished_at is not null",
                wa_message_id,
            )

        turn = await until(finished, within=within)
        return await self.rows(
            "select * from banksman.messages where turn_id = %s and direction = 'out' order by seq", turn[0]["id"]
        )

    async def ask(self, wa_id: str, text: str) -> str:
        """What the service answers to a text, as it is read."""
        return "\n".join(row["body"] for row in await self.replies(await self.write(wa_id, text)))

    async def chat(self, wa_id: str) -> list[dict[str, Any]]:
        """What the person's phone shows."""
        answer = await self.http.get(f"{self.graph_url}/simulator/api/chats/{wa_id}")
        return list(answer.json()["messages"])


def text_message(wa_id: str, text: str, **changes: Any) -> dict[str, Any]:
    """One inbound text as WhatsApp sends it."""
    return {
        "from": wa_id,
        "id": f"wamid.test.{uuid.uuid4().hex}",
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": text},
        **changes,
    }


def delivery(*messages: dict[str, Any], statuses: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """A webhook body with these messages and statuses."""
    value: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550000000", "phone_number_id": NUMBER},
        "contacts": [{"wa_id": m["from"], "profile": {"name": "Somebody"}} for m in messages if "from" in m],
    }
    if messages:
        value["messages"] = list(messages)
    if statuses:
        value["statuses"] = list(statuses)
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}],
    }


@asynccontextmanager
async def world(
    urls: tuple[str, str],
    folder: Path,
    *,
    crew: dict[str, Any] | None = None,
    parts: Parts | None = None,
    behaviour: Behaviour = QUICK,
    **changes: Any,
) -> AsyncIterator[World]:
    """A service and a simulator that know each other, over the database of `urls` (owner's, app's)."""
    owner_url, app_url = urls
    load_crew(owner_url, folder, crew)
    here = World(owner_url=owner_url)

    async def people() -> Sequence[Person]:
        return [Person(u["name"], u["wa_id"]) for u in (crew or CREW)["users"]]

    here.simulator = Simulator(
        phone_number_id=NUMBER,
        access_token=TOKEN,
        app_secret=SECRET.encode(),
        webhook_url=lambda: f"{here.url}/webhook",
        people=people,
        behaviour=behaviour,
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(here.http)
        here.graph_url = await stack.enter_async_context(serving(here.simulator.app()))
        changes.setdefault("whatsapp_api_url", f"{here.graph_url}/simulator/graph/v26.0")
        settings = settings_for(app_url, public_url="http://127.0.0.1:9", **changes)
        here.service = Service(settings, MediaStore(folder=folder / "media"), parts or Parts())
        here.url = await stack.enter_async_context(serving(create_app(here.service)))
        yield here


def behaving(here: World, **changes: Any) -> None:
    """Changes how WhatsApp behaves from now on."""
    assert here.simulator
    here.simulator.behaviour = replace(here.simulator.behaviour, **changes)
