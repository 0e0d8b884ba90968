"""What Claude's Messages API refuses in a request, as its documentation and its client library tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Fault = tuple[int, str, str]  # status, error.type, message
Body = dict[str, Any]

FIELDS = frozenset(
    (
        *("model", "max_tokens", "messages", "system", "tools", "tool_choice", "output_config"),
        *("cache_control", "container", "diagnostics", "inference_geo", "metadata", "service_tier", "speed"),
        *("stop_sequences", "stream", "thinking", "user_profile_id", "workspace_id"),
    )
)
REFUSED_BLOCKS = {
    "user": frozenset(("tool_use", "thinking", "redacted_thinking", None)),
    "assistant": frozenset(("image", "document", "tool_result", None)),
}
SCHEMA_WORDS = frozenset(("default", "minimum", "maximum", "minLength", "maxLength", "pattern", "oneOf"))


def fault_of(body: Body, *, models: frozenset[str] | None) -> Fault | None:
    """The first thing wrong with `body`; `models` are the known ones (None: any)."""
    unknown = models is not None and body.get("model") not in models
    if unknown and isinstance(body.get("model"), str):
        return 404, "not_found_error", f"model: {body['model']}"
    for message in _faults(body):
        return 400, "invalid_request_error", message
    return None


def _faults(body: Body) -> Iterable[str]:
    for name in body.keys() - FIELDS:  # temperature, top_p and top_k went with version 2026-10-21
        yield f"{name}: Extra inputs are not permitted"
    if not isinstance(body.get("model"), str):
        yield "model: Field required"
    if not isinstance(body.get("max_tokens"), int):
        yield "max_tokens: Field required"
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        yield "messages: at least one message is required"
        return
    yield from _message_faults(body["messages"])
    yield from _tool_faults(body.get("tools", []), body.get("tool_choice"))
    output = body.get("output_config", {}).get("format")
    if output is not None:
        yield from _schema_faults(output.get("schema", {}), "output_config.format.schema")


def _message_faults(messages: list[Body]) -> Iterable[str]:
    if messages[0].get("role") != "user":
        yield 'messages: first message must use the "user" role'
    if messages[-1].get("role") == "assistant":
        yield "This model does not support assistant message prefill."
    open_calls: list[str] = []
    for index, message in enumerate(messages):
        at = f"messages.{index}"
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant"):
            yield f"{at}: role must be user or assistant"
            return
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not isinstance(blocks, list) or not blocks:
            yield f"{at}: content must not be empty"
            return
        for block in blocks:
            if block.get("type") in REFUSED_BLOCKS[role]:
                yield f"{at}: {block.get('type')} is not allowed for {role}"
            if block.get("type") == "text" and not str(block.get("text", "")).strip():
                yield f"{at}: text content blocks must be non-empty"
        yield from _result_faults(blocks, open_calls, at)
        open_calls = [block["id"] for block in blocks if block["type"] == "tool_use"]


def _result_faults(blocks: list[Body], open_calls: list[str], at: str) -> Iterable[str]:
    results = [block for block in blocks if block["type"] == "tool_result"]
    answered = [block.get("tool_use_id") for block in results]
    if set(answered) - set(open_calls):
        yield f"{at}: unexpected `tool_use_id` found in `tool_result` blocks"
    if set(open_calls) - set(answered):
        yield f"{at}: `tool_use` ids were found without `tool_result` blocks immediately after"
    if len(answered) != len(set(answered)):
        yield f"{at}: each tool_use must have a single result"
    if results and blocks[: len(results)] != results:
        yield f"{at}: tool_result blocks must come first"


def _tool_faults(tools: list[Body], choice: Body | None) -> Iterable[str]:
    if choice and not tools:
        yield "tool_choice may only be specified while providing tools"
    names = [tool.get("name") for tool in tools]
    if len(names) != len(set(names)):
        yield "tools: Tool names must be unique."
    for tool in tools:
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            yield f"tools.{tool.get('name')}.input_schema: Field required"
        elif tool.get("strict"):
            yield from _schema_faults(schema, f"tools.{tool['name']}.input_schema")


def _schema_faults(schema: Any, at: str) -> Iterable[str]:
    """A strict schema closes its objects and knows a part of JSON Schema only."""
    if isinstance(schema, list):
        for item in schema:
            yield from _schema_faults(item, at)
    if not isinstance(schema, dict):
        return
    for word in SCHEMA_WORDS & schema.keys():
        yield f"{at}: {word} is not supported"
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield f"{at}: For 'object' type, 'additionalProperties' must be explicitly set to false"
    for key, value in schema.items():
        inside = value.values() if key in ("properties", "$defs") and isinstance(value, dict) else [value]
        for part in inside:
            yield from _schema_faults(part, at)
