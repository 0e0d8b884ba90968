"""The inbox: what webhooks bring is in the database before they are answered.

Requests that arrive at the same time share a transaction: each puts its delivery into a queue, the flusher
drains the queue into one statement, and all of them are answered after its commit. A few such statements may
be under way, so that one computes while another's commit waits for the disk, but never two with the same
person, so that each person's order stays. A delivery that the database refuses does not fail its
neighbours: the batch is taken apart down to the single item, and what is refused alone is kept whole for
inspection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import psycopg
import structlog
from psycopg.rows import DictRow
from psycopg_pool import PoolClosed, PoolTimeout

from banksman.database.pool import Params, Query, Scope
from banksman.database.queries import Queries
from banksman.observability import metrics
from banksman.webhook.batch import as_text, encode, people, split
from banksman.webhook.delivery import Delivery

log = structlog.get_logger(__name__)
QUERIES = Queries("banksman.webhook")

PAUSE_S = 1.0  # after a message before its turn begins: people type in pieces
MAX_PAUSE_S = 4.0  # and no longer than this after the first of them
BATCH_DELIVERIES = 400
BATCH_BYTES = 4 * 1024 * 1024
FLUSHES = 3  # at a time
ANOTHER_FROM = 4  # deliveries waiting before another flush begins beside one; fewer wait for the next, or the watch
ANSWER_WITHIN_S = 6.0
WATCH_EVERY_S = 0.25
RETRY_FOR_S = 4.0  # a lost connection, a deadlock: a restart of the database goes unnoticed
RETRY_PAUSE_S = 0.05
REFUSED_CLASSES = ("22", "23", "54")  # SQLSTATE classes: bad data, broken constraint, beyond a limit


class InboxUnavailableError(Exception):
    """The database cannot take the delivery now; WhatsApp shall deliver it again."""


class _RefusedError(Exception):
    """The data itself cannot be stored. The message says why."""


class _LockedError(Exception):
    """Somebody has held a conversation of the batch for longer than `store_delivery` waits."""


class _Waiting:
    """A delivery and who waits for its commit."""

    __slots__ = ("delivery", "done", "people", "since")

    def __init__(self, delivery: Delivery, loop: asyncio.AbstractEventLoop) -> None:
        self.delivery = delivery
        self.people = people(delivery)
        self.since = loop.time()
        self.done: asyncio.Future[None] = loop.create_future()

    def settle(self, error: InboxUnavailableError | None = None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class Inbox:
    """Stores deliveries durably, many at a time. `run` is its flusher, one task a process."""

    def __init__(self, system: Scope, *, stored: Callable[[Sequence[str]], None] | None = None) -> None:
        self._system = system
        self._stored = stored  # told the ids of new messages that await an answer
        self._queue: deque[_Waiting] = deque()
        self._flushes: dict[asyncio.Task[None], list[_Waiting]] = {}
        self._rejects: set[asyncio.Task[object]] = set()
        self._changed = asyncio.Event()  # something came, or a flush ended
        self.alive = False
        self._stopped = False

    async def store(self, delivery: Delivery) -> None:
        """Returns when everything in `delivery` is committed; raises InboxUnavailableError if it is not."""
        if self._stopped:
            raise InboxUnavailableError("the inbox does not run")
        waiting = _Waiting(delivery, asyncio.get_running_loop())
        self._queue.append(waiting)
        self._changed.set()
        await waiting.done  # cancelled with the request; the flusher then passes over it

    async def keep_reject(self, body: bytes, problem: str) -> None:
        """Keeps a signed body that could not be understood; raises InboxUnavailableError if that fails."""
        keeping: asyncio.Task[object] = asyncio.create_task(
            self._fetch(QUERIES["keep_reject"], {"body": body, "problem": problem})
        )
        self._rejects.add(keeping)
        keeping.add_done_callback(self._rejects.discard)
        await asyncio.wait({keeping}, timeout=ANSWER_WITHIN_S)
        if not keeping.done():
            keeping.cancel()  # which may take seconds more
            raise InboxUnavailableError("the database does not answer")
        try:
            keeping.result()
        except _RefusedError as error:  # it would be refused each time that it comes again
            log.error("inbox.reject_lost", detail=str(error), size=len(body))

    async def run(self) -> None:
        """Drains the queue until cancelled; once it has ended, however it came about, nothing is taken any more."""
        self.alive = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                while True:
                    await self._changed.wait()
                    self._changed.clear()
                    self._start_flushes(ANOTHER_FROM)
        except Exception:
            log.exception("inbox.ended")
            raise
        finally:
            self.alive, self._stopped = False, True
            for flush in self._flushes:
                flush.cancel()
            self._give_up(self._all(), "the inbox was stopped")

    def _start_flushes(self, another_from: int) -> None:
        while len(self._queue) >= (another_from if self._flushes else 1) and len(self._flushes) < FLUSHES:
            batch = self._drain()
            if not batch:
                return
            flush = asyncio.create_task(self._flush(batch))
            self._flushes[flush] = batch
            flush.add_done_callback(self._ended)

    def _ended(self, flush: asyncio.Task[None]) -> None:
        """However a flush ended, nobody is left waiting for it."""
        batch = self._flushes.pop(flush)
        if not flush.cancelled() and (error := flush.exception()):
            log.error("inbox.flush_failed", exc_info=error)
        self._give_up(batch, "the flush failed")
        self._changed.set()

    def _all(self) -> Iterable[_Waiting]:
        yield from self._queue
        for batch in self._flushes.values():
            yield from batch

    async def _watch(self) -> None:
        """Answers who has waited too long (what is stored all the same comes again), and lets nobody wait for a
        flush that is held up."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            overdue = [w for w in self._all() if not w.done.done() and loop.time() - w.since > ANSWER_WITHIN_S]
            self._give_up(overdue, "the database does not answer")
            self._start_flushes(1)

    def _give_up(self, waiting: Iterable[_Waiting], reason: str) -> None:
        unanswered = [one for one in waiting if not one.done.done()]
        for one in unanswered:
            one.settle(InboxUnavailableError(reason))
        if unanswered:
            log.warning("inbox.unavailable", reason=reason, deliveries=len(unanswered))

    def _drain(self) -> list[_Waiting]:
        """What can be stored now, in order: nothing of a person of whom something is under way or passed over."""
        busy = {person for batch in self._flushes.values() for waiting in batch for person in waiting.people}
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
        size = 0
        while self._queue and len(batch) < BATCH_DELIVERIES and size < BATCH_BYTES:
            waiting = self._queue.popleft()
            if waiting.done.done():  # the client is gone, or was told to come again
                continue
            if busy and not busy.isdisjoint(waiting.people):
                later.append(waiting)
                busy.update(waiting.people)
                continue
            batch.append(waiting)
            size += waiting.delivery.size
        self._queue.extendleft(reversed(later))
        return batch

    async def _flush(self, batch: list[_Waiting]) -> None:
        metrics.INBOX_BATCH.observe(len(batch))
        await self._write(batch)

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        """One transaction for all; where something is refused, one for each half, down to the single delivery."""
        batch = [waiting for waiting in batch if not waiting.done.done()]
        if not batch:
            return
        try:
            await self._store([waiting.delivery for waiting in batch])
        except InboxUnavailableError as error:
            self._give_up(batch, str(error))
        except _RefusedError as error:
            if len(batch) > 1:
                await self._write(batch[: len(batch) // 2])
                await self._write(batch[len(batch) // 2 :])
            else:
                await self._write_parts(batch[0], error)
        except _LockedError:
            await self._write_around_lock(batch)
        for waiting in batch:
            waiting.settle()

    async def _write_around_lock(self, batch: Sequence[_Waiting]) -> None:
        """Each alone, so that only the deliveries of whoever is locked have to come again."""
        locked: set[str] = set()
        for waiting in batch:
            if len(batch) == 1 or not locked.isdisjoint(waiting.people):
                self._give_up([waiting], "the conversation is locked")
            else:
                await self._write([waiting])
            if waiting.done.exception():
                locked.update(waiting.people)

    async def _write_parts(self, waiting: _Waiting, refused: _RefusedError) -> None:
        """Each item of a refused delivery alone; what is refused even so is kept."""
        parts = list(split(waiting.delivery))
        for part in parts:
            try:
                if len(parts) > 1:
                    await self._store([part])
                    continue
            except (InboxUnavailableError, _LockedError) as error:
                self._give_up([waiting], str(error))
                return
            except _RefusedError as error:
                refused = error
            log.error("inbox.refused", detail=str(refused))
            try:
                await self.keep_reject(as_text(part), f"it could not be stored: {refused}")
            except InboxUnavailableError as error:
                self._give_up([waiting], str(error))
                return

    async def _store(self, deliveries: Sequence[Delivery]) -> None:
        try:
            batch = encode(deliveries)
        except Exception as error:
            raise _RefusedError(f"{type(error).__name__}: {error}") from error
        params = {"batch": batch, "pause": PAUSE_S, "max_pause": MAX_PAUSE_S}
        rows = await self._fetch(QUERIES["store_delivery"], params)
        if self._stored and rows[0]["receipts"]:
            self._stored(rows[0]["receipts"])

    async def _fetch(self, query: Query, params: Params) -> list[DictRow]:
        """The query's rows, tried again for a while where the connection or a deadlock was in the way."""
        loop = asyncio.get_running_loop()
        end = loop.time() + RETRY_FOR_S
        while True:
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    return await self._system.fetch(query, params)
            except TimeoutError as error:
                raise InboxUnavailableError("the database does not answer") from error
            except psycopg.errors.LockNotAvailable as error:
                raise _LockedError("the conversation is locked") from error
            except psycopg.Error as error:
                if (error.sqlstate or "")[:2] in REFUSED_CLASSES:
                    raise _RefusedError(error.diag.message_primary or type(error).__name__) from error
                transient = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
                if not transient or isinstance(error, PoolClosed | PoolTimeout) or loop.time() > end:
                    raise InboxUnavailableError(type(error).__name__) from error
            await asyncio.sleep(RETRY_PAUSE_S)


async def listen(system: Scope) -> None:
    """Tells the database every second that webhooks can arrive, until cancelled."""
    while True:
        with contextlib.suppress(psycopg.Error):
            await system.fetch(QUERIES["tick_listening_clock"])
        await asyncio.sleep(1)
