"""Fixtures: a recording service, and a simulator that delivers to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from world import Phone, Service, build, served


@pytest.fixture
def service() -> Service:
    """The service, not yet listening."""
    return Service()


@pytest.fixture
def running(service: Service) -> Iterator[Callable[..., Phone]]:
    """Starts a simulator that delivers to the service; all end with the test."""
    with ExitStack() as stack:
        hook = stack.enter_context(served(service.app())) + "/webhook"

        def start(webhook_url: str = hook, state_file: Path | None = None) -> Phone:
            return Phone(stack.enter_context(served(build(webhook_url, state_file).app())))

        yield start


@pytest.fixture
async def phone(running: Callable[..., Phone]) -> AsyncIterator[Phone]:
    """A running simulator."""
    phone = running()
    yield phone
    await phone.http.aclose()
