"""Fixtures of the queue's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.work.steps import Steps

from banksman.database.pool import Database


@pytest.fixture
async def steps(urls: tuple[str, str]) -> AsyncIterator[Steps]:
    """The steps on an empty database; whatever a test did, nothing may be lost from sight at its end."""
    owner_url, app_url = urls
    async with Database(app_url, max_size=30) as database:
        steps = Steps(database=database, owner_url=owner_url)
        yield steps
        assert await steps.lost() == []
