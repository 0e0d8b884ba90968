"""WhatsApp's limits on what is sent, and the texts that keep them: clean, cut, split.

Lengths are UTF-16 units: Meta writes "characters" and does not say how it counts an emoji, and units
are the reading that is never too long. Sources, named at each number, are pages of Meta's Cloud API
documentation unless another is named.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from banksman.whatsapp.replies import width

TEXT_BODY = 4096  # "Text messages"; the client library pywa 4.5 says the same
BUTTONS = 3  # "Interactive reply buttons"
BUTTON_TITLE = 20  # "Interactive reply buttons"; also a list's own button and a carousel's
BUTTON_ID = 256  # "Interactive reply buttons", "Interactive media carousel"
BUTTONS_BODY = 1024  # "Interactive reply buttons"
LIST_BODY = 4096  # "Interactive list messages" (November 2025; older copies say 1024)
LIST_ROWS = 10  # "Interactive list messages", over all sections
SECTION_TITLE = 24  # "Interactive list messages"
ROW_TITLE = 24  # "Interactive list messages"
ROW_DESCRIPTION = 72  # "Interactive list messages"
ROW_ID = 200  # "Interactive list messages"
CAROUSEL_CARDS = (2, 10)  # "Interactive media carousel"
CAROUSEL_BODY = 1024  # "Interactive media carousel"
CARD_BODY = 160  # "Interactive media carousel"
CARD_LINE_BREAKS = 2  # "Interactive media carousel"
CAPTION = 1024  # vendors' pages; Meta's own does not say
FILE_NAME = 240  # ours: what common file systems can keep
CALLBACK_DATA = 512  # vendors' pages and pywa 4.5
MESSAGES = 2  # ours: the contract's "one message a turn, two at most"
IMAGE_TYPES = frozenset({"image/jpeg", "image/png"})  # "Media"

ELLIPSIS = "…"

_NO_SPEECH = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and symbols that show nothing
_LINE_BREAKS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_EDGES = "\t\n \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_EDGES += "\u200b\u2060\ufeff"  # what shows nothing and joins nothing
_BIDI_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ENDS = (
    re.compile(r"(?<=\S)(?=[^\S\n]*\n[^\S\n]*\n)"),  # paragraph
    re.compile(r"(?<=\S)(?=[^\S\n]*\n)|[.!?…؟۔।॥։።][\"'”’»)\]]{0,3}(?=\s)|[。！？｡][」』”’）]{0,3}"),  # sentence
    re.compile(r"(?<=\S)(?=\s)|[、，；：]"),  # word
)


def visible(text: str) -> bool:
    """Whether a person would see anything of `text`."""
    return any(
        unicodedata.category(character) not in _NO_SPEECH and character not in _BLANK_LETTERS for character in text
    )


def clean(text: str) -> str:
    """`text` without control characters (line breaks and tabs stay) and lone surrogates, stripped."""
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _UNWANTED.sub("", _LINE_BREAKS.sub("\n", text)).strip(_EDGES)


def line(text: str) -> str:
    """`text` as one line: cleaned, each run of white space a space."""
    return " ".join(clean(text).split())


def file_name(text: str) -> str:
    """A name for a document: no path, no control or direction characters, its extension kept."""
    name = _BIDI_OVERRIDES.sub("", re.sub(r"[/\\]", "_", line(text))).strip(" .")
    if not visible(name):
        return "file"
    stem, dot, extension = name.rpartition(".")
    if not stem or width(extension) > 16:
        return cut(name, FILE_NAME)
    return cut(stem, FILE_NAME - width(dot + extension)) + dot + extension


def clusters(text: str) -> Iterator[str]:
    """What a person sees as single characters: `text` at the boundaries where it may be cut.

    A short reading of Unicode's UAX 29: marks, joiners, emoji modifiers and tags, flags, Hangul jamo
    and Indic conjuncts stay together. It may keep together more than UAX 29 does, never less of these.
    """
    start = 0
    flags = 0  # regional indicators at the end of the cluster so far
    for index in range(1, len(text)):
        flags = flags + 1 if _regional(text[index - 1]) else 0
        pair = flags % 2 == 1 and _regional(text[index])
        if not pair and not _joins(text[index - 1], text[index]):
            yield text[start:index]
            start = index
            flags = 0
    if text:
        yield text[start:]


def _regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _joins(before: str, after: str) -> bool:
    """Whether no cut may come between two neighbours (flags are counted elsewhere)."""
    if before < "\u0300" and after < "\u0300":
        return before == "\r" and after == "\n"
    if unicodedata.category(before) in ("Cc", "Zl", "Zp"):
        return False
    return (
        unicodedata.category(after) in ("Mn", "Me", "Mc")
        or after in "\u200c\u200d\uff9e\uff9f"
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= after <= "\U000e007f"  # tags of regional flags
        or "\u1160" <= after <= "\u11ff"  # Hangul vowels and finals
        or before == "\u200d"
        or (unicodedata.combining(before) == 9 and unicodedata.category(after) == "Lo")  # virama
    )


def _boundaries(text: str, limit: int) -> list[int]:
    """Offsets at which `text` may be cut, up to the last whose prefix has at most `limit` units.

    A cluster that alone is above `limit` (a letter under a thousand marks) is cut between code points.
    """
    offsets: list[int] = []
    end = units = 0
    for cluster in clusters(text):
        pieces = (cluster,) if width(cluster) <= limit else tuple(cluster)
        for piece in pieces:
            units += width(piece)
            if units > limit:
                return offsets
            end += len(piece)
            offsets.append(end)
    return offsets


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` units, with an ellipsis where something is missing."""
    if width(text) <= limit:
        return text
    if limit < 1:
        return ""
    offsets = _boundaries(text[:limit], limit - 1)
    return text[: offsets[-1] if offsets else 0].rstrip() + ELLIPSIS


