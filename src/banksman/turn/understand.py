"""Understanding by cost: what a tap or plain words say with certainty, at no model call. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from banksman.domain.intents import Intent, of_words
from banksman.domain.taps import SAID, Tap, read_tap
from banksman.services.turns import Classified
from banksman.turn.guard import Heard

PASSING = (Intent.GREETING, Intent.THANKS)  # said on the way to something else


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one message asks for."""

    heard: Heard
    intent: Intent
    confidence: float
    method: Literal["payload", "keyword", "model"]
    tap: Tap | None = None
    language: str | None = None  # of the words, where they are words of one language only
    model: str | None = None
    duration_ms: int = 0

    @property
    def decided(self) -> bool:
        """Whether it is certain enough to be answered without a model."""
        return self.confidence > 0

    @property
    def is_question(self) -> bool:
        """Whether it has words that neither a tap nor plain words settle."""
        return not self.decided and not self.heard.tapped and bool(self.heard.text)

    @property
    def wish(self) -> object:
        """What is asked for, the same for a tap and for the words that say it."""
        if self.is_question:
            return "questions"
        return self.tap or (Tap(verb=SAID[self.intent]) if self.intent in SAID else self.intent)

    @property
    def classified(self) -> Classified:
        """As `intent_classifications` keeps it."""
        return Classified(
            message_id=self.heard.message.id,
            intent=self.intent,
            confidence=self.confidence,
            method=self.method,
            model=self.model,
            duration_ms=self.duration_ms,
        )


Item = tuple[Reading, ...]  # what is answered together: one thing, asked for once or more, or all open questions


def read(heard: Heard) -> Reading:
    """By the payload of a tap, else by words; `other` with confidence 0 where neither decides."""
    if heard.message.tap is not None:
        tap = read_tap(heard.message.tap)
        if tap:
            return Reading(heard=heard, intent=tap.intent, confidence=1, method="payload", tap=tap)
        return Reading(heard=heard, intent=Intent.OTHER, confidence=0, method="payload")
    if heard.message.kind == "request_welcome":  # the chat was opened: as good as a hello
        return Reading(heard=heard, intent=Intent.GREETING, confidence=1, method="payload")
    found = of_words(heard.text) if heard.text else None
    if found:
        return Reading(heard=heard, intent=found[0], confidence=1, method="keyword", language=found[1])
    return Reading(heard=heard, intent=Intent.OTHER, confidence=0, method="keyword")


def plan(readings: Sequence[Reading]) -> tuple[Item, ...]:
    """What of a burst is to be answered, in order: nothing twice, no greeting beside anything else.

    A wish to speak with a human goes before everything. All open questions are answered as one.
    """
    for reading in readings:
        if reading.decided and reading.intent is Intent.SPEAK_TO_HUMAN:
            return ((reading,),)
    items: dict[object, Item] = {}
    for reading in readings:
        if reading.decided or reading.is_question:
            items[reading.wish] = (*items.get(reading.wish, ()), reading)
    real = [item for item in items.values() if item[0].intent not in PASSING]
    return tuple(real or items.values())
