"""What a phone can do, over HTTP: for the chat page, for tests and for scripts.

Refusals are `{"error": "in plain words"}` with status 400, 403 or 404.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from banksman.simulator.behaviour import ADAPTER, Behaviour
from banksman.simulator.chats import ChatMessage
from banksman.simulator.graph import address
from banksman.simulator.interactive import tappable
from banksman.simulator.media import kind_of, webhook_node
from banksman.simulator.network import Network
from banksman.simulator.webhooks import SPREAD
from banksman.simulator.wire import Json, Node, node, text

PREFIX = "/simulator/api"
WAIT_SECONDS = 8.0  # how long a poll waits for a change; a server that stops waits for it, too
MOST_BYTES = 100 * 1024 * 1024
SHOWN_INLINE = ("image/jpeg", "image/png", "image/webp", "audio/", "video/")

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class ApiError(Exception):
    """What was asked for cannot be done; the message says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    age_seconds: Annotated[float, Field(ge=0)] = 0  # how long ago the person sent it


class TextInput(_Input):
    """The person types a text."""

    type: Literal["text"]
    text: Annotated[str, Field(max_length=65536)]
    reply_to: str | None = None  # id of the message that it quotes


class TapInput(_Input):
    """The person taps a button, or a row of a list."""

    type: Literal["tap", "list"]
    message_id: str
    id: str  # of the button or row, as the service sent it


class RawInput(_Input):
    """Anything else, as the `messages[]` entry of a webhook, without from, id and timestamp."""

    type: Literal["raw"]
    message: Node


INPUT: TypeAdapter[TextInput | TapInput | RawInput] = TypeAdapter(
    Annotated[TextInput | TapInput | RawInput, Field(discriminator="type")]
)


