"""Text from outside, bounded and marked as data before a model reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from banksman.agent.types import Line

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def bounded(text: str, limit: int) -> str:
    """At most `limit` characters of `text` (the beginning), without control characters."""
    clean = CONTROL.sub(" ", text).strip()
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def marked(tag: str, text: str, limit: int) -> str:
    """`text` between `<tag>` and `</tag>`; what looks like one of these inside it is made harmless."""
    inside = re.sub(rf"<(\s*/?\s*{tag})", r"‹\1", bounded(text, limit), flags=re.IGNORECASE)
    return f"<{tag}>\n{inside}\n</{tag}>"


def transcript(lines: Sequence[Line], *, last: int, limit: int) -> str:
    """The `last` lines of a conversation, one a line, each at most `limit` characters."""
    return "\n".join(f"{line.speaker}: {_one_line(bounded(line.text, limit))}" for line in lines[-last:])


def _one_line(text: str) -> str:
    return " ".join(text.split())
