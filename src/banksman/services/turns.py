"""Turns: begin (claim and read), renew, finish, fail. One database round trip each."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from datetime import time as clock_time
from typing import Any, Literal
from uuid import UUID

import orjson

from banksman.database.pool import Database
from banksman.database.queries import Queries

QUERIES = Queries("banksman.services")

LEASE_S = 6.0  # a killed worker is replaced after this long
RENEW_S = 2.0
SEND_LEASE_S = 10.0  # of the send that a finish commits; renewed while it runs
PAUSE_S = 1.0  # after a message that came during a turn, before the next turn
BURST = 50  # most messages answered by one turn
HISTORY = 8  # earlier messages of the session that a model is shown


@dataclass(frozen=True, kw_only=True)
class Person:
    """Whom the turn serves."""

    id: UUID
    wa_id: str | None
    bsuid: str | None
    name: str | None
    language: str | None
    time_zone: str
    status: Literal["pending", "active", "blocked"]


@dataclass(frozen=True, kw_only=True)
class Session:
    """The session that the turn belongs to."""

    id: UUID
    status: Literal["active", "escalated", "ended"]
    context: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Handoff:
    """An open wish to speak with a human."""

    status: Literal["waiting", "taken"]
    acknowledged: bool  # told once that free text is kept


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One message of the burst."""

    id: UUID
    wa_message_id: str
    kind: str
    body: str | None
    tap: str | None
    sent_at: datetime


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A turn as it begins: everything that deciding needs, read in one round trip."""

    id: UUID
    lease_token: int
    claims: int  # how often it was begun, this time included
    failures: int  # how often it ended in an error
    introduced: bool  # the person has been greeted before
    window_from: datetime | None  # WhatsApp's 24 hours count from here
    person: Person
    session: Session
    handoff: Handoff | None
    messages: tuple[Incoming, ...]
    history: tuple[tuple[Literal["in", "out"], str], ...]  # oldest first
    handles: tuple[tuple[str, str, UUID], ...]  # (handle, kind, target)


@dataclass(frozen=True, kw_only=True)
class Classified:
    """What one message was taken to ask for."""

    message_id: UUID
    intent: str
    confidence: float
    method: Literal["payload", "keyword", "model"]
    model: str | None = None
    duration_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class OutboundMessage:
    """One send: WhatsApp's type, the words a person reads, the Graph message without its address."""

    kind: str
    body: str
    content: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Finish:
    """How a turn ends; written in one transaction."""

    status: Literal["done", "failed"] = "done"
    replies: tuple[OutboundMessage, ...] = ()
    deferred: frozenset[UUID] = frozenset()  # messages of the burst that the next turn answers
    classifications: tuple[Classified, ...] = ()
    tool_calls: tuple[dict[str, Any], ...] = ()
    handles: tuple[tuple[str, str, UUID], ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
    handoff_reason: str | None = None
    release_handoff: bool = False
    acknowledge_handoff: bool = False
    introduced: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    error_type: str | None = None
    trace_id: str | None = None
    variant: str | None = None


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What came of a finish."""

    fenced: bool  # the lease was lost: nothing was written
    dropped: bool = False  # a human has taken over: the replies were not queued
    send: dict[str, Any] | None = None  # the person's next send, as the outbox reads it
    asked_at: float = 0.0  # by the monotonic clock, before the finish was asked for: since when the send is leased


async def claim(database: Database, *, timeout_hours: float, workday_start: clock_time) -> Turn | float | None:
    """Leases the conversation that is due longest. Else seconds until one will be, or None."""
    begun = await database.as_system().value(
        QUERIES["claim_turn"],
        {
            "lease": LEASE_S,
            "timeout": timeout_hours * 3600,
            "workday_start": workday_start,
            "messages": BURST,
            "history": HISTORY,
        },
    )
    return _turn(begun) if "turn_id" in begun else begun["next_s"]


async def renew(database: Database, turn: Turn) -> bool:
    """Prolongs the lease; False once another worker has taken over."""
    scope = database.as_user(turn.person.id)
    return bool(await scope.value(QUERIES["renew_turn"], {"token": turn.lease_token, "lease": LEASE_S}))


async def finish(database: Database, turn: Turn, end: Finish) -> Finished:
    """Ends the turn: replies, outbox, classifications and figures together, or nothing where fenced."""
    written = {
        "turn_id": turn.id,
        "session_id": turn.session.id,
        "lease_token": turn.lease_token,
        "status": end.status,
        "answered": [message.id for message in turn.messages if message.id not in end.deferred],
        "replies": [
            {"n": n, "kind": reply.kind, "body": reply.body, "content": reply.content}
            for n, reply in enumerate(end.replies)
        ],
        "classifications": [
            {"message_id": c.message_id, "intent": c.intent, "confidence": c.confidence, "method": c.method,
             "model": c.model, "duration_ms": c.duration_ms}
            for c in end.classifications
        ],
        "tool_calls": [{"call_number": n, **call} for n, call in enumerate(end.tool_calls, 1)],
        "handles": [{"handle": h, "kind": kind, "target_id": target} for h, kind, target in end.handles],
        "context": end.context,
        "handoff_reason": end.handoff_reason,
        "release_handoff": end.release_handoff,
        "acknowledge_handoff": end.acknowledge_handoff,
        "introduced": end.introduced,
        "input_tokens": end.input_tokens,
        "output_tokens": end.output_tokens,
        "cache_read_tokens": end.cache_read_tokens,
        "error_type": end.error_type,
        "trace_id": end.trace_id,
        "variant": end.variant,
    }  # fmt: skip
    asked_at = time.monotonic()
    result = await database.as_user(turn.person.id).value(
        QUERIES["finish_turn"],
        {"finish": orjson.dumps(written).decode(), "pause": PAUSE_S, "send_lease": SEND_LEASE_S},
    )
    if result["fenced"]:
        return Finished(fenced=True)
    return Finished(fenced=False, dropped=result["dropped"], send=result["send"], asked_at=asked_at)


async def fail(database: Database, turn: Turn, *, error: str, delay_s: float) -> bool:
    """Gives the turn back to the queue, due again after `delay_s`. False where the lease was lost."""
    scope = database.as_user(turn.person.id)
    params = {"token": turn.lease_token, "error": error, "delay": delay_s}
    return bool(await scope.value(QUERIES["fail_turn"], params))


def _turn(begun: dict[str, Any]) -> Turn:
    user, session, handoff = begun["user"], begun["session"], begun["handoff"]
    return Turn(
        id=UUID(begun["turn_id"]),
        lease_token=begun["lease_token"],
        claims=begun["claims"],
        failures=begun["failures"],
        introduced=begun["introduced"],
        window_from=datetime.fromisoformat(begun["window_from"]) if begun["window_from"] else None,
        person=Person(**{**user, "id": UUID(user["id"])}),
        session=Session(id=UUID(session["id"]), status=session["status"], context=session["context"]),
        handoff=Handoff(status=handoff["status"], acknowledged=handoff["acknowledged"]) if handoff else None,
        messages=tuple(
            Incoming(
                id=UUID(m["id"]), wa_message_id=m["wa_message_id"], kind=m["kind"], body=m["body"], tap=m["tap"],
                sent_at=datetime.fromisoformat(m["sent_at"]),
            )
            for m in begun["messages"]
        ),
        history=tuple((direction, body) for direction, body in begun["history"]),
        handles=tuple((handle, kind, UUID(target)) for handle, kind, target in begun["handles"]),
    )  # fmt: skip
