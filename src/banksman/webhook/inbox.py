"""The inbox: what webhooks bring is in the database before they are answered.

Requests that arrive at the same time share a transaction: each puts its delivery into a queue, one
flusher drains the queue into one statement, and all of them are answered after its commit. A delivery
that the database refuses does not fail its neighbours: the batch is taken apart down to the single item,
and what is refused alone is kept whole for inspection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import orjson
import psycopg
import structlog
from psycopg_pool import PoolClosed, PoolTimeout

from banksman.database.pool import Scope
from banksman.database.queries import Queries
from banksman.observability import metrics
from banksman.webhook.delivery import Delivery, Event, Sender
from banksman.whatsapp.errors import Verdict, classify_code

log = structlog.get_logger(__name__)
QUERIES = Queries("banksman.webhook")

PAUSE_S = 1.0  # after a message before its turn begins: people type in pieces
MAX_PAUSE_S = 4.0  # and no longer than this after the first of them
BATCH_DELIVERIES = 400
BATCH_BYTES = 4 * 1024 * 1024
ANSWER_WITHIN_S = 6.0
TRIES = 3
RETRIED = {Verdict.RETRY_SOON, Verdict.RETRY_BACKOFF, Verdict.RETRY_USER, Verdict.RETRY_NUMBER}
REFUSED_CLASSES = ("22", "23", "54")  # SQLSTATE classes: bad data, broken constraint, beyond a limit


class InboxUnavailableError(Exception):
    """The database cannot take the delivery now; WhatsApp shall deliver it again."""


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    delivery: Delivery
    done: asyncio.Future[None]


class Inbox:
    """Stores deliveries durably, many at a time. `run` is its flusher, one task a process."""

    def __init__(self, system: Scope, *, stored: Callable[[Sequence[str]], None] | None = None) -> None:
        self._system = system
        self._stored = stored  # told the ids of new messages that await an answer
        self._queue: deque[_Waiting] = deque()
        self._filled = asyncio.Event()
        self.alive = False

    async def store(self, delivery: Delivery) -> None:
        """Returns when everything in `delivery` is committed; raises InboxUnavailableError if it is not."""
        waiting = _Waiting(delivery=delivery, done=asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._filled.set()
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await asyncio.shield(waiting.done)
        except TimeoutError as error:
            waiting.done.cancel()
            raise InboxUnavailableError("the database does not answer") from error

    async def keep_reject(self, body: bytes, problem: str) -> None:
        """Keeps a signed body that could not be understood."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._system.fetch(QUERIES["keep_reject"], {"body": body, "problem": problem})
        except (psycopg.Error, PoolTimeout, TimeoutError) as error:
            raise InboxUnavailableError(type(error).__name__) from error

    async def run(self) -> None:
        """Drains the queue until cancelled."""
        self.alive = True
        try:
            while True:
                await self._filled.wait()
                self._filled.clear()
                while batch := self._drain():
                    await self._flush(batch)
        finally:
            self.alive = False
            for waiting in self._queue:
                waiting.done.cancel()

    def _drain(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._queue and len(batch) < BATCH_DELIVERIES and size < BATCH_BYTES:
            waiting = self._queue.popleft()
            if not waiting.done.cancelled():
                batch.append(waiting)
                size += waiting.delivery.size
        return batch

    async def _flush(self, batch: list[_Waiting]) -> None:
        metrics.INBOX_BATCH.observe(len(batch))
        try:
            await self._write([waiting.delivery for waiting in batch])
        except InboxUnavailableError as error:
            log.warning("inbox.unavailable", reason=str(error), deliveries=len(batch))
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(InboxUnavailableError(str(error)))
        else:
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_result(None)

    async def _write(self, deliveries: list[Delivery]) -> None:
        """One transaction for all, or where the data is refused one for each part."""
        try:
            receipts = await self._store(encode(deliveries))
        except psycopg.Error as error:
            if (error.sqlstate or "")[:2] not in REFUSED_CLASSES:
                raise InboxUnavailableError(type(error).__name__) from error
            parts = [[one] for one in deliveries] if len(deliveries) > 1 else [[p] for p in split(deliveries[0])]
            if len(parts) > 1:
                for part in parts:
                    await self._write(part)
                return
            log.error("inbox.refused", error=type(error).__name__, detail=error.diag.message_primary)
            problem = f"the database refused it: {error.diag.message_primary}"
            await self.keep_reject(orjson.dumps(asdict(deliveries[0]), option=orjson.OPT_PASSTHROUGH_DATETIME), problem)
            return
        if receipts and self._stored:
            self._stored(receipts)

    async def _store(self, batch: str) -> Sequence[str]:
        for left in reversed(range(TRIES)):
            try:
                params = {"batch": batch, "pause": PAUSE_S, "max_pause": MAX_PAUSE_S}
                return list(await self._system.value(QUERIES["store_delivery"], params) or ())
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                if (error.sqlstate or "")[:2] in REFUSED_CLASSES:
                    raise
                if not left:
                    raise InboxUnavailableError(type(error).__name__) from error
            except (PoolTimeout, PoolClosed) as error:
                raise InboxUnavailableError(type(error).__name__) from error
        return ()


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


async def listen(system: Scope) -> None:
    """Tells the database every second that webhooks can arrive, until cancelled."""
    while True:
        with contextlib.suppress(psycopg.Error, PoolTimeout):
            await system.fetch(QUERIES["tick_listening_clock"])
        await asyncio.sleep(1)
