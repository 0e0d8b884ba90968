"""A turn from its claim to its finish: the order of the stages, deadlines and what happens when one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

import structlog

from banksman.database.pool import Database
from banksman.domain.menu import button
from banksman.domain.office import Office
from banksman.domain.taps import Tap
from banksman.domain.words import Words
from banksman.observability import metrics
from banksman.observability.runs import Facts
from banksman.observability.tracing import Tracing
from banksman.services import turns
from banksman.services.turns import Finish, OutboundMessage, Turn
from banksman.turn.answer import BUBBLES, Assistant, Outcome, answer, language_of
from banksman.turn.guard import hear
from banksman.turn.understand import read
from banksman.whatsapp.outbox import Send
from banksman.whatsapp.render import Link, render
from banksman.whatsapp.replies import TextReply
from banksman.work.loop import LeaseLostError, under_lease

log = structlog.get_logger(__name__)

DEADLINE_S = 75.0  # no turn takes longer; Claude's own budget is well below it
TRIES = 4  # errors after which a turn ends in an apology
CLAIMS = 12  # begins after which it does, for a turn that kills its worker
WINDOW = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the settings say about turns."""

    session_timeout_hours: float
    workday_start: time
    office: Office
    template_reply: str | None = None


class Pipeline:
    """Works turns. Stateless: several a process, several processes."""

    def __init__(
        self,
        database: Database,
        rules: Rules,
        *,
        link: Link,
        assistant: Assistant | None = None,
        tracing: Tracing | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._rules = rules
        self._link = link
        self._assistant = assistant
        self._tracing = tracing or Tracing()
        self._now = now

    async def claim(self) -> Turn | float | None:
        """The turn that is due longest; else seconds until one is due, or None."""
        return await turns.claim(
            self._database,
            timeout_hours=self._rules.session_timeout_hours,
            workday_start=self._rules.workday_start,
        )

    async def work(self, turn: Turn) -> Send | float | None:
        """Answers a turn and finishes it; gives the send that its finish committed."""
        with metrics.TURN_SECONDS.time():
            try:
                end = await under_lease(
                    self._decide(turn),
                    lambda: turns.renew(self._database, turn),
                    every_s=turns.RENEW_S,
                    lease_s=turns.LEASE_S,
                )
                finished = await turns.finish(self._database, turn, end)
            except LeaseLostError:
                metrics.TURNS.labels("fenced").inc()
                raise
            except Exception as error:
                metrics.TURNS.labels("error").inc()
                delay = min(2.0**turn.failures, 60.0)
                log.exception("turn.failed", failures=turn.failures + 1, again_in_s=delay)
                await turns.fail(self._database, turn, error=type(error).__name__, delay_s=delay)
                return None
            outcome = "fenced" if finished.fenced else "dropped" if finished.dropped else end.status
            metrics.TURNS.labels(outcome).inc()
            log.info("turn.finished", outcome=outcome, messages=len(turn.messages), replies=len(end.replies),
                     error_type=end.error_type)  # fmt: skip
            return Send.of(finished.send, finished.asked_at)

    async def _decide(self, turn: Turn) -> Finish:
        if turn.failures >= TRIES or turn.claims > CLAIMS:
            log.error("turn.given_up", failures=turn.failures, claims=turn.claims)
            return self._apology(turn)
        said: Facts = {"messages": [message.body for message in turn.messages]}
        async with self._tracing.turn(session=turn.session.id, inputs=said, people=_names(turn)) as trace:
            async with asyncio.timeout(DEADLINE_S):
                outcome = await answer(
                    turn,
                    scope=self._database.as_user(turn.person.id),
                    office=self._rules.office,
                    now=self._now(),
                    assistant=self._assistant,
                )
            end = self._finish(turn, outcome)
            trace.outputs({"replies": [reply.body for reply in end.replies]})
            trace.note(
                intent=", ".join(sorted({c.intent for c in end.classifications})),
                language=turn.person.language,
                outcome=end.error_type or end.status,
            )
            return replace(end, trace_id=trace.trace_id)

    def _finish(self, turn: Turn, outcome: Outcome) -> Finish:
        metrics.TOKENS.labels("input").inc(outcome.usage.input_tokens)
        metrics.TOKENS.labels("output").inc(outcome.usage.output_tokens)
        replies = self._outbound(turn, outcome)
        return Finish(
            replies=replies,
            deferred=outcome.deferred,
            classifications=outcome.classifications,
            tool_calls=tuple(
                {"name": c.name, "input": c.input, "outcome": c.outcome, "duration_ms": c.duration_ms}
                for c in outcome.tool_calls
            ),
            handles=outcome.handles,
            context=outcome.context,
            handoff_reason=outcome.handoff_reason,
            release_handoff=outcome.release_handoff,
            acknowledge_handoff=outcome.acknowledge_handoff,
            introduced=outcome.introduced and not self._window_closed(turn),
            input_tokens=outcome.usage.input_tokens,
            output_tokens=outcome.usage.output_tokens,
            cache_read_tokens=outcome.usage.cache_read_tokens,
            error_type=outcome.error_type,
        )

    def _outbound(self, turn: Turn, outcome: Outcome) -> tuple[OutboundMessage, ...]:
        """The replies as WhatsApp takes them; outside its 24 hours the approved template, where one is set."""
        template = self._rules.template_reply
        if outcome.replies and template and self._window_closed(turn):
            language = outcome.context.get("language") or language_of(turn) or "en"
            content = {"type": "template", "template": {"name": template, "language": {"code": language}}}
            return (OutboundMessage(kind="template", body=template, content=content),)
        rendered = [message for reply in outcome.replies for message in render(reply, link=self._link)]
        if len(rendered) > BUBBLES:
            log.warning("turn.shortened", messages=len(rendered))
        return tuple(OutboundMessage(kind=r.kind, body=r.body, content=r.content) for r in rendered[:BUBBLES])

    def _window_closed(self, turn: Turn) -> bool:
        return turn.window_from is not None and self._now() - turn.window_from > WINDOW

    def _apology(self, turn: Turn) -> Finish:
        """The end of a turn that keeps failing: an apology, and staff see it as a handoff."""
        words = Words.of(language_of(turn))
        back = button(words, "menu-back", Tap(verb="back"))
        sorry = TextReply(body=words("apology"), buttons=(back,))
        return Finish(
            status="failed",
            replies=() if turn.person.status == "blocked" else self._outbound(turn, Outcome(replies=(sorry,))),
            classifications=tuple(read(hear(message)).classified for message in turn.messages),
            handoff_reason="turn_failed",
            error_type="gave_up",
        )


def _names(turn: Turn) -> tuple[str, ...]:
    return (turn.person.name,) if turn.person.name else ()
