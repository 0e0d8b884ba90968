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
from banksman.domain.words import LANGUAGES, Words, of_number
from banksman.services.turns import Classified, Turn
from banksman.turn.guard import hear
from banksman.turn.understand import Item, Reading, plan, read
from banksman.whatsapp.replies import Reply, TextReply, bubbles

log = structlog.get_logger(__name__)

BUBBLES = 2  # a turn answers with one message, two at most; what needs more waits for the next turn
CONFIDENT = 0.8  # from here on a handler answers what Haiku read
CONFIDENT_HUMAN = 0.6  # a human is called rather too often than too seldom
ANSWERED_WITH_NOTHING = ("invalid_output", "refused")  # Haiku is there, and the agent may do better


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
    """How a turn, or a part of it, is answered."""

    replies: tuple[Reply, ...] = ()
    classifications: tuple[Classified, ...] = ()
    deferred: frozenset[UUID] = frozenset()  # messages that the next turn answers
    context: dict[str, Any] = field(default_factory=dict)
    handoff_reason: str | None = None
    release_handoff: bool = False
    acknowledge_handoff: bool = False
    introduced: bool = False
    usage: Usage = field(default_factory=Usage)
    tool_calls: tuple[ToolCall, ...] = ()
    handles: tuple[tuple[str, str, UUID], ...] = ()
    error_type: str | None = None

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            replies=self.replies + other.replies,
            classifications=self.classifications + other.classifications,
            deferred=self.deferred | other.deferred,
            context={**self.context, **other.context},
            handoff_reason=self.handoff_reason or other.handoff_reason,
            release_handoff=self.release_handoff or other.release_handoff,
            acknowledge_handoff=self.acknowledge_handoff or other.acknowledge_handoff,
            introduced=self.introduced or other.introduced,
            usage=self.usage + other.usage,
            tool_calls=self.tool_calls + other.tool_calls,
            handles=self.handles + other.handles,
            error_type=self.error_type or other.error_type,
        )


async def answer(turn: Turn, *, scope: Scope, office: Office, now: datetime, assistant: Assistant | None) -> Outcome:
    """The answer to a turn's burst of messages."""
    if turn.person.status == "blocked":
        return Outcome()
    readings = [read(hear(message)) for message in turn.messages]
    spoken = next((r.language for r in reversed(readings) if r.language in LANGUAGES), None)
    base = Ask(turn=turn, scope=scope, words=Words.of(spoken or language_of(turn)), now=now, office=office)
    outcome = Outcome(context={"language": spoken} if spoken else {})
    if turn.handoff:
        return outcome + await _with_human(base, readings, assistant)
    return outcome + await _alone(base, readings, assistant)


def language_of(turn: Turn) -> str | None:
    """The language that the session is in, else the person's, else the number's country's."""
    spoken = turn.session.context.get("language")
    if isinstance(spoken, str):
        return spoken
    return turn.person.language or of_number(turn.person.wa_id)


async def _alone(base: Ask, readings: Sequence[Reading], assistant: Assistant | None) -> Outcome:
    """The ordinary way: nobody but the assistant is there."""
    if base.turn.person.status == "pending":
        return await _stranger(base, readings)
    items = plan(readings)
    outcome = Outcome(classifications=tuple(r.classified for r in readings if not any(r in item for item in items)))
    understood = any(not item[0].is_question for item in items)
    for n, item in enumerate(items):
        step = await _item(base, item, assistant, quiet=understood)
        if outcome.replies and bubbles(outcome.replies + step.replies) > BUBBLES:
            left = frozenset(r.heard.message.id for later in items[n:] for r in later)
            return replace(outcome, deferred=left, usage=outcome.usage + step.usage)
        outcome += step
    if not outcome.replies:
        return replace(outcome, replies=(_without_words(base, readings),))
    return outcome


async def _item(base: Ask, item: Item, assistant: Assistant | None, *, quiet: bool) -> Outcome:
    """One thing asked for, or all open questions; `quiet`: what is not understood needs no word of its own."""
    if not item[0].is_question:
        return _of_handler(item, await handle(base, item[-1]))
    if assistant is None:
        unclear = () if quiet else (menu(base.words, base.words("unclear")),)
        return Outcome(replies=unclear, classifications=tuple(r.classified for r in item))
    return await _questions(base, item, assistant)


async def handle(base: Ask, reading: Reading) -> Answer:
    """What the intent's handler gives; the menu where the intent has none yet."""
    handler = HANDLERS.get(reading.intent)
    if handler is None:
        return Answer(replies=(menu(base.words, base.words("unclear"), waiting=base.turn.handoff is not None),))
    return await handler(replace(base, tap=reading.tap))


