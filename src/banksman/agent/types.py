"""The values that pass between the agent and those who use it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one or more model calls, failed ones included."""

    input_tokens: int = 0  # all input: uncached + written to cache + read from cache
    output_tokens: int = 0
    cache_read_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
        )


@dataclass(frozen=True, kw_only=True)
class IntentOption:
    """One member of the closed set of intents, as the model reads it."""

    name: str
    meaning: str  # one sentence


@dataclass(frozen=True, kw_only=True)
class Line:
    """One earlier message of the conversation."""

    speaker: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, kw_only=True)
class Classification:
    """What Haiku says that a message asks for."""

    intent: str  # one of the options
    confidence: float  # 0 to 1
    model: str
    usage: Usage
    duration_ms: int


class ToolError(Exception):
    """A tool could not do what was asked. Goes back to the model as structured data."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


@dataclass(frozen=True, kw_only=True)
class Tool:
    """Something that the model may call."""

    name: str
    description: str
    access: Literal["read", "write"]
    input_model: type[BaseModel]  # extra="forbid"; each field with a description
    run: Callable[[Any], Awaitable[Json]]  # takes a checked input_model; raises ToolError


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """One call of a tool, as `tool_calls` keeps it."""

    name: str
    input: Json
    outcome: Literal["ok", "invalid", "refused", "error"]
    duration_ms: int


@dataclass(frozen=True, kw_only=True)
class AgentAnswer:
    """How the agent ends a turn."""

    text: str  # what to say, in the user's language
    show: tuple[str, ...] = ()  # handles of what to show (P1, T4, D2)
    actions: tuple[str, ...] = ()  # names of actions to offer, from the closed list given
    usage: Usage = field(default_factory=Usage)
    tool_calls: tuple[ToolCall, ...] = ()


class ClaudeUnavailableError(Exception):
    """Claude could not answer within its budget. Carries what was spent all the same."""

    def __init__(self, reason: str, usage: Usage | None = None, tool_calls: tuple[ToolCall, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason  # timeout, overloaded, rate_limited, refused, bad_request, connection, …
        self.usage = usage or Usage()
        self.tool_calls = tool_calls
