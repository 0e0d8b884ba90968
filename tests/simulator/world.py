"""A simulator and a service that records its webhooks, each on a port of its own."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from banksman.simulator import Behaviour, Person, Simulator

SECRET = b"secret of the app"
TOKEN = "token-of-the-tests"
NUMBER = "106540352242922"
ANA, BEN = "33600000001", "33600000002"


QUICK = Behaviour(sent_after=0.02, delivered_after=0.04)


async def crew() -> Sequence[Person]:
    """The people of the tests."""
    return [Person("Ana Silva", ANA, language="fr"), Person("Ben Łoś", BEN, bsuid="PL.77")]


def build(webhook_url: str, state_file: Path | None = None, behaviour: Behaviour = QUICK) -> Simulator:
    """A simulator of the tests' number."""
    return Simulator(
        phone_number_id=NUMBER,
        access_token=TOKEN,
        app_secret=SECRET,
        webhook_url=webhook_url,
        people=crew,
        state_file=state_file,
        behaviour=behaviour,
    )


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """`app` on a free port of this machine; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=15)


@dataclass
class Service:
    """Takes webhooks, checks their signature, keeps their bodies."""

    answers: deque[int] = field(default_factory=deque)  # statuses to answer next; then 200
    bodies: list[bytes] = field(default_factory=list)  # those answered 200
    refused: int = 0
    asked: list[float] = field(default_factory=list)  # when each webhook came (monotonic seconds)

    def app(self) -> Starlette:
        """The service as an application."""
        return Starlette(routes=[Route("/webhook", self._webhook, methods=["POST"])])

    async def _webhook(self, request: Request) -> Response:
        raw = await request.body()
        self.asked.append(time.monotonic())
        expected = "sha256=" + hmac.new(SECRET, raw, hashlib.sha256).hexdigest()
        if request.headers["x-hub-signature-256"] != expected:
            return Response(status_code=401)
        status = self.answers.popleft() if self.answers else 200
        if status == 200:
            self.bodies.append(raw)
        else:
            self.refused += 1
        return Response(status_code=status)

    def values(self) -> list[dict[str, Any]]:
        """The `value` of every change received, in order."""
        entries = [entry for raw in self.bodies for entry in json.loads(raw)["entry"]]
        return [change["value"] for entry in entries for change in entry["changes"]]

    def messages(self) -> list[dict[str, Any]]:
        """Every message received, in order."""
        return [message for value in self.values() for message in value.get("messages", ())]

    def statuses(self, message_id: str | None = None) -> list[dict[str, Any]]:
        """Every status received, in order; of one message where it is named."""
        found = [status for value in self.values() for status in value.get("statuses", ())]
        return [status for status in found if message_id in (None, status["id"])]


async def until(condition: Callable[[], bool], seconds: float = 8) -> None:
    """Wait for a condition; fails where it does not come true in time."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        await asyncio.sleep(0.01)


class Phone:
    """Both ends of one simulator: its Graph API and its phones."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.http = httpx.AsyncClient(base_url=base, trust_env=False, timeout=12)
        self.headers = {"Authorization": f"Bearer {TOKEN}"}
        self.number = f"/simulator/graph/v26.0/{NUMBER}"

    async def send(self, message: dict[str, Any], **more: Any) -> httpx.Response:
        """The service sends; `to` and the constant fields are filled in."""
        whole = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": ANA} | message | more
        return await self.http.post(f"{self.number}/messages", json=whole, headers=self.headers)

    async def sent(self, message: dict[str, Any], **more: Any) -> str:
        """As `send`, of a message that must be accepted; gives its id."""
        answer = await self.send(message, **more)
        assert answer.status_code == 200, answer.text
        found: str = answer.json()["messages"][0]["id"]
        return found

    async def write(self, given: dict[str, Any], wa_id: str = ANA) -> dict[str, Any]:
        """A person writes."""
        answer = await self.http.post(f"/simulator/api/chats/{wa_id}/messages", json=given)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def chat(self, wa_id: str = ANA) -> list[dict[str, Any]]:
        """The messages that the person's phone shows."""
        answer = await self.http.get(f"/simulator/api/chats/{wa_id}")
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    async def behave(self, **knobs: Any) -> None:
        """Change knobs."""
        answer = await self.http.patch("/simulator/api/behaviour", json=knobs)
        assert answer.status_code == 200, answer.text


def text(body: str = "hello") -> dict[str, Any]:
    """A text message."""
    return {"type": "text", "text": {"body": body}}


def buttons(*pairs: tuple[str, str], body: str = "pick") -> dict[str, Any]:
    """A message with reply buttons (id, title)."""
    replies = [{"type": "reply", "reply": {"id": key, "title": title}} for key, title in pairs]
    frame = {"type": "button", "body": {"text": body}, "action": {"buttons": replies}}
    return {"type": "interactive", "interactive": frame}


def listed(rows: list[dict[str, Any]], *, body: str = "pick", button: str = "Open") -> dict[str, Any]:
    """A message with a list of one section."""
    action = {"button": button, "sections": [{"title": "All", "rows": rows}]}
    return {"type": "interactive", "interactive": {"type": "list", "body": {"text": body}, "action": action}}


def card(index: int, *titles: str, body: str = "a card") -> dict[str, Any]:
    """A card with a picture and quick replies."""
    replies = [
        {"type": "quick_reply", "quick_reply": {"id": f"card:{index}:{title}", "title": title}} for title in titles
    ]
    picture = {"type": "image", "image": {"link": f"https://example.org/{index}.png"}}
    return {
        "card_index": index,
        "type": "cta_url",
        "header": picture,
        "body": {"text": body},
        "action": {"buttons": replies},
    }


def carousel(*cards: dict[str, Any], body: str = "plans") -> dict[str, Any]:
    """A message with a carousel."""
    frame = {"type": "carousel", "body": {"text": body}, "action": {"cards": list(cards)}}
    return {"type": "interactive", "interactive": frame}
