"""Fixtures: a recording service, and a simulator that delivers to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from world import ANA, BEN, NUMBER, SECRET, TOKEN, Phone, Service, served

from banksman.simulator import Behaviour, Person, Simulator

QUICK = Behaviour(sent_after=0.02, delivered_after=0.04)


async def crew() -> Sequence[Person]:
    """The people of the tests."""
    return [Person("Ana Silva", ANA, language="fr"), Person("Ben Łoś", BEN, bsuid="PL.77")]


def build(webhook_url: str, state_file: Path | None = None, behaviour: Behaviour = QUICK) -> Simulator:
    """A simulator of the tests' number."""
    return Simulator(
        phone_number_id=NUMBER,
        access_token=TOKEN,
        app_secret=SECRET,
        webhook_url=webhook_url,
        people=crew,
        state_file=state_file,
        behaviour=behaviour,
    )


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
