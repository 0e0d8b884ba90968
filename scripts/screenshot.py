"""Takes the README's picture: drives a running service through its chat page, and writes docs/simulator.png.

    python scripts/screenshot.py [http://127.0.0.1:8000] [--as WA_ID] [--say Hello] [--out docs/simulator.png]

Left: a list of tasks, open. Right: the plans of the first one. It taps by position, so that the words
and the language are the service's.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Error, Locator, Page, sync_playwright

MOST_BYTES = 400_000
MOST_TAPS = 7
SETTLE = 900  # milliseconds for pictures and animations
PLANS = re.compile(r"plan|plany|plano", re.IGNORECASE)


def answered(page: Page, before: int) -> Locator:
    """The service's newest message, once there are more than `before`."""
    replies = page.locator(".message.out")
    page.wait_for_function(f"document.querySelectorAll('.message.out').length > {before}", timeout=60_000)
    page.wait_for_timeout(SETTLE)
    return replies.last


def pick(options: Locator, taps: int) -> Locator:
    """The first option; after three taps (project, task, …) the one that speaks of plans, if any does."""
    if taps >= 3:
        for index in range(options.count()):
            if PLANS.search(options.nth(index).inner_text()):
                return options.nth(index)
    return options.first


def photograph(page: Page) -> Image.Image:
    """The phone as it is now."""
    return Image.open(io.BytesIO(page.locator(".phone").screenshot(omit_background=True))).convert("RGBA")


def walk(page: Page, hello: str) -> tuple[Image.Image, Image.Image]:
    """From hello to a carousel; gives the last open list and the carousel."""
    replies = page.locator(".message.out")
    count = replies.count()
    page.get_by_test_id("composer").fill(hello)
    page.get_by_test_id("send").click()
    last, opened = answered(page, count), photograph(page)
    for taps in range(MOST_TAPS):
        if last.get_by_test_id("carousel").count():
            last.scroll_into_view_if_needed()
            page.wait_for_timeout(SETTLE)
            return opened, photograph(page)
        count = replies.count()
        if last.get_by_test_id("list-open").count():
            last.get_by_test_id("list-open").click()
            page.wait_for_timeout(SETTLE)
            opened = photograph(page)
            pick(page.get_by_test_id("list-row"), taps).click()
        else:
            pick(last.locator(".tap"), taps).click()
        last = answered(page, count)
    print(f"no carousel after {MOST_TAPS} taps; the picture shows the last message", file=sys.stderr)
    return opened, photograph(page)


def side_by_side(left: Image.Image, right: Image.Image) -> bytes:
    """Both on white, as a PNG of at most 400 kB."""
    gap = left.width // 12
    whole = Image.new("RGB", (left.width + right.width + 3 * gap, left.height + 2 * gap), "white")
    whole.paste(left, (gap, gap), left)
    whole.paste(right, (left.width + 2 * gap, gap), right)
    for scale in (1.0, 0.85, 0.7, 0.55):
        size = (int(whole.width * scale), int(whole.height * scale))
        out = io.BytesIO()
        whole.resize(size, Image.Resampling.LANCZOS).quantize(256).save(out, "PNG", optimize=True)
        if out.tell() <= MOST_BYTES:
            break
    return out.getvalue()


def main() -> int:
    """Command line; 1 where the service or the browser fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("address", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--as", dest="wa_id", default="", help="the person's number; the first one by default")
    parser.add_argument("--say", default="Hello", help="the first message")
    parser.add_argument("--out", type=Path, default=Path("docs/simulator.png"))
    given = parser.parse_args()
    browser_path = os.environ.get("BANKSMAN_CHROMIUM", "/usr/bin/chromium")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
            size = {"width": 1280, "height": 916}
            context = browser.new_context(
                viewport={"width": size["width"], "height": size["height"]},
                device_scale_factor=2,
                bypass_csp=True,
                reduced_motion="reduce",
                locale="en-GB",
            )
            page = context.new_page()
            page.goto(f"{given.address.rstrip('/')}/simulator" + (f"?as={given.wa_id}" if given.wa_id else ""))
            page.get_by_test_id("presence").wait_for()
            page.add_style_tag(content="body { background: white } .side, .cards-way { display: none }")
            page.add_style_tag(content=".phone { box-shadow: none } .desk, body { background: transparent }")
            page.wait_for_timeout(SETTLE)
            left, right = walk(page, given.say)
            browser.close()
    except Error as error:
        print(f"the page did not get that far: {error.message.splitlines()[0]}", file=sys.stderr)
        return 1
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_bytes(side_by_side(left, right))
    print(f"{given.out}: {given.out.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
