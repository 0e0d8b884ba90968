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
PEOPLE = Queries("banksman.services", "people.sql")
PATIENCE_S = 90.0


class NoReplyError(Exception):
    """There is nobody to speak as, or no reply came. One line that says what to do."""


async def say(settings: Settings, text: str, ref: str | None) -> str:
    """Posts `text` as the person `ref` (a number, an external_ref, None for the first) and waits for the reply."""
    async with Database(settings.secret("database_url"), max_size=2) as database:
        person = await database.as_system().one(PEOPLE["person_to_speak_as"], {"ref": ref, "wa_id": _number(ref)})
        if person is None:
            raise NoReplyError(
                f"there is no person {ref!r} with a number in the database: --as takes a number or an external ref"
                if ref is not None
                else "there are no people in the database: load some with `banksman import`"
            )
        wa_message_id = await _post(settings, text, person["wa_id"], person["name"] or "")
        if person["status"] == "blocked":
            return "(no answer: this person is blocked)"
        patience = time.monotonic() + PATIENCE_S
        while time.monotonic() < patience:
            rows = await database.as_system().fetch(QUERIES["replies_to"], {"wa_message_id": wa_message_id})
            if rows:
                shown = [transcript(row["payload"]) for row in rows if row["payload"]]
                return "\n\n".join(shown) or "(no answer: a human has the conversation, or it is kept for one)"
            await asyncio.sleep(0.1)
    raise NoReplyError(f"no reply came in {PATIENCE_S:.0f} seconds: look at the service's log")


def _number(ref: str | None) -> str | None:
    """The WhatsApp id that `ref` may spell: +33 6 00 00 00 01, 0033-600000001; None where it is no number."""
    bare = re.sub(r"[\s+()./\u2010-\u2015-]", "", ref or "")
    return bare.removeprefix("00") if bare.isascii() and bare.isdigit() else None


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
    address = settings.local_url
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
        remedy = {
            401: "it has another WHATSAPP_APP_SECRET: use the folder and the settings of the service",
            404: "another program runs there: set PORT to the service's",
            503: "it cannot store messages just now: look at its log",
        }.get(answer.status_code, "look at its log")
        raise NoReplyError(f"{address} answered {answer.status_code}: {remedy}")
    return wa_message_id
