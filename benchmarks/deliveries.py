"""Signed webhook requests, made before the clock runs: one text message each, every id used once."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from itertools import count

PHONE_NUMBER_ID = "106540352242922"
APP_SECRET = "benchmark-app-secret"
USERS = 500
ID_PREFIX = "wamid.bench."
_PLACE = b"wamid.bench.0000000000"  # where a body takes its id; as long as every id


def requests(port: int) -> Iterator[bytes]:
    """Whole HTTP/1.1 requests `POST /webhook`, without end, from USERS people in turn."""
    templates = [_body(user).split(_PLACE) for user in range(USERS)]
    key = hmac.new(APP_SECRET.encode(), digestmod=hashlib.sha256)
    head = (
        f"POST /webhook HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        "Content-Length: %d\r\nX-Hub-Signature-256: sha256=%s\r\n\r\n"
    )
    for number in count(1):
        before, after = templates[number % USERS]
        body = b"%b%b%010d%b" % (before, ID_PREFIX.encode(), number, after)
        signature = key.copy()
        signature.update(body)
        yield (head % (len(body), signature.hexdigest())).encode() + body


def _body(user: int) -> bytes:
    """A delivery of one text message, as Meta's page "Webhooks: messages" shows it."""
    wa_id = f"336{user:08d}"
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550001111", "phone_number_id": PHONE_NUMBER_ID},
        "contacts": [{"profile": {"name": f"Person {user}"}, "wa_id": wa_id, "user_id": f"FR.{user:014d}"}],
        "messages": [
            {
                "from": wa_id,
                "from_user_id": f"FR.{user:014d}",
                "id": _PLACE.decode(),
                "timestamp": str(int(time.time())),
                "type": "text",
                "text": {"body": "The tiles in bathroom 2.04 are at 60 percent"},
            }
        ],
    }
    entry = {"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
