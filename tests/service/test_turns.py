"""Turns in a running service: answered at once, one at a time, and never without an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.running import ANA, BOB, NUMBER, TOKEN, World, delivery, settings_for, text_message, until, world
from tests.service.listening import retry_now

from banksman.app import Parts, Service
from banksman.turn import pipeline
from banksman.turn.answer import Outcome, answer
from banksman.whatsapp.media import MediaStore

PAUSE_S = 1.0  # after a text, before its turn


class Answers:
    """Stands before the stage that answers: holds it up, or lets it fail."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.began = 0
        self.fails = 0

    async def __call__(self, *args: Any, **kwargs: Any) -> Outcome:
        self.began += 1
        await self.gate.wait()
        if self.fails:
            self.fails -= 1
            raise ValueError("made to fail")
        return await answer(*args, **kwargs)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What the running service answers with."""
    stage = Answers()
    monkeypatch.setattr(pipeline, "answer", stage)
    return stage


@asynccontextmanager
async def worker(urls: tuple[str, str], here: World, folder: Path) -> AsyncIterator[Service]:
    """Another worker on the same database."""
    settings = settings_for(
        urls[1], whatsapp_api_url=f"{here.graph_url}/simulator/graph/v26.0", public_url="http://127.0.0.1:9"
    )
    assert (settings.whatsapp_phone_number_id, settings.secret("whatsapp_access_token")) == (NUMBER, TOKEN)
    async with Service(settings, MediaStore(folder=folder / "media"), Parts(web=False)) as service:
        yield service


def turns(here: World) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """The turns that have ended."""
    return lambda: here.rows("select * from banksman.turns where finished_at is not null order by started_at")


async def test_a_tap_is_answered_at_once_and_a_text_after_its_pause(here: World) -> None:
    began = time.monotonic()
    await here.replies(await here.tap(BOB, "menu"))
    assert time.monotonic() - began < PAUSE_S * 0.9
    began = time.monotonic()
    await here.replies(await here.write(BOB, "hello"))
    assert PAUSE_S <= time.monotonic() - began < PAUSE_S + 1


async def test_messages_typed_in_pieces_are_answered_together(here: World) -> None:
    first = await here.write(BOB, "hello")
    await asyncio.sleep(0.3)
    second = await here.write(BOB, "my tasks")
    (reply,) = await here.replies(second)
    assert [row["id"] for row in await here.replies(first)] == [reply["id"]]


async def test_what_comes_during_a_turn_is_answered_right_after_it(here: World, answers: Answers) -> None:
    answers.gate.clear()
    first = await here.tap(BOB, "menu")

    async def begun() -> bool:
        return answers.began == 1

    await until(begun)
    second = await here.tap(BOB, "tasks")
    await asyncio.sleep(0.1)
    assert answers.began == 1  # one turn at a time
    began = time.monotonic()
    answers.gate.set()
    assert "Pour the slab" in str((await here.replies(second))[0]["payload"])
    assert time.monotonic() - began < 1.0  # woken, not found by a poll
    assert len(await here.replies(first)) == 1
    assert len(await turns(here)()) == 2


async def test_ten_turns_of_one_person_follow_each_other_without_a_poll(here: World) -> None:
    began = time.monotonic()
    for _ in range(10):
        await here.replies(await here.tap(BOB, "menu"))
    assert time.monotonic() - began < 4.0


async def test_a_turn_that_failed_is_tried_again_and_answered_once(here: World, answers: Answers) -> None:
    answers.fails = 1
    (reply,) = await here.replies(await here.tap(BOB, "menu"))
    assert answers.began == 2
    (turn,) = await turns(here)()
    assert (turn["status"], turn["error_type"]) == ("done", None)
    assert reply["turn_id"] == turn["id"]


async def test_a_turn_that_keeps_failing_ends_in_one_apology_and_a_sign_to_staff(here: World, answers: Answers) -> None:
    answers.fails = 99
    messages = [text_message(BOB, "hello"), text_message(BOB, "my tasks")]
    await here.post(delivery(*messages))

    async def ended() -> list[dict[str, Any]]:
        await retry_now(here.owner_url)
        return await turns(here)()

    (turn,) = await until(ended)
    assert answers.began == pipeline.TRIES
    assert (turn["status"], turn["error_type"]) == ("failed", "gave_up")
    assert turn["finished_at"]
    (reply,) = await here.rows("select * from banksman.messages where direction = 'out'")
    assert "Sorry" in reply["body"] or "sorry" in reply["body"]
    assert await here.rows("select status, reason from banksman.handoffs") == [
        {"status": "waiting", "reason": "turn_failed"}
    ]
    assert await here.rows("select id from banksman.messages where awaits_answer") == []
    answers.fails = 0
    assert "Pour the slab" in str((await here.replies(await here.tap(BOB, "tasks")))[0]["payload"])


async def test_a_turn_that_keeps_killing_its_worker_ends_in_one_apology_too(
    urls: tuple[str, str], tmp_path: Path, answers: Answers
) -> None:
    async with world(urls, tmp_path, parts=Parts(worker=False)) as here:
        wa_message_id = await here.tap(BOB, "menu")
        await here.rows("update banksman.conversations set claims = %s returning 1", pipeline.CLAIMS)
        async with worker(urls, here, tmp_path):
            (reply,) = await here.replies(wa_message_id)
        (turn,) = await turns(here)()
    assert (turn["status"], turn["id"], answers.began) == ("failed", reply["turn_id"], 0)


async def test_the_same_failure_for_one_person_is_no_trouble_for_another(here: World, answers: Answers) -> None:
    answers.fails = 1
    await here.tap(BOB, "menu")

    async def failed() -> list[dict[str, Any]]:
        return await here.rows("select 1 from banksman.conversations where failures = 1")

    await until(failed)
    began = time.monotonic()
    await here.replies(await here.tap(ANA, "menu"))
    assert time.monotonic() - began < 0.9


async def test_a_worker_of_its_own_answers_where_the_web_process_has_none(
    urls: tuple[str, str], tmp_path: Path
) -> None:
    async with world(urls, tmp_path, parts=Parts(worker=False)) as here:
        wa_message_id = await here.tap(BOB, "menu")
        await asyncio.sleep(0.2)
        assert await turns(here)() == []
        async with worker(urls, here, tmp_path), worker(urls, here, tmp_path):
            await here.replies(wa_message_id)
            began = time.monotonic()
            replies = [(await here.replies(await here.tap(BOB, "menu")))[0]["id"] for _ in range(5)]
            assert time.monotonic() - began < 2.5
        assert len(set(replies)) == 5


async def test_a_stop_finishes_the_turn_that_runs_and_takes_nothing_new(
    urls: tuple[str, str], tmp_path: Path, answers: Answers
) -> None:
    answers.gate.clear()
    async with world(urls, tmp_path, parts=Parts(worker=False)) as here:
        running = worker(urls, here, tmp_path)
        await running.__aenter__()
        first = await here.tap(BOB, "menu")

        async def begun() -> bool:
            return answers.began == 1

        await until(begun)
        stopping = asyncio.create_task(running.__aexit__(None, None, None))
        await asyncio.sleep(0.05)
        second = await here.tap(ANA, "menu")
        await asyncio.sleep(0.2)
        assert not stopping.done()
        answers.gate.set()
        await asyncio.wait_for(stopping, 3)
        (reply,) = await here.replies(first)
        assert reply["status"] in ("accepted", "sent", "delivered")  # sent, too, before it left
        assert (await here.rows("select turn_id from banksman.messages where wa_message_id = %s", second)) == [
            {"turn_id": None}
        ]
        async with worker(urls, here, tmp_path):
            assert len(await here.replies(second)) == 1
