"""The outbox: sends one person's messages in order, and writes down how each went.

A send is committed as `sending` before the call. A clear answer settles it at once. A lost one is settled
by the status webhook; only after 60 seconds of listening without one is it sent once more, under the same
id (the SQL function `next_send` decides that).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from uuid import UUID

import structlog

from banksman.database.pool import Database
from banksman.database.queries import Queries
from banksman.observability import metrics
from banksman.whatsapp.errors import Failure, Verdict, alert, meaning, wait_s
from banksman.whatsapp.graph import GraphClient, GraphError
from banksman.whatsapp.render import addressed
from banksman.whatsapp.replies import Json

log = structlog.get_logger(__name__)
QUERIES = Queries("banksman.whatsapp")

LEASE_S = 10.0
RENEW_S = 3.0
FRESH_S = LEASE_S / 2  # a send claimed longer ago than this is not begun
TRIES_SOON = 5

Outcome: TypeAlias = Literal["accepted", "retry", "held", "failed", "expired", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Send:
    """One message that is committed as `sending` under our lease."""

    id: UUID
    user_id: UUID
    turn_id: UUID | None
    wa_id: str | None
    bsuid: str | None
    lease_token: int
    content: dict[str, Json]
    tries: int  # this one included
    claimed_at: float  # by the monotonic clock, taken before the database was asked

    @classmethod
    def of(cls, row: dict[str, Any] | None, asked_at: float | None = None) -> Send | float | None:
        """What a SQL function gave that was called at `asked_at` (now if not told): a send, or seconds until
        there is one, or None.
        """
        if row is None or "id" not in row:
            return row["next_s"] if row else None
        return cls(
            id=UUID(row["id"]), user_id=UUID(row["user_id"]),
            turn_id=UUID(row["turn_id"]) if row["turn_id"] else None, wa_id=row["wa_id"], bsuid=row["bsuid"],
            lease_token=row["lease_token"], content=row["content"], tries=row["tries"],
            claimed_at=time.monotonic() if asked_at is None else asked_at,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """How one try went."""

    outcome: Outcome
    wa_message_id: str | None = None
    error: int | None = None
    retry_s: float = 0.0


class Outbox:
    """Claims and delivers sends. One a process; several processes share the work by leases."""

    def __init__(self, database: Database, graph: GraphClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._graph = graph
        self._clock = clock
        self._closed_until = 0.0  # all sends wait: the number is too fast, or its token is refused
        self._settling: set[UUID] = set()  # sends whose settlement is under way, and gives their lease a new token

    async def claim(self) -> Send | float | None:
        """The next send of the person who is due longest; else seconds until one is due, or None."""
        if (wait := self._closed_until - self._clock()) > 0:
            return wait
        asked_at = self._clock()
        return Send.of(await self._database.as_system().value(QUERIES["claim_send"], {"lease": LEASE_S}), asked_at)

    async def renew(self, send: Send) -> bool:
        """Prolongs the lease on the person's sends; False where somebody else holds it."""
        scope = self._database.as_user(send.user_id)
        held = await scope.value(QUERIES["renew_send"], {"token": send.lease_token, "lease": LEASE_S})
        return bool(held) or send.id in self._settling

    async def deliver(self, send: Send) -> Send | float | None:
        """Sends one message and settles it; gives what `settle_send` gives, the person's next send included."""
        stalled = self._clock() - send.claimed_at > FRESH_S  # between the commit and the call: ask anew
        settlement = Settlement(outcome="held") if stalled else await self._try(send)
        metrics.SENDS.labels(settlement.outcome).inc()
        params: dict[str, object] = {
            "message_id": send.id,
            "token": send.lease_token,
            "outcome": settlement.outcome,
            "wa_message_id": settlement.wa_message_id,
            "error": settlement.error,
            "retry": settlement.retry_s,
            "lease": LEASE_S,
        }
        self._settling.add(send.id)
        try:
            asked_at = self._clock()
            row = await self._database.as_user(send.user_id).value(QUERIES["settle_send"], params)
        finally:
            self._settling.discard(send.id)
        return Send.of(row, asked_at)

    async def _try(self, send: Send) -> Settlement:
        if self._closed_until > self._clock():
            return Settlement(outcome="held", retry_s=self._closed_until - self._clock())
        try:
            message = addressed(send.content, wa_id=send.wa_id, bsuid=send.bsuid, outbox_id=send.id)
        except ValueError:
            log.error("send.no_address", message_id=str(send.id))
            return Settlement(outcome="failed")
        try:
            with metrics.SEND_SECONDS.time():
                sent = await self._graph.send(message)
        except GraphError as error:
            settlement = after(error.verdict, error.failure, tries=send.tries, chance=random.random())  # noqa: S311  # spreads waits
            if error.verdict in (Verdict.HOLD, Verdict.RETRY_NUMBER):
                self._closed_until = self._clock() + settlement.retry_s
            say = log.error if alert(error.failure) or settlement.outcome == "failed" else log.warning
            code = error.failure.code
            say("send.not_accepted", message_id=str(send.id), outcome=settlement.outcome, verdict=error.verdict.value,
                http_status=error.failure.http_status, code=code, meaning=meaning(code) if code is not None else None,
                tries=send.tries)  # fmt: skip
            return settlement
        return Settlement(outcome="accepted", wa_message_id=sent.wa_message_id)


def after(verdict: Verdict, failure: Failure, *, tries: int, chance: float) -> Settlement:
    """What follows from a failed try, the `tries`-th. `chance` (0 to 1) spreads the waits."""
    wait = wait_s(verdict, tries - 1, failure.retry_after_s, chance)
    match verdict:
        case Verdict.UNKNOWN_OUTCOME:
            return Settlement(outcome="unknown")
        case Verdict.WINDOW_CLOSED:
            return Settlement(outcome="expired", error=failure.code)
        case Verdict.STOP:
            return Settlement(outcome="failed", error=failure.code)
        case Verdict.RETRY_SOON if tries >= TRIES_SOON:
            return Settlement(outcome="failed", error=failure.code)
        case Verdict.HOLD:
            return Settlement(outcome="held", error=failure.code, retry_s=min(wait, 60.0))
        case _:
            return Settlement(outcome="retry", error=failure.code, retry_s=wait)
