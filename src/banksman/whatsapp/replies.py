"""Replies as the product speaks of them, before they take WhatsApp's form.

Titles, bodies and captions are whole sentences of any length: `render` cuts and splits them to
WhatsApp's limits. A `payload` is what comes back when a person taps: at most 200 bytes, never shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _short(payload: str) -> str:
    if len(payload.encode()) > 200:
        raise ValueError("a payload has at most 200 bytes")
    return payload


Payload = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$"), AfterValidator(_short)]


class Choice(_Model):
    """One thing to tap: a button, a row of a list."""

    title: Annotated[str, Field(min_length=1)]
    payload: Payload
    description: str | None = None  # shown under a row of a list; dropped on a button


class MediaRef(_Model):
    """A stored file (a row of `media`), as a reply names it."""

    media_id: UUID
    mime_type: str
    file_name: str


class TextReply(_Model):
    """A text with up to three buttons, or rows of a list where their titles do not fit on buttons."""

    kind: Literal["text"] = "text"
    body: Annotated[str, Field(min_length=1)]
    buttons: Annotated[tuple[Choice, ...], Field(max_length=3)] = ()
    button: str | None = None  # what opens the list where buttons become one


class ListReply(_Model):
    """A text with a button that opens 1 to 10 rows."""

    kind: Literal["list"] = "list"
    body: Annotated[str, Field(min_length=1)]
    button: Annotated[str, Field(min_length=1)]
    rows: Annotated[tuple[Choice, ...], Field(min_length=1, max_length=10)]


class Card(_Model):
    """One card of a carousel: a picture, words under it, one button."""

    image: MediaRef
    body: str
    button: Choice


class CarouselReply(_Model):
    """2 to 10 pictures side by side."""

    kind: Literal["carousel"] = "carousel"
    body: Annotated[str, Field(min_length=1)]
    cards: Annotated[tuple[Card, ...], Field(min_length=2, max_length=10)]
    button: str | None = None  # what opens the list where there can be no carousel


class MediaReply(_Model):
    """One file: shown as a picture where WhatsApp can (JPEG, PNG), else as a document with its name."""

    kind: Literal["media"] = "media"
    media: MediaRef
    caption: str = ""
    buttons: Annotated[tuple[Choice, ...], Field(max_length=3)] = ()
    button: str | None = None  # what opens the list where buttons become one


Reply = Annotated[TextReply | ListReply | CarouselReply | MediaReply, Field(discriminator="kind")]


def choices(body: str, options: tuple[Choice, ...], *, button: str) -> TextReply | ListReply:
    """`options` (1 to 10) as buttons where there are at most three whose titles fit whole and differ.

    Else as a list that opens by `button`. Source of the limit of 20 characters: WhatsApp's page
    "Interactive reply buttons".
    """
    titles = [option.title for option in options]
    if len(options) <= 3 and len(set(titles)) == len(titles) and all(width(title) <= 20 for title in titles):
        return TextReply(body=body, buttons=options, button=button)
    return ListReply(body=body, button=button, rows=options)


def bubbles(replies: Sequence[Reply]) -> int:
    """How many messages `replies` become: a text beyond what stands above buttons goes ahead on its own."""
    return sum(
        1 + (reply.kind == "text" and width(reply.body) > (1024 if reply.buttons else 4096)) for reply in replies
    )


def width(text: str) -> int:
    """Length in UTF-16 units, the safe reading of WhatsApp's undefined "characters"."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
