"""One trace a turn, with nothing in it that names a person."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from tests.running import BOB, until, world
from tests.standins.claude import ClaudeStandIn
from tests.standins.langsmith import LangSmithStandIn

QUESTION = "Bob Hill here, +44 7700 900101: which of my jobs is the furthest behind?"


async def test_a_turn_is_one_trace_without_numbers_ids_and_names(urls: tuple[str, str], tmp_path: Path) -> None:
    with ClaudeStandIn() as claude, LangSmithStandIn() as langsmith:
        async with world(
            urls,
            tmp_path,
            anthropic_api_key=SecretStr("sk-of-the-tests"),
            anthropic_base_url=claude.url,
            langsmith_tracing=True,
            langsmith_api_key=SecretStr("ls-of-the-tests"),
            langsmith_endpoint=langsmith.url,
        ) as here:
            assert "Pour the slab" in await here.ask(BOB, QUESTION)

            async def arrived() -> bool:
                return len(langsmith.runs) >= 5

            await until(arrived)
            (turn,) = await here.rows("select id::text, trace_id from banksman.turns")
            (user,) = await here.rows("select id::text from banksman.users where wa_id = %s", BOB)
    runs = list(langsmith.runs.values()) if isinstance(langsmith.runs, dict) else list(langsmith.runs)
    assert {str(run["trace_id"]) for run in runs} == {turn["trace_id"]}
    assert sorted(run["run_type"] for run in runs) == ["chain", "llm", "llm", "llm", "tool"]
    told = str(langsmith.bodies) + str(runs)
    for secret in (BOB, "7700 900101", "Bob Hill", user["id"], "sk-of-the-tests"):
        assert secret not in told


async def test_tracing_that_does_not_answer_delays_no_turn(urls: tuple[str, str], tmp_path: Path) -> None:
    async with world(
        urls,
        tmp_path,
        langsmith_tracing=True,
        langsmith_api_key=SecretStr("ls-of-the-tests"),
        langsmith_endpoint="http://127.0.0.1:9",
    ) as here:
        assert "Hello Bob" in await here.ask(BOB, "hello")
