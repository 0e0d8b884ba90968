"""Sends are committed before the call, leave in order, and a lost answer is settled before anything is sent again."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.work.steps import WHATSAPP, Steps

ANA, BOB = "33600000001", "447700900101"


async def status_of(steps: Steps, send: dict[str, Any]) -> dict[str, Any]:
    """The row of a send."""
    (row,) = await steps.sql("select * from banksman.messages where id = %s", send["id"])
    return row


async def test_sends_to_one_person_are_claimed_one_after_the_other(steps: Steps) -> None:
    first = await steps.answered(ANA, "one", "two")
    assert await steps.outbox() == [("one", "sending"), ("two", "queued")]
    assert "id" not in await steps.claim_send()  # its worker lives
    second = await steps.settle(first, "accepted", wamid="w1")
    assert second
    assert second["content"]["text"]["body"] == "two"
    assert await steps.settle(second, "accepted", wamid="w2") is None
    assert await steps.outbox() == [("one", "accepted"), ("two", "accepted")]
    assert await steps.sql("select user_id from banksman.conversations where send_due_at is not null") == []


async def test_many_workers_never_get_the_same_send(steps: Steps) -> None:
    for n in range(12):
        await steps.answered(f"3360000{n:04}", "hello")
    await steps.sql("update banksman.messages set status = 'queued' where direction = 'out'")
    await steps.due()
    claimed: list[str] = []

    async def work() -> None:
        while "id" in (send := await steps.claim_send()):
            claimed.append(send["id"])

    await asyncio.gather(*(work() for _ in range(12)))
    while len(claimed) < 12:
        await work()
    assert len(set(claimed)) == 12


async def test_a_lost_answer_is_settled_by_its_status_and_what_waits_behind_it_goes_at_once(steps: Steps) -> None:
    first = await steps.answered(ANA, "one", "two")
    await steps.due()  # the worker was killed
    assert await steps.claim_send() == {"next_s": 0}
    assert 50 < (await steps.claim_send())["next_s"] <= 60
    await steps.status(UUID(first["id"]), "sent", "w1")
    following = await steps.claim_send()
    assert following["content"]["text"]["body"] == "two"
    row = await status_of(steps, first)
    assert (row["status"], row["wa_message_id"], row["tries"]) == ("sent", "w1", 1)


async def test_what_a_killed_worker_had_sent_does_not_hold_the_others_up_for_its_whole_lease(steps: Steps) -> None:
    send = await steps.answered(ANA, "one", "two")
    assert (await steps.claim_send())["next_s"] > 8
    await steps.status(UUID(send["id"]), "sent", "w1")
    assert 4 < (await steps.claim_send())["next_s"] <= 5
    renewing = {"token": send["lease_token"], "lease": 10.0}  # as a worker does that lives
    assert await steps.database.as_user(UUID(send["user_id"])).value(WHATSAPP["renew_send"], renewing)
    assert (await steps.claim_send())["next_s"] > 5
    following = await steps.settle(send, "accepted", wamid="w1")
    assert following
    assert following["content"]["text"]["body"] == "two"


async def test_without_a_status_it_is_sent_once_more_under_the_same_id_after_60_seconds_of_listening(
    steps: Steps,
) -> None:
    first = await steps.answered(ANA, "one", "two")
    await steps.settle(first, "unknown")
    await steps.listen(59)
    assert await steps.claim_send() == {"next_s": 0}
    await steps.listen(2)
    again = await steps.claim_send()
    assert (again["id"], again["tries"]) == (first["id"], 2)
    behind = await steps.settle(again, "unknown")  # lost again: the others wait no longer
    assert behind
    assert behind["content"]["text"]["body"] == "two"
    await steps.settle(behind, "accepted", wamid="w2")
    await steps.listen(61)
    assert await steps.claim_send() == {"next_s": 0}
    assert await steps.outbox() == [("one", "failed"), ("two", "accepted")]
    await steps.status(UUID(first["id"]), "delivered", "w1")  # it had arrived all the same
    assert await steps.outbox() == [("one", "delivered"), ("two", "accepted")]


async def test_time_in_which_no_webhook_could_arrive_is_not_counted(steps: Steps) -> None:
    tick = "select banksman.tick_listening_clock() as s"
    await steps.sql(tick)
    await steps.settle(await steps.answered(ANA, "one"), "unknown")
    for gap in ("10 minutes", "-10 minutes"):  # the service was down; the machine's clock was set back
        await steps.sql("update banksman.listening_clock set ticked_at = now() - %s::interval", gap)
        assert 0 <= (await steps.sql(tick))[0]["s"] <= 4
    await steps.due()
    assert await steps.claim_send() == {"next_s": 0}
    assert await steps.outbox() == [("one", "sending")]


async def test_one_that_has_to_wait_holds_the_others_up_for_60_seconds_and_no_longer(steps: Steps) -> None:
    first = await steps.answered(ANA, "one", "two")
    waits = await steps.settle(first, "retry", error=131056, retry=256)
    assert waits
    assert 55 < waits["next_s"] <= 60
    assert await steps.outbox() == [("one", "queued"), ("two", "queued")]
    await steps.sql(
        "update banksman.messages set first_try_at = now() - interval '60 seconds' where first_try_at is not null"
    )
    await steps.sql("update banksman.conversations set send_due_at = now()")
    second = await steps.claim_send()
    assert second["content"]["text"]["body"] == "two"
    waits = await steps.settle(second, "accepted", wamid="w2")
    assert waits
    assert waits["next_s"] > 200
    await steps.due()
    assert (await steps.claim_send())["id"] == first["id"]


async def test_while_the_number_is_closed_the_order_is_kept_and_nothing_counts_as_a_try(steps: Steps) -> None:
    first = await steps.answered(ANA, "one", "two")
    waits = await steps.settle(first, "held", error=190, retry=60)
    assert waits
    assert waits["next_s"] > 55
    row = await status_of(steps, first)
    assert (row["status"], row["tries"], row["error_code"]) == ("queued", 0, 190)
    await steps.sql("update banksman.messages set next_try_at = now() + interval '5 seconds' where direction = 'out'")
    await steps.sql("update banksman.conversations set send_due_at = now()")
    assert await steps.claim_send() == {"next_s": 0}  # whatever time has passed, "two" does not overtake
    await steps.due()
    assert (await steps.claim_send())["id"] == first["id"]


async def test_one_persons_wait_does_not_let_others_wait(steps: Steps) -> None:
    ana = await steps.answered(ANA, "for Ana")
    bob = await steps.answered(BOB, "for Bob")
    await steps.settle(ana, "unknown")
    await steps.settle(bob, "retry", retry=0.001)
    await steps.sql("update banksman.conversations set send_due_at = now() - interval '1 hour' where user_id = %s",
                    ana["user_id"])  # fmt: skip
    assert await steps.claim_send() == {"next_s": 0}
    assert (await steps.claim_send())["id"] == bob["id"]


@pytest.mark.parametrize(
    ("outcome", "status"), [("failed", "failed"), ("expired", "expired"), ("accepted", "accepted")]
)
async def test_a_clear_answer_settles_at_once(steps: Steps, outcome: str, status: str) -> None:
    send = await steps.answered(ANA, "one")
    assert await steps.settle(send, outcome, wamid="w1" if outcome == "accepted" else None, error=131026) is None
    assert await steps.outbox() == [("one", status)]


async def test_a_status_that_comes_before_the_answer_is_not_taken_back_by_it(steps: Steps) -> None:
    send = await steps.answered(ANA, "one")
    await steps.status(UUID(send["id"]), "delivered", "w1")
    await steps.settle(send, "accepted", wamid="w1")
    assert await steps.outbox() == [("one", "delivered")]
    send = await steps.answered(ANA, "two")
    await steps.status(UUID(send["id"]), "sent", "w2")
    assert await steps.settle(send, "unknown") is None  # settled: nothing to wait for
    assert (await steps.outbox())[1] == ("two", "sent")


async def test_a_failure_told_before_the_answer_came_is_not_forgotten_for_it(steps: Steps) -> None:
    send = await steps.answered(ANA, "one")
    await steps.status(UUID(send["id"]), "failed", "w1", code=131000, retry=True)
    waits = await steps.settle(send, "accepted", wamid="w1")
    assert waits
    assert 0 < waits["next_s"] <= 4
    await steps.due()
    again = await steps.claim_send()
    assert again["id"] == send["id"]
    await steps.settle(again, "accepted", wamid="w2")
    row = await status_of(steps, send)
    assert (row["status"], row["wa_message_id"]) == ("accepted", "w2")
    await steps.status(UUID(send["id"]), "delivered", "w2")
    assert (await status_of(steps, send))["status"] == "delivered"


async def test_a_failure_that_may_pass_is_tried_again_a_few_times_and_then_stays_one(steps: Steps) -> None:
    send = await steps.answered(ANA, "one")
    for number in range(1, 6):
        await steps.settle(send, "accepted", wamid=f"w{number}")
        await steps.status(UUID(send["id"]), "failed", f"w{number}", code=131000, retry=True)
        await steps.due()
        claimed = await steps.claim_send()
        assert ("id" in claimed) == (number < 5)
        send = claimed if "id" in claimed else send
    assert await steps.outbox() == [("one", "failed")]


async def test_an_old_failure_does_not_touch_the_try_that_was_accepted(steps: Steps) -> None:
    send = await steps.answered(ANA, "one")
    await steps.settle(send, "unknown")
    await steps.listen(61)
    again = await steps.claim_send()
    await steps.settle(again, "accepted", wamid="w2")
    await steps.status(UUID(send["id"]), "failed", "w1", code=131026)
    assert await steps.outbox() == [("one", "accepted")]


@pytest.mark.parametrize(("code", "status"), [(131047, "expired"), (131026, "failed")])
async def test_a_failure_for_good_is_written_down_as_what_it_is(steps: Steps, code: int, status: str) -> None:
    send = await steps.answered(ANA, "one")
    await steps.settle(send, "accepted", wamid="w1")
    await steps.status(UUID(send["id"]), "failed", "w1", code=code)
    assert await steps.outbox() == [("one", status)]


async def test_statuses_only_climb_and_an_arrival_beats_a_failure(steps: Steps) -> None:
    send = await steps.answered(ANA, "one")
    await steps.settle(send, "accepted", wamid="w1")
    for told, then in (("read", "read"), ("sent", "read"), ("delivered", "read"), ("failed", "read")):
        await steps.status(UUID(send["id"]), told, "w1")
        assert await steps.outbox() == [("one", then)]


async def test_a_worker_that_lost_its_lease_still_writes_down_that_graph_accepted(steps: Steps) -> None:
    send = await steps.answered(ANA, "one", "two")
    await steps.due()
    await steps.claim_send()  # somebody looked: it waits for its status
    await steps.sql("update banksman.conversations set send_lease_token = send_lease_token + 1")
    assert await steps.settle(send, "accepted", wamid="w1") is None
    following = await steps.claim_send()  # at once, not after the 60 seconds that were agreed
    assert following["content"]["text"]["body"] == "two"


async def test_a_worker_that_lost_its_lease_cannot_put_a_send_back(steps: Steps) -> None:
    send = await steps.answered(ANA, "one")
    await steps.sql("update banksman.conversations set send_lease_token = send_lease_token + 1")
    for outcome in ("retry", "held", "failed", "expired"):
        assert await steps.settle(send, outcome) is None
    assert await steps.outbox() == [("one", "sending")]


async def test_a_turn_that_ends_while_a_send_is_under_way_leaves_its_reply_to_that_worker(steps: Steps) -> None:
    send = await steps.answered(ANA, "one")
    await steps.come(ANA, "more", tap="menu")
    turn = await steps.claim()
    assert not isinstance(turn, float)
    assert turn
    assert (await steps.finish(turn, "two")).send is None
    following = await steps.settle(send, "accepted", wamid="w1")
    assert following
    assert following["content"]["text"]["body"] == "two"


async def test_a_reply_outside_the_24_hours_expires_and_a_template_goes(steps: Steps) -> None:
    await steps.come(ANA, "old question", ago_s=24 * 3600 + 5)
    turn = await steps.begun()
    assert (await steps.finish(turn, "too late")).send is None
    await steps.come(BOB, "old question", ago_s=24 * 3600 + 5)
    send = (await steps.finish(await steps.begun(), "reply_template", kind="template")).send
    assert send
    assert send["content"]["type"] == "template"
    assert await steps.outbox() == [("too late", "expired"), ("reply_template", "sending")]


@pytest.mark.parametrize(("code", "status"), [(131047, "expired"), (131026, "failed")])
async def test_a_failure_told_before_the_answer_came_keeps_its_reason(steps: Steps, code: int, status: str) -> None:
    send = await steps.answered(ANA, "one")
    await steps.status(UUID(send["id"]), "failed", "w1", code=code)
    await steps.settle(send, "accepted", wamid="w1")
    rows = await steps.sql("select status, error_code from banksman.messages where direction = 'out'")
    assert rows == [{"status": status, "error_code": code}]
