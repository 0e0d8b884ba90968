"""What a handler is: one async function from an ask to an answer, registered by intent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from banksman.database.pool import Scope
from banksman.domain.intents import Intent
from banksman.domain.office import Office
from banksman.domain.taps import Tap
from banksman.domain.words import Words
from banksman.services.turns import Turn
from banksman.whatsapp.replies import Reply


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One thing that a person asks for, with all that its handler may use."""

    turn: Turn
    scope: Scope  # the person's rights
    words: Words  # the person's language
    now: datetime  # aware
    office: Office
    tap: Tap | None = None

    @property
    def today(self) -> date:
        """The day where the person is."""
        return self.now.astimezone(ZoneInfo(self.turn.person.time_zone)).date()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a handler gives. Whatever it wants written is written by the turn's finish, with the replies."""

    replies: tuple[Reply, ...]
    context: dict[str, Any] = field(default_factory=dict)  # what the talk is about from now on
    handoff_reason: str | None = None
    release_handoff: bool = False
    introduced: bool = False


Handler: TypeAlias = Callable[[Ask], Awaitable[Answer]]

HANDLERS: dict[Intent, Handler] = {}


def handles(*intents: Intent) -> Callable[[Handler], Handler]:
    """Registers the function as the handler of `intents`."""

    def register(handler: Handler) -> Handler:
        for intent in intents:
            HANDLERS[intent] = handler
        return handler

    return register
