"""The loop that works what is due: claim, work, claim again; asleep until something is due.

A kind of work is a claim function and a work function. Sleep ends at the time that the claim told, at a
wake-up (a notification from the database) or at a slow poll that catches what was missed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg
import structlog
from psycopg_pool import PoolClosed, PoolTimeout

log = structlog.get_logger(__name__)

Job = TypeVar("Job")
Result = TypeVar("Result")

POLL_S = 5.0
SHORTEST_S = 0.02  # something is due but held by another worker at this very moment
GRACE_S = 25.0
DATABASE_ERRORS = (psycopg.Error, PoolTimeout, PoolClosed)


@dataclass(frozen=True, kw_only=True)
class Idle:
    """Nothing is due. `next_s`: seconds until something will be, None where nothing is in sight."""

    next_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[Job]):
    """A kind of work."""

    name: str  # the first word of its notifications
    slots: int  # how many at a time
    claim: Callable[[], Awaitable[Job | Idle]]
    work: Callable[[Job], Awaitable[None]]


class LeaseLostError(Exception):
    """Another worker has taken over; what was done here must not count."""


class Loop(Generic[Job]):
    """Works one kind until told to stop, then finishes what runs and takes nothing new."""

    def __init__(self, kind: Kind[Job], *, grace_s: float = GRACE_S) -> None:
        self.kind = kind
        self.alive = False
        self._grace_s = grace_s
        self._running: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._woken_at = math.inf  # loop time
        self._stopping = False

    def wake(self, in_s: float = 0.0) -> None:
        """Looks again in `in_s` seconds at the latest."""
        self._woken_at = min(self._woken_at, asyncio.get_running_loop().time() + in_s)
        self._changed.set()

    def stop(self) -> None:
        """Takes nothing new from now on."""
        self._stopping = True
        self._changed.set()

    async def run(self) -> None:
        """Works until `stop`, then waits for what runs, at most `grace_s` seconds.

        What runs longer is cancelled: its lease ends, and another worker begins it again.
        """
        self.alive = True
        try:
            while not self._stopping:
                if len(self._running) >= self.kind.slots:
                    await self._sleep(POLL_S)
                    continue
                claimed = await self._claim()
                if isinstance(claimed, Idle):
                    await self._sleep(POLL_S if claimed.next_s is None else claimed.next_s)
                else:
                    task = asyncio.create_task(self._work(claimed), name=self.kind.name)
                    self._running.add(task)
                    task.add_done_callback(self._ended)
            if self._running:
                await asyncio.wait(self._running, timeout=self._grace_s)
        finally:
            self.alive = False
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _claim(self) -> Job | Idle:
        try:
            return await self.kind.claim()
        except DATABASE_ERRORS as error:
            log.warning("work.claim_failed", kind=self.kind.name, error=type(error).__name__)
        except Exception:  # one that cannot be read must not end the work for everybody
            log.exception("work.claim_failed", kind=self.kind.name)
        return Idle(next_s=1.0)

    async def _work(self, job: Job) -> None:
        try:
            await self.kind.work(job)
        except LeaseLostError:
            log.warning("work.lease_lost", kind=self.kind.name)
        except DATABASE_ERRORS as error:
            log.warning("work.database", kind=self.kind.name, error=type(error).__name__)
        except Exception:
            log.exception("work.failed", kind=self.kind.name)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.wake()

    async def _sleep(self, seconds: float) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + min(max(seconds, SHORTEST_S), POLL_S)
        while not self._stopping:
            self._changed.clear()
            left = min(until, self._woken_at) - clock()
            if left <= 0:
                break
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                break
        self._woken_at = math.inf


async def under_lease(
    work: Coroutine[object, object, Result],
    renew: Callable[[], Awaitable[bool]],
    *,
    every_s: float,
    lease_s: float,
) -> Result:
    """Runs `work` while `renew` holds its lease; LeaseLostError, and `work` cancelled, once it is lost."""
    task = asyncio.ensure_future(work)
    clock = asyncio.get_running_loop().time
    held_until = clock() + lease_s
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=every_s)
            if done:
                return task.result()
            asked = clock()
            try:
                async with asyncio.timeout(max(held_until - clock(), 0.1)):
                    if not await renew():
                        raise LeaseLostError
                held_until = asked + lease_s
            except (*DATABASE_ERRORS, TimeoutError) as error:
                if clock() >= held_until:
                    raise LeaseLostError from error
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
