"""What one webhook body holds, in the shape in which the inbox stores it.

Every text here is storable: no NUL character, no lone surrogate, bounded where an index is on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Who wrote, as far as Meta tells. At least one of `wa_id` and `bsuid` is set."""

    wa_id: str | None = None  # phone number as WhatsApp's id, digits only
    bsuid: str | None = None  # business-scoped user id, "BR.9001…"
    parent_bsuid: str | None = None
    name: str | None = None  # the profile's name, as the person chose it


@dataclass(frozen=True, kw_only=True)
class InboundMessage:
    """One message from outside, whether or not it will be answered."""

    wa_message_id: str  # at most 512 characters; a longer one is replaced by "sha256:…"
    kind: str  # WhatsApp's type (text, image, interactive, …), at most 64 characters
    sender: Sender | None  # None: nobody to answer (group, our own number, another number, no identity)
    body: str | None  # the person's words: text, caption, the title of what was tapped
    tap: str | None = None  # the payload of a tapped button, row or template button
    payload: dict[str, Json]  # the message as received
    sent_at: int | None  # Unix seconds by the sender's clock; None where absent or nonsense
    awaits_answer: bool  # whether an answer is due (the contract's table "what comes back")
    first_only: bool = False  # an answer is due only for the first of this kind (request_welcome)
    original_id: str | None = None  # of an edit or a withdrawal: the message that it is about
    reply_to: str | None = None  # the message that this one quotes (context.id)


@dataclass(frozen=True, kw_only=True)
class Status:
    """What became of a message that was sent."""

    wa_message_id: str
    status: str  # sent, delivered, read, failed, played, or a name not known yet
    callback: UUID | None  # our outbox id, from biz_opaque_callback_data
    recipient: str | None
    sent_at: int | None  # Unix seconds
    error_code: int | None = None
    payload: dict[str, Json]


@dataclass(frozen=True, kw_only=True)
class Rekey:
    """A person's address changed: whoever was known by `before` is now known by `after`."""

    before: Sender
    after: Sender


@dataclass(frozen=True, kw_only=True)
class Event:
    """Anything else in the body: kept for inspection, never answered."""

    field: str  # the change's field (account_update, history, …), at most 64 characters
    payload: Json
    problem: str | None = None  # why it could not be understood, in plain words


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One webhook body, understood. Order is the body's order."""

    messages: tuple[InboundMessage, ...] = ()
    statuses: tuple[Status, ...] = ()
    rekeys: tuple[Rekey, ...] = ()
    events: tuple[Event, ...] = ()
    size: int = field(default=0)  # bytes of the body


class MalformedBodyError(Exception):
    """The body is not a JSON object. The message says why, in plain words."""
