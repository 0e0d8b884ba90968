"""A real browser for the tests of pages. All tests here are synchronous, as Playwright's sync API needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


def chromium() -> str:
    """Path of the browser; without one the test is skipped, and in CI it fails."""
    given = os.environ.get("BANKSMAN_CHROMIUM", "/usr/bin/chromium")
    found = shutil.which(given)
    if found is None:
        reason = f"no browser at {given}; install chromium, or name one in BANKSMAN_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def opened(browser: Browser, size: dict[str, int]) -> Iterator[Page]:
    """A page of that size; an error of its scripts fails the test."""
    context = browser.new_context(viewport={"width": size["width"], "height": size["height"]}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a desktop's size."""
    yield from opened(browser, WIDE)


@pytest.fixture
def narrow_page(browser: Browser) -> Iterator[Page]:
    """A page of a small phone's size."""
    yield from opened(browser, NARROW)
