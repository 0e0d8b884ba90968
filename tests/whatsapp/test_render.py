"""Every reply becomes one or two messages that WhatsApp accepts, and that can be read back as text."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from banksman.whatsapp.render import Rendered, addressed, as_read, render, transcript
from banksman.whatsapp.replies import (
    Card,
    CarouselReply,
    Choice,
    Json,
    ListReply,
    MediaRef,
    MediaReply,
    Reply,
    TextReply,
)


def offered(content: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((each.title, each.payload) for each in as_read(content)[1])


MEDIA_ID = UUID("00000000-0000-4000-8000-000000000001")
OUTBOX_ID = UUID("00000000-0000-4000-8000-000000000002")
PLAN = MediaRef(media_id=MEDIA_ID, mime_type="image/png", file_name="level2.png")
PDF = MediaRef(media_id=MEDIA_ID, mime_type="application/pdf", file_name="level2.pdf")


def link(media: MediaRef) -> str | None:
    return f"https://files.example.org/{media.file_name}"


def no_link(media: MediaRef) -> str | None:
    return None


def show(reply: Reply) -> list[dict[str, Any]]:
    """The contents, as JSON gives them back."""
    contents: list[dict[str, Any]] = json.loads(json.dumps([r.content for r in render(reply, link=link)]))
    return contents


def choice(title: str, payload: str = "", description: str | None = None) -> Choice:
    return Choice(title=title, payload=payload or f"do:{title.strip()[:20] or 'x'}", description=description)


# ---------------------------------------------------------------------------------------- texts and lists


def test_a_text_is_one_message() -> None:
    assert render(TextReply(body="Good morning"), link=link) == (
        Rendered(
            kind="text",
            body="Good morning",
            content={"type": "text", "text": {"body": "Good morning", "preview_url": False}},
        ),
    )


def test_titles_that_fit_become_buttons() -> None:
    reply = TextReply(body="Done?", buttons=(choice("Yes", "done:yes"), choice("Not yet", "done:no")))
    assert show(reply) == [
        {
            "type": "interactive",
            "interactive": {
                "type": "button",
                "body": {"text": "Done?"},
                "action": {
                    "buttons": [
                        {"type": "reply", "reply": {"id": "done:yes", "title": "Yes"}},
                        {"type": "reply", "reply": {"id": "done:no", "title": "Not yet"}},
                    ]
                },
            },
        }
    ]


def test_a_title_too_long_for_a_button_makes_a_list_in_which_it_can_be_read_whole() -> None:
    long = "Tile the bathroom on level two"
    (message,) = show(TextReply(body="Which?", buttons=(choice(long, "t:1"), choice("None", "no"))))
    action = message["interactive"]["action"]
    assert action["button"] == "☰"
    assert action["sections"] == [
        {
            "title": "☰",
            "rows": [
                {"id": "t:1", "title": "Tile the bathroom on le…", "description": long},
                {"id": "no", "title": "None"},
            ],
        }
    ]


def test_the_list_that_buttons_become_opens_by_the_reply_s_own_words() -> None:
    reply = TextReply(body="Which?", button="Choose", buttons=(choice("x" * 21),))
    assert show(reply)[0]["interactive"]["action"]["button"] == "Choose"


def test_equal_titles_become_rows_that_differ() -> None:
    reply = TextReply(body="Which?", buttons=(choice("Wall", "1"), choice(" wall", "2"), choice("Wall", "3")))
    (message,) = show(reply)
    rows = message["interactive"]["action"]["sections"][0]["rows"]
    assert [row["title"] for row in rows] == ["Wall", "wall 2", "Wall 3"]


def test_rows_whose_cut_titles_are_equal_are_numbered() -> None:
    rows = (choice("Tile the bathroom north wall", "1"), choice("Tile the bathroom north floor", "2"))
    (message,) = show(ListReply(body="Tasks", button="Open tasks", rows=rows))
    shown = message["interactive"]["action"]["sections"][0]
    assert shown["title"] == "Open tasks"
    assert [row["title"] for row in shown["rows"]] == ["Tile the bathroom north…", "Tile the bathroom nor… 2"]
    assert shown["rows"][1]["description"] == "Tile the bathroom north floor"


def test_the_words_that_open_a_list_are_cut_on_its_button_and_as_its_title() -> None:
    (message,) = show(ListReply(body="Tasks", button="x" * 30, rows=(choice("Wall"),)))
    action = message["interactive"]["action"]
    assert (action["button"], action["sections"][0]["title"]) == ("x" * 19 + "…", "x" * 23 + "…")


def test_a_row_keeps_its_own_description() -> None:
    rows = (choice("Tile the bathroom north wall", "1", "due\non Friday " + "x" * 80),)
    (message,) = show(ListReply(body="Tasks", button="Open", rows=rows))
    description = message["interactive"]["action"]["sections"][0]["rows"][0]["description"]
    assert description == "due on Friday " + "x" * 57 + "…"


def test_of_choices_with_one_payload_the_first_is_kept() -> None:
    reply = TextReply(body="Go on?", buttons=(choice("Yes", "go"), choice("Sure", "go"), choice("No", "no")))
    assert offered(show(reply)[0]) == (("Yes", "go"), ("No", "no"))


def test_a_title_without_a_visible_character_is_still_a_title() -> None:
    assert offered(show(TextReply(body="?", buttons=(choice("\x00 \u200b", "p"),)))[0]) == (("…", "p"),)


def test_a_long_text_goes_ahead_and_its_end_carries_the_buttons() -> None:
    body = "First things. " * 100 + "\n\nWhich one is it?"
    first, last = show(TextReply(body=body, buttons=(choice("This"),)))
    assert first == {"type": "text", "text": {"body": ("First things. " * 100).strip(), "preview_url": False}}
    assert last["interactive"]["body"]["text"] == "Which one is it?"


def test_more_text_than_two_messages_hold_is_cut_with_an_ellipsis() -> None:
    first, last = show(TextReply(body="word " * 3000))
    assert last["text"]["body"].endswith("…")
    assert len(first["text"]["body"]) + len(last["text"]["body"]) > 8100


# ----------------------------------------------------------------------------------- pictures, documents


def test_a_picture_by_link_has_its_caption() -> None:
    assert show(MediaReply(media=PLAN, caption="Level 2")) == [
        {"type": "image", "image": {"link": "https://files.example.org/level2.png", "caption": "Level 2"}}
    ]


def test_a_file_that_is_no_picture_is_a_document_with_its_name() -> None:
    assert show(MediaReply(media=PDF)) == [
        {
            "type": "document",
            "document": {"link": "https://files.example.org/level2.pdf", "filename": "level2.pdf"},
        }
    ]


def test_a_long_caption_goes_ahead_as_text() -> None:
    first, last = show(MediaReply(media=PLAN, caption="A sentence. " * 120))
    assert (first["type"], last["type"]) == ("text", "image")
    assert len(first["text"]["body"]) + len(last["image"]["caption"]) + 1 == len("A sentence. " * 120) - 1


@pytest.mark.parametrize(("media_ref", "kind"), [(PLAN, "image"), (PDF, "document")])
def test_a_file_with_buttons_is_their_header(media_ref: MediaRef, kind: str) -> None:
    (message,) = show(MediaReply(media=media_ref, buttons=(choice("More"),)))
    interactive = message["interactive"]
    assert interactive["header"]["type"] == kind
    assert interactive["header"][kind]["link"] == link(media_ref)
    assert interactive["body"]["text"] == media_ref.file_name


def test_a_file_whose_buttons_do_not_fit_is_followed_by_a_list() -> None:
    first, last = show(MediaReply(media=PLAN, caption="Level 2", buttons=(choice("x" * 21, "p"),)))
    assert first == {"type": "image", "image": {"link": link(PLAN)}}
    assert last["interactive"]["type"] == "list"
    assert last["interactive"]["body"]["text"] == "Level 2"


def test_a_file_without_a_public_address_is_named() -> None:
    (message,) = render(MediaReply(media=PDF, caption="Level 2", buttons=(choice("More"),)), link=no_link)
    assert message.body == "📎 level2.pdf\n\nLevel 2\n  1. More"
    assert offered(message.content) == (("More", "do:More"),)


# --------------------------------------------------------------------------------------------- carousels


def cards(*images: MediaRef) -> tuple[Card, ...]:
    return tuple(
        Card(image=image, body=f"Plan {n}", button=choice("Pick", f"pick:{n}")) for n, image in enumerate(images, 1)
    )


def test_a_carousel_is_as_in_meta_s_sample() -> None:
    (message,) = show(CarouselReply(body="Two plans", cards=cards(PLAN, PLAN)))
    assert message["interactive"]["type"] == "carousel"
    assert message["interactive"]["action"]["cards"][1] == {
        "card_index": 1,
        "type": "cta_url",
        "header": {"type": "image", "image": {"link": link(PLAN)}},
        "body": {"text": "Plan 2"},
        "action": {"buttons": [{"type": "quick_reply", "quick_reply": {"id": "pick:2", "title": "Pick"}}]},
    }


def test_a_card_has_at_most_two_line_breaks_and_160_characters() -> None:
    card = Card(image=PLAN, body="a\nb\nc\nd\n" + "e" * 200, button=choice("Pick", "p"))
    (message,) = show(CarouselReply(body="Plans", cards=(card, *cards(PLAN))))
    assert message["interactive"]["action"]["cards"][0]["body"]["text"] == "a\nb\nc d " + "e" * 151 + "…"


def test_where_one_card_has_words_all_have_some() -> None:
    silent = Card(image=PLAN, body=" ", button=choice("Pick", "p"))
    (message,) = show(CarouselReply(body="Plans", cards=(silent, *cards(PLAN))))
    assert [card["body"]["text"] for card in message["interactive"]["action"]["cards"]] == ["Pick", "Plan 1"]
    (message,) = show(CarouselReply(body="Plans", cards=(silent, silent)))
    assert not [card for card in message["interactive"]["action"]["cards"] if "body" in card]


def test_a_card_that_is_no_picture_falls_out() -> None:
    (message,) = show(CarouselReply(body="Plans", cards=cards(PLAN, PDF, PLAN)))
    assert offered(message) == (("Pick", "pick:1"), ("Pick", "pick:3"))


def test_one_picture_left_is_shown_alone() -> None:
    (message,) = show(CarouselReply(body="Plans", cards=cards(PDF, PLAN)))
    assert message["interactive"]["header"]["type"] == "image"
    assert message["interactive"]["body"]["text"] == "Plans\n\nPlan 2"
    assert offered(message) == (("Pick", "pick:2"),)


def test_without_any_picture_the_cards_are_choices() -> None:
    (message,) = show(CarouselReply(body="Plans", cards=cards(PDF, PDF)))
    assert offered(message) == (("Plan 1", "pick:1"), ("Plan 2", "pick:2"))
    assert as_read(message)[0] == "Plans"


def test_without_a_public_address_the_cards_are_choices_with_the_same_payloads() -> None:
    reply = CarouselReply(body="Plans", cards=cards(*[PLAN] * 5), button="Plans")
    (message,) = render(reply, link=no_link)
    assert as_read(message.content)[0] == "Plans"
    assert offered(message.content) == tuple((f"Plan {n}", f"pick:{n}") for n in range(1, 6))


# ---------------------------------------------------------------------------------- addressing and reading

TEXT: dict[str, Json] = {"type": "text", "text": {"body": "hi", "preview_url": False}}


def test_a_phone_number_wins_over_a_business_scoped_id() -> None:
    message = addressed(TEXT, wa_id="33600000001", bsuid="FR.1", outbox_id=OUTBOX_ID, reply_to="wamid.A")
    assert message == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "33600000001",
        "context": {"message_id": "wamid.A"},
        "biz_opaque_callback_data": str(OUTBOX_ID),
        **TEXT,
    }


def test_without_a_phone_number_the_business_scoped_id_is_the_recipient() -> None:
    message = addressed(TEXT, wa_id=None, bsuid="FR.1", outbox_id=OUTBOX_ID)
    assert message["recipient"] == "FR.1"
    assert not {"to", "context"} & set(message)


def test_a_message_to_nobody_is_an_error() -> None:
    with pytest.raises(ValueError, match="wa_id or a bsuid"):
        addressed(TEXT, wa_id=None, bsuid=None, outbox_id=OUTBOX_ID)


def test_rows_and_cards_are_read_with_their_words_numbered() -> None:
    rows = (choice("Wall", "1"), choice("Floor", "2", "due Friday"))
    (message,) = show(ListReply(body="Tasks", button="Open", rows=rows))
    assert transcript(message) == "Tasks\n  1. Wall\n  2. Floor – due Friday"
    (message,) = show(CarouselReply(body="Plans", cards=cards(PLAN, PLAN)))
    assert transcript(message) == "Plans\n  1. Pick – 🖼 Plan 1\n  2. Pick – 🖼 Plan 2"


def test_files_are_read_by_name_and_caption() -> None:
    assert as_read(show(MediaReply(media=PDF, caption="Level 2"))[0]) == ("📎 level2.pdf\nLevel 2", ())
    assert as_read(show(MediaReply(media=PLAN))[0]) == ("🖼", ())
    with_button = show(MediaReply(media=PDF, caption="Level 2", buttons=(choice("More", "m"),)))[0]
    assert transcript(with_button) == "📎 level2.pdf\nLevel 2\n  1. More"


def test_a_template_is_read_by_its_name_and_what_was_filled_in() -> None:
    parameters = [{"type": "text", "text": "Ana"}]
    payload = [{"type": "payload", "payload": "confirm:42"}]
    components = [
        {"type": "body", "parameters": parameters},
        {"type": "button", "sub_type": "quick_reply", "index": 0, "parameters": payload},
    ]
    content: dict[str, Any] = {"type": "template", "template": {"name": "reply", "components": components}}
    assert transcript(content) == "[reply]\nAna\n  1. confirm:42"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "interactive", "action", "cards", "body", "text"]), inner)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["type", "interactive", "text", "template"]), json_values))
def test_reading_takes_whatever_was_stored(content: dict[str, Any]) -> None:
    for kind in ("interactive", "text", "template", None):
        assert isinstance(transcript({**content, "type": kind} if kind else content), str)


def test_a_payload_longer_than_a_row_s_id_is_refused_when_it_is_made() -> None:
    with pytest.raises(ValidationError, match="at most 200 bytes"):
        Choice(title="Yes", payload="é" * 101)
