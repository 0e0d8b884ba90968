"""How Claude is reached: what is tried again, for how long, and what a failure says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest
import structlog
from tests.standins.claude import (
    BROKEN_JSON,
    CUT_BEFORE,
    CUT_WITHIN,
    HANG,
    Answer,
    ClaudeStandIn,
    fault,
    words,
)

from banksman.agent.breaker import Breaker
from banksman.agent.client import ClaudeClient, usage_of
from banksman.agent.types import ClaudeUnavailableError, Usage

Soon = Callable[..., float]


async def ask(client: ClaudeClient, deadline: float) -> str:
    message = await client.create(
        model="claude-haiku-5-5",
        max_tokens=64,
        system="Be brief.",
        messages=[{"role": "user", "content": "hello"}],
        deadline=deadline,
    )
    return "".join(block.text for block in message.content if block.type == "text")


async def reason(client: ClaudeClient, deadline: float) -> str:
    with pytest.raises(ClaudeUnavailableError) as raised:
        await ask(client, deadline)
    return raised.value.reason


async def test_a_request_is_what_the_api_takes_and_names_no_user(claude, client, soon: Soon) -> None:
    claude.script(words("hi"))
    assert await ask(client, soon()) == "hi"
    assert claude.requests[0].keys() == {"model", "max_tokens", "system", "messages"}
    assert claude.headers[0]["authorization"] == "Bearer k"


async def test_tokens_read_from_and_written_to_the_cache_count_as_input(claude, client, soon: Soon) -> None:
    claude.script(
        words(
            "hi",
            usage={
                "input_tokens": 5,
                "output_tokens": 3,
                "cache_read_input_tokens": 70,
                "cache_creation_input_tokens": 20,
            },
        )
    )
    message = await client.create(
        model="m", max_tokens=1, system="s", messages=[{"role": "user", "content": "x"}], deadline=soon()
    )
    assert usage_of(message) == Usage(input_tokens=95, output_tokens=3, cache_read_tokens=70)


async def test_an_overload_is_tried_again_with_growing_waits(claude, client, waits, soon: Soon) -> None:
    claude.script(fault(529), fault(500), fault(529), words("hi"))
    assert await ask(client, soon(60)) == "hi"
    assert len(waits) == 3
    assert waits == sorted(waits)
    assert len(set(waits)) == 3


async def test_an_overload_that_lasts_ends_as_overloaded(claude, client, waits, soon: Soon) -> None:
    claude.always(fault(529))
    assert await reason(client, soon(60)) == "overloaded"
    assert len(claude.requests) == 4


async def test_a_rate_limit_waits_as_long_as_it_is_told(claude, client, waits, soon: Soon) -> None:
    claude.script(fault(429, retry_after="3"), fault(429, retry_after_ms="250"), words("hi"))
    assert await ask(client, soon(60)) == "hi"
    assert waits == [3.0, 0.25]


@pytest.mark.parametrize("told", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT"])
async def test_a_wait_beyond_the_deadline_is_not_begun(claude, client, waits, soon: Soon, told: str) -> None:
    claude.script(fault(429, retry_after=told))
    assert await reason(client, soon(20)) == "rate_limited"
    assert waits == []


@pytest.mark.parametrize("told", ["soon", "nan", "-5", ""])
async def test_a_wait_that_makes_no_sense_delays_nothing_forever(claude, client, waits, soon, told: str) -> None:
    claude.script(fault(429, retry_after=told), words("hi"))
    assert await ask(client, soon(60)) == "hi"
    assert 0 <= waits[0] <= 8


@pytest.mark.parametrize("cut", [CUT_BEFORE, CUT_WITHIN, BROKEN_JSON, Answer(raw=b"[]"), Answer(raw=b'"x"')])
async def test_a_broken_answer_is_asked_for_once_more(claude, client, soon: Soon, cut: Answer) -> None:
    claude.script(cut, words("hi"))
    assert await ask(client, soon()) == "hi"
    claude.script(cut, cut, cut)
    assert await reason(client, soon()) in ("connection", "invalid_response")
    assert len(claude.requests) == 4


async def test_a_call_that_hangs_ends_at_the_deadline(claude, client, soon: Soon) -> None:
    claude.script(HANG)
    began = asyncio.get_running_loop().time()
    assert await reason(client, soon(0.3)) == "timeout"
    assert asyncio.get_running_loop().time() - began < 1


async def test_a_hanging_attempt_is_given_up_in_time_for_another(claude: ClaudeStandIn, soon: Soon) -> None:
    client = ClaudeClient(api_key="k", base_url=claude.url, attempt_seconds=0.2)
    claude.script(HANG, words("hi"))
    assert await ask(client, soon()) == "hi"
    await client.close()


async def test_nothing_is_asked_after_the_deadline(claude, client, soon: Soon) -> None:
    assert await reason(client, soon(-1)) == "timeout"
    assert claude.requests == []


async def test_a_service_that_is_not_there_is_a_failed_connection(soon: Soon) -> None:
    client = ClaudeClient(api_key="k", base_url="http://127.0.0.1:9")
    assert await reason(client, soon()) == "connection"
    await client.close()


@pytest.mark.parametrize(("status", "expected"), [(400, "bad_request"), (401, "unauthorized"), (404, "bad_request")])
async def test_a_request_that_is_refused_is_not_repeated_and_logged_as_our_defect(
    claude, client, soon: Soon, status: int, expected: str
) -> None:
    claude.always(fault(status))
    with structlog.testing.capture_logs() as lines:
        assert await reason(client, soon()) == expected
    assert len(claude.requests) == 1
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["claude_refused_our_request"]


async def test_an_outage_soon_costs_no_request_and_ends_with_one(claude: ClaudeStandIn, soon: Soon) -> None:
    client = ClaudeClient(api_key="k", base_url=claude.url, breaker=Breaker(limit=2, pause=0.2))
    claude.always(CUT_BEFORE)
    for _ in range(2):
        assert await reason(client, soon()) == "connection"
    sent = claude.requests.copy()
    assert await reason(client, soon()) == "circuit_open"
    assert claude.requests == sent
    claude.always(words("hi"))
    assert await answered(client, soon) == "hi"
    await client.close()


async def answered(client: ClaudeClient, soon: Soon) -> str:
    """The first answer after the circuit is closed again."""
    until = soon(5)
    while asyncio.get_running_loop().time() < until:
        with contextlib.suppress(ClaudeUnavailableError):
            return await ask(client, soon())
        await asyncio.sleep(0.01)
    raise AssertionError("the circuit stayed open")
