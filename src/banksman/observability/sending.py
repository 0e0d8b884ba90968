"""Sending traces: one daemon thread with a bounded queue, so that nothing ever waits for LangSmith."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable

import structlog
from langsmith import Client

from banksman.observability.runs import Run, masked

log = structlog.get_logger(__name__)

WAITING = 200  # traces; more than that are dropped
TIMEOUT_MS = (2000, 5000)  # to connect, to read


class TraceSender:
    """Takes whole traces and sends them in the background, one request each."""

    def __init__(self, *, endpoint: str | None, api_key: str, project: str) -> None:
        logging.getLogger("langsmith").setLevel(logging.ERROR)  # a service that is down fills the log otherwise
        self._client = Client(
            endpoint,  # None: LangSmith's own
            api_key=api_key,
            auto_batch_tracing=False,  # else the library starts threads that hold up the end of the process
            disable_prompt_cache=True,
            omit_traced_runtime_info=True,
            timeout_ms=TIMEOUT_MS,
            info={},  # else every process begins with GET /info
            tracing_error_callback=self._failed,
        )
        self._project = project
        self._queue: queue.Queue[tuple[list[Run], set[str]] | None] = queue.Queue(WAITING)
        self._failures, self._well = 0, True
        self._thread = threading.Thread(target=self._work, name="traces", daemon=True)
        self._thread.start()

    def put(self, runs: Iterable[Run], people: Iterable[str]) -> None:
        """Hands over one trace. Never blocks; a trace that finds the queue full is dropped."""
        try:
            self._queue.put_nowait((list(runs), set(people)))
        except queue.Full:
            self._failed(RuntimeError("queue full"))

    def close(self, seconds: float) -> None:
        """Sends what is waiting, for at most `seconds`. Blocks; what is left is dropped."""
        try:
            self._queue.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _work(self) -> None:
        while (trace := self._queue.get()) is not None:
            runs, people = trace
            try:
                before = self._failures
                self._client.multipart_ingest(create=masked(runs, people, project=self._project))
                self._well = self._well or self._failures == before
            except Exception as error:  # a trace that cannot be masked or sent is lost, nothing else
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        """Says once that tracing fails, until it works again."""
        self._failures += 1
        if self._well:
            log.warning("tracing_failed", error=type(error).__name__)
        self._well = False