def _of_handler(item: Item, answer: Answer) -> Outcome:
    return Outcome(
        replies=answer.replies,
        classifications=tuple(r.classified for r in item),
        context=answer.context,
        handoff_reason=answer.handoff_reason,
        release_handoff=answer.release_handoff,
        introduced=answer.introduced,
    )


def for_a_handler(intent: Intent, confidence: float) -> bool:
    """Whether what Haiku read is answered by a handler, without the agent."""
    needed = CONFIDENT_HUMAN if intent is Intent.SPEAK_TO_HUMAN else CONFIDENT
    return INTENTS[intent].simple and confidence >= needed


async def _questions(base: Ask, item: Item, assistant: Assistant) -> Outcome:
    """What taps and plain words did not settle: Haiku, then a handler or the agent; else the menu."""
    text = "\n".join(r.heard.text or "" for r in item)
    usage = Usage()
    try:
        found = await assistant.classify(base.turn, text)
    except ClaudeUnavailableError as error:
        if error.reason not in ANSWERED_WITH_NOTHING:
            return _without_claude(base, item, error)
        usage = error.usage
    else:
        usage, intent = found.usage, Intent(found.intent)
        item = tuple(
            replace(r, intent=intent, confidence=found.confidence, method="model", model=found.model,
                    duration_ms=found.duration_ms)
            for r in item
        )  # fmt: skip
        if for_a_handler(intent, found.confidence):
            return replace(_of_handler(item, await handle(base, item[-1])), usage=usage)
    try:
        reply = await assistant.answer(base, text)
    except ClaudeUnavailableError as error:
        return _without_claude(base, item, error) + Outcome(usage=usage)
    return Outcome(
        replies=reply.replies,
        classifications=tuple(r.classified for r in item),
        usage=usage + reply.usage,
        tool_calls=reply.tool_calls,
        handles=reply.handles,
    )


def _without_claude(base: Ask, item: Item, error: ClaudeUnavailableError) -> Outcome:
    """The menu and a way to a human, whatever became of Claude; what it cost is counted all the same."""
    log.warning("claude.unavailable", reason=error.reason)
    return Outcome(
        replies=(menu(base.words, base.words("unavailable")),),
        classifications=tuple(r.classified for r in item),
        usage=error.usage,
        tool_calls=error.tool_calls,
        error_type=f"claude_{error.reason}",
    )


async def _stranger(base: Ask, readings: Sequence[Reading]) -> Outcome:
    """A person whom staff have not approved: a fixed kind answer with a way to a human, and no model."""
    for reading in readings:
        if reading.intent is Intent.SPEAK_TO_HUMAN:
            return _of_handler((reading,), await handle(base, reading))
    human = button(base.words, "menu-human", Tap(verb="human"))
    return Outcome(replies=(TextReply(body=base.words("pending"), buttons=(human,)),))


async def _with_human(base: Ask, readings: Sequence[Reading], assistant: Assistant | None) -> Outcome:
    """A human was asked for: taps go on working, words are kept; once one has taken over, all is silent."""
    everything = Outcome(classifications=tuple(r.classified for r in readings))
    if base.turn.handoff and base.turn.handoff.status == "taken":
        return everything
    back = next((n for n, r in enumerate(readings) if r.tap and r.tap.verb == "back"), None)
    if back is not None:  # what was said before it is kept, what comes after it is answered as ever
        alone = replace(base, turn=replace(base.turn, handoff=None))
        kept = Outcome(classifications=tuple(r.classified for r in readings[:back]), release_handoff=True)
        return kept + await _alone(alone, readings[back + 1 :] or readings[back : back + 1], assistant)
    tapped = [r for r in readings if r.heard.tapped or r.intent is Intent.SPEAK_TO_HUMAN]
    if not tapped:
        return everything + _kept(base)
    kept = Outcome(classifications=tuple(r.classified for r in readings if r not in tapped))
    if base.turn.person.status == "active" and plan(tapped):
        return kept + await _alone(base, tapped, assistant)
    handled = await handle(base, tapped[-1])
    return kept + _of_handler(tuple(tapped), handled)


def _kept(base: Ask) -> Outcome:
    """Told once that free text is kept for the human, with the way back."""
    if base.turn.handoff is None or base.turn.handoff.acknowledged:
        return Outcome()
    back = button(base.words, "menu-back", Tap(verb="back"))
    return Outcome(replies=(TextReply(body=base.words("human-kept"), buttons=(back,)),), acknowledge_handoff=True)


def _without_words(base: Ask, readings: Sequence[Reading]) -> Reply:
    """For a burst with nothing to understand in it: a tap of old, a text without a letter, a picture."""
    last = readings[-1].heard
    key = "unclear" if last.tapped else "empty" if last.text == "" else "kind-unsupported"
    return menu(base.words, base.words(key), waiting=base.turn.handoff is not None)
