"""Words as they are compared: case, accents, punctuation, Arabic letter forms and spacing aside."""

from __future__ import annotations

import unicodedata

SAME_LETTERS = {ord(written): plain for written, plain in zip("łøßىة", ("l", "o", "ss", "ي", "ه"), strict=True)}


def fold(text: str) -> str:
    """Words as they are compared: case, accents, punctuation, Arabic letter forms and spacing aside."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    letters = "".join(
        " " if not (c.isalnum() or unicodedata.category(c)[0] == "M" or c == "?") else c
        for c in decomposed.replace("'", " ").replace("’", " ")
        if not unicodedata.category(c).startswith("M") and c != "ـ"
    )
    plain = letters.translate(SAME_LETTERS)
    words = " ".join(plain.replace("?", " ").split())
    return words or ("?" if "?" in plain else "")
