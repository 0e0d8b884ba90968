"""The conversation with Claude: tool rounds, what goes wrong in them, and the answer at the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from pydantic import BaseModel, ConfigDict, Field
from tests.standins.claude import (
    EMPTY,
    HANG,
    REFUSAL,
    TRUNCATED,
    Answer,
    answer,
    calls,
    fault,
    plausible,
    words,
)

from banksman.agent.loop import converse, opening
from banksman.agent.types import AgentAnswer, ClaudeUnavailableError, Json, Line, Tool, ToolError

Soon = Callable[..., float]


class ListTasks(BaseModel):
    """What list_tasks takes."""

    model_config = ConfigDict(extra="forbid")
    project: str | None = Field(None, description="A project's handle.")


class TaskDetails(BaseModel):
    """What task_details takes."""

    model_config = ConfigDict(extra="forbid")
    task: str = Field(description="A task's handle.", max_length=10)


async def list_tasks(_: ListTasks) -> Json:
    return [
        {"task": "T1", "title": "Tiles", "progress": 20},
        {"task": "T2", "title": "Paint", "progress": 60},
    ]


async def task_details(wanted: TaskDetails) -> Json:
    if wanted.task != "T1":
        raise ToolError("unknown_handle", "no such task", "Use one of: T1.")
    return {"task": "T1", "description": "Tile bathroom 2.04"}


async def broken(_: ListTasks) -> Json:
    raise RuntimeError("password=hunter2 at 10.0.0.1")


async def long_list(_: ListTasks) -> Json:
    return ["é" * 100] * 1000


async def slow(_: ListTasks) -> Json:
    await asyncio.Event().wait()
    return None


def tool(name: str, run: Callable[[Any], Any], takes: type[BaseModel] = ListTasks) -> Tool:
    return Tool(name=name, description=f"About {name}.", access="read", input_model=takes, run=run)


TOOLS = [
    tool("list_tasks", list_tasks),
    tool("task_details", task_details, TaskDetails),
    tool("broken", broken),
    tool("long_list", long_list),
    tool("slow", slow),
]


async def talk(client, deadline: float, text: str = "Which is behind?", **more: Any) -> AgentAnswer:
    given: dict[str, Any] = {
        "history": [],
        "tools": TOOLS,
        "actions": ["show_menu", "speak_to_human"],
        **more,
    }
    return await converse(client, model="claude-sonnet-5-5", system="Help.", text=text, deadline=deadline, **given)


def results(claude, request: int = -1) -> list[Any]:
    blocks = claude.requests[request]["messages"][-1]["content"]
    return [(json.loads(block["content"]), block.get("is_error", False)) for block in blocks]


async def test_a_question_ends_in_an_answer_made_from_a_tool(claude, client, soon: Soon) -> None:
    claude.script(
        calls(("list_tasks", {}), say="Let me look."),
        answer("Tiles is behind.", show=("T1",), actions=("show_menu",)),
    )
    said = await talk(client, soon())
    assert (said.text, said.show, said.actions) == ("Tiles is behind.", ("T1",), ("show_menu",))
    assert said.usage.input_tokens == 200
    assert [(call.name, call.input, call.outcome) for call in said.tool_calls] == [("list_tasks", {}, "ok")]
    assert results(claude) == [(await list_tasks(ListTasks(project=None)), False)]


async def test_the_demo_brain_answers_from_the_tools(claude, client, soon: Soon) -> None:
    claude.always(plausible)
    said = await talk(client, soon())
    assert said.text == "Tiles is the furthest behind: 20 %."
    assert said.show == ("T1",)
    assert len(claude.requests) == 2


async def test_tools_are_strict_closed_and_leave_optional_fields_out(claude, client, soon: Soon) -> None:
    claude.script(answer("Fine."))
    await talk(client, soon())
    sent = {tool["name"]: tool for tool in claude.requests[0]["tools"]}
    assert sent["list_tasks"]["strict"] is True
    schema = sent["list_tasks"]["input_schema"]
    assert (schema["additionalProperties"], schema["required"]) == (False, [])
    assert sent["task_details"]["input_schema"]["required"] == ["task"]
    assert "default" not in json.dumps(sent)


async def test_several_calls_run_at_once_and_are_answered_in_order(claude, client, soon: Soon) -> None:
    met = asyncio.Barrier(2)

    async def together(_: ListTasks) -> Json:
        await met.wait()  # passes only when both calls run
        return "met"

    claude.script(calls(("a", {}), ("b", {})), answer("Done."))
    said = await talk(client, soon(), tools=[tool("a", together), tool("b", together)])
    assert [call.name for call in said.tool_calls] == ["a", "b"]
    assert results(claude) == [("met", False), ("met", False)]


@pytest.mark.parametrize(
    ("call", "code", "outcome"),
    [
        (("drop_table", {}), "unknown_tool", "refused"),
        (("task_details", {}), "invalid_input", "invalid"),
        (("task_details", {"task": 4}), "invalid_input", "invalid"),
        (("list_tasks", {"user_id": "other"}), "invalid_input", "invalid"),
        (("task_details", {"task": "T9"}), "unknown_handle", "invalid"),
        (("broken", {}), "failed", "error"),
    ],
)
async def test_a_call_that_fails_goes_back_as_data(claude, client, soon, call, code: str, outcome: str) -> None:
    claude.script(calls(call), answer("Sorry."))
    with structlog.testing.capture_logs():
        said = await talk(client, soon())
    [(result, is_error)] = results(claude)
    assert is_error
    assert result["error"]["code"] == code
    assert result["error"].keys() == {"code", "message", "hint"}
    assert "hunter2" not in json.dumps(claude.requests)
    assert [call.outcome for call in said.tool_calls] == [outcome]


async def test_a_good_and_a_bad_call_are_both_answered(claude, client, soon: Soon) -> None:
    claude.script(calls(("nothing", {}), ("list_tasks", {"project": None})), answer("Here."))
    said = await talk(client, soon())
    assert [call.outcome for call in said.tool_calls] == ["refused", "ok"]


async def test_a_long_result_is_cut_and_says_so(claude, client, soon: Soon) -> None:
    claude.script(calls(("long_list", {})), answer("Many."))
    await talk(client, soon())
    [(result, _)] = results(claude)
    assert "too long" in result["note"]
    assert len(json.dumps(result, ensure_ascii=False).encode()) < 20_000


async def test_after_the_last_round_an_answer_without_tools_is_asked_for(claude, client, soon: Soon) -> None:
    def brain(body: dict[str, Any]) -> Answer:
        return answer("Enough.") if body.get("tool_choice") == {"type": "none"} else calls(("list_tasks", {}))

    claude.always(brain)
    said = await talk(client, soon(), max_rounds=3)
    assert said.text == "Enough."
    assert len(said.tool_calls) == 3
    assert len(claude.requests) == 4


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (words("Tiles is behind."), "Tiles is behind."),
        (words('```json\n{"text": "Hi", "show": [], "actions": []}\n```'), "Hi"),
        (words('{"text": "Hi"}'), "Hi"),
        (words('{"text": " Hi ", "show": null, "actions": "x", "mood": 1}'), "Hi"),
        (words("", "Let me see.", '{"text": "Hi"}', ""), "Hi"),
        (words('{"text": ', '"Hi"}'), "Hi"),
        (words("One.", "Two."), "One.\n\nTwo."),
        (words('"Hi"'), "Hi"),
        (words('{"reply": "Hi", "n": 1}'), "Hi"),
        (words("2 of {3} are done"), "2 of {3} are done"),
        (words('{"text": "Hi"}', stop_reason="tool_use"), "Hi"),
        (words('{"text": "Hi"}', stop_reason="something_new"), "Hi"),
        (
            Answer(
                content=(
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "redacted_thinking", "data": "x"},
                    {"type": "hologram", "beam": [1]},
                    {"type": "text", "text": '{"text": "Hi"}'},
                )
            ),
            "Hi",
        ),
    ],
)
async def test_an_answer_beside_the_schema_still_reaches_the_user(
    claude, client, soon, said: Answer, text: str
) -> None:
    claude.script(said)
    found = await talk(client, soon())
    assert (found.text, found.show, found.actions) == (text, (), ())


async def test_a_call_beside_other_blocks_is_made_whatever_the_stop_reason(claude, client, soon: Soon) -> None:
    call = calls(("list_tasks", {})).content
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    empty = {"type": "text", "text": ""}
    nameless = {"type": "tool_use"}
    claude.script(
        Answer(content=(thought, empty, nameless, {"type": "hologram"}, *call), stop_reason="end_turn"),
        answer("Here."),
    )
    assert (await talk(client, soon())).text == "Here."
    sent = claude.requests[1]["messages"][1]["content"]
    assert [block["type"] for block in sent] == ["thinking", "hologram", "tool_use"]


async def test_actions_outside_the_closed_list_are_not_offered(claude, client, soon: Soon) -> None:
    claude.script(words('{"text": "Hi", "show": ["T1", "T1", 7], "actions": ["format_disk", "show_menu"]}'))
    said = await talk(client, soon())
    assert (said.show, said.actions) == (("T1",), ("show_menu",))


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (REFUSAL, "refused"),
        (TRUNCATED, "max_tokens"),
        (EMPTY, "no_answer"),
        (words("  "), "no_answer"),
        (words('{"n": 1}'), "no_answer"),
        (fault(400), "bad_request"),
        (Answer(raw=b'{"type": "message", "content": null}'), "no_answer"),
        (Answer(raw=b"{}"), "no_answer"),
    ],
)
async def test_a_failure_carries_what_was_spent_and_called(claude, client, soon, last: Answer, reason: str) -> None:
    claude.script(calls(("list_tasks", {})), last)
    with structlog.testing.capture_logs(), pytest.raises(ClaudeUnavailableError) as raised:
        await talk(client, soon())
    assert raised.value.reason == reason
    assert raised.value.usage.input_tokens >= 100
    assert [call.name for call in raised.value.tool_calls] == ["list_tasks"]


@pytest.mark.parametrize("second", [HANG, calls(("slow", {}))])
async def test_neither_claude_nor_a_tool_outlasts_the_deadline(claude, client, soon, second: Answer) -> None:
    claude.script(calls(("list_tasks", {})), second)
    with pytest.raises(ClaudeUnavailableError) as raised:
        await talk(client, soon(0.5))
    assert raised.value.reason == "timeout"
    assert raised.value.usage.input_tokens >= 100
    assert [call.name for call in raised.value.tool_calls] == ["list_tasks"]


async def test_a_turn_that_is_cancelled_stays_cancelled(claude, client, soon: Soon) -> None:
    begun = asyncio.Event()

    async def hang(_: ListTasks) -> Json:
        begun.set()
        return await slow(_)

    claude.script(calls(("hang", {})))
    task = asyncio.create_task(talk(client, soon(), tools=[tool("hang", hang)]))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_api_takes_a_history_in_any_order(claude, client, soon: Soon) -> None:
    claude.script(answer("Hi."))
    history = [
        Line(speaker="assistant", text="Good morning"),
        Line(speaker="user", text="one"),
        Line(speaker="user", text="  "),
        Line(speaker="user", text="two"),
    ]
    await talk(client, soon(), text="three", history=history)
    sent = [(message["role"], message["content"]) for message in claude.requests[0]["messages"]]
    assert sent[1:] == [("assistant", "Good morning"), ("user", "one\n\ntwo\n\nthree")]


def test_a_message_without_words_is_still_a_message() -> None:
    assert opening([], " \x00 ") == [{"role": "user", "content": "(a message without words)"}]
