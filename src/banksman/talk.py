"""`banksman say`: one message to the running service, and the reply as a person reads it."""

from __future__ import annotations

import asyncio
import re
import time
import uuid

import httpx
import orjson

from banksman.database.pool import Database
from banksman.database.queries import Queries
from banksman.settings import Settings
from banksman.webhook import signature
from banksman.whatsapp.render import transcript

QUERIES = Queries("banksman.services")
PATIENCE_S = 90.0


class NoReplyError(Exception):
    """There is nobody to speak as, or no reply came. One line that says what to do."""


async def say(settings: Settings, text: str, ref: str | None) -> str:
    """Posts `text` as the person `ref` (a number, an external_ref, None for the first) and waits for the reply."""
    async with Database(settings.secret("database_url"), max_size=2) as database:
        people = await database.as_system().fetch(QUERIES["people_with_numbers"])
        digits = re.sub(r"\D", "", ref or "")
        chosen = [p for p in people if ref is None or p["external_ref"] == ref or (digits and p["wa_id"] == digits)]
        if not chosen:
            raise NoReplyError(
                f"there is no person {ref!r} in the database" if ref else "there are no people: import some"
            )
        wa_message_id = await _post(settings, text, chosen[0]["wa_id"], chosen[0]["name"])
        patience = time.monotonic() + PATIENCE_S
        while time.monotonic() < patience:
            rows = await database.as_system().fetch(QUERIES["replies_to"], {"wa_message_id": wa_message_id})
            if rows:
                shown = [transcript(row["payload"]) for row in rows if row["payload"]]
                return "\n\n".join(shown) or "(no answer: a human has the conversation, or it is kept for one)"
            await asyncio.sleep(0.1)
    raise NoReplyError("no reply came: look at the service's log")


async def _post(settings: Settings, text: str, wa_id: str, name: str) -> str:
    wa_message_id = f"wamid.say.{uuid.uuid4().hex}"
    message = {
        "from": wa_id,
        "id": wa_message_id,
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": text},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": "15550000000",
            "phone_number_id": settings.whatsapp_phone_number_id,
        },
        "contacts": [{"profile": {"name": name}, "wa_id": wa_id}],
        "messages": [message],
    }
    entry = {"id": "0", "changes": [{"field": "messages", "value": value}]}
    body = orjson.dumps({"object": "whatsapp_business_account", "entry": [entry]})
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104  # read, not bound
    address = f"http://{host}:{settings.port}"
    headers = {
        "content-type": "application/json",
        "x-hub-signature-256": signature.sign(body, settings.secret("whatsapp_app_secret").encode()),
    }
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
            answer = await client.post(f"{address}/webhook", content=body, headers=headers)
    except httpx.TransportError as error:
        raise NoReplyError(f"nothing answers at {address}: start the service with `make run`") from error
    if answer.status_code != 200:
        raise NoReplyError(f"the service answered {answer.status_code}: {answer.text.strip()}")
    return wa_message_id
