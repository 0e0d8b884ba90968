"""What the Cloud API refuses to send: every kind of message with its limits.

Written from Meta's pages (interactive reply buttons, lists, media carousel, media, templates), and
on purpose not from the service's own renderer, so that each checks the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from banksman.simulator import interactive
from banksman.simulator.errors import GraphError
from banksman.simulator.fields import array, bad, link, missing, number, obj, one_of, optional, string
from banksman.simulator.wire import Node

MB = 1024 * 1024

# Kind of message -> MIME types it takes (None: any), and most bytes.
MEDIA: dict[str, tuple[frozenset[str] | None, int]] = {
    "audio": (
        frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/opus"}),
        16 * MB,
    ),
    "document": (None, 100 * MB),
    "image": (frozenset({"image/jpeg", "image/png"}), 5 * MB),
    "sticker": (frozenset({"image/webp"}), 500 * 1024),
    "video": (frozenset({"video/mp4", "video/3gpp"}), 16 * MB),
}

# How files of a type begin; the type counts by content, not by name.
MAGIC = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "image/webp": b"RIFF"}

KnowsMedia = Callable[[str], str | None]  # a media id's MIME type; None where there is no such id


def check_message(message: Node, media_type: KnowsMedia) -> str:
    """Refuse (GraphError) what cannot be sent; else the message's kind."""
    if message.get("messaging_product") != "whatsapp":
        raise GraphError(100, "The parameter messaging_product must be 'whatsapp'.")
    if message.get("recipient_type", "individual") not in ("individual", "group"):
        raise GraphError(100, "recipient_type must be one of {INDIVIDUAL, GROUP}.")
    _check_recipient(message)
    optional(message, "biz_opaque_callback_data", "biz_opaque_callback_data", 512)
    if "context" in message:
        string(obj(message, "context", "context"), "message_id", "context.message_id", 512)
    kind = message.get("type", "text")
    if kind == "contacts":
        _contacts(message)
        return "contacts"
    if not isinstance(kind, str) or kind not in KINDS:
        raise GraphError(100, f"Param type must be one of {{{', '.join([*KINDS, 'contacts']).upper()}}}.")
    KINDS[kind](obj(message, kind, kind), media_type)
    return kind


def _check_recipient(message: Node) -> None:
    to, recipient = message.get("to"), message.get("recipient")
    if to is None and recipient is None:
        raise GraphError(100, "The parameter to is required.")
    if to is not None:
        group = message.get("recipient_type") == "group"
        if not isinstance(to, str) or not (group or re.fullmatch(r"\+?[\d\s().-]{5,32}", to)):
            raise bad("to", "must be a phone number.")
    elif not isinstance(recipient, str) or not re.fullmatch(r"[A-Z]{2}\.(ENT\.)?[0-9A-Za-z]{1,128}", recipient):
        raise bad("recipient", "must be a business-scoped user id.")


def check_upload(mime_type: str, data: bytes) -> None:
    """Refuse (GraphError) a file that WhatsApp does not take."""
    family = mime_type.split("/")[0]
    kind = "sticker" if mime_type == "image/webp" else family if family in MEDIA else "document"
    allowed, most = MEDIA[kind]
    if allowed is not None and mime_type not in allowed:
        types = ", ".join(sorted(allowed))
        raise GraphError(
            100, f"Param file must be a file with one of the following types: {types}. Received: {mime_type}."
        )
    if not data or len(data) > most:
        raise GraphError(100, f"file: size invalid. {kind} files have 1 to {most} bytes, given: {len(data)}.")
    if mime_type in MAGIC and not data.startswith(MAGIC[mime_type]):
        raise GraphError(131053, f"file: the content is not of the type {mime_type}.")


def _text(content: Node, _: KnowsMedia) -> None:
    string(content, "body", "text['body']", 4096, code=100)
    if not isinstance(content.get("preview_url", False), bool):
        raise bad("text['preview_url']", "must be true or false.")


