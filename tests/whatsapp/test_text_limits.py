"""Texts are cut and split where a person would accept it, and nothing is lost on the way."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from banksman.whatsapp import limits
from banksman.whatsapp.limits import clusters, cut, in_two, split
from banksman.whatsapp.replies import width

FAMILY = "👨‍👩‍👧"
FRANCE, SCOTLAND = "🇫🇷", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"
WHOLE = [FAMILY, FRANCE, SCOTLAND, "👍🏽", "e\u0301", "क्षि", "한", "ش\u064e", "👷🏿‍♀️", "1️⃣"]

texts = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from(" \n\n.!?。؟،\u200d\ufe0f\u0301🇫🇷🏽👩ـa1"),
    )
)
wholes = st.lists(st.sampled_from([*WHOLE, "a", " ", "\n", "。", "x. "]), max_size=60).map("".join)


def without_space(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("whole", WHOLE)
def test_what_a_person_sees_as_one_character_is_one_cluster(whole: str) -> None:
    assert [*clusters(f"a{whole}b{whole}{whole}")] == ["a", whole, "b", whole, whole]


def test_flags_in_a_row_are_taken_two_by_two() -> None:
    assert [*clusters("🇫🇷🇩🇪🇫")] == ["🇫🇷", "🇩🇪", "🇫"]


@given(texts)
def test_clusters_joined_are_the_text(text: str) -> None:
    assert "".join(clusters(text)) == text


@given(texts, st.integers(0, 60))
def test_a_cut_text_fits_and_is_a_beginning_of_the_text(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert width(short) <= limit
    if width(text) <= limit:
        assert short == text
    elif limit:
        assert short.endswith("…")
        assert text.startswith(short[:-1])


@given(wholes, st.integers(20, 60))
@example(FAMILY * 5, 20)
def test_a_cut_never_comes_inside_a_cluster(text: str, limit: int) -> None:
    short = cut(text, limit)
    if short != text:
        parts = [*clusters(text)]
        beginnings = {"".join(parts[:count]).rstrip() for count in range(len(parts))}
        assert short[:-1] in beginnings


def test_a_cut_uses_the_room_it_has() -> None:
    assert cut("Tile bathroom 2.04 north", 20) == "Tile bathroom 2.04…"
    assert cut("x" * 21, 20) == "x" * 19 + "…"
    assert cut("😀" * 11, 20) == "😀" * 9 + "…"


def test_a_letter_under_more_marks_than_fit_is_still_cut() -> None:
    assert cut("Z" + "\u0301" * 100, 20) == "Z" + "\u0301" * 18 + "…"


@given(texts, st.integers(2, 80))
def test_split_loses_only_white_space(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert without_space("".join(pieces)) == without_space(text)
    assert all(piece.strip() == piece != "" and width(piece) <= limit for piece in pieces)


@given(wholes, st.integers(20, 60))
def test_split_never_comes_inside_a_cluster(text: str, limit: int) -> None:
    kept = [cluster for piece in split(text, limit) for cluster in clusters(piece) if cluster.strip()]
    assert [*map(without_space, kept)] == [without_space(cluster) for cluster in clusters(text) if cluster.strip()]


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("One. Two.\n\nThree. Four is longer.", 25, ("One. Two.\n\nThree.", "Four is longer.")),
        ("First paragraph.\n\nThen. Another one.", 23, ("First paragraph.", "Then. Another one.")),
        ("The first one ends. The second", 25, ("The first one ends.", "The second")),
        ("a line here\nanother line of it", 20, ("a line here", "another line of it")),
        ("no sentence ends in here", 18, ("no sentence ends", "in here")),
        ("x" * 45, 20, ("x" * 20, "x" * 20, "x" * 5)),
        ("今天完成了浴室。明天继续厨房工作", 12, ("今天完成了浴室。", "明天继续厨房工作")),
        ("هل انتهى العمل؟ نعم انتهى اليوم", 20, ("هل انتهى العمل؟", "نعم انتهى اليوم")),
        ("काम पूरा हुआ। कल रसोई शुरू", 18, ("काम पूरा हुआ।", "कल रसोई शुरू")),
        ("  ", 10, ()),
    ],
)
def test_split_prefers_paragraphs_then_sentences_then_words(text: str, limit: int, pieces: tuple[str, ...]) -> None:
    assert split(text, limit) == pieces


def test_split_refuses_a_limit_into_which_an_emoji_does_not_go() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        split("text", 1)


@given(texts.filter(lambda text: bool(text.strip())), st.integers(20, 60), st.integers(20, 60))
def test_in_two_fits_and_cuts_only_what_is_beyond_both(text: str, first: int, last: int) -> None:
    pieces = in_two(text, first, last)
    *head, tail = pieces
    assert len(head) <= 1
    assert all(piece.strip() for piece in pieces)
    assert all(width(piece) <= first for piece in head)
    assert width(tail) <= last
    whole, shown = without_space(text), without_space("".join(pieces))
    assert shown == whole or (shown.endswith("…") and whole.startswith(shown[:-1]))


def test_in_two_gives_the_last_piece_what_it_can_hold() -> None:
    text = "a " * 900 + "\n\nWhich one?"
    assert in_two(text, 4096, 1024) == (("a " * 900).strip(), "Which one?")


def test_in_two_loses_nothing_for_the_sake_of_a_paragraph() -> None:
    text = "Hi.\n\none two three four five six seven eight nine"
    assert in_two(text, 40, 20) == ("Hi.\n\none two three four five six seven", "eight nine")


def test_a_cleaned_text_begins_and_ends_with_something_to_see() -> None:
    assert limits.clean(" \ufeff\u200bhi\r\nyou\x00 \u2060\n") == "hi\nyou"


def test_a_long_text_is_split_in_reasonable_time() -> None:
    assert len("".join(split("word " * 40_000, 4096))) > 150_000
    assert in_two("." * 200_000, 4096, 1024)[1].endswith("…")


@given(st.text(st.characters()))
def test_a_cleaned_text_has_no_controls_and_can_be_encoded(text: str) -> None:
    cleaned = limits.clean(text)
    cleaned.encode()
    assert not [c for c in cleaned if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert cleaned == cleaned.strip()


def test_text_without_a_visible_character_is_known() -> None:
    assert not limits.visible(" \u200b\u200d\u3164\u2800\n\x00")
    assert limits.visible("\u200b.")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/pass\x00wd", "_.._etc_passwd"),
        ("plan\u202egpj.exe", "plangpj.exe"),
        ("  ", "file"),
        ("C:\\plans\\level 2.pdf", "C:_plans_level 2.pdf"),
        ("x" * 400 + ".pdf", "x" * 235 + "….pdf"),
    ],
)
def test_a_file_name_is_no_path_and_keeps_its_extension(name: str, safe: str) -> None:
    assert limits.file_name(name) == safe
    assert width(limits.file_name(name)) <= limits.FILE_NAME
