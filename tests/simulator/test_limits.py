"""Every limit of WhatsApp's: the longest that passes, and the first that is refused with its field's name."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import buttons, card, carousel, listed, text

from banksman.simulator.errors import GraphError
from banksman.simulator.limits import check_message, check_upload

Message = dict[str, Any]


def check(message: Message, **more: Any) -> str:
    whole = {"messaging_product": "whatsapp", "to": "33600000001"} | message | more
    return check_message(whole, {"1": "image/png", "2": "application/pdf"}.get)


def refusal(message: Message, **more: Any) -> GraphError:
    with pytest.raises(GraphError) as caught:
        check(message, **more)
    return caught.value


def row(key: str = "r", **more: Any) -> dict[str, Any]:
    return {"id": key, "title": "row"} | more


def media(kind: str, **content: Any) -> Message:
    return {"type": kind, kind: content}


def interactive(message: Message, **more: Any) -> Message:
    changed = copy.deepcopy(message)
    changed["interactive"].update(more)
    return changed


def sections(count: int, rows: int, **more: Any) -> Message:
    message = listed([])
    message["interactive"]["action"]["sections"] = [
        {"title": f"s{section}", "rows": [row(f"{section}.{index}") for index in range(rows)]} | more
        for section in range(count)
    ]
    return message


def url_card(index: int) -> dict[str, Any]:
    parameters = {"display_text": "Buy", "url": "https://example.org/"}
    return card(index) | {"action": {"name": "cta_url", "parameters": parameters}}


def lengths(write: Callable[[int], Message], most: int, name: str) -> tuple[Message, Message, str]:
    return write(most), write(most + 1), name


TWO = [("a", "A"), ("b", "B")]
CARDS = [card(0, "Pick"), card(1, "Pick")]
PDF = {"type": "document", "document": {"id": "2"}}

# What is just allowed, what is just refused, and what the refusal names.
EDGES = {
    "text": lengths(lambda n: text("x" * n), 4096, "body"),
    "text counts UTF-16 units": (text("👷" * 2048), text("👷" * 2048 + "x"), "body"),
    "caption": lengths(lambda n: media("image", id="1", caption="x" * n), 1024, "caption"),
    "button title": lengths(lambda n: buttons(("a", "x" * n)), 20, "title"),
    "button id": lengths(lambda n: buttons(("x" * n, "A")), 256, "id"),
    "button body": lengths(lambda n: buttons(*TWO, body="x" * n), 1024, "body"),
    "buttons": (buttons(*TWO, ("c", "C")), buttons(*TWO, ("c", "C"), ("d", "D")), "buttons"),
    "buttons with one title": (buttons(*TWO), buttons(("a", "A"), ("b", "A")), "titles"),
    "buttons with one id": (buttons(*TWO), buttons(("a", "A"), ("a", "B")), "ids"),
    "an id that begins with a space": (buttons(("a b", "A")), buttons((" a", "A")), "id"),
    "footer": lengths(lambda n: interactive(buttons(*TWO), footer={"text": "x" * n}), 60, "footer"),
    "header": lengths(lambda n: interactive(buttons(*TWO), header={"type": "text", "text": "x" * n}), 60, "header"),
    "header of a list": (
        interactive(listed([row()]), header={"type": "text", "text": "x"}),
        interactive(listed([row()]), header={"type": "image", "image": {"id": "1"}}),
        "header",
    ),
    "list body": lengths(lambda n: listed([row()], body="x" * n), 4096, "body"),
    "list button": lengths(lambda n: listed([row()], button="x" * n), 20, "button"),
    "row title": lengths(lambda n: listed([row(title="x" * n)]), 24, "title"),
    "row description": lengths(lambda n: listed([row(description="x" * n)]), 72, "description"),
    "row id": lengths(lambda n: listed([row("x" * n)]), 200, "id"),
    "rows": (sections(1, 10), sections(1, 11), "rows"),
    "rows over all sections": (sections(2, 5), sections(2, 6), "row count"),
    "sections": (sections(10, 1), sections(11, 1), "sections"),
    "sections need titles": (sections(1, 1, title=None), sections(2, 1, title=None), "title"),
    "rows with one id": (listed([row("a"), row("b")]), listed([row("a"), row("a")]), "ids"),
    "card body": lengths(lambda n: carousel(card(0, "P", body="x" * n), card(1, "P")), 160, "body"),
    "line breaks of a card": (
        carousel(card(0, "P", body="a\nb\nc"), card(1, "P")),
        carousel(card(0, "P", body="a\nb\nc\nd"), card(1, "P")),
        "line breaks",
    ),
    "too few cards": (carousel(*CARDS), carousel(CARDS[0]), "cards"),
    "too many cards": (
        carousel(*(card(n, "P") for n in range(10))),
        carousel(*(card(n, "P") for n in range(11))),
        "cards",
    ),
    "cards alike": (carousel(url_card(0), url_card(1)), carousel(CARDS[0], url_card(1)), "same"),
    "cards with as many buttons": (
        carousel(card(0, "P", "Q"), card(1, "P", "Q")),
        carousel(card(0, "P", "Q"), card(1, "P")),
        "same",
    ),
    "buttons of a card": (
        carousel(card(0, *"PQR"), card(1, *"PQR")),
        carousel(card(0, *"PQRS"), card(1, *"PQRS")),
        "buttons",
    ),
    "carousel without header": (
        carousel(*CARDS),
        interactive(carousel(*CARDS), header={"type": "text", "text": "x"}),
        "header",
    ),
    "card numbers": (carousel(*CARDS), carousel(CARDS[1], CARDS[0]), "card_index"),
    "media by id or link": (media("image", id="1"), media("image", id="1", link="https://e.org/a"), "one of"),
    "media that is there": (media("image", id="1"), media("image", id="9"), "id"),
    "media of its kind": (media("document", id="2"), media("image", id="2"), "application/pdf"),
    "links": (media("image", link="https://e.org/a"), media("image", link="javascript:alert(1)"), "link"),
    "captions of audio": (
        media("audio", link="https://e.org/a"),
        media("audio", link="https://e.org/a", caption="x"),
        "caption",
    ),
    "callback data": (
        text() | {"biz_opaque_callback_data": "x" * 512},
        text() | {"biz_opaque_callback_data": "x" * 513},
        "biz_opaque",
    ),
    "reaction": (
        media("reaction", message_id="wamid.A", emoji=""),
        media("reaction", message_id="wamid.A", emoji="ok"),
        "emoji",
    ),
    "location": (
        media("location", latitude=1.5, longitude="2.5"),
        media("location", latitude=91, longitude=2.5),
        "latitude",
    ),
    "recipient": (text() | {"to": None, "recipient": "BR.1a"}, text() | {"to": None, "recipient": "1a"}, "recipient"),
    "number": (text() | {"to": "+33 6 00 00 00 01"}, text() | {"to": "Ana"}, "to"),
    "kind": (text(), {"type": "poll", "poll": {}}, "type"),
}


@pytest.mark.parametrize("edge", EDGES)
def test_the_last_that_is_allowed_passes_and_the_first_beyond_is_refused(edge: str) -> None:
    allowed, refused, name = EDGES[edge]
    assert check(allowed) == allowed["type"]
    error = refusal(refused)
    assert error.status == 400
    assert error.code in (100, 131008, 131009, 131053)
    assert name in error.details


# Messages, and paths to what none of them may lack.
NEEDED: list[tuple[Message, str]] = [
    (text(), "text"),
    (text(), "text body"),
    (buttons(*TWO), "interactive"),
    (buttons(*TWO), "interactive type"),
    (buttons(*TWO), "interactive body"),
    (buttons(*TWO), "interactive body text"),
    (buttons(*TWO), "interactive action"),
    (buttons(*TWO), "interactive action buttons"),
    (buttons(*TWO), "interactive action buttons 1 type"),
    (buttons(*TWO), "interactive action buttons 1 reply"),
    (buttons(*TWO), "interactive action buttons 1 reply id"),
    (buttons(*TWO), "interactive action buttons 1 reply title"),
    (listed([row()]), "interactive body"),
    (listed([row()]), "interactive action button"),
    (listed([row()]), "interactive action sections"),
    (listed([row()]), "interactive action sections 0 rows"),
    (listed([row()]), "interactive action sections 0 rows 0 id"),
    (listed([row()]), "interactive action sections 0 rows 0 title"),
    (carousel(*CARDS), "interactive body"),
    (carousel(*CARDS), "interactive action cards"),
    (carousel(*CARDS), "interactive action cards 1 header"),
    (carousel(*CARDS), "interactive action cards 1 header image"),
    (carousel(*CARDS), "interactive action cards 1 header image link"),
    (carousel(*CARDS), "interactive action cards 1 action"),
    (carousel(*CARDS), "interactive action cards 1 action buttons"),
    (carousel(*CARDS), "interactive action cards 1 action buttons 0 quick_reply id"),
    (PDF, "document id"),
]


@pytest.mark.parametrize(("whole", "path"), NEEDED)
def test_what_is_needed_is_missed_where_it_is_taken_away(whole: Message, path: str) -> None:
    assert check(whole)
    damaged = copy.deepcopy(whole)
    *way, last = [int(step) if step.isdigit() else step for step in path.split()]
    parent: Any = damaged
    for step in way:
        parent = parent[step]
    del parent[last]
    assert refusal(damaged).code in (100, 131008)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "body", "action", "buttons", "cards", "sections", "rows", "header", "id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(kind=st.sampled_from(["text", "interactive", "image", "template", "contacts", "location"]), content=junk)
def test_nonsense_is_refused_and_never_breaks_the_simulator(kind: str, content: Any) -> None:
    with contextlib.suppress(GraphError):
        assert check({"type": kind, kind: content}) == kind


@pytest.mark.parametrize(
    ("mime_type", "data", "code"),
    [
        ("image/png", b"\x89PNG\r\n\x1a\n" + b"x", None),
        ("image/png", b"\xff\xd8\xff", 131053),
        ("image/jpeg", b"\xff\xd8\xff" + b"x" * (5 * 1024 * 1024 - 3), None),
        ("image/jpeg", b"\xff\xd8\xff" + b"x" * (5 * 1024 * 1024 - 2), 100),
        ("image/gif", b"GIF89a", 100),
        ("application/pdf", b"%PDF", None),
        ("application/pdf", b"", 100),
        ("audio/ogg", b"OggS", None),
        ("audio/wav", b"RIFF", 100),
    ],
)
def test_files_are_taken_by_type_size_and_content(mime_type: str, data: bytes, code: int | None) -> None:
    if code is None:
        check_upload(mime_type, data)
        return
    with pytest.raises(GraphError) as caught:
        check_upload(mime_type, data)
    assert caught.value.code == code


def test_template_words_have_no_line_breaks() -> None:
    parameters = [{"type": "text", "text": "two\nlines"}]
    template = {
        "name": "reminder_v1",
        "language": {"code": "en_US"},
        "components": [{"type": "BODY", "parameters": parameters}],
    }
    assert refusal(media("template", **template)).code == 132012
    parameters[0]["text"] = "one line"
    assert check(media("template", **template)) == "template"
