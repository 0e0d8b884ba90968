"""What a button or row carries: a verb and what it is about. Never shown to a person.

A payload proves nothing: whoever sends it reaches only what row-level security shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from banksman.domain.intents import Intent

VERBS = {
    "menu": Intent.SHOW_MENU,
    "help": Intent.SHOW_MENU,
    "projects": Intent.LIST_PROJECTS,
    "tasks": Intent.LIST_TASKS,
    "task": Intent.SHOW_TASK,
    "plans": Intent.SHOW_PLANS,
    "papers": Intent.SHOW_PLANS,
    "plan": Intent.SHOW_PLANS,
    "human": Intent.SPEAK_TO_HUMAN,
    "back": Intent.SHOW_MENU,
}


# What has a button and plain words too: the same wish, however it is said.
SAID = {
    Intent.SHOW_MENU: "menu",
    Intent.LIST_PROJECTS: "projects",
    Intent.LIST_TASKS: "tasks",
    Intent.SPEAK_TO_HUMAN: "human",
}


@dataclass(frozen=True, kw_only=True)
class Tap:
    """One tap, understood."""

    verb: str
    target: UUID | None = None
    page: int = 0  # counted from 0

    @property
    def intent(self) -> Intent:
        """What it asks for."""
        return VERBS[self.verb]

    @property
    def payload(self) -> str:
        """How it is written on a button."""
        page = str(self.page) if self.page else ""
        return f"{self.verb}:{self.target or ''}:{page}".rstrip(":")


def read_tap(payload: str) -> Tap | None:
    """The tap that a payload stands for; None for one that is not ours."""
    verb, _, rest = payload.partition(":")
    target, _, page = rest.partition(":")
    if verb not in VERBS or (page and not (page.isascii() and page.isdigit() and len(page) < 5)):
        return None
    try:
        return Tap(verb=verb, target=UUID(target) if target else None, page=int(page or 0))
    except ValueError:
        return None
