"""Understands a webhook body: messages, statuses, changes of address, and the rest kept as events.

Source of the shapes: Meta's Cloud API webhook reference. Nothing of a good body is lost: what cannot be
understood becomes an Event that holds it and says why, and its neighbours are handled as if it were not
there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from banksman.webhook import identity, wire
from banksman.webhook.decode import json_object
from banksman.webhook.delivery import Delivery, Event, InboundMessage, Json, Rekey, Sender, Status

MAX_ID = 512
MAX_NAME = 64  # of a kind, a field, a status
MAX_TAP = 256  # WhatsApp's own limit of a button's id
MAX_RECIPIENT = 256
EARLIEST, LATEST = 1_230_768_000, 7_258_118_400  # 2009, the year WhatsApp began, and 2200

# Kinds that are stored and used but never answered (the contract's table "what comes back").
SILENT = frozenset({"reaction", "edit", "revoke", "system"})
SILENT_INTERACTIVE = "call_permission_reply"
FIRST_ONLY = "request_welcome"

_KNOWN_PARTS = frozenset({"messaging_product", "metadata", "contacts", "messages", "statuses", "errors"})
_DIGITS = re.compile(r"[0-9]{1,12}")


@dataclass
class _Found:
    """What has been understood so far."""

    messages: list[InboundMessage] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    rekeys: list[Rekey] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def problem(self, where: str, part: Json, problem: str) -> None:
        self.events.append(Event(field=where, payload=part, problem=problem))


def parse(body: bytes, *, phone_number_id: str) -> Delivery:
    """What `body` (the raw bytes, their signature already checked) tells the number `phone_number_id`.

    Raises MalformedBodyError where the body is no JSON object, and nothing else.
    """
    root = json_object(body)
    found = _Found()
    for entry in _objects(root, "entry", "entry", found):
        for change in _objects(entry, "changes", "changes", found):
            _read_change(change, phone_number_id, found)
    if not (found.messages or found.statuses or found.events):
        found.problem("entry", root, "nothing in it")
    return Delivery(
        messages=tuple(found.messages),
        statuses=tuple(found.statuses),
        rekeys=tuple(found.rekeys),
        events=tuple(found.events),
        size=len(body),
    )


def _objects(holder: dict[str, Json], key: str, where: str, found: _Found) -> Iterator[dict[str, Json]]:
    """The objects of the list `holder[key]`; whatever else stands there is kept as an event."""
    items = holder.get(key)
    if not isinstance(items, list):
        found.problem(where, holder, f"{key} is no list" if key in holder else f"no {key}")
        return
    for item in items:
        if isinstance(item, dict):
            yield item
        else:
            found.problem(where, item, f"an item of {key} is no object")


def _read_change(change: dict[str, Json], phone_number_id: str, found: _Found) -> None:
    name, value = change.get("field"), change.get("value")
    if not isinstance(name, str) or not name:
        found.problem("changes", change, "a change without a field")
    elif name != "messages":
        # Among them history and smb_message_echoes: they hold messages, but none to us, now.
        found.events.append(Event(field=name[:MAX_NAME], payload=value))
        if name == "user_id_update" and isinstance(value, dict):
            # Fields of the account may come without metadata; only another number's is passed over.
            metadata, _ = wire.read(wire.Metadata, value.get("metadata"))
            if metadata.phone_number_id in (None, phone_number_id):
                found.rekeys += identity.rekeys_of_update(value.get("user_id_update"))
    elif not isinstance(value, dict):
        found.problem(name, change, "the value is no object")
    else:
        _read_value(value, phone_number_id, found)


def _read_value(value: dict[str, Json], phone_number_id: str, found: _Found) -> None:
    """One change of the field `messages`."""
    metadata, _ = wire.read(wire.Metadata, value.get("metadata"))
    if "messages" in value:
        people = _people(value, found)
        for raw in _objects(value, "messages", "messages", found):
            _read_message(raw, people, metadata, phone_number_id, found)
    if "statuses" in value:
        for raw in _objects(value, "statuses", "messages", found):
            # A status without metadata is taken: its id matches a message that we sent, or none at all.
            if metadata.phone_number_id not in (None, phone_number_id):
                found.problem("messages", raw, "a status of another phone_number_id")
            else:
                _read_status(raw, found)
    if "errors" in value:
        found.problem("messages", value["errors"], "error reported by WhatsApp")
    unknown = value.keys() - _KNOWN_PARTS
    if unknown or not value:
        found.problem("messages", {key: value[key] for key in sorted(unknown)}, "unknown parts")


def _people(value: dict[str, Json], found: _Found) -> identity.People:
    contacts: list[Sender] = []
    if "contacts" in value:
        for raw in _objects(value, "contacts", "messages", found):
            contact, problem = wire.read(wire.Contact, raw)
            contacts.append(identity.person_of(contact))
            if problem:
                found.problem("messages", raw, f"contact: {problem}")
    return identity.people_in(contacts)


def _read_message(
    raw: dict[str, Json],
    people: identity.People,
    metadata: wire.Metadata,
    phone_number_id: str,
    found: _Found,
) -> None:
    # What has a wrong type stays in the payload: the person did write, so an answer is due all the same.
    message, _ = wire.read(wire.Message, raw)
    if not message.id:
        found.problem("messages", raw, "message without an id")
        return
    kind = (message.type or "unknown")[:MAX_NAME]
    sender = _answerable(message, people, metadata, phone_number_id)
    silent = kind in SILENT or message.interactive.type == SILENT_INTERACTIVE
    found.messages.append(
        InboundMessage(
            wa_message_id=_id(message.id),
            kind=kind,
            sender=sender,
            body=_words(message.edit.message if kind == "edit" else message),
            tap=_tap(message),
            payload=raw,
            sent_at=_seconds(message.timestamp),
            awaits_answer=sender is not None and not silent,
            first_only=kind == FIRST_ONLY,
            original_id=_original(message),
            reply_to=_id(message.context.id) if message.context.id else None,
        )
    )
    rekey = identity.rekey_of_message(message, sender)
    if rekey is not None:
        found.rekeys.append(rekey)


def _answerable(
    message: wire.Message, people: identity.People, metadata: wire.Metadata, phone_number_id: str
) -> Sender | None:
    """Who could be answered, privately and from our number; None where nobody can.

    Without metadata it is not known whose message this is, and an answer could come from a number to which
    the person never wrote: so there is none then either.
    """
    if metadata.phone_number_id != phone_number_id or message.group_id not in (None, ""):
        return None
    sender = identity.sender_of(message, people)
    if sender is None or sender.wa_id is None or metadata.display_phone_number is None:
        return sender
    return None if sender.wa_id == _digits_of(metadata.display_phone_number) else sender


@lru_cache(maxsize=64)  # the same few numbers in each body
def _digits_of(number: str) -> str:
    return re.sub(r"\D", "", number)


def _words(content: wire.Content) -> str | None:
    """The person's words, whole: text, caption, title of what was tapped, name of a place."""
    match content.type:
        case "text":
            return content.text.body
        case "image":
            return content.image.caption
        case "video":
            return content.video.caption
        case "document":
            return content.document.caption
        case "button":
            return content.button.text
        case "interactive":
            answer = content.interactive
            return answer.button_reply.title or answer.list_reply.title or answer.nfm_reply.body
        case "location":
            place = content.location
            return ", ".join(part for part in (place.name, place.address) if part) or None
    return None


