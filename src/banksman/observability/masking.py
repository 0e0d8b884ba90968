"""Masking what identifies a person before it leaves for a tracing service."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from pydantic import BaseModel

Data: TypeAlias = "bool | int | float | str | list[Data] | dict[str, Data] | None"

# What may stand between two digits of one phone number: spaces, brackets, dashes, marks of direction.
BETWEEN = r"[\s().\-/·\u2010-\u2015\u200e\u200f\u202a-\u202e\u2066-\u2069]{0,3}"
IDENTIFYING = re.compile(
    r"(?P<date>(?<!\d)(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?![-./]?\d|\s\d{3}))"
    r"|(?P<email>[\w.+-]+@[\w-]+\.[\w.-]+)"
    r"|(?P<id>(?<![0-9A-Za-z])[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])"
    r"|wamid\.[A-Za-z0-9+/=_-]+"
    r"|(?<![A-Za-z0-9])[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{8,128}(?![A-Za-z0-9]))"
    rf"|(?P<phone>\+?\(?\d(?:{BETWEEN}\d){{6,}})"
)
LONG_NUMBER = 1_000_000  # a number of seven digits or more may be a phone number


class Mask:
    """Replaces phone numbers, e-mail addresses, ids and the names of `people` in any data."""

    def __init__(self, people: Iterable[str] = ()) -> None:
        names = sorted(_names(people), key=len, reverse=True)
        self._people = re.compile("|".join(names), re.IGNORECASE) if names else None

    def text(self, text: str) -> str:
        """`text` with `<phone>`, `<email>`, `<id>` and `<person>` in place of what identifies. Dates stay."""
        masked = IDENTIFYING.sub(_replaced, text)
        return self._people.sub("<person>", masked) if self._people else masked

    def data(self, value: object, *, depth: int = 20) -> Data:
        """A masked copy of `value`; what is no JSON is shown by its type alone."""
        if depth == 0:
            return "<deep>"
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return "<phone>" if abs(value) >= LONG_NUMBER else value
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.data(item, depth=depth - 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.data(item, depth=depth - 1) for item in value]
        if isinstance(value, BaseModel):
            return self.data(value.model_dump(mode="json", warnings=False), depth=depth - 1)
        return f"<{type(value).__name__}>"


def _replaced(match: re.Match[str]) -> str:
    return match.group() if match.lastgroup == "date" else f"<{match.lastgroup}>"


def _names(people: Iterable[str]) -> set[str]:
    """Patterns for whole names and their parts, with and without accents, composed and decomposed."""
    patterns: set[str] = set()
    for person in people:
        parts = person.split()
        for name in (" ".join(parts), *(part for part in parts if len(part) > 2)):
            composed = unicodedata.normalize("NFC", name)
            decomposed = unicodedata.normalize("NFD", name)
            bare = "".join(char for char in decomposed if not unicodedata.combining(char))
            patterns |= {_pattern(form) for form in (composed, decomposed, bare) if len(form) > 1}
    return patterns


def _pattern(name: str) -> str:
    words = r"\s+".join(re.escape(word) for word in name.split())
    spaced = name[0] < "\u2e80"  # scripts without spaces have no edges of words
    return rf"(?<!\w){words}(?!\w)" if spaced else words
