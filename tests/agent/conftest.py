"""The agent against the stand-in for Claude."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from tests.standins.claude import ClaudeStandIn

from banksman.agent.client import ClaudeClient


@pytest.fixture(scope="session")
def serving() -> Iterator[ClaudeStandIn]:
    """One stand-in for all tests of the session."""
    with ClaudeStandIn() as claude:
        yield claude


@pytest.fixture
def claude(serving: ClaudeStandIn) -> ClaudeStandIn:
    """The stand-in without script or memory."""
    fresh = ClaudeStandIn()
    serving.forget()
    serving.brain = fresh.brain
    return serving


@pytest.fixture
def waits() -> list[float]:
    """The waits between attempts, in seconds, which nobody really waits."""
    return []


@pytest.fixture
async def client(claude: ClaudeStandIn, waits: list[float]) -> AsyncIterator[ClaudeClient]:
    """A client that speaks to the stand-in and does not wait between attempts."""

    async def note(seconds: float) -> None:
        waits.append(seconds)

    built = ClaudeClient(api_key="k", base_url=claude.url, sleep=note)
    yield built
    await built.close()


@pytest.fixture
def soon() -> Callable[[float], float]:
    """A deadline so many seconds from now."""
    return lambda seconds=5: asyncio.get_running_loop().time() + seconds
