"""How the agent ends a turn: a text, what to show, which actions to offer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from anthropic.types import Message

from banksman.agent.structured import Schema, closed_object, json_values, texts

SHOWN, OFFERED = 10, 3  # so many handles and actions of one answer are used


@dataclass(frozen=True, kw_only=True)
class Final:
    """The model's last word."""

    text: str
    show: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


def answer_schema(actions: Sequence[str]) -> Schema:
    """The schema of the answer; `actions` is the closed list of what may be offered."""
    fields: dict[str, Schema] = {
        "text": {"type": "string", "description": "What to say to the user, in the user's language."},
        "show": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Handles (P1, T4, D2) of what the reply is about, shown with it. Often empty.",
        },
    }
    if actions:
        fields["actions"] = {
            "type": "array",
            "items": {"enum": list(actions)},
            "description": "Next steps to offer as buttons, at most three. Often empty.",
        }
    return closed_object(fields)


def final_answer(message: Message, actions: Sequence[str]) -> Final | None:
    """The answer that `message` holds; None where it says nothing.

    What is no JSON of the schema is taken as the words of the reply: a person waits for them.
    """
    values = json_values(message)
    for value in values:
        if isinstance(value, dict) and _said(value.get("text")):
            return Final(
                text=_said(value["text"]),
                show=_names(value.get("show"))[:SHOWN],
                actions=tuple(name for name in _names(value.get("actions")) if name in actions)[:OFFERED],
            )
    for value in values:
        if isinstance(value, str) and _said(value):
            return Final(text=_said(value))
        if isinstance(value, dict):  # JSON of another shape: its longest words, never its syntax
            words = max((_said(field) for field in value.values()), key=len, default="")
            return Final(text=words) if words else None
    plain = "\n\n".join(texts(message))
    if plain.startswith(("{", "[")):  # JSON that was cut off, or a list: what can be read of its text
        cut_off = re.match(r'\{\s*"text"\s*:\s*"((?:[^"\\]|\\.)*)', plain)
        plain = json.loads(f'"{cut_off[1]}"', strict=False).strip() if cut_off else ""
    return Final(text=plain) if plain else None


def _said(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _names(value: object) -> tuple[str, ...]:
    """A list of names, or a single one; each once."""
    items = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(item.strip() for item in items if isinstance(item, str) and item.strip()))
