"""Sends over the simulator's Graph API on its bad days: each reply arrives once, in order, or ends as what it is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.running import ANA, BOB, World, behaving, delivery, text_message, until, world
from tests.service.listening import listen, retry_now

from banksman.simulator import SendFault
from banksman.whatsapp.errors import Failure, Verdict
from banksman.whatsapp.graph import GraphClient, GraphError


@pytest.fixture
async def quick(urls: tuple[str, str], tmp_path: Path) -> AsyncIterator[World]:
    """A running service that waits for an answer of Graph for 0.4 seconds only."""
    async with world(urls, tmp_path) as running:
        assert running.service
        running.service._graph._send_s = 0.4
        yield running


async def send_of(here: World, wa_message_id: str) -> dict[str, Any]:
    """The out row that answers a message."""
    (row,) = await here.replies(wa_message_id)
    return row


async def settled(here: World, row: dict[str, Any], *statuses: str, within: float = 15.0) -> dict[str, Any]:
    """The row once it has one of `statuses`."""

    async def reached() -> dict[str, Any] | None:
        (now,) = await here.rows("select * from banksman.messages where id = %s", row["id"])
        return now if now["status"] in statuses else None

    found: dict[str, Any] = await until(reached, within=within)
    return found


async def received(here: World, wa_id: str, row: dict[str, Any]) -> list[dict[str, Any]]:
    """What the person's phone got of one send."""
    return [m for m in await here.chat(wa_id) if m["direction"] == "out" and m["callback"] == str(row["id"])]


async def test_a_reply_carries_its_outbox_id_and_is_delivered_once(quick: World) -> None:
    row = await settled(quick, await send_of(quick, await quick.write(BOB, "hello")), "delivered")
    (got,) = await received(quick, BOB, row)
    assert (got["id"], row["tries"]) == (row["wa_message_id"], 1)


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        (SendFault("error", status=429, code=130429, retry_after=1), 1.0),
        (SendFault("error", status=400, code=131056, retry_after=1), 1.0),
        (SendFault("error", status=429, code=131056), 1.0),
        (SendFault("error", status=500, code=131000), 0.5),
        (SendFault("error", status=503, code=2, retry_after=1), 1.0),
    ],
    ids=["number too fast", "person too fast", "person too fast, no word how long", "passing error", "outage"],
)
async def test_what_may_pass_is_tried_again_after_the_wait_that_was_told(
    quick: World, fault: SendFault, wait: float
) -> None:
    behaving(quick, send_faults=(fault,))
    row = await send_of(quick, await quick.tap(BOB, "menu"))
    began = time.monotonic()
    row = await settled(quick, row, "accepted", "sent", "delivered")
    assert wait * 0.8 <= time.monotonic() - began < wait * 2 + 2
    assert len(await received(quick, BOB, row)) == 1


@pytest.mark.parametrize(("code", "status"), [(131047, "expired"), (131026, "failed"), (100, "failed")])
async def test_what_will_never_go_stops_at_once_and_holds_nobody_up(quick: World, code: int, status: str) -> None:
    behaving(quick, send_faults=(SendFault("error", status=400, code=code),))
    row = await settled(quick, await send_of(quick, await quick.tap(BOB, "menu")), status)
    assert (row["error_code"], row["tries"]) == (code, 1)
    await settled(quick, await send_of(quick, await quick.tap(BOB, "menu")), "delivered")
    assert await received(quick, BOB, row) == []


@pytest.mark.parametrize(
    "fault",
    [SendFault("html_after", status=502), SendFault("cut_after"), SendFault("drop_answer")],
    ids=lambda f: f.kind,
)
async def test_a_lost_answer_is_settled_by_its_status_and_nothing_is_sent_again(quick: World, fault: SendFault) -> None:
    behaving(quick, send_faults=(fault,), sent_after=0.8, delivered_after=0.9)
    row = await send_of(quick, await quick.tap(BOB, "menu"))
    row = await settled(quick, row, "delivered")
    following = await send_of(quick, await quick.tap(BOB, "menu"))
    await settled(quick, following, "delivered")
    await listen(quick.owner_url, 61)
    await settled(quick, await send_of(quick, await quick.tap(BOB, "menu")), "delivered")
    assert row["tries"] == 1
    assert [m["id"] for m in await received(quick, BOB, row)] == [row["wa_message_id"]]


@pytest.mark.parametrize(
    "fault", [SendFault("html", status=502), SendFault("cut"), SendFault("hang")], ids=lambda f: f.kind
)
async def test_without_answer_and_status_it_goes_once_more_after_60_seconds_and_the_others_behind_it(
    quick: World, fault: SendFault
) -> None:
    behaving(quick, send_faults=(fault,))
    row = await settled(quick, await send_of(quick, await quick.tap(BOB, "menu")), "sending")

    async def given_up() -> bool:
        return bool(await quick.rows(
            "select 1 from banksman.conversations where send_due_at is not null and send_lease_until is null"
        ))  # fmt: skip

    await until(given_up)
    behind = await settled(quick, await send_of(quick, await quick.tap(BOB, "menu")), "queued")
    other = await settled(quick, await send_of(quick, await quick.tap(ANA, "menu")), "delivered")
    assert len(await received(quick, ANA, other)) == 1  # who is not concerned does not wait
    await listen(quick.owner_url, 50)
    assert await received(quick, BOB, row) == []
    await listen(quick.owner_url, 11)
    await settled(quick, row, "delivered")
    await settled(quick, behind, "delivered")
    assert [m["callback"] for m in await quick.chat(BOB) if m["direction"] == "out"] == [
        str(row["id"]),
        str(behind["id"]),
    ]


