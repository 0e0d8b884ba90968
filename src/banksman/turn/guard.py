"""What a message says, made safe to work with: NFC, no control characters, bounded."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from banksman.services.turns import Incoming
from banksman.whatsapp.limits import visible

MAX_TEXT = 4096  # characters that understanding and models look at; the whole is stored
WORDED = (
    "text",
    "image",
    "video",
    "document",
    "button",
    "interactive",
)  # kinds whose body is the person's words


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One message with the words in it."""

    message: Incoming
    text: str | None  # "": a text without a visible character; None: a kind without words

    @property
    def tapped(self) -> bool:
        """Whether it is a tap."""
        return self.message.tap is not None


def hear(message: Incoming) -> Heard:
    """The words of a message."""
    if message.kind == "interactive" and message.tap is None:
        return Heard(message=message, text=None)  # a form, or a kind that is not known yet
    if message.kind not in WORDED or (message.body is None and message.kind != "text"):
        return Heard(message=message, text=None)
    text = unicodedata.normalize("NFC", message.body or "")
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn"))
    return Heard(message=message, text=kept.strip()[:MAX_TEXT] if visible(kept) else "")
