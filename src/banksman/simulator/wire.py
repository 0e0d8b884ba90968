"""JSON as it travels, and careful reading of what somebody else wrote."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import JsonValue

Json: TypeAlias = JsonValue
Node: TypeAlias = dict[str, JsonValue]


def node(value: Json) -> Node:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def nodes(value: Json) -> list[Node]:
    """The objects of a list; empty where `value` is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Json) -> str:
    """`value` where it is a string, else an empty one."""
    return value if isinstance(value, str) else ""
