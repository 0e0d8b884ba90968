"""Understanding by cost: what a tap or plain words say with certainty, at no model call. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from banksman.domain.intents import Intent, of_words
from banksman.domain.taps import Tap, read_tap
from banksman.services.turns import Classified
from banksman.turn.guard import Heard

MOST_ASKS = 2  # a turn answers with one message, two at most
PASSING = (Intent.GREETING, Intent.THANKS)  # said on the way to something else


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one message asks for."""

    heard: Heard
    intent: Intent
    confidence: float
    method: Literal["payload", "keyword", "model"]
    tap: Tap | None = None
    model: str | None = None
    duration_ms: int = 0

    @property
    def decided(self) -> bool:
        """Whether it is certain enough to be answered without a model."""
        return self.confidence > 0

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


def read(heard: Heard) -> Reading:
    """By the payload of a tap, else by words; `other` with confidence 0 where neither decides."""
    if heard.message.tap is not None:
        tap = read_tap(heard.message.tap)
        if tap:
            return Reading(heard=heard, intent=tap.intent, confidence=1, method="payload", tap=tap)
        return Reading(heard=heard, intent=Intent.OTHER, confidence=0, method="payload")
    found = of_words(heard.text) if heard.text else None
    if found:
        return Reading(heard=heard, intent=found[0], confidence=1, method="keyword")
    return Reading(heard=heard, intent=Intent.OTHER, confidence=0, method="keyword")


def asks(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """What of a burst is to be answered, in order: no greeting beside a question, nothing twice, two at most.

    A wish to speak with a human goes before everything else.
    """
    decided = [reading for reading in readings if reading.decided]
    for reading in decided:
        if reading.intent is Intent.SPEAK_TO_HUMAN:
            return (reading,)
    open_questions = any(not reading.decided for reading in readings)
    real = [reading for reading in decided if reading.intent not in PASSING]
    chosen = real or ([] if open_questions else decided)
    distinct = {(reading.intent, reading.tap): reading for reading in chosen}
    return tuple(distinct.values())[-MOST_ASKS:]
