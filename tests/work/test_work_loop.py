"""The loop: claims while there is work, sleeps until it is told, is woken at once, finishes what runs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psycopg
import pytest

from banksman.work.loop import Idle, Kind, LeaseLostError, Loop, under_lease


@dataclass
class Queue:
    """Jobs by name. `told` is what an empty claim tells of the next."""

    jobs: deque[str] = field(default_factory=deque)
    told: float | None = None
    claims: int = 0
    worked: list[str] = field(default_factory=list)
    running: int = 0
    most: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)  # what holds the work up until it is set
    errors: list[Exception] = field(default_factory=list)  # of the next claims

    async def claim(self) -> str | Idle:
        """The next job."""
        self.claims += 1
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        return self.jobs.popleft() if self.jobs else Idle(next_s=self.told)

    async def work(self, job: str) -> None:
        """Waits for the gate."""
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            if job.startswith("raise"):
                raise LeaseLostError if job == "raise lost" else ValueError(job)
            self.worked.append(job)
        finally:
            self.running -= 1


@asynccontextmanager
async def looping(queue: Queue, *, slots: int = 4, grace_s: float = 5) -> AsyncIterator[Loop[str]]:
    """A running loop, which has looked once."""
    loop = Loop(Kind(name="test", slots=slots, claim=queue.claim, work=queue.work), grace_s=grace_s)
    task = asyncio.create_task(loop.run())
    await happens(lambda: queue.claims > 0)
    try:
        yield loop
    finally:
        queue.gate.set()
        loop.stop()
        await asyncio.wait_for(task, 10)


async def happens(condition: Callable[[], bool], *, within: float = 2.0) -> None:
    """Waits until `condition` holds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.002)


async def test_it_sleeps_until_a_wake_up_and_works_all_that_is_there() -> None:
    queue = Queue()
    queue.gate.set()
    async with looping(queue) as loop:
        await asyncio.sleep(0.05)
        assert queue.claims == 1
        queue.jobs.extend("abc")
        loop.wake()
        await happens(lambda: queue.worked == ["a", "b", "c"])


async def test_it_looks_again_when_the_claim_said_something_will_be_due() -> None:
    queue = Queue(told=0.05)
    queue.gate.set()
    async with looping(queue):
        queue.jobs.append("a")
        await happens(lambda: queue.worked == ["a"])


async def test_a_wake_up_for_later_is_kept_until_then() -> None:
    queue = Queue()
    queue.gate.set()
    async with looping(queue) as loop:
        began = asyncio.get_running_loop().time()
        queue.jobs.append("a")
        loop.wake(0.1)
        await happens(lambda: queue.worked == ["a"])
        assert asyncio.get_running_loop().time() - began >= 0.09


async def test_a_wake_up_during_an_empty_claim_is_not_lost() -> None:
    queue = Queue()
    queue.gate.set()
    loop: Loop[str]

    async def claim() -> str | Idle:
        found = await queue.claim()
        if queue.claims == 1:  # it has looked and found nothing, and now something comes
            queue.jobs.append("late")
            loop.wake()
        return found

    loop = Loop(Kind(name="test", slots=1, claim=claim, work=queue.work))
    task = asyncio.create_task(loop.run())
    await happens(lambda: queue.worked == ["late"])
    loop.stop()
    await task


async def test_it_never_runs_more_than_its_slots_and_goes_on_when_one_is_free() -> None:
    queue = Queue(jobs=deque("abcdefgh"))
    async with looping(queue, slots=3) as loop:
        await happens(lambda: queue.running == 3)
        loop.wake()
        await asyncio.sleep(0.02)
        assert queue.running == 3
        queue.gate.set()
        await happens(lambda: len(queue.worked) == 8)
    assert queue.most == 3


async def test_a_stop_finishes_what_runs_and_takes_nothing_new() -> None:
    queue = Queue(jobs=deque("a"))
    loop = Loop(Kind(name="test", slots=4, claim=queue.claim, work=queue.work))
    task = asyncio.create_task(loop.run())
    await happens(lambda: queue.running == 1)
    queue.jobs.append("b")
    loop.stop()
    loop.wake()
    await asyncio.sleep(0.02)
    assert not task.done()
    queue.gate.set()
    await asyncio.wait_for(task, 2)
    assert (queue.worked, list(queue.jobs), loop.alive) == (["a"], ["b"], False)


@pytest.mark.parametrize("slots", [1, 4])
async def test_what_outlives_the_grace_is_cancelled_and_has_ended_when_the_loop_has(slots: int) -> None:
    queue = Queue(jobs=deque("a"))
    loop = Loop(Kind(name="test", slots=slots, claim=queue.claim, work=queue.work), grace_s=0.05)
    task = asyncio.create_task(loop.run())
    await happens(lambda: queue.running == 1)
    loop.stop()
    await asyncio.wait_for(task, 2)
    assert (queue.running, queue.worked) == (0, [])


async def test_a_job_that_raises_ends_neither_the_loop_nor_its_slot() -> None:
    queue = Queue(jobs=deque(["raise", "raise lost", "good"]))
    queue.gate.set()
    async with looping(queue, slots=1) as loop:
        await happens(lambda: queue.worked == ["good"])
        assert loop.alive


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), KeyError("a row that cannot be read")])
async def test_a_claim_that_raises_is_tried_again(error: Exception) -> None:
    queue = Queue(jobs=deque("a"), errors=[error])
    queue.gate.set()
    async with looping(queue) as loop:
        loop.wake()
        await happens(lambda: queue.worked == ["a"])


async def test_work_under_a_lease_gives_its_result() -> None:
    async def work() -> str:
        await asyncio.sleep(0.05)
        return "done"

    renewed = []

    async def renew() -> bool:
        renewed.append(1)
        return True

    assert await under_lease(work(), renew, every_s=0.01, lease_s=1) == "done"
    assert renewed


async def test_work_is_cancelled_once_its_lease_is_lost() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def renew() -> bool:
        return False

    with pytest.raises(LeaseLostError):
        await under_lease(work(), renew, every_s=0.01, lease_s=1)
    assert ended.is_set()


async def test_without_a_database_work_goes_on_until_the_lease_ends_and_no_longer() -> None:
    ended: list[float] = []
    clock = asyncio.get_running_loop().time
    began = clock()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(clock() - began)

    async def renew() -> bool:
        raise psycopg.OperationalError("gone")

    with pytest.raises(LeaseLostError):
        await under_lease(work(), renew, every_s=0.02, lease_s=0.2)
    assert 0.15 <= ended[0] <= 1


async def test_a_renewal_that_hangs_does_not_outlive_the_lease() -> None:
    async def renew() -> bool:
        await asyncio.sleep(60)
        return True

    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(under_lease(asyncio.sleep(60), renew, every_s=0.02, lease_s=0.2), 2)


async def test_the_works_own_error_is_passed_on() -> None:
    async def work() -> None:
        raise ValueError("its own")

    async def renew() -> bool:
        return True

    with pytest.raises(ValueError, match="its own"):
        await under_lease(work(), renew, every_s=0.01, lease_s=1)
