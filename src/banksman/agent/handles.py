"""Handles: the short names (P1, T4, D2) by which the model speaks of projects, tasks and documents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

from banksman.agent.types import ToolError

Kind: TypeAlias = Literal["project", "task", "document"]

LETTERS: dict[Kind, str] = {"project": "P", "task": "T", "document": "D"}
SHOWN = 12  # so many valid handles are named to a model that used a wrong one


@dataclass(frozen=True, kw_only=True)
class Handle:
    """One short name of a session."""

    name: str  # a letter and a number from 1: "T4"
    kind: Kind
    target: UUID


class Handles:
    """The short names of one session: those stored before, and those that this turn adds."""

    def __init__(self, stored: Iterable[Handle] = ()) -> None:
        self._by_name: dict[str, Handle] = {}
        self._by_target: dict[tuple[Kind, UUID], Handle] = {}
        self._last: dict[Kind, int] = dict.fromkeys(LETTERS, 0)
        self._new: list[Handle] = []
        for handle in stored:
            self._keep(handle)

    @property
    def new(self) -> tuple[Handle, ...]:
        """Those made in this turn, to be stored at its finish."""
        return tuple(self._new)

    def of(self, kind: Kind, target: UUID) -> str:
        """The name of `target`; a new one where it has none yet."""
        known = self._by_target.get((kind, target))
        if known is not None:
            return known.name
        handle = Handle(name=f"{LETTERS[kind]}{self._last[kind] + 1}", kind=kind, target=target)
        self._keep(handle)
        self._new.append(handle)
        return handle.name

    def find(self, handle: str) -> Handle | None:
        """What `handle` stands for; case, spaces, brackets and leading zeros don't matter."""
        return self._by_name.get(_plain(handle))

    def resolve(self, handle: str, kind: Kind) -> UUID:
        """The id behind `handle`. Raises ToolError (`unknown_handle`) where it is none of this kind."""
        found = self.find(handle)
        if found is not None and found.kind == kind:
            return found.target
        valid = [known.name for known in self._by_name.values() if known.kind == kind]
        hint = (
            f"Use one of: {', '.join(valid[-SHOWN:])}."
            if valid
            else f"No {kind} was listed in this conversation yet: list them first."
        )
        raise ToolError("unknown_handle", f"{handle[:20]!r} is no {kind} of this conversation.", hint)

    def _keep(self, handle: Handle) -> None:
        self._by_name[_plain(handle.name)] = handle
        self._by_target.setdefault((handle.kind, handle.target), handle)
        number = _plain(handle.name)[1:]
        if number.isdigit():
            self._last[handle.kind] = max(self._last[handle.kind], int(number))


def _plain(handle: str) -> str:
    """`[t 04]` becomes `T4`."""
    letters = re.sub(r"[^A-Z0-9]", "", handle[:40].upper())
    return re.sub(r"^([A-Z]+)0+(?=\d)", r"\1", letters)
