"""The chat page behaves like a phone: type, tap, open lists, swipe carousels, send pictures, see ticks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from building_site import ANA, OMAR, PLANS, TASKS, Site, building_site, text
from playwright.sync_api import FilePayload, Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def site() -> Iterator[Site]:
    with building_site() as site:
        yield site


def open_page(page: Page, site: Site, wa_id: str = ANA) -> None:
    page.goto(f"{site.base}/simulator?as={wa_id}")
    expect(page.get_by_test_id("presence")).to_have_text("online")


def say(page: Page, words: str) -> None:
    page.get_by_test_id("composer").fill(words)
    page.get_by_test_id("composer").press("Enter")


def to_plans(page: Page) -> None:
    """Hello, its list, its first row, the carousel."""
    say(page, "Hello")
    page.get_by_test_id("button-0").click()
    page.get_by_test_id("list-open").click()
    page.get_by_test_id("list-row").first.click()
    expect(page.get_by_test_id("carousel-card")).to_have_count(len(PLANS))


@pytest.mark.parametrize("size", ["page", "narrow_page"])
def test_a_person_gets_from_hello_over_a_list_to_a_carousel(
    request: pytest.FixtureRequest, site: Site, size: str
) -> None:
    page: Page = request.getfixturevalue(size)
    open_page(page, site)
    say(page, "Hello")
    expect(page.get_by_test_id("bubble-in")).to_contain_text("Hello")
    expect(page.get_by_test_id("bubble-out").locator("strong")).to_have_text("automated assistant")
    page.get_by_test_id("button-0").click()
    expect(page.get_by_test_id("bubble-in").last).to_contain_text("My tasks")
    page.get_by_test_id("list-open").click()
    rows = page.get_by_test_id("list-row")
    expect(rows).to_have_count(len(TASKS))
    expect(rows.nth(1)).to_contain_text("Plaster the stairs")
    rows.nth(1).click()
    expect(page.get_by_test_id("list-sheet")).to_have_count(0)
    cards = page.get_by_test_id("carousel-card")
    expect(cards).to_have_count(len(PLANS))
    expect(cards.last).not_to_be_in_viewport()
    page.get_by_test_id("carousel").evaluate("cards => cards.scrollTo(10000, 0)")
    expect(cards.last).to_be_in_viewport(ratio=0.9)
    cards.last.get_by_test_id("button-0").click()
    expect(page.get_by_test_id("bubble-out").last).to_contain_text("You chose open:2")
    replies = [message["interactive"] for message in site.heard[1:]]
    assert [reply["type"] for reply in replies] == ["button_reply", "list_reply", "button_reply"]
    assert replies[1]["list_reply"]["description"] == TASKS[1][2]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_newest_message_is_always_in_view(page: Page, site: Site) -> None:
    open_page(page, site)
    to_plans(page)
    say(page, "one more")
    expect(page.get_by_test_id("bubble-out").last).to_contain_text("You said: one more")
    expect(page.get_by_test_id("bubble-out").last).to_be_in_viewport(ratio=1)


def test_pictures_of_a_carousel_are_loaded_and_open_large(page: Page, site: Site) -> None:
    open_page(page, site)
    to_plans(page)
    picture = page.get_by_test_id("carousel-card").first.get_by_test_id("picture")
    expect(picture.locator("img")).to_have_js_property("naturalWidth", 640)
    picture.click()
    expect(page.get_by_test_id("viewer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("viewer")).to_have_count(0)


def test_ticks_go_from_one_to_two_to_blue(page: Page, site: Site) -> None:
    site.refuses = True
    open_page(page, site)
    say(page, "Hello")
    bubble = page.get_by_test_id("bubble-in")
    expect(bubble.get_by_test_id("tick-sent")).to_be_visible()
    expect(page.get_by_test_id("problem")).to_contain_text("Messages are delivered when")
    site.refuses = False
    expect(bubble.get_by_test_id("tick-read")).to_be_visible()
    expect(page.get_by_test_id("problem")).to_be_hidden()


def test_the_service_is_told_that_its_message_was_read(page: Page, site: Site) -> None:
    open_page(page, site)
    say(page, "Hello")
    expect(page.get_by_test_id("bubble-out")).to_be_visible()
    _until(page, lambda: site.statuses == ["sent", "delivered", "read"])


def test_typing_shows_until_the_answer(page: Page, site: Site) -> None:
    site.writes = False
    open_page(page, site)
    say(page, "Hello")
    expect(page.get_by_test_id("presence")).to_have_text("typing…")
    expect(page.get_by_test_id("typing")).to_be_visible()
    site.send_now(text("here I am"))
    expect(page.get_by_test_id("bubble-out")).to_contain_text("here I am")
    expect(page.get_by_test_id("typing")).to_be_hidden()
    expect(page.get_by_test_id("presence")).to_have_text("online")


def test_a_picture_goes_with_its_caption(page: Page, site: Site) -> None:
    open_page(page, site)
    data = httpx.get(f"{site.hook}/plan/1.png", trust_env=False).content
    file = FilePayload(name="wall.png", mimeType="image/png", buffer=data)
    page.get_by_test_id("attach-input").set_input_files(file)
    expect(page.get_by_test_id("attached")).to_contain_text("wall.png")
    say(page, "the wall")
    expect(page.get_by_test_id("attached")).to_be_hidden()
    expect(page.get_by_test_id("bubble-in").get_by_test_id("picture").locator("img")).to_have_js_property(
        "naturalWidth", 640
    )
    expect(page.get_by_test_id("bubble-out")).to_contain_text("Got the picture: the wall")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("*bold* _it_ ~no~ `x*y*`", "<strong>bold</strong> <em>it</em> <s>no</s> <code>x*y*</code>"),
        ("*_both_*", "<strong><em>both</em></strong>"),
        ("2*3*4 and a_b_c and * x *", "2*3*4 and a_b_c and * x *"),
        ("```a\n*b*```", "<pre>a\n*b*</pre>"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        (
            "see https://example.org/a.",
            'see <a href="https://example.org/a" target="_blank" rel="noopener noreferrer">https://example.org/a</a>.',
        ),
        ("> said", '<span class="quoted">said</span>'),
        ("- one\n- two", '<span class="item">• one</span><span class="item">• two</span>'),
        ("*unfinished _business", "*unfinished _business"),
    ],
)
def test_markup_is_shown_and_nothing_else_is_html(page: Page, site: Site, words: str, shown: str) -> None:
    page.goto(f"{site.base}/simulator")
    written = page.evaluate(
        """async (words) => {
            const { formatted } = await import("/simulator/static/markup.js");
            const box = document.createElement("div");
            box.append(formatted(words));
            return box.innerHTML;
        }""",
        words,
    )
    assert written == shown


def test_lines_and_directions_of_writing_are_kept(page: Page, site: Site) -> None:
    open_page(page, site, OMAR)
    page.get_by_test_id("composer").fill("مرحبا")
    page.get_by_test_id("composer").press("Shift+Enter")
    page.keyboard.type("123")
    page.get_by_test_id("send").click()
    words = page.get_by_test_id("bubble-in").locator(".words")
    expect(words).to_have_text("مرحبا\n123", use_inner_text=True)
    expect(words).to_have_css("direction", "rtl")
    expect(page.get_by_test_id("composer")).to_have_value("")
    _until(page, lambda: [message["from"] for message in site.heard] == [OMAR])


def test_people_are_chosen_by_name_and_have_chats_of_their_own(page: Page, site: Site) -> None:
    open_page(page, site)
    say(page, "I am Ana")
    expect(page.get_by_test_id("bubble-out")).to_contain_text("I am Ana")
    page.get_by_test_id(f"person-{OMAR}").click()
    expect(page.get_by_test_id("bubble-in")).to_have_count(0)
    expect(page).to_have_url(re.compile(rf"as={OMAR}"))
    page.get_by_test_id(f"person-{ANA}").click()
    expect(page.get_by_test_id("bubble-in")).to_have_count(1)


def test_on_a_small_screen_people_are_chosen_from_a_menu(narrow_page: Page, site: Site) -> None:
    open_page(narrow_page, site)
    expect(narrow_page.get_by_test_id("people")).to_be_hidden()
    narrow_page.get_by_test_id("person-select").select_option(OMAR)
    say(narrow_page, "hi")
    expect(narrow_page.get_by_test_id("bubble-out")).to_contain_text("You said: hi")
    assert site.heard[0]["from"] == OMAR


def test_all_can_be_done_with_the_keyboard(page: Page, site: Site) -> None:
    open_page(page, site)
    expect(page.get_by_test_id("composer")).to_be_focused()
    page.keyboard.type("Hello")
    page.keyboard.press("Enter")
    page.get_by_test_id("button-0").focus()
    page.keyboard.press("Enter")
    page.get_by_test_id("list-open").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("list-row").first).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("bubble-in").last).to_contain_text("Plaster the stairs")


def test_a_reload_shows_the_same_chat(page: Page, site: Site) -> None:
    open_page(page, site)
    to_plans(page)
    before = page.get_by_test_id("chat").inner_text()
    page.reload()
    expect(page.get_by_test_id("carousel-card")).to_have_count(len(PLANS))
    assert page.get_by_test_id("chat").inner_text() == before


def test_many_quick_messages_keep_their_order(page: Page, site: Site) -> None:
    site.writes = False
    open_page(page, site)
    for number in range(8):
        say(page, f"message {number}")
    expect(page.get_by_test_id("bubble-in")).to_have_count(8)
    _until(page, lambda: len(site.heard) == 8)
    assert [message["text"]["body"] for message in site.heard] == [f"message {number}" for number in range(8)]


def test_bad_days_can_be_chosen_on_the_page(page: Page, site: Site) -> None:
    open_page(page, site)
    page.get_by_text("Bad days").click()
    page.get_by_label("The 24-hour window is closed").check()
    _until(page, lambda: _behaviour(site)["window_closed"] is True)
    say(page, "Hello")
    expect(page.get_by_test_id("failed")).to_contain_text("more than 24 hours")


def test_the_page_says_when_the_simulator_is_gone_and_keeps_what_was_typed(page: Page, site: Site) -> None:
    open_page(page, site)
    page.context.set_offline(True)
    say(page, "important")
    expect(page.get_by_test_id("problem")).to_contain_text("not running")
    expect(page.get_by_test_id("composer")).to_have_value("important")
    page.context.set_offline(False)
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("bubble-out")).to_contain_text("You said: important")
    expect(page.get_by_test_id("problem")).to_be_hidden()


def test_a_reaction_sits_on_its_message(page: Page, site: Site) -> None:
    site.writes = False
    open_page(page, site)
    say(page, "done")
    expect(page.get_by_test_id("tick-read")).to_be_visible()
    message_id = page.get_by_test_id("bubble-in").locator("..").get_attribute("data-id")
    site.send_now({"type": "reaction", "reaction": {"message_id": message_id, "emoji": "👍"}})
    expect(page.get_by_test_id("reaction")).to_have_text("👍")
    site.send_now({"type": "reaction", "reaction": {"message_id": message_id, "emoji": ""}})
    expect(page.get_by_test_id("reaction")).to_have_count(0)


def _behaviour(site: Site) -> dict[str, object]:
    found: dict[str, object] = httpx.get(f"{site.base}/simulator/api/behaviour", trust_env=False).json()
    return found


def _until(page: Page, condition: Callable[[], bool]) -> None:
    for _ in range(400):
        if condition():
            return
        page.wait_for_timeout(20)
    raise AssertionError("waited in vain")
