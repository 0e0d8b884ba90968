"""Delivery of webhooks: signed, in order within a lane, again and again until they are answered 200."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import structlog

from banksman.simulator import webhooks
from banksman.simulator.behaviour import Behaviour
from banksman.simulator.wire import Node

log = structlog.get_logger(__name__)

# Seconds before each further try; the last one repeats. Meta's grow to hours, over 7 days.
GAPS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0)
ANSWER_SECONDS = 10.0  # how long an answer may take (not documented; vendors say 3 to 10)
CONNECTIONS = 16  # webhooks under way at a time; more make the client slower, not faster
BATCH = 10  # changes in one body, where bodies are batched anew


@dataclass(frozen=True)
class _Due:
    change: Node
    delivered: Callable[[], None]  # called once, after the first 200


class Deliveries:
    """Lanes of webhooks to one address. A lane is a person's messages, or a person's statuses."""

    def __init__(
        self,
        *,
        url: Callable[[], str],
        app_secret: bytes,
        waba_id: str,
        behaviour: Callable[[], Behaviour],
        problem_changed: Callable[[], None],
    ) -> None:
        self.problem: str | None = None  # why the last try failed, in plain words
        self._url, self._secret, self._waba_id = url, app_secret, waba_id
        self._behaviour, self._problem_changed = behaviour, problem_changed
        self._lanes: dict[str, deque[_Due]] = {}
        self._last: dict[str, Node] = {}  # lane -> the change delivered last
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._client: httpx.AsyncClient | None = None

    def add(self, lane: str, change: Node, delivered: Callable[[], None] = lambda: None) -> None:
        """Deliver `change` after all others of its lane; needs a running event loop."""
        queue = self._lanes.get(lane)
        if queue is not None:
            queue.append(_Due(change, delivered))
            return
        self._lanes[lane] = deque([_Due(change, delivered)])
        task = asyncio.create_task(self._work(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End all deliveries; what is not delivered stays so."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lanes.clear()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _work(self, lane: str) -> None:
        queue = self._lanes[lane]
        while queue:
            behaviour = self._behaviour()
            due = list(queue)[:BATCH] if behaviour.rebatch else [queue[0]]
            changes = [item.change for item in due]
            if behaviour.rebatch and lane in self._last:
                changes.insert(0, self._last[lane])
            raw = webhooks.body(self._waba_id, changes)
            await asyncio.gather(*(self._deliver(raw) for _ in range(behaviour.doubles)))
            self._last[lane] = due[-1].change
            for item in due:
                queue.popleft()
                item.delivered()
        del self._lanes[lane]

    async def _deliver(self, raw: bytes) -> None:
        tries = 0
        while (problem := await self._post(raw)) is not None:
            self._note(problem)
            await asyncio.sleep(GAPS[min(tries, len(GAPS) - 1)])
            tries += 1
        self._note(None)

    async def _post(self, raw: bytes) -> str | None:
        """Post once; what went wrong in plain words, None where it was answered 200."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature-256": webhooks.signature(self._secret, raw),
        }
        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=ANSWER_SECONDS,
                limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
                trust_env=False,
            )
        try:
            async with self._slots:
                answer = await self._client.post(self._url(), content=raw, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.debug("simulator.webhook_unanswered", error=type(error).__name__)
            return "The service does not answer. Messages are delivered when it is back."
        if answer.status_code == 200:
            return None
        log.debug("simulator.webhook_refused", status=answer.status_code)
        if answer.status_code == 503:
            return "The service is busy or has no database. Messages are delivered when it can take them."
        return f"The service refuses messages (HTTP {answer.status_code}). They are tried again."

    def _note(self, problem: str | None) -> None:
        if problem != self.problem:
            self.problem = problem
            self._problem_changed()
