"""The whole service in a browser, as a person who typed `make run` meets it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A service started by `banksman dev` in a folder of its own, demo crew and all."""
    folder = Path(tempfile.mkdtemp(prefix="banksman-dev-"))
    folder.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WHATSAPP_", "DATABASE_", "ANTHROPIC_", "BANKSMAN_"))
    }
    environment |= {"PORT": str(port), "BANKSMAN_DATA_DIR": str(folder / "data")}
    command = [sys.executable, "-c", "from banksman.cli import main; main()"]
    service = subprocess.Popen([*command, "dev"], cwd=folder, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert service.poll() is None, "the service did not start"
            try:
                if httpx.get(f"{url}/health/ready", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.25)
        yield url
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(30)
        subprocess.run([*command, "database", "stop"], cwd=folder, env=environment, check=True)
        shutil.rmtree(folder)


def said(page: Page, text: str) -> None:
    page.get_by_test_id("composer").fill(text)
    page.get_by_test_id("send").click()


def test_from_hello_to_the_plans_of_a_project(page: Page, address: str) -> None:
    page.goto(f"{address}/simulator?as=447700900101")
    said(page, "hello")
    expect(page.get_by_text(re.compile("Hello James! I am your site's automated assistant"))).to_be_visible()
    page.get_by_test_id("list-open").last.click()
    page.get_by_test_id("list-row").filter(has_text="My projects").click()
    page.get_by_role("button", name="Canal Offices").last.click()
    page.get_by_test_id("list-open").nth(1).click()
    page.get_by_test_id("list-row").filter(has_text="Seal flat roof").click()
    expect(page.get_by_text("Status: 45 % done")).to_be_visible()
    said(page, "my projects")
    page.get_by_role("button", name="Old Mill").last.click()
    opened = page.get_by_test_id("list-open")
    expect(opened).to_have_count(3)
    opened.last.click()
    page.get_by_test_id("list-row").filter(has_text="Plans and papers").click()
    cards = page.get_by_test_id("carousel-card")
    expect(cards.first).to_be_visible()
    picture = cards.first.locator("img")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 400
    cards.first.get_by_text("Open").click()
    expect(page.get_by_role("button", name="All tasks").last).to_be_visible()


def test_a_person_is_answered_in_their_language_and_reads_no_id(page: Page, address: str) -> None:
    page.goto(f"{address}/simulator?as=33600000001")
    said(page, "mes tâches")
    expect(page.get_by_test_id("list-open").last).to_be_visible()
    shown = page.locator("body").inner_text()
    assert "Vos tâches ouvertes" in shown
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", shown)


def test_a_human_is_one_word_away(page: Page, address: str) -> None:
    page.goto(f"{address}/simulator?as=33600000002")
    said(page, "parler à quelqu'un")
    expect(page.get_by_text(re.compile("J'ai prévenu le bureau"))).to_be_visible()
    page.get_by_role("button", name="Retour à l'assistant").last.click()
    expect(page.get_by_text(re.compile("L'assistant est de retour"))).to_be_visible()