def _media(kind: str) -> Callable[[Node, KnowsMedia], None]:
    def check(content: Node, media_type: KnowsMedia) -> None:
        check_media(content, kind, kind, media_type)
        if kind in ("audio", "sticker"):
            if "caption" in content:
                raise GraphError(100, f"Unexpected key 'caption' on param '{kind}'.")
        else:
            optional(content, "caption", f"{kind}['caption']", 1024)
        if kind == "document":
            optional(content, "filename", "document['filename']", 240)

    return check


def check_media(content: Node, kind: str, path: str, media_type: KnowsMedia) -> None:
    """A file by `id` or by `link`, one of the two, of a type that this kind takes."""
    if ("id" in content) == ("link" in content):
        raise GraphError(100, f"{path}: exactly one of id and link is required.")
    if "link" in content:
        return link(content, "link", f"{path}['link']")
    media_id = content["id"]
    known = media_type(media_id) if isinstance(media_id, str) else None
    if known is None:
        raise GraphError(100, f"Param {path}['id'] is not a valid whatsapp business account media attachment ID.")
    allowed = MEDIA[kind][0]
    if allowed is not None and known not in allowed:
        raise GraphError(131053, f"{path}: {known} cannot be sent as {kind}.")
    return None


def _reaction(content: Node, _: KnowsMedia) -> None:
    string(content, "message_id", "reaction['message_id']", 512)
    emoji = content.get("emoji")
    if emoji is None:
        raise missing("reaction['emoji']")
    if not isinstance(emoji, str) or len(emoji) > 32 or re.search(r"[A-Za-z\s]", emoji):
        raise bad("reaction['emoji']", "must be one emoji, or empty to take the reaction back.")


def _location(content: Node, _: KnowsMedia) -> None:
    number(content, "latitude", "location['latitude']", 90)
    number(content, "longitude", "location['longitude']", 180)
    for name in ("name", "address"):
        optional(content, name, f"location['{name}']", 1000)


def _template(content: Node, _: KnowsMedia) -> None:
    name = string(content, "name", "template['name']", 512)
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise bad("template['name']", "has small letters, digits and underscores only.")
    string(obj(content, "language", "template['language']"), "code", "template['language']['code']", 16)
    if "components" not in content:
        return
    for component in array(content, "components", "template['components']", least=0, most=12):
        kind = str(component.get("type", "")).lower()
        if kind not in ("header", "body", "footer", "button", "carousel", "limited_time_offer"):
            raise GraphError(100, "template['components'][type] is not a kind of component.")
        if "parameters" in component:
            for parameter in array(component, "parameters", f"template {kind} parameters", least=0, most=100):
                _template_parameter(parameter, kind)


def _template_parameter(parameter: Node, kind: str) -> None:
    path = f"template {kind} parameter"
    if str(parameter.get("type", "")).lower() == "payload":
        string(parameter, "payload", f"{path} payload", 256)
    elif str(parameter.get("type", "")).lower() == "text":
        value = string(parameter, "text", f"{path} text", {"header": 60, "button": 2000}.get(kind, 1024))
        if re.search(r"[\n\t]| {4}", value):
            raise GraphError(132012, f"{path} text: no new lines, tabs or more than 3 spaces in a row.")


def _contacts(message: Node) -> None:
    for contact in array(message, "contacts", "contacts", least=1, most=257):
        name = obj(contact, "name", "contacts['name']")
        string(name, "formatted_name", "contacts['name']['formatted_name']", 1024)


def _interactive(content: Node, media_type: KnowsMedia) -> None:
    kind = one_of(content, "type", "interactive['type']", tuple(interactive.KINDS))
    interactive.KINDS[kind](content, lambda header, name: check_media(header, name, f"header.{name}", media_type))


KINDS: dict[str, Callable[[Node, KnowsMedia], None]] = {
    "text": _text,
    "interactive": _interactive,
    "image": _media("image"),
    "document": _media("document"),
    "audio": _media("audio"),
    "video": _media("video"),
    "sticker": _media("sticker"),
    "reaction": _reaction,
    "location": _location,
    "template": _template,
}
