"""The catalogues: sentences, dates and times in a person's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import TypeAlias

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from fluent.runtime import FluentBundle, FluentResource

LANGUAGES = ("en", "fr")  # the first is what a person gets whose language has no catalogue

COUNTRIES = {"33": "fr", "352": "fr", "377": "fr", "221": "fr", "225": "fr"}  # by the number's first digits

Value: TypeAlias = "str | int"


class MissingWordsError(Exception):
    """A catalogue lacks a sentence, or a sentence lacks a value: a defect of ours."""


@cache
def _bundle(language: str) -> FluentBundle:
    # No isolation marks around values: WhatsApp counts them as characters and copies them along.
    bundle = FluentBundle([language], use_isolating=False)
    text = files("banksman.locales").joinpath(f"{language}.ftl").read_text(encoding="utf-8")
    bundle.add_resource(FluentResource(text))
    return bundle


@dataclass(frozen=True, kw_only=True)
class Words:
    """Speaks one language: `words("greeting", name="Ana")`."""

    language: str

    @classmethod
    def of(cls, language: str | None) -> Words:
        """The words of a person's language, or of the default one."""
        return cls(language=language if language in LANGUAGES else LANGUAGES[0])

    def __call__(self, key: str, **values: Value) -> str:
        bundle = _bundle(self.language)
        if not bundle.has_message(key):
            raise MissingWordsError(f"{self.language}.ftl has no {key}")
        pattern = bundle.get_message(key).value
        if pattern is None:
            raise MissingWordsError(f"{self.language}.ftl: {key} is empty")
        text, errors = bundle.format_pattern(pattern, dict(values))
        if errors:
            raise MissingWordsError(f"{self.language}.ftl, {key}: {errors[0]}")
        return str(text)

    def day(self, day: date) -> str:
        """`4 Dec`, short enough for a row of a list."""
        return str(format_date(day, "d MMM", locale=self.language))

    def weekday(self, day: date) -> str:
        """`Monday`."""
        return str(format_date(day, "EEEE", locale=self.language))

    def time(self, moment: datetime) -> str:
        """The time of day as people of the language write it."""
        return str(format_time(moment, "short", locale=self.language))


def english_name(language: str) -> str:
    """`Polish` for `pl`: how a model is told of a language, whether or not it has a catalogue."""
    try:
        return Locale.parse(language).get_language_name("en") or language
    except (ValueError, UnknownLocaleError):
        return language


def of_number(wa_id: str | None) -> str | None:
    """A guess at the language of a number's country, for a person of whom nothing else is known."""
    return next((language for code, language in COUNTRIES.items() if (wa_id or "").startswith(code)), None)


def keys(language: str) -> frozenset[str]:
    """The names of all sentences of a catalogue, for the tests."""
    text = files("banksman.locales").joinpath(f"{language}.ftl").read_text(encoding="utf-8")
    return frozenset(line.split(" =")[0] for line in text.splitlines() if line[:1].isalpha())
