"""Deliveries as one batch for the database: whom it is about, its parts, its JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

import orjson

from banksman.webhook.delivery import Delivery, Event, Sender
from banksman.whatsapp.errors import Verdict, classify_code

RETRIED = {Verdict.RETRY_SOON, Verdict.RETRY_BACKOFF, Verdict.RETRY_USER, Verdict.RETRY_NUMBER}


def people(delivery: Delivery) -> frozenset[str]:
    """Every id of the people who wrote what `delivery` holds, or whose address it changes."""
    ids: set[str | None] = set()
    for message in delivery.messages:
        if message.sender is not None:
            ids.update((message.sender.wa_id, message.sender.bsuid))
    for rekey in delivery.rekeys:
        ids.update((rekey.before.wa_id, rekey.before.bsuid, rekey.after.wa_id, rekey.after.bsuid))
    ids.discard(None)
    return frozenset(id_ for id_ in ids if id_)


def as_text(delivery: Delivery) -> bytes:
    """`delivery` for a human's eye, as JSON where that can be."""
    try:
        return orjson.dumps(asdict(delivery))
    except orjson.JSONEncodeError:
        return repr(delivery).encode("utf-8", "backslashreplace")


def split(delivery: Delivery) -> Iterator[Delivery]:
    """The parts of a delivery, each as a delivery of its own."""
    empty = Delivery(size=delivery.size)
    for message in delivery.messages:
        yield replace(empty, messages=(message,))
    for status in delivery.statuses:
        yield replace(empty, statuses=(status,))
    for rekey in delivery.rekeys:
        yield replace(empty, rekeys=(rekey,))
    for event in delivery.events:
        yield replace(empty, events=(event,))


def encode(deliveries: Sequence[Delivery]) -> str:
    """The JSON that the SQL function `store_delivery` takes. Senders are told once and referred to by place."""
    places: dict[Sender, int] = {}
    messages: list[dict[str, object]] = []
    changes: list[dict[str, object]] = []
    statuses: list[dict[str, object]] = []
    rekeys: list[dict[str, object]] = []
    events: list[Event] = []
    for delivery in deliveries:
        for m in delivery.messages:
            place = places.setdefault(m.sender, len(places)) if m.sender else None
            messages.append(
                {
                    "n": len(messages), "sender": place, "id": m.wa_message_id, "kind": m.kind, "body": m.body,
                    "tap": m.tap, "payload": m.payload, "sent_at": m.sent_at, "awaits_answer": m.awaits_answer,
                    "first_only": m.first_only, "reply_to": m.reply_to,
                }
            )  # fmt: skip
            if m.original_id and place is not None:
                withdrawn = m.kind == "revoke"
                changes.append({"sender": place, "original_id": m.original_id, "body": m.body, "withdrawn": withdrawn})
        for s in delivery.statuses:
            retry = s.error_code is not None and classify_code(s.error_code) in RETRIED
            statuses.append(
                {
                    "n": len(statuses), "id": s.wa_message_id, "status": s.status, "callback": s.callback,
                    "recipient": s.recipient, "sent_at": s.sent_at, "error_code": s.error_code, "retry": retry,
                    "payload": s.payload,
                }
            )  # fmt: skip
        rekeys += [{"before": asdict(r.before), "after": asdict(r.after)} for r in delivery.rekeys]
        events += delivery.events
    batch = {
        "senders": [
            {"wa_id": s.wa_id, "bsuid": s.bsuid, "parent_bsuid": s.parent_bsuid, "name": s.name} for s in places
        ],
        "messages": messages, "changes": changes, "statuses": statuses, "rekeys": rekeys,
        "events": [{"field": e.field, "payload": e.payload, "problem": e.problem} for e in events],
    }  # fmt: skip
    return orjson.dumps(batch).decode()
