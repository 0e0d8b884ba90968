"""Fixtures of the webhook's tests: a service that only takes webhooks, and a whole one that answers quickly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.running import World, world

from banksman.app import Parts
from banksman.webhook import inbox


@pytest.fixture
async def front(urls: tuple[str, str], tmp_path: Path) -> AsyncIterator[World]:
    """A service that stores and does not answer."""
    async with world(urls, tmp_path, parts=Parts(worker=False)) as running:
        yield running


@pytest.fixture
async def quick(urls: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A whole service whose turns begin at once."""
    monkeypatch.setattr(inbox, "PAUSE_S", 0.02)
    async with world(urls, tmp_path) as running:
        yield running
