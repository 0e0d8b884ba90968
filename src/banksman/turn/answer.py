"""The stage that answers: a handler, the agent, or what can be said without either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from banksman.agent.types import Classification, ClaudeUnavailableError, ToolCall, Usage
from banksman.database.pool import Scope
from banksman.domain import handlers  # noqa: F401  # registers the handlers
from banksman.domain.handling import HANDLERS, Answer, Ask
from banksman.domain.intents import INTENTS, Intent
from banksman.domain.menu import button, menu
from banksman.domain.office import Office
from banksman.domain.taps import Tap
from banksman.domain.words import Words
from banksman.services.turns import Classified, Turn
from banksman.turn.guard import hear
from banksman.turn.understand import MOST_ASKS, Reading, asks, read
from banksman.whatsapp.replies import Reply, TextReply

log = structlog.get_logger(__name__)

CONFIDENT = 0.8  # from here on a handler answers what Haiku read
CONFIDENT_HUMAN = 0.6  # a human is called rather too often than too seldom


@dataclass(frozen=True, kw_only=True)
class AgentReply:
    """What the agent gives for a turn."""

    replies: tuple[Reply, ...]
    usage: Usage
    tool_calls: tuple[ToolCall, ...]
    handles: tuple[tuple[str, str, UUID], ...]  # made in this turn


class Assistant(Protocol):
    """Claude, as far as a turn knows it. Both raise ClaudeUnavailableError."""

    async def classify(self, turn: Turn, text: str) -> Classification:
        """What the text asks for."""
        ...

    async def answer(self, ask: Ask, text: str) -> AgentReply:
        """An answer to the text, by a conversation with tools under the person's rights."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a turn is answered."""

    replies: tuple[Reply, ...] = ()
    classifications: tuple[Classified, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
    handoff_reason: str | None = None
    release_handoff: bool = False
    acknowledge_handoff: bool = False
    introduced: bool = False
    usage: Usage = field(default_factory=Usage)
    tool_calls: tuple[ToolCall, ...] = ()
    handles: tuple[tuple[str, str, UUID], ...] = ()
    error_type: str | None = None

    def with_answer(self, answer: Answer) -> Outcome:
        """This and what a handler gave."""
        return replace(
            self,
            replies=self.replies + answer.replies,
            context={**self.context, **answer.context},
            handoff_reason=self.handoff_reason or answer.handoff_reason,
            release_handoff=self.release_handoff or answer.release_handoff,
            introduced=self.introduced or answer.introduced,
        )


async def answer(turn: Turn, *, scope: Scope, office: Office, now: datetime, assistant: Assistant | None) -> Outcome:
    """The answer to a turn's burst of messages."""
    readings = [read(hear(message)) for message in turn.messages]
    base = Ask(turn=turn, scope=scope, words=Words.of(_language(turn)), now=now, office=office)
    if turn.person.status != "active":
        return await _stranger(base, readings)
    if turn.handoff:
        return await _with_human(base, readings)
    chosen = asks(readings)
    questions = [r for r in readings if not r.decided and r.heard.text and not r.heard.tapped]
    outcome = Outcome(classifications=tuple(r.classified for r in readings))
    calls_human = any(r.intent is Intent.SPEAK_TO_HUMAN for r in chosen)
    if questions and not calls_human:
        outcome = await _questions(base, readings, questions, assistant)
        chosen = chosen[-1:] if outcome.handoff_reason is None else ()
    for reading in chosen:
        outcome = outcome.with_answer(await handle(base, reading))
    if not outcome.replies:
        outcome = replace(outcome, replies=(_without_words(base, readings),))
    return replace(outcome, replies=outcome.replies[-MOST_ASKS:])


async def handle(base: Ask, reading: Reading) -> Answer:
    """What the intent's handler gives; the menu where the intent has none yet."""
    handler = HANDLERS.get(reading.intent)
    if handler is None:
        return Answer(replies=(menu(base.words, base.words("unclear")),))
    return await handler(replace(base, tap=reading.tap))


async def _questions(
    base: Ask, readings: Sequence[Reading], questions: Sequence[Reading], assistant: Assistant | None
) -> Outcome:
    """What taps and plain words did not settle: Haiku, then a handler or the agent; else the menu."""
    settled = tuple(r.classified for r in readings if r not in questions)
    undecided = Outcome(classifications=settled + tuple(q.classified for q in questions))
    if assistant is None:
        return replace(undecided, replies=(menu(base.words, base.words("unclear")),))
    text = "\n".join(q.heard.text or "" for q in questions)
    usage = Usage()
    try:
        found = await assistant.classify(base.turn, text)
        usage = found.usage
        intent = Intent(found.intent)
        by_model = tuple(
            replace(q, intent=intent, confidence=found.confidence, method="model", model=found.model,
                    duration_ms=found.duration_ms)
            for q in questions
        )  # fmt: skip
        undecided = replace(undecided, classifications=settled + tuple(r.classified for r in by_model), usage=usage)
        if INTENTS[intent].simple and found.confidence >= (
            CONFIDENT_HUMAN if intent is Intent.SPEAK_TO_HUMAN else CONFIDENT
        ):
            return undecided.with_answer(await handle(base, by_model[-1]))
    except ClaudeUnavailableError as error:
        if error.reason != "invalid_output":  # Haiku answered, with nothing of use: the agent may do better
            return _without_claude(base, undecided, usage, error)
        usage = error.usage
    try:
        reply = await assistant.answer(base, text)
    except ClaudeUnavailableError as error:
        return _without_claude(base, undecided, usage, error)
    return replace(
        undecided,
        replies=reply.replies,
        usage=usage + reply.usage,
        tool_calls=reply.tool_calls,
        handles=reply.handles,
    )


def _without_claude(base: Ask, undecided: Outcome, usage: Usage, error: ClaudeUnavailableError) -> Outcome:
    """The menu and a way to a human, whatever became of Claude; what it cost is counted all the same."""
    log.warning("claude.unavailable", reason=error.reason)
    return replace(
        undecided,
        replies=(menu(base.words, base.words("unavailable")),),
        usage=usage + error.usage,
        tool_calls=error.tool_calls,
        error_type=f"claude_{error.reason}",
    )


async def _stranger(base: Ask, readings: Sequence[Reading]) -> Outcome:
    """A person whom staff have not approved: a fixed kind answer with a way to a human, and no model."""
    for reading in readings:
        if reading.intent is Intent.SPEAK_TO_HUMAN or (reading.tap and reading.tap.verb == "back"):
            return Outcome().with_answer(await handle(base, reading))
    if base.turn.handoff:
        return _kept(base, Outcome())
    human = button(base.words, "menu-human", Tap(verb="human"))
    return Outcome(replies=(TextReply(body=base.words("pending"), buttons=(human,)),))


async def _with_human(base: Ask, readings: Sequence[Reading]) -> Outcome:
    """A human was asked for: taps go on working, words are kept; once one has taken over, all is silent."""
    outcome = Outcome(classifications=tuple(r.classified for r in readings))
    if base.turn.handoff and base.turn.handoff.status == "taken":
        return outcome
    chosen = asks([r for r in readings if r.heard.tapped or r.intent is Intent.SPEAK_TO_HUMAN])
    for reading in chosen:
        outcome = outcome.with_answer(await handle(base, reading))
    return outcome if chosen else _kept(base, outcome)


def _kept(base: Ask, outcome: Outcome) -> Outcome:
    """Told once that free text is kept for the human, with the way back."""
    if base.turn.handoff is None or base.turn.handoff.acknowledged:
        return outcome
    back = button(base.words, "menu-back", Tap(verb="back"))
    kept = TextReply(body=base.words("human-kept"), buttons=(back,))
    return replace(outcome, replies=(kept,), acknowledge_handoff=True)


def _without_words(base: Ask, readings: Sequence[Reading]) -> Reply:
    """For a burst with nothing to understand in it: a tap of old, a text without a letter, a picture."""
    last = readings[-1].heard
    if last.tapped:
        return menu(base.words, base.words("unclear"))
    key = "empty" if last.text == "" else "kind-unsupported"
    if last.message.kind == "request_welcome":
        key = "menu-body"
    return menu(base.words, base.words(key))


def _language(turn: Turn) -> str | None:
    """The person's language; for one whose language is not known, a guess by the country of the number."""
    if turn.person.language:
        return turn.person.language
    return "fr" if (turn.person.wa_id or "").startswith("33") else None
