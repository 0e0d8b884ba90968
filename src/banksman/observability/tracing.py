"""Tracing: one LangSmith trace a turn, masked before anything leaves, never in the way of a turn.

A trace is collected in memory and sent whole when its turn is over, by one daemon thread with a bounded
queue. So a tracing service that is slow, down or wrong costs a turn nothing, and the process its exit
nothing. (The library's own background threads kept a process alive for 12 seconds after its end, and its
wrapper of the Anthropic client breaks calls: neither is used, only its client and its wire format.)
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from banksman.observability.runs import Facts, Run, RunType
from banksman.settings import Settings

if TYPE_CHECKING:
    from banksman.observability.sending import TraceSender


class Span(Protocol):
    """One traced step, while it runs."""

    def outputs(self, outputs: Facts) -> None:
        """What came out of it."""

    def usage(self, *, input_tokens: int, output_tokens: int, cache_read_tokens: int) -> None:
        """Tokens of a model call; `input_tokens` is all input, cached or not."""

    def fail(self, reason: str) -> None:
        """It failed; `reason` is one word, never text from outside."""


class Tracer(Protocol):
    """What the agent knows of tracing. Steps belong to the turn in whose task they run."""

    def llm(self, name: str, *, model: str, inputs: Facts) -> AbstractContextManager[Span]:
        """A call of a model."""

    def tool(self, name: str, *, inputs: Facts) -> AbstractContextManager[Span]:
        """A call of a tool."""

    def step(self, name: str, *, inputs: Facts) -> AbstractContextManager[Span]:
        """Any other part of a turn."""


class NoSpan:
    """A step that nobody watches."""

    def outputs(self, outputs: Facts) -> None:
        """See Span."""

    def usage(self, *, input_tokens: int, output_tokens: int, cache_read_tokens: int) -> None:
        """See Span."""

    def fail(self, reason: str) -> None:
        """See Span."""


class TurnTrace:
    """The trace of one turn, while it runs. Does nothing where tracing is off."""

    def __init__(self, root: Run | None, people: Iterable[str] = ()) -> None:
        self.root = root
        self.runs: list[Run] = [root] if root else []
        self.people: set[str] = set(people)

    @property
    def trace_id(self) -> str | None:
        """What `turns.trace_id` keeps; None where tracing is off."""
        return str(self.root.id) if self.root else None

    def know(self, people: Iterable[str]) -> None:
        """More names to mask in this trace, earlier steps included."""
        if self.root:
            self.people.update(people)

    def note(self, **facts: str | None) -> None:
        """Metadata of the turn: intent, language, outcome, variant. Words of closed sets, no one's text."""
        if self.root:
            self.root.metadata.update({key: value for key, value in facts.items() if value is not None})

    def outputs(self, outputs: Facts) -> None:
        """What the turn ended in."""
        if self.root:
            self.root.result = outputs


_OFF_SPAN = NoSpan()
_OFF_TURN = TurnTrace(None)
_turn: ContextVar[TurnTrace | None] = ContextVar("banksman_turn_trace", default=None)
_run: ContextVar[Run | None] = ContextVar("banksman_traced_run", default=None)


class Tracing:
    """Traces turns where `sender` is given; else does nothing, at the cost of a few calls."""

    def __init__(self, sender: TraceSender | None = None) -> None:
        self._sender = sender

    @classmethod
    def from_settings(cls, settings: Settings) -> Tracing:
        """On where LANGSMITH_TRACING is set, with a key or an endpoint of one's own."""
        key, endpoint = settings.langsmith_api_key, settings.langsmith_endpoint
        if not settings.langsmith_tracing or (key is None and endpoint is None):
            return cls()
        # Imported here: the library takes a third of a second to load.
        from banksman.observability.sending import TraceSender

        secret = key.get_secret_value() if key else ""
        return cls(TraceSender(endpoint=endpoint, api_key=secret, project=settings.langsmith_project))

    @property
    def enabled(self) -> bool:
        """Whether turns are traced."""
        return self._sender is not None

    @asynccontextmanager
    async def turn(
        self,
        *,
        session: UUID | None,
        inputs: Facts,
        people: Iterable[str] = (),
        name: str = "turn",
    ) -> AsyncIterator[TurnTrace]:
        """The trace of one turn. `people` are names to mask; `session` is sent as a pseudonym only."""
        if self._sender is None:
            yield _OFF_TURN
            return
        trace = TurnTrace(Run(name=name, run_type="chain", inputs=inputs), people)
        if session is not None:
            trace.note(thread_id=pseudonym(session))
        token = _turn.set(trace)
        try:
            assert trace.root
            with _running(trace.root):
                yield trace
        finally:
            _turn.reset(token)
            self._sender.put(trace.runs, trace.people)

    def llm(self, name: str, *, model: str, inputs: Facts) -> AbstractContextManager[Span]:
        """See Tracer."""
        return _child(name, "llm", inputs, {"ls_provider": "anthropic", "ls_model_name": model})

    def tool(self, name: str, *, inputs: Facts) -> AbstractContextManager[Span]:
        """See Tracer."""
        return _child(name, "tool", inputs, {})

    def step(self, name: str, *, inputs: Facts) -> AbstractContextManager[Span]:
        """See Tracer."""
        return _child(name, "chain", inputs, {})

    async def close(self, seconds: float = 2) -> None:
        """Sends what is waiting, for at most `seconds`; the rest is dropped."""
        if self._sender is not None:
            await asyncio.to_thread(self._sender.close, seconds)


OFF = Tracing()


def pseudonym(session: UUID) -> str:
    """The same for all turns of a session, and nothing that a database would know."""
    return hashlib.sha256(b"banksman thread " + session.bytes).hexdigest()[:32]


@contextmanager
def _child(name: str, run_type: RunType, inputs: Facts, metadata: dict[str, str]) -> Iterator[Span]:
    trace = _turn.get()
    if trace is None:
        yield _OFF_SPAN
        return
    run = Run(name=name, run_type=run_type, inputs=inputs, parent=_run.get(), metadata=metadata)
    trace.runs.append(run)
    with _running(run):
        yield run


@contextmanager
def _running(run: Run) -> Iterator[None]:
    token = _run.set(run)
    try:
        yield
    except BaseException as error:
        run.error = run.error or type(error).__name__
        raise
    finally:
        _run.reset(token)
        run.ended = datetime.now(UTC)
