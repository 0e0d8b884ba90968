"""The conversation with Claude: rounds of tool calls that end in an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Literal

from anthropic.types import Message, MessageParam, TextBlockParam, ToolUseBlock

from banksman.agent.answer import answer_schema, final_answer
from banksman.agent.calls import Ran, result_block, run_call, tool_param
from banksman.agent.client import ClaudeClient, usage_of
from banksman.agent.structured import blocks, tool_calls
from banksman.agent.types import AgentAnswer, ClaudeUnavailableError, Line, Tool, ToolCall, Usage
from banksman.agent.untrusted import bounded

MAX_TOKENS = 2048
TEXT_LIMIT = 8000  # characters of the message that are read
LINE_LIMIT = 2000  # of each earlier one
CUT_OFF = {"max_tokens": "max_tokens", "model_context_window_exceeded": "max_tokens", "refusal": "refused"}


async def converse(
    client: ClaudeClient,
    *,
    model: str,
    system: str | Sequence[TextBlockParam],
    history: Sequence[Line],
    text: str,
    tools: Sequence[Tool],
    actions: Sequence[str],
    deadline: float,
    max_rounds: int = 6,
) -> AgentAnswer:
    """Claude's answer to `text`, by `deadline` (a time of the running loop's clock).

    At most `max_rounds` answers may call tools, several at once; then one more must do without.
    Raises ClaudeUnavailableError with what was spent and called: `refused`, `max_tokens`, `no_answer`,
    or the client's reasons.
    """
    messages = opening(history, text)
    usage = Usage()
    calls: list[ToolCall] = []
    by_name = {tool.name: tool for tool in tools}
    try:
        for round_ in range(max_rounds + 1):
            last = round_ == max_rounds
            message = await client.create(
                model=model,
                max_tokens=MAX_TOKENS,
                system=system,
                messages=messages,
                tools=[tool_param(tool) for tool in tools],
                tool_choice={"type": "none"} if last and tools else None,
                output_schema=answer_schema(actions),
                deadline=deadline,
            )
            usage += usage_of(message)
            if str(message.stop_reason) in CUT_OFF:
                raise ClaudeUnavailableError(CUT_OFF[str(message.stop_reason)])
            wanted = tool_calls(message)
            if last or not wanted:
                return _ended(message, actions, usage, calls)
            async with asyncio.timeout_at(deadline):
                ran = await asyncio.gather(*(run_call(block, by_name, client.tracer) for block in wanted))
            calls += [call for _, call in ran]
            messages += _exchange(message, wanted, ran)
    except TimeoutError as error:
        raise ClaudeUnavailableError("timeout", usage, tuple(calls)) from error
    except ClaudeUnavailableError as error:
        raise ClaudeUnavailableError(error.reason, usage + error.usage, tuple(calls)) from error
    raise AssertionError("the last round always returns")


def opening(history: Sequence[Line], text: str) -> list[MessageParam]:
    """The conversation so far and `text`, in turns that begin with the user, none of them empty."""
    said = [(line.speaker, bounded(line.text, LINE_LIMIT)) for line in history]
    said.append(("user", bounded(text, TEXT_LIMIT) or "(a message without words)"))
    spoken = [(speaker, words) for speaker, words in said if words]
    if spoken[0][0] == "assistant":
        spoken.insert(0, ("user", "(the assistant wrote first)"))
    return [
        _message(speaker, "\n\n".join(words for _, words in lines))
        for speaker, lines in groupby(spoken, key=itemgetter(0))
    ]


def _message(speaker: Literal["user", "assistant"], content: str) -> MessageParam:
    if speaker == "user":
        return {"role": "user", "content": content}
    return {"role": "assistant", "content": content}


def _exchange(message: Message, wanted: Sequence[ToolUseBlock], ran: Sequence[Ran]) -> list[MessageParam]:
    """The model's message as it came, without what the API refuses; and the results of all its calls."""
    results = [result_block(block, outcome) for block, outcome in zip(wanted, ran, strict=True)]
    said = [
        block
        for block in blocks(message)
        if (block.type != "text" or block.text.strip()) and (block.type != "tool_use" or block in wanted)
    ]
    return [{"role": "assistant", "content": said}, {"role": "user", "content": results}]


def _ended(message: Message, actions: Sequence[str], usage: Usage, calls: Sequence[ToolCall]) -> AgentAnswer:
    final = final_answer(message, actions)
    if final is None:
        raise ClaudeUnavailableError("no_answer")
    return AgentAnswer(text=final.text, show=final.show, actions=final.actions, usage=usage, tool_calls=tuple(calls))
