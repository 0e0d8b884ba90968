"""From a reply to the messages of the Graph API that show it, within WhatsApp's limits, and back to text.

The shapes are those of Meta's pages "Text messages", "Interactive reply buttons", "Interactive list
messages", "Interactive media carousel" and "Media messages" (Cloud API v26.0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from banksman.whatsapp import limits
from banksman.whatsapp.limits import ELLIPSIS, clean, cut, in_two, line, visible
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
    width,
)

Content: TypeAlias = dict[str, Json]  # a Graph message without addressee and envelope
Link: TypeAlias = Callable[[MediaRef], str | None]  # a file's public address; None where it has none

LIST_LABEL = "☰"
PICTURE = "🖼"
DOCUMENT = "📎"


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """One message as it will be sent."""

    kind: str  # WhatsApp's type: text, interactive, image, document
    body: str  # what a person reads, for the transcript
    content: Content


def render(reply: Reply, *, link: Link) -> tuple[Rendered, ...]:
    """`reply` as one message, or two where its text does not go into one.

    What is beyond the room of two is cut with an ellipsis; of choices with the same payload the first
    is kept. Choices become buttons where there are at most three whose titles fit whole and differ,
    else rows of a list.
    """
    match reply:
        case TextReply():
            contents = _choices(reply.body, reply.buttons, reply.button)
        case ListReply():
            contents = _list(reply.body, reply.rows, reply.button)
        case CarouselReply():
            contents = _carousel(reply, link)
        case MediaReply():
            contents = _media(reply, link(reply.media))
    return tuple(Rendered(kind=str(content["type"]), body=transcript(content), content=content) for content in contents)


def addressed(
    content: Content, *, wa_id: str | None, bsuid: str | None, outbox_id: UUID, reply_to: str | None = None
) -> Content:
    """`content` as the body of a send to `wa_id`, else to `bsuid`; raises ValueError without both.

    `outbox_id` comes back in status webhooks; `reply_to` is the id of the message to quote.
    """
    if not wa_id and not bsuid:
        raise ValueError("a message needs a wa_id or a bsuid")
    address: Content = {"to": wa_id} if wa_id else {"recipient": bsuid}
    quote: Content = {"context": {"message_id": reply_to}} if reply_to else {}
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **address,
        **quote,
        "biz_opaque_callback_data": str(outbox_id),
        **content,
    }


# ------------------------------------------------------------------------------------------- to WhatsApp


def _readable(text: str) -> str:
    """`text` cleaned; WhatsApp refuses a blank one, so that becomes an ellipsis."""
    text = clean(text)
    return text if visible(text) else ELLIPSIS


def _title(text: str) -> str:
    text = line(text)
    return text if visible(text) else ELLIPSIS


def _titles(options: Sequence[Choice], limit: int) -> list[str]:
    """The titles of `options` cut to `limit`, numbered where they would be equal."""
    taken: set[str] = set()
    titles: list[str] = []
    for option in options:
        whole = _title(option.title)
        title = cut(whole, limit)
        number = 1
        while title.casefold() in taken:
            number += 1
            title = f"{cut(whole, limit - len(f' {number}'))} {number}"
        taken.add(title.casefold())
        titles.append(title)
    return titles


def _distinct(options: Sequence[Choice]) -> tuple[Choice, ...]:
    """`options` without those whose payload came before: WhatsApp refuses an id given twice."""
    first: dict[str, Choice] = {}
    for option in options:
        first.setdefault(option.payload, option)
    return tuple(first.values())


def _fit_on_buttons(options: Sequence[Choice]) -> bool:
    titles = [_title(option.title) for option in options]
    return (
        len(titles) <= limits.BUTTONS
        and len({title.casefold() for title in titles}) == len(titles)
        and all(width(title) <= limits.BUTTON_TITLE for title in titles)
    )


def _text(body: str) -> Content:
    return {"type": "text", "text": {"body": body, "preview_url": False}}


def _interactive(interactive: Content) -> Content:
    return {"type": "interactive", "interactive": interactive}


def _in_two(body: str, last: int) -> tuple[list[Content], str]:
    """What of `body` goes ahead as a message of text, and the rest, at most `last` units."""
    *head, tail = in_two(_readable(body), limits.TEXT_BODY, last)
    return [_text(piece) for piece in head], tail


def _choices(body: str, options: Sequence[Choice], label: str | None) -> list[Content]:
    options = _distinct(options)
    if not options:
        head, tail = _in_two(body, limits.TEXT_BODY)
        return [*head, _text(tail)]
    if _fit_on_buttons(options):
        head, tail = _in_two(body, limits.BUTTONS_BODY)
        return [*head, _buttons(tail, options)]
    return _list(body, options, label)


def _buttons(body: str, options: Sequence[Choice], header: Content | None = None) -> Content:
    buttons: list[Json] = [
        {"type": "reply", "reply": {"id": option.payload, "title": title}}
        for option, title in zip(options, _titles(options, limits.BUTTON_TITLE), strict=True)
    ]
    head: Content = {"header": header} if header else {}
    return _interactive({"type": "button", **head, "body": {"text": body}, "action": {"buttons": buttons}})


def _list(body: str, options: Sequence[Choice], label: str | None) -> list[Content]:
    options = _distinct(options)
    head, tail = _in_two(body, limits.LIST_BODY)
    label = line(label or "")
    label = label if visible(label) else LIST_LABEL
    titles = _titles(options, limits.ROW_TITLE)
    rows: list[Json] = [_row(option, title) for option, title in zip(options, titles, strict=True)]
    section: Content = {"title": cut(label, limits.SECTION_TITLE), "rows": rows}
    action: Content = {"button": cut(label, limits.BUTTON_TITLE), "sections": [section]}
    return [*head, _interactive({"type": "list", "body": {"text": tail}, "action": action})]


def _row(option: Choice, title: str) -> Content:
    """A row; a title that did not fit can be read whole in the description, where that is free."""
    whole = _title(option.title)
    description = line(option.description or "")
    if not visible(description):
        description = "" if width(whole) <= limits.ROW_TITLE else whole
    row: Content = {"id": option.payload, "title": title}
    return {**row, "description": cut(description, limits.ROW_DESCRIPTION)} if description else row


def _media_type(media: MediaRef) -> str:
    return media.mime_type.partition(";")[0].strip().lower()


def _media(reply: MediaReply, address: str | None) -> list[Content]:
    name = limits.file_name(reply.media.file_name)
    if not address:
        caption = f"\n\n{reply.caption}" if visible(reply.caption) else ""
        return _choices(f"{DOCUMENT} {name}{caption}", reply.buttons, reply.button)
    picture = _media_type(reply.media) in limits.IMAGE_TYPES
    kind = "image" if picture else "document"
    file: Content = {"link": address} if picture else {"link": address, "filename": name}
    options = _distinct(reply.buttons)
    if not options and not visible(reply.caption):
        return [{"type": kind, kind: file}]
    if not options:
        head, tail = _in_two(reply.caption, limits.CAPTION)
        return [*head, {"type": kind, kind: {**file, "caption": tail}}]
    body = reply.caption if visible(reply.caption) else name
    if _fit_on_buttons(options):
        head, tail = _in_two(body, limits.BUTTONS_BODY)
        return [*head, _buttons(tail, options, {"type": kind, kind: file})]
    shown: Content = {"type": kind, kind: file}
    return [shown, *_list(cut(_readable(body), limits.LIST_BODY), options, reply.button)]


def _carousel(reply: CarouselReply, link: Link) -> list[Content]:
    """The carousel, or what takes its place: one picture, or the choices of the cards by their words."""
    shown = [card for card in reply.cards if _media_type(card.image) in limits.IMAGE_TYPES]
    addresses = [address for card in shown if (address := link(card.image))]
    if not shown or len(addresses) < len(shown):
        return _choices(reply.body, [_as_choice(card) for card in reply.cards], reply.button)
    if len(shown) < limits.CAROUSEL_CARDS[0]:
        card = shown[0]
        caption = f"{reply.body}\n\n{card.body}" if visible(card.body) else reply.body
        picture = MediaReply(media=card.image, caption=caption, buttons=(card.button,), button=reply.button)
        return _media(picture, addresses[0])
    head, tail = _in_two(reply.body, limits.CAROUSEL_BODY)
    worded = any(visible(card.body) for card in shown)
    cards: list[Json] = [
        _card(index, card, address, worded) for index, (card, address) in enumerate(zip(shown, addresses, strict=True))
    ]
    return [*head, _interactive({"type": "carousel", "body": {"text": tail}, "action": {"cards": cards}})]


def _as_choice(card: Card) -> Choice:
    title = card.body if visible(card.body) else card.button.title
    return Choice(title=title, payload=card.button.payload, description=card.button.description)


def _card(index: int, card: Card, address: str, worded: bool) -> Content:
    """A card; all have words or none has, since Meta wants the same parts on every one."""
    title = cut(_title(card.button.title), limits.BUTTON_TITLE)
    *first, last = clean(card.body if visible(card.body) else title).split("\n", limits.CARD_LINE_BREAKS)
    words = "\n".join([*first, line(last)])
    body: Content = {"body": {"text": cut(words, limits.CARD_BODY)}} if worded else {}
    return {
        "card_index": index,
        "type": "cta_url",  # so in Meta's sample, for cards with quick replies too
        "header": {"type": "image", "image": {"link": address}},
        **body,
        "action": {"buttons": [{"type": "quick_reply", "quick_reply": {"id": card.button.payload, "title": title}}]},
    }


# ----------------------------------------------------------------------------------------------- to text


@dataclass(frozen=True, kw_only=True)
class Offered:
    """One thing that can be tapped, as a person sees it."""

    title: str
    payload: str
    note: str = ""  # the words under a row's title, or on a carousel's card


def as_read(content: Content) -> tuple[str, tuple[Offered, ...]]:
    """The text of a Graph message as a person reads it, and its choices in order.

    Takes whatever was stored: what is not understood is named by its type.
    """
    kind = _string(content.get("type"))
    part = _object(content.get(kind))
    if kind == "interactive":
        return _interactive_as_read(part)
    if kind == "text":
        return _string(part.get("body")), ()
    if kind == "template":
        return _template_as_read(part)
    return _lines([_file_as_read(kind, part), _string(part.get("caption"))]) or f"[{kind}]", ()


def transcript(content: Content) -> str:
    """A Graph message in plain lines: its text, then its choices, numbered."""
    text, offered = as_read(content)
    choices = (f"  {n}. {o.title}{f' – {o.note}' if o.note else ''}" for n, o in enumerate(offered, 1))
    return _lines([text, *choices])


def _interactive_as_read(part: Content) -> tuple[str, tuple[Offered, ...]]:
    header = _object(part.get("header"))
    kind = _string(header.get("type"))
    words = [
        _string(header.get("text")) or _file_as_read(kind, _object(header.get(kind))),
        _string(_object(part.get("body")).get("text")),
        _string(_object(part.get("footer")).get("text")),
    ]
    action = _object(part.get("action"))
    offered = [_offered(_object(button.get("reply"))) for button in _objects(action.get("buttons"))]
    for section in _objects(action.get("sections")):
        offered += [_offered(row, _string(row.get("description"))) for row in _objects(section.get("rows"))]
    for card in _objects(action.get("cards")):
        note = f"{PICTURE} {_string(_object(card.get('body')).get('text'))}".rstrip()
        buttons = _objects(_object(card.get("action")).get("buttons"))
        offered += [_offered(_object(button.get("quick_reply")), note) for button in buttons]
    return _lines(words), tuple(offered)


def _offered(choice: Content, note: str = "") -> Offered:
    return Offered(title=_string(choice.get("title")), payload=_string(choice.get("id")), note=note)


def _template_as_read(part: Content) -> tuple[str, tuple[Offered, ...]]:
    """A template's own words are not in the message: its name, what was filled in, its payloads."""
    words: list[str] = [f"[{_string(part.get('name'))}]"]
    offered: list[Offered] = []
    for component in _objects(part.get("components")):
        for parameter in _objects(component.get("parameters")):
            if payload := _string(parameter.get("payload")):
                offered.append(Offered(title=payload, payload=payload))
            words.append(_string(parameter.get("text")))
    return _lines(words), tuple(offered)


def _file_as_read(kind: str, part: Content) -> str:
    if kind == "image":
        return PICTURE
    return f"{DOCUMENT} {_string(part.get('filename'))}".rstrip() if kind == "document" else ""


def _lines(words: Iterable[str]) -> str:
    return "\n".join(word for word in words if word)


def _object(value: Json) -> Content:
    return value if isinstance(value, dict) else {}


def _objects(value: Json) -> list[Content]:
    return [_object(item) for item in value] if isinstance(value, list) else []


def _string(value: Json) -> str:
    return value if isinstance(value, str) else ""