def split(text: str, limit: int) -> tuple[str, ...]:
    """`text` in pieces of at most `limit` units, at ends of paragraphs, else sentences, words, clusters.

    Only white space between the pieces is lost; blank text gives no piece. Raises ValueError for a
    limit below 2, into which an emoji does not go.
    """
    if limit < 2:
        raise ValueError("a piece has at least 2 units")
    pieces: list[str] = []
    rest = text.strip()
    while width(rest) > limit:
        offsets = _boundaries(rest[: limit + 1], limit)
        end = _best_end(rest, [offset for offset in offsets if offset * 2 >= offsets[-1]])
        pieces.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return (*pieces, rest) if rest else tuple(pieces)


def in_two(text: str, first: int, last: int) -> tuple[str, ...]:
    """`text` whole where it has at most `last` units, else in two pieces of at most `first` and `last`.

    What is beyond the room of both is cut with an ellipsis. `text` is not blank.
    """
    text = text.strip()
    total = width(text)
    if total <= last:
        return (text,)
    offsets = _boundaries(text, min(first, total - 1))
    least = _tail_start(text, last) if total <= first + last else len(text)
    room = [offset for offset in offsets if offset >= least]
    end = _best_end(text, room or [offset for offset in offsets if offset * 2 >= offsets[-1]])
    return (text[:end].rstrip(), cut(text[end:].lstrip(), last))


def _tail_start(text: str, limit: int) -> int:
    """The least offset from which `text` has at most `limit` units."""
    start = max(0, len(text) - limit)
    while (excess := width(text[start:]) - limit) > 0:
        start += (excess + 1) // 2
    return start


def _best_end(text: str, offsets: list[int]) -> int:
    """The one of `offsets` (ascending, not empty) that is the last end of the greatest unit of text."""
    allowed = frozenset(offsets)
    in_sight = offsets[-1] + 100  # what follows an end (white space) has to be seen
    for pattern in _ENDS:
        ends = [match.end() for match in pattern.finditer(text, 0, in_sight) if match.end() in allowed]
        if ends:
            return ends[-1]
    return offsets[-1]
