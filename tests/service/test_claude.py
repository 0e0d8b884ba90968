"""Claude in a turn, against a stand-in that speaks its wire format."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.running import ANA, BOB, World, world
from tests.standins.claude import (
    BROKEN_JSON,
    CUT_BEFORE,
    CUT_WITHIN,
    EMPTY,
    HANG,
    REFUSAL,
    TRUNCATED,
    ClaudeStandIn,
    answer,
    calls,
    fault,
    intent,
    words,
)

QUESTION = "which of my jobs is the furthest behind?"


@pytest.fixture
def claude() -> Iterator[ClaudeStandIn]:
    with ClaudeStandIn() as claude:
        yield claude


@pytest.fixture
async def here(urls: tuple[str, str], tmp_path: Path, claude: ClaudeStandIn) -> AsyncIterator[World]:
    key = SecretStr("sk-of-the-tests")
    async with world(urls, tmp_path, anthropic_api_key=key, anthropic_base_url=claude.url) as running:
        yield running


async def test_a_free_question_is_answered_from_the_persons_own_tasks(here: World, claude: ClaudeStandIn) -> None:
    replies = await here.replies(await here.write(BOB, QUESTION))
    assert "Pour the slab" in replies[0]["body"]
    assert len(claude.requests) == 3  # Haiku, then two rounds of the agent
    (turn,) = await here.rows("select status, error_type, input_tokens, output_tokens from banksman.turns")
    assert (turn["status"], turn["error_type"]) == ("done", None)
    assert turn["input_tokens"] > 0
    assert turn["output_tokens"] > 0
    (found,) = await here.rows("select method, model, intent from banksman.intent_classifications")
    assert found["method"] == "model"
    assert found["model"] == "claude-haiku-5-5"
    (call,) = await here.rows("select name, outcome, turn_id from banksman.tool_calls")
    assert (call["name"], call["outcome"]) == ("list_tasks", "ok")
    assert "Secret Tower" not in str(claude.requests)
    assert "vault" not in str(claude.requests)


async def test_no_id_and_no_number_goes_to_the_model(here: World, claude: ClaudeStandIn) -> None:
    await here.replies(await here.write(BOB, QUESTION))
    sent = str(claude.requests)
    ids = await here.rows("select id::text from banksman.users union select id::text from banksman.tasks")
    assert not [row for row in ids if row["id"] in sent]
    assert BOB not in sent


async def test_what_haiku_reads_with_confidence_goes_to_a_handler(here: World, claude: ClaudeStandIn) -> None:
    claude.script(intent("list_projects", 0.95))
    (reply,) = await here.replies(await here.write(BOB, "pls show where i am working these days"))
    assert "Old Mill" in str(reply["payload"])
    assert len(claude.requests) == 1


async def test_plain_words_and_taps_cost_no_model_call(here: World, claude: ClaudeStandIn) -> None:
    await here.ask(BOB, "my tasks")
    await here.replies(await here.tap(BOB, "projects"))
    assert claude.requests == []


async def test_no_model_is_called_for_a_stranger(here: World, claude: ClaudeStandIn) -> None:
    await here.ask("4915200000001", QUESTION)
    assert claude.requests == []


async def test_handles_last_for_a_session(here: World, claude: ClaudeStandIn) -> None:
    await here.ask(BOB, QUESTION)
    claude.script(intent("other", 0.3), calls(("get_task_details", {"task": "T1"})), answer("It is an open task."))
    await here.ask(BOB, "tell me more about it")
    calls_made = await here.rows("select outcome from banksman.tool_calls where name = 'get_task_details'")
    assert calls_made == [{"outcome": "ok"}]


async def test_a_handle_of_another_session_reaches_nothing(here: World, claude: ClaudeStandIn) -> None:
    await here.ask(BOB, QUESTION)
    claude.script(intent("other", 0.3), calls(("get_task_details", {"task": "T1"})), answer("I do not find it."))
    await here.ask(ANA, "parle-moi de T1, s'il te plaît")
    calls_made = await here.rows("select outcome from banksman.tool_calls where name = 'get_task_details'")
    assert calls_made == [{"outcome": "invalid"}]


async def test_handles_and_ids_in_the_models_words_are_not_shown(here: World, claude: ClaudeStandIn) -> None:
    leaked = "0f8fad5b-d9cb-469f-a165-70867728950e"
    claude.script(
        intent("other", 0.2), calls(("list_tasks", {})), answer(f"T1 ({leaked}) is late, see [P1].", show=["T1"])
    )
    (reply,) = await here.replies(await here.write(BOB, QUESTION))
    assert "T1" not in reply["body"]
    assert leaked not in reply["body"]
    assert "Pour the slab" in reply["body"]


async def test_a_handle_of_an_earlier_turn_is_spoken_by_its_title(here: World, claude: ClaudeStandIn) -> None:
    await here.ask(BOB, QUESTION)
    claude.script(intent("other", 0.2), answer("t1 is still late.", show=["T1"]))
    (reply,) = await here.replies(await here.write(BOB, "and how is it today?"))
    assert reply["body"].startswith("Pour the slab is still late.")
    assert "task:" in str(reply["payload"])


@pytest.mark.parametrize("text", ['{"text": "The slab is at 0 %, du', '["a", "b"]', '{"unknown": 3}'])
async def test_json_that_is_no_answer_is_never_shown(here: World, claude: ClaudeStandIn, text: str) -> None:
    claude.script(intent("other", 0.2), words(text))
    (reply,) = await here.replies(await here.write(BOB, QUESTION))
    assert "{" not in reply["body"]
    assert "[" not in reply["body"]


@pytest.mark.parametrize(
    "trouble",
    [fault(529), fault(500), fault(429, retry_after=30), fault(400), CUT_BEFORE, CUT_WITHIN, BROKEN_JSON],
    ids=["529", "500", "429", "400", "cut before", "cut within", "broken JSON"],
)
async def test_any_failure_of_claude_ends_in_the_menu_and_a_way_to_a_human(
    here: World, claude: ClaudeStandIn, trouble: object
) -> None:
    claude.always(trouble)
    (reply,) = await here.replies(await here.write(BOB, QUESTION), within=25)
    assert "cannot answer free questions" in reply["body"]
    assert "human" in str(reply["payload"])
    (turn,) = await here.rows("select status, error_type from banksman.turns")
    assert turn["status"] == "done"
    assert turn["error_type"].startswith("claude_")


async def test_a_hanging_claude_costs_seconds_and_not_minutes(here: World, claude: ClaudeStandIn) -> None:
    claude.always(HANG)
    began = time.monotonic()
    (reply,) = await here.replies(await here.write(BOB, QUESTION), within=25)
    assert "cannot answer free questions" in reply["body"]
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("trouble", [EMPTY, REFUSAL, TRUNCATED], ids=["empty", "refusal", "truncated"])
async def test_an_answer_of_no_use_ends_in_the_menu(here: World, claude: ClaudeStandIn, trouble: object) -> None:
    claude.script(intent("other", 0.2), trouble)
    (reply,) = await here.replies(await here.write(BOB, QUESTION))
    assert "cannot answer free questions" in reply["body"]


async def test_a_failure_after_a_tool_was_called_still_counts_what_was_spent(
    here: World, claude: ClaudeStandIn
) -> None:
    claude.script(intent("other", 0.2), calls(("list_tasks", {})))
    claude.always(fault(400))
    await here.replies(await here.write(BOB, QUESTION))
    assert await here.rows("select name from banksman.tool_calls") == [{"name": "list_tasks"}]
    (turn,) = await here.rows("select input_tokens from banksman.turns")
    assert turn["input_tokens"] > 0
