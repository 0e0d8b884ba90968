"""Every body of the shared corpus becomes what its INDEX.md asks for, as far as parsing decides.

The corpus lies in `shared` beside the checkout, or where BANKSMAN_SHARED points.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson
import pytest
from bodies import BSUID, CORPUS, PHONE, understood

from banksman.webhook.delivery import MalformedBodyError

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no corpus of payloads at {CORPUS}")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many of each a body holds."""

    answers: int = 0
    silent: int = 0
    statuses: int = 0
    rekeys: int = 0
    events: int = 0


# By the number at the beginning of the file's name.
MALFORMED = "145 146 148 149 152 187 190 202"
EXPECTED = {
    Counts(answers=1): (
        "001 002 004 005 006 007 008 010 011 013 014 016 017 019 020 022 023 025 026 027 028 029 030 031"
        " 033 034 035 037 038 040 043 044 045 046 047 049 050 052 053 055 056 058 059 064 065 070 071 077"
        " 086 087 088 091 092 140"
        " 151 164 167 169 170 172 173 175 176 179 181 182 184 185 188 193 197 199 200"
    ),
    Counts(answers=1, rekeys=1): "032",
    Counts(answers=2): "080 082 083 089 090",
    Counts(answers=3): "079",
    Counts(answers=2, events=1): "085",
    Counts(silent=1): "041 061 062 073 074 076 139 142 166 178",
    Counts(silent=1, rekeys=1): "067 068",
    Counts(statuses=1): "094 095 097 098 100 101 103 104 106 107 109 110 112 113 115 116",
    Counts(events=1): ("118 119 121 122 124 125 127 128 131 133 134 136 137 143 154 155 157 161 163 194 196"),
    Counts(events=1, rekeys=1): "130",
    Counts(events=5): "158",
    Counts(events=7): "160",
}
CASES = [(number, counts) for counts, numbers in EXPECTED.items() for number in numbers.split()]


def corpus(number: str) -> bytes:
    (path,) = CORPUS.glob(f"{number}_*.json")
    return path.read_bytes()


@pytest.mark.parametrize(("number", "counts"), CASES)
def test_holds_what_the_index_says_and_can_be_stored(number: str, counts: Counts) -> None:
    delivery = understood(corpus(number))
    due = sum(message.awaits_answer for message in delivery.messages)
    assert counts == Counts(
        answers=due,
        silent=len(delivery.messages) - due,
        statuses=len(delivery.statuses),
        rekeys=len(delivery.rekeys),
        events=len(delivery.events),
    )
    assert b"\\u0000" not in orjson.dumps(delivery)


@pytest.mark.parametrize("number", MALFORMED.split())
def test_is_refused_with_a_reason(number: str) -> None:
    with pytest.raises(MalformedBodyError, match=r"^the body "):
        understood(corpus(number))


def test_no_file_of_the_corpus_is_forgotten() -> None:
    listed = {number for number, _ in CASES} | set(MALFORMED.split())
    assert listed == {path.name[:3] for path in CORPUS.glob("*.json")}


def test_a_person_is_the_same_with_and_without_a_phone_number_and_another_with_another_user_id() -> None:
    hidden, shown, other = (understood(corpus(number)).messages[0].sender for number in ("027", "030", "031"))
    assert hidden is not None
    assert shown is not None
    assert other is not None
    assert (hidden.wa_id, hidden.bsuid) == (None, BSUID)
    assert (shown.wa_id, shown.bsuid) == (PHONE, BSUID)
    assert (other.wa_id, other.bsuid) == (PHONE, "BR.NEWUID0001")


def test_doubles_keep_one_id_whatever_body_they_come_in() -> None:
    first = {understood(corpus(number)).messages[0].wa_message_id for number in ("086", "087", "088", "089")}
    assert len(first) == 1


def test_an_emoji_of_several_characters_arrives_whole() -> None:
    assert "👩🏽\u200d🚀" in (understood(corpus("005")).messages[0].body or "")


def test_a_text_of_65536_characters_is_kept_whole() -> None:
    assert len(understood(corpus("010")).messages[0].body or "") == 65_536
