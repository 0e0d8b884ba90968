"""Read receipts with the typing indicator, as soon as a message is stored.

They are a courtesy: a bounded number a second, dropped beyond it, and no failure of one matters.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from banksman.whatsapp.graph import GraphClient

log = structlog.get_logger(__name__)

A_SECOND = 40  # half of what WhatsApp allows a number, answers included
AT_A_TIME = 16  # so that receipts that hang leave connections to the answers
WAITING = 100


class Receipts:
    """Marks messages read and shows that an answer is being written."""

    def __init__(self, graph: GraphClient) -> None:
        self._graph = graph
        self._waiting: deque[str] = deque(maxlen=WAITING)
        self._filled = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_A_TIME)

    def offer(self, wa_message_ids: Sequence[str]) -> None:
        """Takes note of messages; the oldest are forgotten when there are too many."""
        self._waiting.extend(wa_message_ids)
        self._filled.set()

    async def run(self) -> None:
        """Sends receipts until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._filled.wait()
                self._filled.clear()
                while self._waiting:
                    await self._slots.acquire()
                    group.create_task(self._send(self._waiting.popleft()))
                    await asyncio.sleep(1 / A_SECOND)

    async def _send(self, wa_message_id: str) -> None:
        try:
            async with asyncio.timeout(5):
                await self._graph.mark_read(wa_message_id)
        except Exception as error:
            log.debug("receipt.failed", error=type(error).__name__)
        finally:
            self._slots.release()
