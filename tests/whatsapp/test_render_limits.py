"""Whatever a reply holds, it becomes one or two messages that WhatsApp accepts."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from banksman.whatsapp.render import as_read, render
from banksman.whatsapp.replies import Card, CarouselReply, Choice, ListReply, MediaRef, MediaReply, Reply, TextReply

MEDIA_ID = UUID("00000000-0000-4000-8000-000000000001")


# ------------------------------------------------------ WhatsApp's rules, written from Meta's pages alone


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def check_text(value: object, most: int) -> None:
    assert isinstance(value, str)
    assert value.strip()
    assert units(value) <= most
    assert not [c for c in value if ord(c) < 32 and c not in "\n\t"]


def check_title(value: object, most: int) -> None:
    check_text(value, most)
    assert isinstance(value, str)
    assert "\n" not in value
    assert value == value.strip()


def check_ids(ids: list[str], most: int) -> None:
    assert len(set(ids)) == len(ids)
    assert all(id_ == id_.strip() and 1 <= units(id_) <= most for id_ in ids)


def check_file(kind: str, file: dict[str, Any], *, captioned: bool) -> None:
    allowed = {"link", "filename"} if kind == "document" else {"link"}
    assert set(file) <= allowed | ({"caption"} if captioned else set())
    assert file["link"].startswith("https://")
    if "caption" in file:
        check_text(file["caption"], 1024)
    if kind == "document":
        check_title(file["filename"], 240)
        assert not set(file["filename"]) & set("/\\")


def check_buttons(interactive: dict[str, Any]) -> None:
    assert set(interactive) <= {"type", "header", "body", "action"}
    check_text(interactive["body"]["text"], 1024)
    buttons = interactive["action"]["buttons"]
    assert 1 <= len(buttons) <= 3
    assert all(set(button) == {"type", "reply"} and button["type"] == "reply" for button in buttons)
    titles = [button["reply"]["title"] for button in buttons]
    for title in titles:
        check_title(title, 20)
    assert len(set(titles)) == len(titles)
    check_ids([button["reply"]["id"] for button in buttons], 256)
    if header := interactive.get("header"):
        assert header["type"] in ("image", "document")
        check_file(header["type"], header[header["type"]], captioned=False)


def check_list(interactive: dict[str, Any]) -> None:
    assert set(interactive) == {"type", "body", "action"}
    check_text(interactive["body"]["text"], 4096)
    check_title(interactive["action"]["button"], 20)
    rows = []
    for section in interactive["action"]["sections"]:
        check_title(section["title"], 24)
        rows += section["rows"]
    assert 1 <= len(rows) <= 10
    for row in rows:
        assert set(row) <= {"id", "title", "description"}
        check_title(row["title"], 24)
        if "description" in row:
            check_title(row["description"], 72)
    assert len({row["title"] for row in rows}) == len(rows)
    check_ids([row["id"] for row in rows], 200)


def check_carousel(interactive: dict[str, Any]) -> None:
    assert set(interactive) == {"type", "body", "action"}
    check_text(interactive["body"]["text"], 1024)
    cards = interactive["action"]["cards"]
    assert 2 <= len(cards) <= 10
    assert len({frozenset(card) for card in cards}) == 1
    for index, card in enumerate(cards):
        assert card["card_index"] == index
        assert card["type"] == "cta_url"
        assert card["header"]["type"] == "image"
        check_file("image", card["header"]["image"], captioned=False)
        if "body" in card:
            check_text(card["body"]["text"], 160)
            assert card["body"]["text"].count("\n") <= 2
        (button,) = card["action"]["buttons"]
        assert button["type"] == "quick_reply"
        check_title(button["quick_reply"]["title"], 20)
        check_ids([button["quick_reply"]["id"]], 256)


def check(content: dict[str, Any]) -> None:
    kind = content["type"]
    assert set(content) == {"type", kind}
    part = content[kind]
    if kind == "text":
        check_text(part["body"], 4096)
    elif kind == "interactive":
        {"button": check_buttons, "list": check_list, "carousel": check_carousel}[part["type"]](part)
    else:
        assert kind in ("image", "document")
        check_file(kind, part, captioned=True)


# -------------------------------------------------------------------------------------- arbitrary replies

words = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\n\n \t\x00\u200b👷🏽🇫\u200d\u0301a")),
    min_size=1,
    max_size=60,
)
long_words = st.one_of(words, st.builds(lambda text, times: text * times, words, st.integers(1, 400)))
payloads = st.from_regex(r"\A[!-~]([ -~]{0,20}[!-~])?\Z")
choices = st.builds(
    Choice,
    title=st.one_of(words, st.sampled_from(["Yes", "Yes ", "yes", "Tile bathroom on level 2 " * 3])),
    payload=payloads,
    description=st.none() | words,
)
media = st.builds(
    MediaRef,
    media_id=st.just(MEDIA_ID),
    mime_type=st.sampled_from(["image/png", "image/jpeg", "IMAGE/JPEG; q=1", "image/webp", "application/pdf", "x"]),
    file_name=st.one_of(st.just("plan.pdf"), words.filter(lambda text: text.strip() != "")),
)
replies: st.SearchStrategy[Reply] = st.one_of(
    st.builds(TextReply, body=long_words, buttons=st.lists(choices, max_size=3).map(tuple)),
    st.builds(ListReply, body=long_words, button=words, rows=st.lists(choices, min_size=1, max_size=10).map(tuple)),
    st.builds(
        CarouselReply,
        body=long_words,
        cards=st.lists(
            st.builds(Card, image=media, body=st.just("") | words, button=choices), min_size=2, max_size=10
        ).map(tuple),
    ),
    st.builds(
        MediaReply,
        media=media,
        caption=st.just("") | long_words,
        buttons=st.lists(choices, max_size=3).map(tuple),
        button=st.none() | words,
    ),
)


def payloads_of(reply: Reply) -> list[str]:
    match reply:
        case TextReply() | MediaReply():
            options = reply.buttons
        case ListReply():
            options = reply.rows
        case CarouselReply():
            options = tuple(card.button for card in reply.cards)
    return [option.payload for option in options]


@settings(max_examples=300)
@given(replies, st.booleans())
def test_whatever_a_reply_holds_whatsapp_accepts_it(reply: Reply, has_links: bool) -> None:
    address = "https://files.example.org/1"
    messages = render(reply, link=lambda _: address if has_links else None)
    assert 1 <= len(messages) <= 2
    for message in messages:
        check(json.loads(json.dumps(message.content)))
        assert message.kind == message.content["type"]
        assert message.body.strip()
    offered = [each.payload for message in messages for each in as_read(message.content)[1]]
    assert set(offered) <= set(payloads_of(reply))
    if not isinstance(reply, CarouselReply) or not has_links:
        assert offered == list(dict.fromkeys(payloads_of(reply)))
