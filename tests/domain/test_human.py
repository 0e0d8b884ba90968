"""The wish for a human, in all languages."""

from __future__ import annotations

import time

from banksman.domain.folding import fold
from banksman.domain.human import PARTS, asks_for_human


def test_all_nine_languages_have_their_parts() -> None:
    assert set(PARTS) == {"en", "fr", "es", "pt", "de", "it", "pl", "ro", "ar"}


def test_a_long_message_of_wishes_costs_no_time() -> None:
    began = time.perf_counter()
    for word in ("i want to ", "je veux ", "please ", "mit einem "):
        assert asks_for_human(fold(word * 40)) is None
    assert time.perf_counter() - began < 0.5
