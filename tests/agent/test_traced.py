"""A turn through Claude as its trace shows it."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, SecretStr
from tests.standins.claude import answer, calls, fault, intent
from tests.standins.langsmith import LangSmithStandIn

from banksman.agent.client import ClaudeClient
from banksman.agent.intent import classify
from banksman.agent.loop import converse
from banksman.agent.types import IntentOption, Json, Tool
from banksman.observability.tracing import Tracing
from banksman.settings import Settings


class Nothing(BaseModel):
    """No input."""


async def list_tasks(_: Nothing) -> Json:
    return [{"task": "T1", "title": "Tiles, ask Rui +351 912 345 678", "progress": 20}]


async def test_each_model_round_and_tool_is_a_step_with_tokens_and_no_person(
    claude, soon: Callable[..., float]
) -> None:
    with LangSmithStandIn() as langsmith:
        settings = Settings(_env_file=None, langsmith_tracing=True, langsmith_endpoint=langsmith.url)
        settings = settings.model_copy(update={"langsmith_api_key": SecretStr("k")})
        traces = Tracing.from_settings(settings)

        async def no_wait(_: float) -> None:
            return None

        client = ClaudeClient(api_key="secret-key", base_url=claude.url, tracer=traces, sleep=no_wait)
        tool = Tool(name="list_tasks", description="d", access="read", input_model=Nothing, run=list_tasks)
        options = [IntentOption(name="other", meaning="Anything.")]
        claude.script(intent("other", 0.4), fault(529), calls(("list_tasks", {})), answer("Tiles, Ana."))
        async with traces.turn(session=None, inputs={"text": "hello"}, people=["Ana Silva", "Rui"]):
            with traces.step("understand", inputs={}):
                await classify(client, model="h", options=options, history=[], text="I am Ana", deadline=soon())
            with traces.step("answer", inputs={}):
                await converse(
                    client,
                    model="s",
                    system="Help Ana Silva.",
                    history=[],
                    text="Which is behind?",
                    tools=[tool],
                    actions=[],
                    deadline=soon(),
                )
        await client.close()
        await traces.close(5)
    by_id = {run["id"]: run["name"] for run in langsmith.runs}
    tree = [(run["name"], by_id.get(run["parent_run_id"])) for run in langsmith.runs]
    assert tree == [
        ("turn", None),
        ("understand", "turn"),
        ("claude", "understand"),
        ("answer", "turn"),
        ("claude", "answer"),
        ("list_tasks", "answer"),
        ("claude", "answer"),
    ]
    models = [run for run in langsmith.runs if run["run_type"] == "llm"]
    assert [run["outputs"]["usage_metadata"]["input_tokens"] for run in models] == [100, 100, 100]
    sent = b"".join(langsmith.bodies).decode()
    for part in ("Ana", "Silva", "Rui", "912 345", "secret-key"):
        assert part not in sent, part
    assert "Which is behind?" in sent
