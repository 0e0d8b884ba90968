"""Turns are claimed by one worker at a time, fenced by lease tokens, and none is forgotten."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from tests.work.steps import Steps

from banksman.services import turns
from banksman.services.turns import BURST, Turn

ANA, BOB = "33600000001", "447700900101"


async def test_many_workers_never_get_the_same_conversation(steps: Steps) -> None:
    for n in range(20):
        await steps.come(f"3360000{n:04}", "hello", tap="menu")
    claimed: list[Turn] = []
    active: set[UUID] = set()

    async def work() -> None:
        while isinstance(turn := await steps.claim(), Turn):
            assert turn.person.id not in active
            active.add(turn.person.id)
            claimed.append(turn)

    await asyncio.gather(*(work() for _ in range(20)))
    while len(claimed) < 20:  # some workers met only rows that others were locking
        await work()
    assert len({turn.person.id for turn in claimed}) == 20
    assert isinstance(await steps.claim(), float)  # until the first lease ends


async def test_who_waits_longest_is_first(steps: Steps) -> None:
    people = [f"3360000{n:04}" for n in range(5)]
    for wa_id in people:
        await steps.come(wa_id, "hello", tap="menu")
    got = [await steps.claim() for _ in people]
    assert [turn.person.wa_id for turn in got if isinstance(turn, Turn)] == people


async def test_a_text_waits_for_the_rest_of_it_and_a_tap_does_not(steps: Steps) -> None:
    await steps.come(ANA, "my")
    wait = await steps.claim()
    assert isinstance(wait, float)
    assert 0.5 < wait <= 1.0
    await steps.come(BOB, "tapped", tap="menu")
    turn = await steps.claim()
    assert isinstance(turn, Turn)
    assert turn.person.wa_id == BOB
    await steps.come(ANA, "tapped", tap="tasks")  # ends the pause for what was typed before it
    turn = await steps.claim()
    assert isinstance(turn, Turn)
    assert [message.body for message in turn.messages] == ["my", "tapped"]


async def test_the_pause_is_prolonged_by_each_message_up_to_its_maximum(steps: Steps) -> None:
    await steps.come(ANA, "one")
    await steps.sql("update banksman.conversations set waiting_since = now() - interval '2 seconds'")
    await steps.come(ANA, "two")
    assert 0.5 < _seconds(await steps.claim()) <= 1.0
    await steps.sql("update banksman.conversations set waiting_since = now() - interval '3500 milliseconds'")
    await steps.come(ANA, "three")
    assert _seconds(await steps.claim()) <= 0.5
    assert [m.body for m in (await steps.begun()).messages] == ["one", "two", "three"]


async def test_a_lease_that_ended_is_due_again_and_goes_on_with_the_same_turn(steps: Steps) -> None:
    await steps.come(ANA, "hello")
    first = await steps.begun()
    assert 5 < _seconds(await steps.claim()) <= turns.LEASE_S
    second = await steps.begun()
    assert (second.id, second.claims, second.lease_token) == (first.id, 2, first.lease_token + 1)
    assert (await steps.sql("select count(*) as n from banksman.turns"))[0]["n"] == 1


async def test_a_worker_that_was_stalled_beyond_its_lease_changes_nothing(steps: Steps) -> None:
    await steps.come(ANA, "hello")
    stalled = await steps.begun()
    new = await steps.begun()
    assert not await turns.renew(steps.database, stalled)
    assert not await turns.fail(steps.database, stalled, error="Late", delay_s=0)
    assert (await steps.finish(stalled, "late", handoff_reason="late", context={"late": 1})).fenced
    assert await steps.outbox() == []
    assert await steps.sql("select id from banksman.handoffs") == []
    assert await turns.renew(steps.database, new)
    assert not (await steps.finish(new, "in time")).fenced
    assert (await steps.finish(stalled, "late again")).fenced
    assert await steps.outbox() == [("in time", "sending")]


async def test_a_finish_is_written_once_though_its_answer_was_lost(steps: Steps) -> None:
    await steps.come(ANA, "hello")
    turn = await steps.begun()
    await steps.finish(turn, "one")
    assert (await steps.finish(turn, "one")).fenced
    assert not await turns.fail(steps.database, turn, error="OperationalError", delay_s=0)
    assert await steps.outbox() == [("one", "sending")]
    (row,) = await steps.sql("select status, error_type from banksman.turns")
    assert row == {"status": "done", "error_type": None}


async def test_what_comes_during_a_turn_is_due_once_it_is_finished(steps: Steps) -> None:
    await steps.come(ANA, "hello")
    turn = await steps.begun()
    (late,) = await steps.come(ANA, "and my tasks", tap="tasks")
    assert isinstance(await steps.claim(), float)  # one turn at a time, also for a tap
    await steps.finish(turn)
    following = await steps.claim()
    assert isinstance(following, Turn)
    assert [message.wa_message_id for message in following.messages] == [late]
    assert following.id != turn.id


async def test_words_that_come_during_a_turn_get_the_rest_of_their_pause(steps: Steps) -> None:
    await steps.come(ANA, "hello")
    turn = await steps.begun()
    await steps.come(ANA, "and")
    await steps.finish(turn)
    assert 0.5 < _seconds(await steps.claim()) <= 1.0


async def test_a_message_in_a_failures_back_off_is_answered_with_the_one_that_failed(steps: Steps) -> None:
    await steps.come(ANA, "hello")
    turn = await steps.begun()
    assert await turns.fail(steps.database, turn, error="Boom", delay_s=60)
    assert 50 < _seconds(await steps.claim()) <= 60
    await steps.come(ANA, "anybody there?")
    assert _seconds(await steps.claim()) <= 1.0
    again = await steps.begun()
    assert (again.id, again.failures) == (turn.id, 1)
    assert [message.body for message in again.messages] == ["hello", "anybody there?"]


async def test_ten_thousand_waiting_messages_are_answered_in_bounded_turns_without_a_pause(steps: Steps) -> None:
    await steps.come(ANA, *(f"word {n}" for n in range(10_000)))
    turn = await steps.begun()
    assert len(turn.messages) == BURST
    await steps.come(BOB, "hello", tap="menu")
    await steps.finish(turn)
    other = await steps.claim()
    assert isinstance(other, Turn)
    assert other.person.wa_id == BOB  # a backlog is no reason to let others wait
    following = await steps.claim()
    assert isinstance(following, Turn)
    assert [m.body for m in following.messages] == [f"word {n}" for n in range(BURST, 2 * BURST)]


async def test_what_was_withdrawn_before_its_turn_gets_none(steps: Steps) -> None:
    (wa_message_id,) = await steps.come(ANA, "oops")
    await steps.withdraw(ANA, wa_message_id)
    await steps.due()
    assert await steps.claim() == 0
    assert await steps.claim() is None


async def test_a_turn_of_which_everything_was_withdrawn_after_a_crash_is_finished_all_the_same(steps: Steps) -> None:
    (wa_message_id,) = await steps.come(ANA, "oops")
    await steps.begun()  # and its worker is killed
    await steps.withdraw(ANA, wa_message_id)
    await steps.due()
    assert await steps.claim() == 0
    (row,) = await steps.sql("select status, finished_at, error_type from banksman.turns")
    assert row["finished_at"]
    assert (row["status"], row["error_type"]) == ("done", "withdrawn")


async def test_a_conversation_that_cannot_be_begun_does_not_stop_the_others(steps: Steps) -> None:
    """Such as one of a person in a time zone that Postgres does not know, which a check keeps out now."""
    await steps.sql("alter table banksman.users drop constraint users_time_zone_check")
    await steps.come(ANA, "hello", ago_s=7200)
    await steps.finish(await steps.begun())
    await steps.sql("update banksman.users set time_zone = 'Mars/Phobos' where wa_id = %s", ANA)
    await steps.come(ANA, "hello again")
    await steps.come(BOB, "hello")
    await steps.due()
    seen = [await steps.claim() for _ in range(2)]
    assert [turn.person.wa_id for turn in seen if isinstance(turn, Turn)] == [BOB]
    await steps.sql("update banksman.users set time_zone = 'Europe/Paris' where wa_id = %s", ANA)
    assert [message.body for message in (await steps.begun()).messages] == ["hello again"]


async def test_a_claim_gives_what_its_person_may_see_and_no_more(steps: Steps) -> None:
    await steps.come(ANA, "secret of Ana")
    await steps.finish(await steps.begun(), "for Ana", handles=(("P1", "project", UUID(int=1)),), context={"task": "T"})
    await steps.come(BOB, "hello")
    bob = await steps.begun()
    assert (bob.history, bob.handles, bob.session.context) == ((), (), {})
    await steps.finish(bob)
    await steps.come(ANA, "again")
    ana = await steps.begun()
    assert ana.history == (("in", "secret of Ana"), ("out", "for Ana"))
    assert ana.handles == (("P1", "project", UUID(int=1)),)
    assert ana.session.context == {"task": "T"}


@pytest.mark.parametrize("waiting", [1, 3])
async def test_a_reply_is_dropped_when_a_human_took_over_meanwhile(steps: Steps, waiting: int) -> None:
    await steps.come(ANA, *("hello",) * waiting)
    turn = await steps.begun()
    await steps.sql(
        "insert into banksman.handoffs (user_id, session_id, status, reason) values (%s, %s, 'taken', 'x')",
        turn.person.id, turn.session.id,
    )  # fmt: skip
    finished = await steps.finish(turn, "late")
    assert (finished.dropped, finished.send) == (True, None)
    assert await steps.outbox() == []


def _seconds(claimed: Turn | float | None) -> float:
    assert isinstance(claimed, float | int)
    return float(claimed)
