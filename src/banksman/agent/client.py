"""The way to Claude: one client with retries by kind of failure, a time budget, a breaker and a meter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from anthropic import AsyncAnthropic, Timeout, omit
from anthropic.types import Message, MessageParam, TextBlockParam, ToolChoiceParam, ToolParam
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential
from tenacity.wait import wait_base, wait_none, wait_random

from banksman.agent.breaker import Breaker
from banksman.agent.failures import Failure, classified
from banksman.agent.structured import Schema
from banksman.agent.types import ClaudeUnavailableError, Usage
from banksman.observability.tracing import OFF, Tracer

log = structlog.get_logger(__name__)


NO_WAIT = wait_none()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How often a call is made that fails in one way, and how long is waited in between (seconds)."""

    attempts: int = 1
    wait: wait_base = NO_WAIT
    logged_as_defect: bool = False  # ours to repair: a request or a key that Claude refuses


BACKOFF = wait_exponential(multiplier=0.5, max=8) + wait_random(0, 0.5)

RULES = {
    "rate_limited": Rule(attempts=4, wait=BACKOFF),  # the wait that the answer names comes first
    "overloaded": Rule(attempts=4, wait=BACKOFF),
    "timeout": Rule(attempts=2),
    "connection": Rule(attempts=2, wait=wait_random(0.05, 0.3)),
    "invalid_response": Rule(attempts=2, wait=wait_random(0.05, 0.3)),
    "unauthorized": Rule(logged_as_defect=True),
    "bad_request": Rule(logged_as_defect=True),
    "defect": Rule(logged_as_defect=True),
}


class ClaudeClient:
    """Built once a process; `close` it at the end. Safe for any number of concurrent turns."""

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None = None,  # None: the library's, ANTHROPIC_BASE_URL included
        tracer: Tracer = OFF,
        breaker: Breaker | None = None,
        attempt_seconds: float = 20,  # a single attempt is given up after so long
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.tracer = tracer
        self._breaker = breaker or Breaker()
        self._attempt_seconds = attempt_seconds
        self._sleep = sleep
        self._anthropic = AsyncAnthropic(api_key=api_key, base_url=base_url, max_retries=0)

    async def close(self) -> None:
        """Gives the connections back."""
        await self._anthropic.close()

    async def create(
        self,
        *,
        model: str,
        max_tokens: int,
        system: str | Sequence[TextBlockParam],
        messages: Sequence[MessageParam],
        tools: Sequence[ToolParam] = (),
        tool_choice: ToolChoiceParam | None = None,
        output_schema: Schema | None = None,
        deadline: float,
    ) -> Message:
        """One answer of `model`, by `deadline` (a time of the running loop's clock).

        Raises ClaudeUnavailableError; its reason is a key of RULES or `circuit_open`.
        """
        loop = asyncio.get_running_loop()
        if loop.time() >= deadline:
            raise ClaudeUnavailableError("timeout")
        if not self._breaker.admits(loop.time()):
            raise ClaudeUnavailableError("circuit_open")

        async def attempt() -> Message:
            seconds = min(self._attempt_seconds, deadline - loop.time())
            if seconds <= 0:
                raise Failure("timeout")
            try:
                async with asyncio.timeout(seconds):
                    answer = await self._anthropic.messages.create(
                        model=model,
                        max_tokens=max_tokens,
                        system=system if isinstance(system, str) else list(system),
                        messages=list(messages),
                        tools=list(tools) or omit,
                        tool_choice=tool_choice or omit,
                        output_config={"format": {"type": "json_schema", "schema": output_schema}}
                        if output_schema
                        else omit,
                        timeout=Timeout(seconds, connect=min(5, seconds)),
                    )
            except Exception as error:
                raise classified(error) from error
            if not isinstance(answer, Message):
                raise Failure("invalid_response")
            return answer

        inputs = {"messages": [{"role": "system", "content": system}, *messages], "tools": list(tools)}
        with self.tracer.llm("claude", model=model, inputs=inputs) as span:
            try:
                message: Message = await self._retrying(deadline)(attempt)
            except Failure as failure:
                self._note(failure, model)
                span.fail(failure.reason)
                raise ClaudeUnavailableError(failure.reason) from failure
            self._breaker.succeeded()
            usage = usage_of(message)
            span.usage(
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cache_read_tokens=usage.cache_read_tokens,
            )
            span.outputs({"message": message})
            return message

    def _retrying(self, deadline: float) -> AsyncRetrying:
        now = asyncio.get_running_loop().time

        def wait(state: RetryCallState) -> float:
            failure = _failure(state)
            told = failure.retry_after
            return RULES[failure.reason].wait(state) if told is None else told

        def stop(state: RetryCallState) -> bool:
            spent = state.attempt_number >= RULES[_failure(state).reason].attempts
            return spent or now() + state.upcoming_sleep >= deadline

        return AsyncRetrying(
            retry=retry_if_exception_type(Failure), wait=wait, stop=stop, sleep=self._sleep, reraise=True
        )

    def _note(self, failure: Failure, model: str) -> None:
        """Tells the breaker and the log. A request made wrongly says nothing about Claude's health."""
        if failure.reason not in ("bad_request", "defect"):
            self._breaker.failed(asyncio.get_running_loop().time())
        known = {"reason": failure.reason, "model": model, "request_id": failure.request_id}
        if RULES[failure.reason].logged_as_defect:
            log.error("claude_refused_our_request", **known, status=failure.status, error=failure.error_type)
        else:
            log.warning("claude_unavailable", **known, status=failure.status)


def _failure(state: RetryCallState) -> Failure:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, Failure)
    return error


def usage_of(message: Message) -> Usage:
    """Tokens that `message` cost. What the answer does not name counts as none."""
    usage = message.usage

    def count(name: str) -> int:
        value = getattr(usage, name, None)
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

    read = count("cache_read_input_tokens")
    return Usage(
        input_tokens=count("input_tokens") + count("cache_creation_input_tokens") + read,
        output_tokens=count("output_tokens"),
        cache_read_tokens=read,
    )
