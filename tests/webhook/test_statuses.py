"""What status webhooks do to a send: a ladder that is only climbed, failures, and whose status it is."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest
from tests.running import ANA, BOB, World, delivery

Row = dict[str, Any]
SEND = (
    "insert into banksman.messages (user_id, direction, kind, body, status, wa_message_id, tries, payload)"
    " select id, 'out', 'text', 'hi', %s, %s, 1, '{}' from banksman.users where wa_id = %s returning id::text, user_id"
)


async def a_send(
    front: World, status: str = "accepted", *, wa_message_id: str | None = "wamid.OUT", to: str = BOB
) -> str:
    """The id of a send in that state; its person has a conversation."""
    (row,) = await front.rows(SEND, status, wa_message_id, to)
    await front.rows(
        "insert into banksman.conversations (user_id) values (%s) on conflict do nothing returning user_id",
        row["user_id"],
    )
    return str(row["id"])


async def tell(front: World, status: str, wa_message_id: str = "wamid.OUT", **changes: Any) -> None:
    """A status webhook."""
    whole = {"id": wa_message_id, "status": status, "timestamp": str(int(time.time())), "recipient_id": BOB, **changes}
    assert (await front.post(delivery(statuses=[whole]))).status_code == 200


def failed(code: int) -> Row:
    return {"errors": [{"code": code, "title": "words"}]}


async def now(front: World, send: str) -> str:
    (row,) = await front.rows("select status from banksman.messages where id = %s", send)
    return str(row["status"])


async def test_statuses_in_any_order_and_doubled_only_climb(front: World) -> None:
    send = await a_send(front)
    seen = []
    for status in ("delivered", "sent", "delivered", "read", "delivered", "sent", "read"):
        await tell(front, status)
        seen.append(await now(front, send))
    assert seen == ["delivered", "delivered", "delivered", "read", "read", "read", "read"]
    rows = await front.rows("select status, message_id::text from banksman.message_statuses order by received_at")
    assert [row["status"] for row in rows] == ["delivered", "sent", "read"]
    assert {row["message_id"] for row in rows} == {send}


async def test_a_voice_note_that_was_played_was_read(front: World) -> None:
    send = await a_send(front)
    await tell(front, "played")
    assert await now(front, send) == "read"


async def test_all_of_the_ladder_in_one_body_ends_at_its_top(front: World) -> None:
    send = await a_send(front)
    kinds = ("read", "delivered", "sent", "delivered")
    statuses = [{"id": "wamid.OUT", "status": kind, "timestamp": "1", "recipient_id": BOB} for kind in kinds]
    assert (await front.post(delivery(statuses=statuses))).status_code == 200
    assert await now(front, send) == "read"


async def test_a_failure_after_the_delivery_changes_nothing_and_a_delivery_after_a_failure_counts(front: World) -> None:
    send = await a_send(front)
    await tell(front, "failed", **failed(131026))
    assert await now(front, send) == "failed"
    await tell(front, "delivered")
    assert await now(front, send) == "delivered"
    other = await a_send(front, "delivered", wa_message_id="wamid.OTHER")
    await tell(front, "failed", "wamid.OTHER", **failed(131026))
    assert await now(front, other) == "delivered"


@pytest.mark.parametrize(
    ("code", "becomes"),
    [(131056, "queued"), (131000, "queued"), (130429, "queued"), (131047, "expired"), (131026, "failed"),
     (130472, "failed"), (999_999, "failed"), (None, "failed")],
)  # fmt: skip
async def test_a_failure_worth_a_retry_is_queued_again_and_any_other_is_final(
    front: World, code: int | None, becomes: str
) -> None:
    send = await a_send(front)
    await tell(front, "failed", **(failed(code) if code is not None else {}))
    (row,) = await front.rows(
        "select m.status, m.error_code, m.next_try_at > now() as later, c.send_due_at is not null as due"
        " from banksman.messages m join banksman.conversations c using (user_id) where m.id = %s",
        send,
    )
    assert (row["status"], row["error_code"]) == (becomes, code)
    if becomes == "queued":
        assert row["later"]
        assert row["due"]


async def test_retries_of_a_failure_end(front: World) -> None:
    send = await a_send(front)
    await front.rows("update banksman.messages set tries = 5 where id = %s returning id", send)
    await tell(front, "failed", **failed(131056))
    assert await now(front, send) == "failed"


async def test_a_status_before_the_send_call_returns_settles_it_by_the_callback_id(front: World) -> None:
    send = await a_send(front, "sending", wa_message_id=None)
    await tell(front, "delivered", "wamid.NEW", biz_opaque_callback_data=send)
    (row,) = await front.rows("select status, wa_message_id from banksman.messages where id = %s", send)
    assert row == {"status": "delivered", "wa_message_id": "wamid.NEW"}
    (conversation,) = await front.rows("select send_due_at <= now() as due from banksman.conversations")
    assert conversation["due"]


async def test_a_failure_of_an_earlier_try_does_not_fail_the_one_that_went_out(front: World) -> None:
    send = await a_send(front, wa_message_id="wamid.SECOND")
    await tell(front, "failed", "wamid.FIRST", biz_opaque_callback_data=send, **failed(131026))
    assert await now(front, send) == "accepted"


async def test_a_status_of_an_unknown_message_or_of_an_unknown_kind_is_kept_and_changes_nothing(front: World) -> None:
    send = await a_send(front)
    await tell(front, "delivered", "wamid.NEVERSEEN", biz_opaque_callback_data=str(uuid.uuid4()))
    await tell(front, "delivered", "wamid.NEVERSEEN2", biz_opaque_callback_data="no uuid")
    await tell(front, "teleported")
    assert await now(front, send) == "accepted"
    rows = await front.rows("select message_id::text from banksman.message_statuses order by received_at")
    assert [row["message_id"] for row in rows] == [None, None, send]


async def test_an_inbound_message_is_never_taken_for_a_send(front: World) -> None:
    incoming = await front.write(BOB, "hello")
    (row,) = await front.rows("select id::text from banksman.messages where wa_message_id = %s", incoming)
    await tell(front, "read", incoming, biz_opaque_callback_data=row["id"])
    (after,) = await front.rows("select status from banksman.messages where wa_message_id = %s", incoming)
    assert after["status"] == "received"


async def test_an_id_that_is_anothers_says_more_than_the_callback(front: World) -> None:
    mine = await a_send(front, "sending", wa_message_id=None)
    others = await a_send(front, wa_message_id="wamid.OTHERS", to=ANA)
    await tell(front, "delivered", "wamid.OTHERS", biz_opaque_callback_data=mine)
    assert (await now(front, mine), await now(front, others)) == ("sending", "delivered")
    incoming = await front.write(BOB, "hello")
    await tell(front, "delivered", incoming, biz_opaque_callback_data=mine)
    assert await now(front, mine) == "sending"
    assert await front.rows("select id from banksman.webhook_rejects") == []


async def test_a_body_with_a_message_and_statuses_does_both(front: World) -> None:
    send = await a_send(front)
    body = delivery(
        {"from": BOB, "id": "wamid.IN", "timestamp": "1", "type": "text", "text": {"body": "hi"}},
        statuses=[{"id": "wamid.OUT", "status": "read", "timestamp": "1", "recipient_id": BOB}],
    )
    assert (await front.post(json.dumps(body).encode())).status_code == 200
    assert await now(front, send) == "read"
    assert await front.rows("select id from banksman.messages where wa_message_id = 'wamid.IN' and awaits_answer")