async def test_twice_without_an_answer_is_a_failure_and_never_a_third_send(quick: World) -> None:
    behaving(quick, send_faults=(SendFault("drop_answer", times=2),), statuses=False)
    row = await send_of(quick, await quick.tap(BOB, "menu"))
    for sends in (1, 2):

        async def tried(sends: int = sends) -> bool:
            (now,) = await quick.rows(
                "select m.tries, c.send_lease_until"
                " from banksman.messages m join banksman.conversations c using (user_id) where m.id = %s", row["id"],
            )  # fmt: skip
            return bool(now["tries"] == sends and now["send_lease_until"] is None)

        await until(tried)
        await listen(quick.owner_url, 61)
    await settled(quick, row, "failed")
    assert len(await received(quick, BOB, row)) == 2


async def test_a_refused_token_keeps_the_outbox_and_all_goes_in_order_once_it_is_accepted(quick: World) -> None:
    behaving(quick, send_faults=(SendFault("error", status=401, code=190),))
    first = await settled(quick, await send_of(quick, await quick.tap(BOB, "menu")), "queued")
    rest = [await settled(quick, await send_of(quick, await quick.tap(BOB, "menu")), "queued") for _ in range(2)]
    assert (first["error_code"], first["tries"]) == (190, 0)
    assert [m for m in await quick.chat(BOB) if m["direction"] == "out"] == []
    assert quick.service
    quick.service._outbox._closed_until = 0.0
    await retry_now(quick.owner_url)
    for row in (first, *rest):
        await settled(quick, row, "delivered")
    got = [m["callback"] for m in await quick.chat(BOB) if m["direction"] == "out"]
    assert got == [str(row["id"]) for row in (first, *rest)]


async def test_a_failure_told_later_that_may_pass_is_sent_again_and_another_is_final(quick: World) -> None:
    behaving(quick, failed_code=131000)
    row = await settled(quick, await send_of(quick, await quick.tap(BOB, "menu")), "queued")
    behaving(quick, failed_code=None)
    await retry_now(quick.owner_url)
    row = await settled(quick, row, "delivered")
    assert row["tries"] == 2
    behaving(quick, window_closed=True)
    row = await settled(quick, await send_of(quick, await quick.tap(BOB, "menu")), "expired")
    assert row["error_code"] == 131047


async def test_statuses_doubled_and_out_of_order_end_as_delivered(quick: World) -> None:
    behaving(quick, doubles=3, rebatch=True, statuses_out_of_order=True)
    row = await settled(quick, await send_of(quick, await quick.tap(BOB, "menu")), "delivered")
    assert len(await received(quick, BOB, row)) == 1


@pytest.mark.parametrize("template", [None, "reply_waits"])
async def test_an_answer_after_24_hours_expires_or_is_the_approved_template(
    urls: tuple[str, str], tmp_path: Path, template: str | None
) -> None:
    async with world(urls, tmp_path, template_reply=template) as here:
        old = text_message(BOB, "hello", timestamp=str(int(time.time()) - 25 * 3600))
        assert (await here.post(delivery(old))).status_code == 200
        row = await settled(here, await send_of(here, old["id"]), "delivered" if template else "expired")
        assert row["kind"] == ("template" if template else "interactive")
        assert len(await received(here, BOB, row)) == (1 if template else 0)


async def test_a_message_is_marked_read_and_typing_shown_before_it_is_answered(quick: World) -> None:
    began = time.monotonic()
    wa_message_id = str((await quick.http.post(
        f"{quick.graph_url}/simulator/api/chats/{BOB}/messages", json={"type": "text", "text": "my tasks"}
    )).json()["id"])  # fmt: skip

    async def typing() -> bool:
        chat = (await quick.http.get(f"{quick.graph_url}/simulator/api/chats/{BOB}")).json()
        read = [m["status"] for m in chat["messages"] if m["id"] == wa_message_id]
        return bool(read == ["read"] and chat["typing_seconds"] > 20)

    await until(typing)
    assert time.monotonic() - began < 0.9  # while the pause after a text still runs
    await settled(quick, await send_of(quick, wa_message_id), "delivered")


async def test_a_receipt_that_fails_harms_nothing(quick: World, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    errors: list[Exception] = [RuntimeError("odd"), GraphError(Failure(details=""), Verdict.STOP), TimeoutError()]

    async def fail(_: GraphClient, message_id: str, typing: bool = True) -> None:
        told.append(message_id)
        if errors:
            raise errors.pop()

    monkeypatch.setattr(GraphClient, "mark_read", fail)
    sent = []
    for _ in range(4):
        sent.append(await quick.tap(BOB, "menu"))
        await settled(quick, await send_of(quick, sent[-1]), "delivered")

    async def all_told() -> bool:
        return sorted(told) == sorted(sent)

    await until(all_told)
