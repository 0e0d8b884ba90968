"""The Graph API as far as a business number uses it: messages, media, and a look at the number."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from banksman.simulator.behaviour import FAULTS, SendFault
from banksman.simulator.errors import GraphError, unknown_object
from banksman.simulator.fields import string
from banksman.simulator.limits import check_message, check_upload
from banksman.simulator.network import Network
from banksman.simulator.wire import Json, Node, node, text

PREFIX = "/simulator/graph"
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class CutResponse(Response):
    """Ends the connection within the answer, after `seconds` of silence or when the caller gives up."""

    def __init__(self, seconds: float = 0) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Half an answer: the server closes the connection, as what was announced never comes."""
        if self._seconds:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    while (await receive())["type"] != "http.disconnect":
                        pass
                return
        headers = [(b"content-type", b"application/json"), (b"content-length", b"512")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class Graph:
    """The endpoints."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def routes(self) -> list[BaseRoute]:
        """Routes with absolute paths. The path below the version is Meta's."""
        number = PREFIX + "/{version}/{object_id}"
        return [
            Route(PREFIX + "/files/{media_id}", self._guarded(self._download), methods=["GET"]),
            Route(number + "/messages", self._guarded(self._messages), methods=["POST"]),
            Route(number + "/media", self._guarded(self._upload), methods=["POST"]),
            Route(number + "/subscribed_apps", self._guarded(self._subscribed), methods=["GET"]),
            Route(number, self._guarded(self._look_up), methods=["GET"]),
        ]

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            try:
                self._check_token(request)
                version = request.path_params.get("version", "v1.0")
                if not re.fullmatch(r"v\d{1,3}\.\d", version):
                    raise GraphError(2500, message=f"Unknown path components: /{version}")
                return await endpoint(request)
            except GraphError as error:
                return error.response()

        return guarded

    def _check_token(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._network.access_token}".encode()):
            raise GraphError(190, status=401, message="Invalid OAuth access token - Cannot parse access token")

    def _check_number(self, request: Request) -> None:
        object_id = request.path_params["object_id"]
        if object_id != self._network.number.phone_number_id:
            raise unknown_object(object_id)

    async def _messages(self, request: Request) -> Response:
        self._check_number(request)
        message = await _object(request)
        if message.get("status") == "read":
            return self._read(message)
        fault = self._network.next_fault()
        if fault is None:
            return JSONResponse(await self._accept(message))
        if FAULTS[fault.kind].accepts:
            await self._accept(message)
        return self._answer(fault)

    def _answer(self, fault: SendFault) -> Response:
        """What a sender is told under a fault."""
        match FAULTS[fault.kind].answer:
            case "envelope":
                error = GraphError(fault.code, status=fault.status, retry_after=fault.retry_after)
                return error.response()
            case "html":
                return HTMLResponse("<html><h1>Bad Gateway</h1></html>", status_code=fault.status)
            case "cut":
                return CutResponse()
            case "silence":
                return CutResponse(self._network.behaviour.hang_seconds)

    async def _accept(self, message: Node) -> Node:
        kind = check_message(message, self._network.media_type)
        person = await self._network.recipient(message)
        self._network.spend_rate(person.wa_id)
        accepted = self._network.accept(message, kind, person)
        given = text(message.get("to")) or text(message.get("recipient"))
        contact: Node = {"input": given, "wa_id": person.wa_id}
        if not message.get("to"):
            contact = {"input": given, "user_id": person.user_id}
        return {
            "messaging_product": "whatsapp",
            "contacts": [contact],
            "messages": [{"id": accepted.id, "message_status": "accepted"}],
        }

    def _read(self, message: Node) -> Response:
        if message.get("messaging_product") != "whatsapp":
            raise GraphError(100, "The parameter messaging_product must be 'whatsapp'.")
        message_id = string(message, "message_id", "message_id", 512)
        indicator = message.get("typing_indicator")
        if indicator is not None and node(indicator).get("type") != "text":
            raise GraphError(100, "typing_indicator['type'] must be 'text'.")
        self._network.read_by_service(message_id, typing=indicator is not None)
        return JSONResponse({"success": True})

    async def _upload(self, request: Request) -> Response:
        self._check_number(request)
        async with request.form() as form:
            if form.get("messaging_product") != "whatsapp":
                raise GraphError(100, "The parameter messaging_product must be 'whatsapp'.")
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise GraphError(100, "The parameter file is required.")
            mime_type = (file.content_type or str(form.get("type", ""))).split(";")[0].strip().lower()
            data = await file.read()
            name = file.filename or ""
        check_upload(mime_type, data)
        return JSONResponse({"id": self._network.media.add(data, mime_type, name).id})

    async def _look_up(self, request: Request) -> Response:
        object_id, number = request.path_params["object_id"], self._network.number
        if object_id == number.phone_number_id:
            hook: Node = {"application": self._network.webhook_url()}
            return JSONResponse(
                {
                    "id": object_id,
                    "display_phone_number": number.display_phone_number,
                    "verified_name": "Banksman (simulated)",
                    "quality_rating": "GREEN",
                    "webhook_configuration": hook,
                }
            )
        if object_id == number.waba_id:
            return JSONResponse({"id": object_id, "name": "Banksman (simulated)"})
        file = self._network.media.find(object_id)
        asked_for = request.query_params.get("phone_number_id", number.phone_number_id)
        if file is None or self._network.behaviour.media_expired or asked_for != number.phone_number_id:
            raise unknown_object(object_id)
        return JSONResponse(
            {
                "messaging_product": "whatsapp",
                "url": self._network.media.url(file, address(request), self._network.clock()),
                "mime_type": file.mime_type,
                "sha256": file.sha256,
                "file_size": file.size,
                "id": file.id,
            }
        )

    async def _subscribed(self, request: Request) -> Response:
        object_id = request.path_params["object_id"]
        if object_id != self._network.number.waba_id:
            raise unknown_object(object_id)
        app: Node = {"id": "1", "name": "Banksman (simulated)", "link": "https://example.org/"}
        return JSONResponse({"data": [{"whatsapp_business_api_data": app}]})

    async def _download(self, request: Request) -> Response:
        media_id, query = request.path_params["media_id"], request.query_params
        file = self._network.media.find(media_id)
        holds = self._network.media.opens(media_id, query.get("ext", ""), query.get("hash", ""), self._network.clock())
        if file is None or not holds or self._network.behaviour.media_expired:
            return Response("Not Found", status_code=404)
        return Response(self._network.media.read(file), media_type=file.mime_type)


def address(request: Request) -> str:
    """Where this Graph is reached, as the caller reached it."""
    return str(request.base_url).rstrip("/") + PREFIX


async def _object(request: Request) -> Node:
    try:
        found: Json = json.loads(await request.body())
    except ValueError as error:
        raise GraphError(100, "The body is not JSON.") from error
    if not isinstance(found, dict):
        raise GraphError(100, "The body is not a JSON object.")
    return found
