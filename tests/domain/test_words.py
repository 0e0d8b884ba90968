"""The catalogues: complete, and short enough for WhatsApp."""

from __future__ import annotations

import re
from datetime import date, datetime
from importlib.resources import files

import pytest

from banksman.domain.words import LANGUAGES, MissingWordsError, Words, english_name, keys
from banksman.whatsapp.replies import width

VALUES = {
    "name": "Ana", "left": 3, "first": 1, "last": 8, "total": 20, "open": 2, "count": 2, "project": "Old Mill",
    "title": "Tasks", "status": "Done", "due": "today", "progress": 40, "date": "4 Dec", "days": 2, "when": "now",
    "time": "7:00", "day": "Monday",
}  # fmt: skip
BUTTONS = (
    "menu-menu", "menu-back", "menu-projects", "menu-tasks", "menu-human", "menu-open", "task-plans", "task-list",
    "plan-open", "plan-task",
)  # fmt: skip
ROWS = ("menu-projects", "menu-tasks", "menu-help", "menu-human", "menu-back", "menu-more", "project-plans")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_catalogue_has_the_same_sentences(language: str) -> None:
    assert keys(language) == keys(LANGUAGES[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_can_be_said(language: str) -> None:
    words = Words(language=language)
    for key in keys(language):
        for count in (0, 1, 2, 5, 21):
            text = words(key, **{**VALUES, "open": count, "count": count, "left": count, "days": count})
            assert text.strip()
            assert "{" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_fit_whole(language: str) -> None:
    words = Words(language=language)
    assert [key for key in BUTTONS if width(words(key)) > 20] == []
    assert [key for key in ROWS if width(words(key)) > 24] == []


def test_every_sentence_that_the_code_says_is_in_the_catalogue() -> None:
    source = "".join(path.read_text() for room in ("domain", "turn") for path in files(f"banksman.{room}").iterdir()
                     if path.name.endswith(".py"))  # fmt: skip
    said = set(re.findall(r"words\(\s*\"([a-z_-]+)\"", source)) | set(
        re.findall(r"button\(words, \"([a-z-]+)\"", source)
    )
    assert len(said) > 20
    assert said <= keys("en")


def test_a_missing_sentence_or_value_is_an_error_and_never_shown() -> None:
    with pytest.raises(MissingWordsError):
        Words(language="en")("no-such-sentence")
    with pytest.raises(MissingWordsError):
        Words(language="en")("greeting")


def test_an_unknown_language_gets_the_default_one() -> None:
    assert Words.of("xx").language == "en"
    assert Words.of(None).language == "en"
    assert Words.of("fr").language == "fr"


def test_a_model_is_told_of_languages_by_their_english_names() -> None:
    assert [english_name(code) for code in ("pl", "ar", "xx")] == ["Polish", "Arabic", "xx"]


def test_days_and_times_are_written_as_the_language_does() -> None:
    assert Words(language="en").day(date(2026, 12, 4)) == "4 Dec"
    assert Words(language="fr").weekday(date(2026, 11, 23)) == "lundi"
    assert Words(language="fr").time(datetime(2026, 11, 23, 7, 0)) == "07:00"  # noqa: DTZ001  # only the clock's face
