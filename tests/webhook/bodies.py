"""Webhook bodies for tests, in the shapes of Meta's Cloud API reference."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from banksman.webhook.delivery import Delivery, Event, InboundMessage, Json, Status
from banksman.webhook.payload import parse

OURS = "200100300400500"
OUR_NUMBER = "15557010001"
PHONE = "5511987650001"
BSUID = "BR.90017730045512"
SENT_AT = 1_794_000_007

SHARED = Path(os.environ.get("BANKSMAN_SHARED") or Path(__file__).parents[3] / "shared")
CORPUS = SHARED / "whatsapp" / "payloads"

ANA: dict[str, Json] = {"profile": {"name": "Ana Prado"}, "wa_id": PHONE, "user_id": BSUID}
METADATA: dict[str, Json] = {"display_phone_number": OUR_NUMBER, "phone_number_id": OURS}


def message(**fields: Json) -> dict[str, Json]:
    """A text message of Ana; `fields` win (write `from_` for `from`), and None takes a field away."""
    whole: dict[str, Json] = {
        "from": PHONE,
        "from_user_id": BSUID,
        "id": "wamid.IN1",
        "timestamp": str(SENT_AT),
        "type": "text",
    }
    if fields.get("type", "text") == "text":
        whole["text"] = {"body": "Hi"}
    whole |= {"from" if name == "from_" else name: field for name, field in fields.items()}
    return {name: field for name, field in whole.items() if field is not None}


def status(**fields: Json) -> dict[str, Json]:
    """A `delivered` status; `fields` win."""
    whole: dict[str, Json] = {
        "id": "wamid.OUT1",
        "status": "delivered",
        "timestamp": str(SENT_AT),
        "recipient_id": PHONE,
        "recipient_user_id": BSUID,
    }
    return whole | fields


def value(*messages: Json, **fields: Json) -> dict[str, Json]:
    """The value of a change of the field `messages`; `fields` win."""
    whole: dict[str, Json] = {"messaging_product": "whatsapp", "metadata": METADATA, "contacts": [ANA]}
    if messages:
        whole["messages"] = list(messages)
    return whole | fields


def body(*values: Json, field: Json = "messages") -> bytes:
    """One body with a change a value."""
    changes: list[Json] = [{"value": item, "field": field} for item in values]
    return orjson.dumps({"object": "whatsapp_business_account", "entry": [{"id": "300", "changes": changes}]})


def understood(raw: bytes) -> Delivery:
    """What our number makes of `raw`."""
    return parse(raw, phone_number_id=OURS)


def one_message(**fields: Json) -> InboundMessage:
    """What becomes of a single message of Ana with `fields`."""
    delivery = understood(body(value(message(**fields))))
    assert len(delivery.messages) == 1
    assert delivery.events == ()
    return delivery.messages[0]


def one_status(**fields: Json) -> Status:
    """What becomes of a single status with `fields`."""
    delivery = understood(body(value(statuses=[status(**fields)])))
    assert len(delivery.statuses) == 1
    return delivery.statuses[0]


def only_events(raw: bytes) -> tuple[Event, ...]:
    """The events of a body that holds nothing else."""
    delivery = understood(raw)
    assert (delivery.messages, delivery.statuses, delivery.rekeys) == ((), (), ())
    return delivery.events
