"""Readers of one field each: give the value or refuse it, naming the field and the limit."""

from __future__ import annotations

import re
from collections.abc import Sequence

from banksman.simulator.errors import GraphError
from banksman.simulator.wire import Json, Node


def units(value: str) -> int:
    """Length in UTF-16 units, the strictest reading of Meta's "characters"."""
    return len(value.encode("utf-16-le", "surrogatepass")) // 2


def missing(path: str) -> GraphError:
    """A required parameter is not there."""
    return GraphError(131008, f"The parameter {path} is required.")


def bad(path: str, why: str) -> GraphError:
    """A parameter is there and wrong."""
    return GraphError(131009, f"{path}: {why}")


def obj(parent: Node, name: str, path: str) -> Node:
    """A required object."""
    value = parent.get(name)
    if value is None:
        raise missing(path)
    if not isinstance(value, dict):
        raise bad(path, "must be an object.")
    return value


def array(parent: Node, name: str, path: str, *, least: int, most: int) -> list[Node]:
    """A required list of `least` to `most` objects."""
    value = parent.get(name)
    if value is None:
        raise missing(path)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise bad(path, "must be a list of objects.")
    if not least <= len(value) <= most:
        raise bad(path, f"must have {least} to {most} entries, has {len(value)}.")
    return [item for item in value if isinstance(item, dict)]


def string(parent: Node, name: str, path: str, most: int, *, trimmed: bool = False, code: int = 131009) -> str:
    """A required text of 1 to `most` characters; an id (`trimmed`) neither begins nor ends with a space."""
    value = parent.get(name)
    if value is None:
        raise missing(path)
    if not isinstance(value, str):
        raise bad(path, "must be a string.")
    if not value.strip() or units(value) > most:
        raise GraphError(code, f"{path}: length invalid. Min length: 1, max length: {most}, given: {units(value)}.")
    if trimmed and value != value.strip():
        raise bad(path, "must not begin or end with a space.")
    return value


def optional(parent: Node, name: str, path: str, most: int) -> None:
    """A text of at most `most` characters, which may be absent."""
    if parent.get(name) is not None:
        string(parent, name, path, most)


def body(parent: Node, path: str, most: int, *, required: bool = True) -> str:
    """The text of a `body` or `footer` object, empty where it is absent and may be."""
    name = path.rpartition(".")[2]
    if not required and parent.get(name) is None:
        return ""
    return string(obj(parent, name, path), "text", f"{path}.text", most)


def link(parent: Node, name: str, path: str) -> None:
    """A required address that begins with http:// or https://."""
    value = string(parent, name, path, 2000)
    if not re.fullmatch(r"https?://[^\s/]+\S*", value):
        raise bad(path, "must be an http or https URL.")


def differ(values: Sequence[str], path: str) -> None:
    """No value twice."""
    if len(set(values)) != len(values):
        raise bad(path, "must be unique, one is given twice.")


def one_of(parent: Node, name: str, path: str, allowed: Sequence[str]) -> str:
    """A required text out of a closed set."""
    value = parent.get(name)
    if value is None:
        raise missing(path)
    if not isinstance(value, str) or value not in allowed:
        raise GraphError(100, f"{path} must be one of {{{', '.join(allowed).upper()}}} - got {_shown(value)}.")
    return value


def number(parent: Node, name: str, path: str, limit: float) -> None:
    """A required number between -`limit` and `limit`; Graph takes it as text, too."""
    value = parent.get(name)
    if value is None:
        raise missing(path)
    try:
        valid = not isinstance(value, bool) and abs(float(str(value))) <= limit
    except ValueError:
        valid = False
    if not valid:
        raise bad(path, f"must be a number from -{limit:g} to {limit:g}.")


def _shown(value: Json) -> str:
    return repr(value)[:40]
