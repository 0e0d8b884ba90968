"""Webhook bodies as Meta writes them in 2026, and their signature."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass

from banksman.simulator.chats import ChatMessage
from banksman.simulator.errors import status_error
from banksman.simulator.people import Person
from banksman.simulator.wire import Json, Node

# Kinds whose content stands beside `type` and not under a node of the kind's name.
SPREAD = ("contacts", "unsupported")


@dataclass(frozen=True, kw_only=True)
class Number:
    """The business number."""

    phone_number_id: str
    display_phone_number: str
    waba_id: str


def _value(number: Number) -> Node:
    return {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": number.display_phone_number,
            "phone_number_id": number.phone_number_id,
        },
    }


def message_change(number: Number, person: Person, message: ChatMessage) -> Node:
    """The change that tells of what a person wrote."""
    profile: Node = {"profile": {"name": person.name}, "wa_id": person.wa_id, "user_id": person.user_id}
    told: Node = {
        "from": person.wa_id,
        "from_user_id": person.user_id,
        "id": message.id,
        "timestamp": str(message.timestamp),
        "type": message.kind,
    }
    if message.reply_to is not None and message.kind != "reaction":
        told["context"] = {"from": number.display_phone_number, "id": message.reply_to}
    if message.kind in SPREAD:
        told.update(message.content)
    else:
        told[message.kind] = message.content
    return {"value": _value(number) | {"contacts": [profile], "messages": [told]}, "field": "messages"}


def status_change(number: Number, person: Person, message: ChatMessage, status: str, now: float) -> Node:
    """The change that tells what became of a message. A failed one names no contact."""
    told: Node = {
        "id": message.id,
        "status": status,
        "timestamp": str(int(now)),
        "recipient_id": person.wa_id,
    }
    if message.callback is not None:
        told["biz_opaque_callback_data"] = message.callback
    value = _value(number)
    if status == "failed":
        told["errors"] = [status_error(message.error or 131000)]
    else:
        told["recipient_user_id"] = person.user_id
        told["pricing"] = {
            "billable": False,
            "pricing_model": "PMP",
            "type": "free_customer_service",
            "category": "service",
        }
        value["contacts"] = [{"wa_id": person.wa_id, "user_id": person.user_id}]
    value["statuses"] = [told]
    return {"value": value, "field": "messages"}


def body(waba_id: str, changes: Sequence[Node]) -> bytes:
    """One webhook body: not-ASCII as \\uXXXX and slashes escaped, as Meta's are."""
    entry: Json = [{"id": waba_id, "changes": list(changes)}]
    written = json.dumps({"object": "whatsapp_business_account", "entry": entry}, separators=(",", ":"))
    return written.replace("/", "\\/").encode("ascii")


def signature(app_secret: bytes, raw: bytes) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(app_secret, raw, hashlib.sha256).hexdigest()
