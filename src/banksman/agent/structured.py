"""Reading structured output: what a model's message says, where it need not be what the schema asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from anthropic import transform_schema
from anthropic.types import ContentBlock, Message, ToolUseBlock
from pydantic import BaseModel

Schema: TypeAlias = dict[str, Any]  # a JSON schema, as the API takes it

FENCE = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)```", re.DOTALL)


def texts(message: Message) -> list[str]:
    """The texts of a message that say anything; thinking and unknown blocks are passed over.

    The client library builds messages without checking them, so nothing of their shape is certain.
    """
    said = [getattr(block, "text", None) for block in blocks(message) if block.type == "text"]
    return [text.strip() for text in said if isinstance(text, str) and text.strip()]


def tool_calls(message: Message) -> list[ToolUseBlock]:
    """The calls of tools that a message asks for, whatever its stop reason."""
    used = [block for block in blocks(message) if isinstance(block, ToolUseBlock)]
    return [block for block in used if block.type == "tool_use" and {"id", "name"} <= block.model_fields_set]


def blocks(message: Message) -> list[ContentBlock]:
    """What a message consists of. An unknown block comes as an object of some known class."""
    content = getattr(message, "content", None)
    return [block for block in content if hasattr(block, "type")] if isinstance(content, list) else []


def json_values(message: Message) -> list[object]:
    """JSON that the message may be meant to hold, the likeliest first: its last text, then all together."""
    parts = texts(message)
    candidates = [*reversed(parts), "".join(parts)] if len(parts) > 1 else parts
    values = [_json(text) for text in candidates]
    return [value for value in values if value is not None]


def _json(text: str) -> object:
    """`text` as JSON: whole, inside a code fence, or between its outermost braces. None where it is none."""
    fenced = FENCE.search(text)
    start, end = text.find("{"), text.rfind("}")
    braced = text[start : end + 1] if 0 <= start < end else ""
    for candidate in (text, fenced.group(1) if fenced else "", braced):
        try:
            value: object = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict | str | list):
            return value
    return None


def closed_object(fields: Mapping[str, Schema]) -> Schema:
    """The schema of an object with all of `fields` and no other."""
    return {
        "type": "object",
        "properties": dict(fields),
        "required": list(fields),
        "additionalProperties": False,
    }


def input_schema(model: type[BaseModel]) -> Schema:
    """The schema of a strict tool's input. Fields with a default stay out of `required`."""
    return {"required": [], **transform_schema(_inlined(model.model_json_schema()))}


def _inlined(schema: Schema) -> Schema:
    """`schema` without `$ref`, `default` (the API knows none) and `title` (which only costs tokens)."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})

    def walk(node: Any, *, fields: bool = False) -> Any:
        if isinstance(node, Mapping):
            if "$ref" in node and not fields:
                target = walk(definitions[str(node["$ref"]).rsplit("/", 1)[-1]])
                return {**target, **{key: walk(value) for key, value in node.items() if key == "description"}}
            dropped = () if fields else ("$defs", "default", "title")
            return {
                key: walk(value, fields=key == "properties" and not fields)
                for key, value in node.items()
                if key not in dropped
            }
        if isinstance(node, Sequence) and not isinstance(node, str):
            return [walk(item) for item in node]
        return node

    inlined: Schema = walk(schema)
    return inlined