class ChatApi:
    """The endpoints."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def routes(self) -> list[BaseRoute]:
        """Routes with absolute paths."""
        chat = PREFIX + "/chats/{wa_id}"
        return [
            Route(PREFIX + "/people", _guarded(self._people), methods=["GET"]),
            Route(PREFIX + "/media/{media_id}", _guarded(self._media), methods=["GET"]),
            Route(PREFIX + "/behaviour", _guarded(self._behaviour), methods=["GET", "PUT", "PATCH"]),
            Route(chat, _guarded(self._chat), methods=["GET"]),
            Route(chat + "/events", _guarded(self._events), methods=["GET"]),
            Route(chat + "/messages", _guarded(self._write), methods=["POST"]),
            Route(chat + "/read", _guarded(self._seen), methods=["POST"]),
        ]

    async def _people(self, _: Request) -> Response:
        people = await self._network.people.all()
        shown = [{"name": item.name, "wa_id": item.wa_id, "language": item.language} for item in people]
        return JSONResponse({"people": shown, "problem": self._network.deliveries.problem})

    async def _chat(self, request: Request) -> Response:
        return JSONResponse(self._changes(request.path_params["wa_id"], 0, reset=True))

    async def _events(self, request: Request) -> Response:
        """Messages changed since revision `after` of `epoch`; waits for a change where there is none.

        `reset` says that these are all messages, as after a restart the revisions begin anew.
        """
        wa_id, query = request.path_params["wa_id"], request.query_params
        after = int(query["after"]) if query.get("after", "").isdigit() else 0
        reset = query.get("epoch") != self._network.chats.epoch
        if not reset:
            await self._network.chats.wait(wa_id, after, WAIT_SECONDS)
        return JSONResponse(self._changes(wa_id, 0 if reset else after, reset=reset))

    def _changes(self, wa_id: str, after: int, *, reset: bool) -> Node:
        chats = self._network.chats
        shown: list[Json] = [asdict(message) for message in chats.changes(wa_id, after)]
        return {
            "epoch": chats.epoch,
            "revision": chats.revision(wa_id),
            "reset": reset,
            "messages": shown,
            "typing_seconds": max(0.0, chats.typing_until(wa_id) - self._network.clock()),
            "problem": self._network.deliveries.problem,
        }

    async def _write(self, request: Request) -> Response:
        person = await self._network.people.find(_digits(request))
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            kind, content = await self._file(request)
            return _created(self._network.receive(person, kind, content))
        try:
            given = INPUT.validate_json(await request.body())
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ApiError(f"{where}: {first['msg']}" if where else first["msg"]) from error
        reply_to: str | None
        match given:
            case TextInput():
                kind, content, reply_to = "text", {"body": given.text}, given.reply_to
            case TapInput():
                kind, content, reply_to = *self._tap(person.wa_id, given), given.message_id
            case RawInput():
                kind, content, reply_to = _raw(given.message)
        age = given.age_seconds
        return _created(self._network.receive(person, kind, content, reply_to=reply_to, age=age))

    def _tap(self, wa_id: str, tap: TapInput) -> tuple[str, Node]:
        """What WhatsApp sends for a tap: the kind of message and its node."""
        message = self._network.chats.find(tap.message_id)
        if message is None or message.wa_id != wa_id or message.direction != "out":
            raise ApiError("There is no such message in this chat.", 404)
        for kind, choice in tappable(message.kind, message.content):
            if choice.get("id") == tap.id:
                if kind == "button":
                    return "button", {"payload": tap.id, "text": text(choice.get("title"))}
                names = ("id", "title", "description")
                picked: Node = {name: choice[name] for name in names if choice.get(name) is not None}
                return "interactive", {"type": kind, kind: picked}
        raise ApiError("That message has no such button or row.", 404)

    async def _file(self, request: Request) -> tuple[str, Node]:
        async with request.form() as form:
            file, caption, kind = form.get("file"), form.get("caption", ""), form.get("type", "")
            if not isinstance(file, UploadFile):
                raise ApiError("Choose a file to send.")
            if (file.size or 0) > MOST_BYTES:
                raise ApiError("The file is too large: WhatsApp takes up to 100 MB.")
            data, mime_type = await file.read(), file.content_type or "application/octet-stream"
            name = file.filename or ""
        if not data:
            raise ApiError("The file is empty.")
        stored = self._network.media.add(data, mime_type, name)
        kind = str(kind) or kind_of(stored.mime_type)
        url = self._network.media.url(stored, address(request), self._network.clock())
        return kind, webhook_node(stored, url, str(caption), kind)

    async def _seen(self, request: Request) -> Response:
        self._network.seen(request.path_params["wa_id"])
        return JSONResponse({"success": True})

    async def _media(self, request: Request) -> Response:
        file = self._network.media.find(request.path_params["media_id"])
        if file is None:
            raise ApiError("There is no such file.", 404)
        inline = file.mime_type.startswith(SHOWN_INLINE)
        headers = {
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Content-Disposition": "inline" if inline else "attachment",
            "Cache-Control": "private, max-age=3600",
        }
        return Response(self._network.media.read(file), media_type=file.mime_type, headers=headers)

    async def _behaviour(self, request: Request) -> Response:
        """GET shows the knobs, PUT sets all (what is not given as by default), PATCH those given."""
        if request.method != "GET":
            try:
                given = json.loads(await request.body())
                now: Node = asdict(self._network.behaviour) if request.method == "PATCH" else {}
                self._network.behaviour = ADAPTER.validate_python(now | node(given))
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                raise ApiError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
            except ValueError as error:
                raise ApiError("The body is not JSON.") from error
        shown: Behaviour = self._network.behaviour
        return JSONResponse(asdict(shown))


def _guarded(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: Request) -> Response:
        try:
            if request.method != "GET" and request.headers.get("sec-fetch-site", "") == "cross-site":
                raise ApiError("Another website may not write here.", 403)
            return await endpoint(request)
        except ApiError as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)

    return guarded


def _digits(request: Request) -> str:
    wa_id: str = request.path_params["wa_id"]
    if not (wa_id.isascii() and wa_id.isdigit()):
        raise ApiError("A person's number has digits only.")
    return wa_id


def _raw(message: Node) -> tuple[str, Node, str | None]:
    kind = text(message.get("type"))
    if not kind:
        raise ApiError("message.type says what kind of message this is.")
    reply_to = text(node(message.get("context")).get("id")) or None
    if kind in SPREAD:
        rest: Node = {name: value for name, value in message.items() if name not in ("type", "context")}
        return kind, rest, reply_to
    return kind, node(message.get(kind)), reply_to


def _created(message: ChatMessage) -> Response:
    return JSONResponse(asdict(message), status_code=201)
