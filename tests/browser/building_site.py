"""A simulator and a little service behind it that answers through the Graph stand-in."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from PIL import Image, ImageDraw
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from banksman.simulator import Person, Simulator

NUMBER, TOKEN, SECRET = "106540352242922", "token", b"secret"
ANA, OMAR = "33600000001", "33600000002"
PLANS = ("Level 2 plan\nBathrooms", "Level 3 plan\nOffices", "Stairs, section A")

GREETING = "Good morning Ana! I am the *automated assistant* of your crew.\nYou have _3 tasks_ today. What do you need?"
TASKS = [
    ("t1", "Tile bathroom 2.04", "Old Mill · in progress · 40 %"),
    ("t2", "Plaster the stairs", "Old Mill · open · due Friday"),
    ("t3", "Hang doors, level 3", "Harbour School · blocked"),
]


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """`app` on a free port of this machine; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1))
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


class Site:
    """The little service. `hook` is where it listens, `base` where the simulator does."""

    def __init__(self) -> None:
        self.base = self.hook = ""
        self.refuses = False  # answers webhooks 503
        self.writes = True  # whether it answers people
        self.heard: list[dict[str, Any]] = []  # messages, in order
        self.statuses: list[str] = []

    def app(self) -> Starlette:
        """The service as an application."""
        return Starlette(
            routes=[
                Route("/webhook", self._webhook, methods=["POST"]),
                Route("/plan/{index:int}.png", self._plan),
            ]
        )

    async def _webhook(self, request: Request) -> Response:
        raw = await request.body()
        expected = "sha256=" + hmac.new(SECRET, raw, hashlib.sha256).hexdigest()
        if request.headers["x-hub-signature-256"] != expected:
            return Response(status_code=401)
        if self.refuses:
            return Response(status_code=503)
        value = json.loads(raw)["entry"][0]["changes"][0]["value"]
        self.statuses += [status["status"] for status in value.get("statuses", ())]
        message = next(iter(value.get("messages", ())), None)
        if message is None:
            return Response()
        self.heard.append(message)
        return Response(background=BackgroundTask(self._answer, message))

    async def _answer(self, message: dict[str, Any]) -> None:
        await self.post({"status": "read", "message_id": message["id"], "typing_indicator": {"type": "text"}})
        if self.writes:
            await self.send(self._reply(message), to=message["from"])

    async def send(self, message: dict[str, Any], to: str = ANA) -> None:
        """Send through the Graph stand-in, which must accept it."""
        await self.post({"recipient_type": "individual", "to": to} | message)

    async def post(self, message: dict[str, Any]) -> None:
        """One request to the Graph stand-in, which must accept it."""
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.send(self._request(message))).raise_for_status()

    def send_now(self, message: dict[str, Any], to: str = ANA) -> None:
        """As `send`, for a test that is not asynchronous."""
        with httpx.Client(trust_env=False) as client:
            client.send(self._request({"recipient_type": "individual", "to": to} | message)).raise_for_status()

    def _request(self, message: dict[str, Any]) -> httpx.Request:
        return httpx.Request(
            "POST",
            f"{self.base}/simulator/graph/v26.0/{NUMBER}/messages",
            json={"messaging_product": "whatsapp"} | message,
            headers={"Authorization": f"Bearer {TOKEN}"},
        )

    def _reply(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["type"] == "image":
            return text(f"Got the picture: {message['image'].get('caption', 'no words')}")
        if message["type"] == "interactive":
            reply = message["interactive"]
            key = (reply.get("button_reply") or reply.get("list_reply"))["id"]
            if key == "tasks":
                return tasks()
            if key == "plans" or key.startswith("t"):
                return plans(self.hook)
            return text(f"You chose {key}")
        said = message.get("text", {}).get("body", "")
        return buttons(GREETING) if said.lower() == "hello" else text(f"You said: {said}")

    async def _plan(self, request: Request) -> Response:
        image = Image.new("RGB", (640, 420), "#fbfaf5")
        draw, index = ImageDraw.Draw(image), request.path_params["index"]
        draw.rectangle((60, 50, 580, 370), outline="#29434e", width=8)
        draw.line((60, 180 + 30 * index, 580, 180 + 30 * index), fill="#29434e", width=6)
        draw.line((260 + 60 * index, 50, 260 + 60 * index, 370), fill="#29434e", width=6)
        draw.rectangle((90, 80, 200, 140), fill="#ffc533")
        out = io.BytesIO()
        image.save(out, "PNG")
        return Response(out.getvalue(), media_type="image/png")


def text(body: str) -> dict[str, Any]:
    """A text."""
    return {"type": "text", "text": {"body": body}}


def _interactive(kind: str, body: str, action: dict[str, Any]) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": body}, "action": action}}


def buttons(body: str) -> dict[str, Any]:
    """A greeting with three buttons."""
    choices = {"tasks": "My tasks", "plans": "Plans", "human": "Speak with a human"}
    replies = [{"type": "reply", "reply": {"id": key, "title": title}} for key, title in choices.items()]
    return _interactive("button", body, {"buttons": replies})


def tasks() -> dict[str, Any]:
    """A list of tasks."""
    rows = [{"id": key, "title": title, "description": more} for key, title, more in TASKS]
    return _interactive("list", "Here are your tasks.", {"button": "Choose a task", "sections": [{"rows": rows}]})


def plans(hook: str) -> dict[str, Any]:
    """A carousel of plans."""
    cards = [
        {
            "card_index": index,
            "type": "cta_url",
            "header": {"type": "image", "image": {"link": f"{hook}/plan/{index}.png"}},
            "body": {"text": words},
            "action": {"buttons": [{"type": "quick_reply", "quick_reply": {"id": f"open:{index}", "title": "Open"}}]},
        }
        for index, words in enumerate(PLANS)
    ]
    return _interactive("carousel", "The plans of *Tile bathroom 2.04*", {"cards": cards})


async def _crew() -> Sequence[Person]:
    return [
        Person("Ana Silva", ANA, language="fr"),
        Person("عمر حداد", OMAR, language="ar"),
        Person("Piotr Zieliński", "48600000003", language="pl"),
    ]


@contextmanager
def building_site() -> Iterator[Site]:
    """A running simulator with the little service behind it."""
    site = Site()
    with served(site.app()) as site.hook:
        simulator = Simulator(
            phone_number_id=NUMBER,
            access_token=TOKEN,
            app_secret=SECRET,
            webhook_url=f"{site.hook}/webhook",
            people=_crew,
        )
        with served(simulator.app()) as site.base:
            yield site