def _tap(message: wire.Message) -> str | None:
    """What a tapped button or row carries. A carousel's may come in either shape."""
    if message.type == "button":
        tap = message.button.payload
    elif message.type == "interactive":
        tap = message.interactive.button_reply.id or message.interactive.list_reply.id
    else:
        tap = None
    return tap[:MAX_TAP] if tap else None


def _original(message: wire.Message) -> str | None:
    if message.type == "edit":
        original = message.edit.original_message_id
    elif message.type == "revoke":
        original = message.revoke.original_message_id
    else:
        original = None
    return _id(original) if original else None


def _read_status(raw: dict[str, Json], found: _Found) -> None:
    status, problem = wire.read(wire.Status, raw)
    if not status.id or not status.status:
        found.problem("messages", raw, "status without an id or a name" + (f" ({problem})" if problem else ""))
        return
    if problem:
        found.problem("messages", raw, f"status: {problem}")
    recipient = status.recipient_id or status.recipient_user_id
    found.statuses.append(
        Status(
            wa_message_id=_id(status.id),
            status=status.status[:MAX_NAME],
            callback=_uuid(status.biz_opaque_callback_data),
            recipient=recipient[:MAX_RECIPIENT] if recipient else None,
            sent_at=_seconds(status.timestamp),
            error_code=_error_code(status),
            payload=raw,
        )
    )


def _error_code(status: wire.Status) -> int | None:
    first = status.errors[0] if status.errors else None
    if not isinstance(first, dict):
        return None
    code = wire.read(wire.Error, first)[0].code
    return code if code is not None and -(2**31) <= code < 2**31 else None


def _id(text: str) -> str:
    """A message's id, short enough for an index; a longer one is replaced by its hash."""
    return text if len(text) <= MAX_ID else "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _seconds(text: str | None) -> int | None:
    """Unix seconds, or None for what is no number or no plausible time.

    A time in the future stays: the database takes the arrival where that is earlier.
    """
    if text is None or not _DIGITS.fullmatch(text):
        return None
    seconds = int(text)
    return seconds if EARLIEST < seconds < LATEST else None
