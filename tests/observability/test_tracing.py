"""One trace a turn, masked, and never in the way of a turn or of the process's end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from tests.standins.langsmith import LangSmithStandIn

from banksman.observability.tracing import OFF, Tracing, pseudonym
from banksman.settings import Settings

SESSION = UUID("0b0e7a8c-3f5a-4d52-9d53-0f4c6c1de111")


@pytest.fixture
def langsmith() -> Iterator[LangSmithStandIn]:
    with LangSmithStandIn() as service:
        yield service


def tracing(url: str) -> Tracing:
    return Tracing.from_settings(
        Settings(
            _env_file=None,
            langsmith_tracing=True,
            langsmith_api_key=SecretStr("ls-key"),
            langsmith_endpoint=url,
            langsmith_project="site",
        )
    )


async def a_turn(traces: Tracing, text: str = "where is my job?") -> str | None:
    async with traces.turn(session=SESSION, inputs={"text": text}, people=["Ana Silva"]) as turn:
        with (
            traces.step("understand", inputs={"text": text}),
            traces.llm("claude", model="claude-haiku-5-5", inputs={"messages": [text]}) as span,
        ):
            span.usage(input_tokens=90, output_tokens=10, cache_read_tokens=40)
            span.outputs({"intent": "other"})
        turn.note(intent="other", language="pt", outcome="answered", variant="a")
        turn.outputs({"text": "Here it is, Ana."})
        return turn.trace_id


async def test_a_turn_is_one_trace_with_its_steps_and_costs(langsmith: LangSmithStandIn) -> None:
    traces = tracing(langsmith.url)
    trace_id = await a_turn(traces)
    await traces.close(5)
    root, step, call = langsmith.runs
    assert [run["name"] for run in langsmith.runs] == ["turn", "understand", "claude"]
    assert {run["trace_id"] for run in langsmith.runs} == {trace_id} == {root["id"]}
    assert (step["parent_run_id"], call["parent_run_id"]) == (root["id"], step["id"])
    assert call["dotted_order"].startswith(step["dotted_order"] + ".")
    assert call["outputs"]["usage_metadata"]["total_tokens"] == 100
    assert call["outputs"]["usage_metadata"]["input_token_details"] == {"cache_read": 40}
    assert call["extra"]["metadata"]["ls_model_name"] == "claude-haiku-5-5"
    assert root["session_name"] == "site"
    assert root["end_time"] >= call["end_time"] >= call["start_time"]
    assert langsmith.keys == ["ls-key"]


async def test_turns_of_a_session_share_a_pseudonym_and_facts_come_along(langsmith: LangSmithStandIn) -> None:
    traces = tracing(langsmith.url)
    await a_turn(traces)
    await a_turn(traces)
    await traces.close(5)
    roots = [run for run in langsmith.runs if run["name"] == "turn"]
    assert {root["extra"]["metadata"]["thread_id"] for root in roots} == {pseudonym(SESSION)}
    facts = roots[0]["extra"]["metadata"]
    assert (facts["intent"], facts["language"], facts["outcome"], facts["variant"]) == ("other", "pt", "answered", "a")


async def test_nothing_that_identifies_leaves(langsmith: LangSmithStandIn) -> None:
    traces = tracing(langsmith.url)
    other = uuid4()
    secret = "ANA silva, call +33 6 12 34 56 78 or rui@site.example, BR.13491208655302741918"
    async with traces.turn(session=SESSION, inputs={"text": secret}, people=["Ana Silva"]) as turn:
        with traces.tool("list", inputs={"id": other, "number": 33612345678, "Ana Silva": 1}) as span:
            span.outputs({"members": ["Rui Costa", {"id": str(other)}], "due": "2026-12-04"})
        turn.know(["Rui Costa"])
        turn.outputs({"text": "Rui is on it."})
    await traces.close(5)
    sent = b"".join(langsmith.bodies).decode().lower()
    for part in ("ana", "silva", "rui", "costa", "34 56", "612345678", "1349120", "site.example"):
        assert part not in sent, part
    assert str(other) not in sent
    assert str(SESSION) not in sent
    assert "2026-12-04" in sent


async def test_a_failed_step_says_what_class_of_error_and_no_more(langsmith: LangSmithStandIn) -> None:
    traces = tracing(langsmith.url)

    async def fails() -> None:
        async with traces.turn(session=None, inputs={}):
            with traces.step("answer", inputs={}):
                raise ValueError("private words")

    with pytest.raises(ValueError, match="private"):
        await fails()
    await traces.close(5)
    assert [run["error"] for run in langsmith.runs] == ["ValueError", "ValueError"]
    assert b"private" not in b"".join(langsmith.bodies)


async def test_turns_at_the_same_time_keep_their_steps_apart(langsmith: LangSmithStandIn) -> None:
    traces = tracing(langsmith.url)
    met = asyncio.Barrier(2)

    async def turn(name: str) -> None:
        async with traces.turn(session=None, inputs={}, name=name):
            await met.wait()
            await asyncio.gather(*(step(f"{name}{number}") for number in range(3)))

    async def step(name: str) -> None:
        with traces.step(name, inputs={}):
            await asyncio.sleep(0)

    await asyncio.gather(turn("a"), turn("b"))
    await traces.close(5)
    by_id = {run["id"]: run for run in langsmith.runs}
    steps = [run for run in langsmith.runs if run["parent_run_id"]]
    assert len(steps) == 6
    assert all(by_id[run["parent_run_id"]]["name"] == run["name"][0] for run in steps)


async def test_off_it_gives_no_id_and_starts_nothing() -> None:
    assert not Tracing.from_settings(Settings(_env_file=None, langsmith_api_key=SecretStr("k"))).enabled
    assert not Tracing.from_settings(Settings(_env_file=None, langsmith_tracing=True)).enabled
    assert await a_turn(OFF) is None
    async with OFF.turn(session=None, inputs={}) as turn:
        turn.know(["Ana"])
        turn.note(intent="other")
        assert not turn.people
    with OFF.llm("claude", model="m", inputs={}) as span:
        span.outputs({"x": 1})


async def test_an_older_service_gets_batches(langsmith: LangSmithStandIn) -> None:
    with LangSmithStandIn(multipart=False) as older:
        traces = tracing(older.url)
        await a_turn(traces)
        await traces.close(5)
        assert [run["name"] for run in older.runs] == ["turn", "understand", "claude"]


@pytest.mark.parametrize("trouble", ["refused", "hang", 401, 429, 503])
async def test_a_service_in_trouble_delays_no_turn(langsmith: LangSmithStandIn, trouble: str | int) -> None:
    if trouble == "hang":
        langsmith.hang.set()
    elif isinstance(trouble, int):
        langsmith.status = trouble
    traces = tracing("http://127.0.0.1:9" if trouble == "refused" else langsmith.url)
    await a_turn(traces)  # the first one in a process loads and connects
    began = time.perf_counter()
    for _ in range(300):
        assert await a_turn(traces)
    assert time.perf_counter() - began < 1.5
    began = time.perf_counter()
    await traces.close(0.2)
    assert time.perf_counter() - began < 1


def test_a_process_ends_at_once_while_the_service_is_down() -> None:
    program = """
        import asyncio, time
        from uuid import uuid4
        from banksman.observability.tracing import Tracing
        from banksman.settings import Settings

        async def main():
            settings = Settings(_env_file=None, langsmith_tracing=True, langsmith_endpoint="http://127.0.0.1:9")
            traces = Tracing.from_settings(settings)
            for _ in range(5):
                async with traces.turn(session=uuid4(), inputs={"text": "hello"}):
                    pass
            await traces.close(0.5)

        asyncio.run(main())
        print(time.time(), flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30, check=True
    )
    assert time.time() - float(done.stdout.split()[-1]) < 2
    assert "Traceback" not in done.stderr
