"""The load: keep-alive connections that each send the next request as soon as the last one is answered."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

import uvloop

_ANSWER = re.compile(
    rb"HTTP/1\.1 (\d{3}) .*?\r\ncontent-length: *(\d+)\r\n(?:.*?\r\n)??\r\n", re.DOTALL | re.IGNORECASE
)


@dataclass(kw_only=True)
class Round:
    """What one round sent and got."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)  # from the first byte sent to the last one read
    elapsed_s: float = 0.0

    @property
    def rate(self) -> float:
        """Answers 200 a second."""
        return self.statuses[200] / self.elapsed_s

    def percentile_ms(self, percent: int) -> float:
        """The latency that `percent` of the answers did not exceed, in milliseconds."""
        ordered = sorted(self.latencies_s)
        return 1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


class _Connection(asyncio.Protocol):
    """One connection; `ended` is done when it has the answer to its last request."""

    def __init__(self, result: Round, requests: Iterator[bytes], deadline: float) -> None:
        self._result, self._requests, self._deadline = result, requests, deadline
        self._buffer = b""
        self._sent_at = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answer = _ANSWER.match(self._buffer)
        if answer is None or len(self._buffer) < answer.end() + int(answer[2]):
            return
        self._buffer = b""  # nothing follows: the next request has not been sent
        self._result.latencies_s.append(perf_counter() - self._sent_at)
        self._result.statuses[int(answer[1])] += 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the server hung up"))

    def _next(self) -> None:
        now = perf_counter()
        request = next(self._requests, None) if now < self._deadline else None
        if request is None:
            self.ended.set_result(None)
            self._transport.close()
            return
        self._sent_at = now
        self._transport.write(request)


def play(port: int, requests: list[bytes], *, connections: int, seconds: float) -> Round:
    """Sends `requests` to 127.0.0.1:`port` for `seconds` or until none is left, and awaits every answer.

    Raises OSError where the server is not there or hangs up.
    """
    return uvloop.run(_play(port, iter(requests), connections, seconds))


async def _play(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Round:
    result = Round()
    loop = asyncio.get_running_loop()
    start = perf_counter()
    async with asyncio.timeout(seconds + 30):
        opened = [
            await loop.create_connection(lambda: _Connection(result, requests, start + seconds), "127.0.0.1", port)
            for _ in range(connections)
        ]
        await asyncio.gather(*(protocol.ended for _, protocol in opened))
    result.elapsed_s = perf_counter() - start
    return result
