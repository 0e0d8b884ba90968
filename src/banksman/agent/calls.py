"""Running the tools that a model called: inputs are checked first, errors go back as data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

import structlog
from anthropic.types import ToolParam, ToolResultBlockParam, ToolUseBlock
from pydantic import ValidationError

from banksman.agent.structured import input_schema
from banksman.agent.types import Json, Tool, ToolCall, ToolError
from banksman.agent.untrusted import bounded
from banksman.observability.tracing import Tracer

log = structlog.get_logger(__name__)

RESULT_BYTES = 16_000  # of one tool's result that the model gets to read
NAME_LIMIT = 64

Outcome: TypeAlias = Literal["ok", "invalid", "refused", "error"]
Ran: TypeAlias = tuple[Json, ToolCall]  # what the model reads, what is kept


def tool_param(tool: Tool) -> ToolParam:
    """`tool` as the API takes it. Strict: the model's input follows the schema."""
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": input_schema(tool.input_model),
        "strict": True,
    }


async def run_call(block: ToolUseBlock, tools: Mapping[str, Tool], tracer: Tracer) -> Ran:
    """Runs one call and says how it went. Raises nothing but cancellation."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    name, given = bounded(str(block.name), NAME_LIMIT), _input(getattr(block, "input", None))
    with tracer.tool(name, inputs={"input": given}) as span:
        result, outcome = await _result(tools.get(name), name, given)
        span.outputs({"result": result})
        if outcome != "ok":
            span.fail(outcome)
    duration_ms = round((loop.time() - began) * 1000)
    return result, ToolCall(name=name, input=given, outcome=outcome, duration_ms=duration_ms)


def result_block(block: ToolUseBlock, ran: Ran) -> ToolResultBlockParam:
    """The answer to `block`, as the next user message carries it."""
    result, call = ran
    return {
        "type": "tool_result",
        "tool_use_id": block.id,
        "content": _text(result),
        "is_error": call.outcome != "ok",
    }


async def _result(tool: Tool | None, name: str, given: Json) -> tuple[Json, Outcome]:
    if tool is None:
        return _error("unknown_tool", f"There is no tool {name!r}.", "Use only the tools given."), "refused"
    try:
        checked = tool.input_model.model_validate(given)
    except ValidationError as error:
        return _error("invalid_input", _faults(error), "Correct the input and call the tool again."), "invalid"
    try:
        result: Json = await tool.run(checked)
        return result, "ok"
    except ToolError as error:
        return _error(error.code, error.message, error.hint), "invalid"
    except Exception:
        log.exception("tool_failed", tool=name)
        hint = "Do not call it again now. Tell the user that this could not be looked up."
        return _error("failed", "The tool failed.", hint), "error"


def _input(given: object) -> Json:
    """The call's input as JSON; an absent one is empty."""
    if isinstance(given, str):
        try:
            return cast("Json", json.loads(given))
        except ValueError:
            return given
    return {} if given is None else cast("Json", given)


def _error(code: str, message: str, hint: str) -> Json:
    return {"error": {"code": code, "message": message, "hint": hint}}


def _faults(error: ValidationError) -> str:
    """What is wrong with an input, field by field, without repeating what was given."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'input'}: {fault['msg']}" for fault in faults[:5])


def _text(result: Json) -> str:
    """`result` as JSON text, cut where it is too long, and then it says so."""
    text = json.dumps(result, ensure_ascii=False, separators=(",", ":"), default=str)
    encoded = text.encode(errors="replace")
    if len(encoded) <= RESULT_BYTES:
        return encoded.decode()
    part = encoded[:RESULT_BYTES].decode(errors="ignore")
    note = "The result was too long; this is its beginning. Ask for less if the rest matters."
    return json.dumps({"note": note, "beginning": part}, ensure_ascii=False)
