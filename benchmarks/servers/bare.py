"""The bare server: checks the signature, parses the JSON, answers 200: the most that is possible here."""

from __future__ import annotations

import hashlib
import hmac

import orjson
from starlette.types import Receive, Scope, Send

from benchmarks.deliveries import APP_SECRET
from benchmarks.servers.serve import serve

KEY = APP_SECRET.encode()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The whole of it."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    expected = b"sha256=" + hmac.new(KEY, body, hashlib.sha256).hexdigest().encode()
    right = hmac.compare_digest(dict(scope["headers"]).get(b"x-hub-signature-256", b""), expected)
    if right:
        orjson.loads(body)
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200 if right else 401, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    serve(app)
