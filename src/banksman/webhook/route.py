"""`/webhook`, as a bare ASGI endpoint: the only hot path of the service.

Source of the protocol: Meta's pages "Webhooks: getting started" and "Cloud API: webhooks".
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl

import structlog
from starlette.types import Message, Receive, Scope, Send

from banksman.observability import metrics
from banksman.webhook import signature
from banksman.webhook.delivery import MalformedBodyError
from banksman.webhook.inbox import Inbox, InboxUnavailableError
from banksman.webhook.payload import parse

log = structlog.get_logger(__name__)

MAX_BODY = 3 * 1024 * 1024  # bytes; Meta's bodies reach 3 MB
RETRY_AFTER_S = b"5"
_TEXT = ((b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff"))
_ACKNOWLEDGED = metrics.WEBHOOKS.labels(200)
_ACKNOWLEDGED_START: Message = {
    "type": "http.response.start", "status": 200, "headers": [*_TEXT, (b"content-length", b"0")],
}  # fmt: skip
_ACKNOWLEDGED_BODY: Message = {"type": "http.response.body", "body": b""}


class Webhook:
    """Meta's handshake (GET) and deliveries (POST): 200 only after everything in the body is committed."""

    def __init__(self, inbox: Inbox, *, app_secret: str, verify_token: str, phone_number_id: str) -> None:
        self._inbox = inbox
        self._secret = app_secret.encode()
        self._verify_token = verify_token.encode()
        self._phone_number_id = phone_number_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await self._post(scope, receive, send)
        elif scope["method"] in ("GET", "HEAD"):
            await self._handshake(scope, send)
        else:
            await _answer(send, 405, b"use GET or POST\n", (b"allow", b"GET, POST"))

    async def _handshake(self, scope: Scope, send: Send) -> None:
        query = dict(parse_qsl(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True))
        token = query.get("hub.verify_token", "").encode("utf-8", "replace")
        if query.get("hub.mode") == "subscribe" and hmac.compare_digest(token, self._verify_token):
            await _answer(send, 200, query.get("hub.challenge", "").encode("utf-8", "replace"))
        else:
            await _answer(send, 403, b"wrong verify token\n")

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(scope, receive)
        if body is None:
            await self._done(send, 413, b"the body is above 3 MB\n")
            return
        header = b""
        for name, value in scope["headers"]:
            if name == b"x-hub-signature-256":
                header = value
        if not signature.verify(body, header.decode("latin-1"), self._secret):
            await self._done(send, 401, b"missing or wrong X-Hub-Signature-256\n")
            return
        try:
            try:
                delivery = parse(body, phone_number_id=self._phone_number_id)
            except MalformedBodyError as error:
                log.warning("webhook.malformed", problem=str(error), size=len(body))
                await self._inbox.keep_reject(body, str(error))
                await self._done(send, 400, f"{error}\n".encode())
                return
            await self._inbox.store(delivery)
        except InboxUnavailableError:
            await self._done(
                send, 503, b"the database cannot take it, deliver it again\n", (b"retry-after", RETRY_AFTER_S)
            )
            return
        _ACKNOWLEDGED.inc()
        await send(_ACKNOWLEDGED_START)
        await send(_ACKNOWLEDGED_BODY)

    async def _done(self, send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        metrics.WEBHOOKS.labels(status).inc()
        await _answer(send, status, body, *headers)


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body, or None where it is too large."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > MAX_BODY:
            return None
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*_TEXT, (b"content-length", str(len(body)).encode()), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})
