"""Schemas as the API takes them."""

from __future__ import annotations

import json
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from tests.standins.claude_rules import fault_of

from banksman.agent.structured import input_schema


class Kind(StrEnum):
    """A closed set."""

    PLAN = "plan"
    PHOTO = "photo"


class Part(BaseModel):
    """Something inside."""

    title: str = Field(description="A title.", min_length=1)
    default: int = 3


class Wanted(BaseModel):
    """An input with all that pydantic writes into a schema."""

    model_config = ConfigDict(extra="forbid")
    kind: Kind = Field(description="What kind.")
    parts: list[Part] = Field(default_factory=list, max_length=3)
    percent: int | None = Field(None, ge=0, le=100)


def test_references_and_defaults_are_gone_and_fields_keep_their_names() -> None:
    schema = input_schema(Wanted)
    text = json.dumps(schema)
    assert "$ref" not in text
    assert "$defs" not in text
    assert schema["required"] == ["kind"]
    assert schema["properties"]["kind"]["enum"] == ["plan", "photo"]
    assert schema["properties"]["kind"]["description"] == "What kind."
    part = schema["properties"]["parts"]["items"]
    assert part["properties"].keys() == {"title", "default"}
    assert part["required"] == ["title"]


def test_the_api_accepts_it() -> None:
    tool = {"name": "t", "description": "d", "strict": True, "input_schema": input_schema(Wanted)}
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}], "tools": [tool]}
    assert fault_of(body, models=None) is None
    assert fault_of({**body, "temperature": 0}, models=None) is not None
