"""What deliveries do to people, messages and turns: doubles, who is who, edits, who is never answered, time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from tests.running import ANA, BOB, World, delivery, text_message, until

Row = dict[str, Any]

PHONE, BSUID, OTHER_BSUID = "5511987650001", "BR.90017730045512", "BR.NEWUID0001"


def from_user(text: str, *, wa_id: str | None = None, bsuid: str | None = None, **changes: Any) -> Row:
    """A text of a person with the ids given; an absent id is left out."""
    ids = {"from": wa_id, "from_user_id": bsuid}
    message = {**text_message("", text), **ids, **changes}
    return {name: field for name, field in message.items() if field is not None}


async def user_of(front: World, message: Mapping[str, Any]) -> Row:
    (row,) = await front.rows(
        "select u.* from banksman.users u join banksman.messages m on m.user_id = u.id where m.wa_message_id = %s",
        message["id"],
    )
    return row


async def due(front: World, message: Mapping[str, Any]) -> bool:
    (row,) = await front.rows("select awaits_answer from banksman.messages where wa_message_id = %s", message["id"])
    return bool(row["awaits_answer"])


async def send(front: World, *messages: Row) -> None:
    assert (await front.post(delivery(*messages))).status_code == 200


# Doubles


async def test_200_redeliveries_at_once_are_one_message_one_turn_and_one_reply(quick: World) -> None:
    message = text_message(BOB, "hello")
    body = json.dumps(delivery(message)).encode()
    answers = await asyncio.gather(*(quick.post(body) for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await quick.replies(message["id"])) == 1
    assert (await quick.post(body)).status_code == 200

    async def idle() -> bool:
        return not await quick.rows("select user_id from banksman.conversations where due_at is not null")

    await until(idle)
    (count,) = await quick.rows(
        "select (select count(*) from banksman.turns) as turns,"
        " (select count(*) from banksman.messages where direction = 'in') as messages,"
        " (select count(*) from banksman.messages where direction = 'out') as replies"
    )
    assert count == {"turns": 1, "messages": 1, "replies": 1}


async def test_doubles_within_a_body_respaced_or_in_another_batch_are_stored_once(front: World) -> None:
    message, later = text_message(BOB, "hello"), text_message(BOB, "and this")
    await send(front, message, message)
    respaced = json.dumps(delivery(message), indent=3).encode()
    assert (await front.post(respaced)).status_code == 200
    await send(front, later, {**message, "text": {"body": "changed on the way"}})
    rows = await front.rows("select body from banksman.messages order by seq")
    assert [row["body"] for row in rows] == ["hello", "and this"]


# Who is who


async def test_a_person_without_a_number_is_the_same_when_the_number_comes(front: World) -> None:
    hidden = from_user("hi", bsuid=BSUID)
    shown = from_user("hi again", wa_id=PHONE, bsuid=BSUID)
    by_number = from_user("and again", wa_id=PHONE)
    for message in (hidden, shown, by_number):
        await send(front, message)
    people = [await user_of(front, message) for message in (hidden, shown, by_number)]
    assert len({person["id"] for person in people}) == 1
    assert (people[2]["wa_id"], people[2]["bsuid"]) == (PHONE, BSUID)


async def test_a_number_that_changed_hands_is_another_person(front: World) -> None:
    first = from_user("mine", wa_id=PHONE, bsuid=BSUID)
    second = from_user("now mine", wa_id=PHONE, bsuid=OTHER_BSUID)
    back = from_user("still me", bsuid=BSUID)
    for message in (first, second, back):
        await send(front, message)
    people = [await user_of(front, message) for message in (first, second, back)]
    assert people[0]["id"] == people[2]["id"] != people[1]["id"]
    assert (people[0]["wa_id"], people[1]["wa_id"]) == (None, PHONE)


async def test_both_of_them_in_one_body_are_two_people_all_the_same(front: World) -> None:
    await send(front, from_user("mine", wa_id=PHONE, bsuid=BSUID))
    first, second = from_user("bye", wa_id=PHONE, bsuid=BSUID), from_user("hello", wa_id=PHONE, bsuid=OTHER_BSUID)
    await send(front, first, second)
    assert (await user_of(front, first))["id"] != (await user_of(front, second))["id"]
    assert (await user_of(front, second))["wa_id"] == PHONE


async def test_empty_ids_are_no_identity(front: World) -> None:
    one = from_user("hi", wa_id="", bsuid=BSUID)
    other = from_user("hi", wa_id="", bsuid=OTHER_BSUID)
    nobody = from_user("hi", wa_id="", bsuid="")
    for message in (one, other, nobody):
        await send(front, message)
    assert (await user_of(front, one))["id"] != (await user_of(front, other))["id"]
    assert not await due(front, nobody)
    assert await front.rows(
        "select id from banksman.messages where user_id is null and wa_message_id = %s", nobody["id"]
    )


async def test_an_imported_person_is_known_by_their_number_and_keeps_their_user_id(front: World) -> None:
    message = from_user("bonjour", wa_id=ANA, bsuid="FR.ANA1")
    await send(front, message)
    person = await user_of(front, message)
    assert (person["external_ref"], person["bsuid"]) == ("ana", "FR.ANA1")


async def test_a_system_notice_moves_a_person_to_their_new_number(front: World) -> None:
    await send(front, from_user("hi", wa_id=PHONE))
    notice = {**from_user("", wa_id=PHONE), "type": "system", "text": None}
    notice["system"] = {"type": "user_changed_number", "body": "changed", "wa_id": "5511900000002"}
    await send(front, notice)
    after = from_user("here I am", wa_id="5511900000002")
    await send(front, after)
    assert len(await front.rows("select id from banksman.users where external_ref is null")) == 1
    assert not await due(front, notice)


async def test_a_user_id_update_moves_a_person_to_their_new_user_id(front: World) -> None:
    await send(front, from_user("hi", wa_id=PHONE, bsuid=BSUID))
    update = {"wa_id": PHONE, "user_id": {"previous": BSUID, "current": OTHER_BSUID}}
    value = {"messaging_product": "whatsapp", "user_id_update": [update]}
    body = {"object": "whatsapp_business_account",
            "entry": [{"id": "1", "changes": [{"field": "user_id_update", "value": value}]}]}  # fmt: skip
    assert (await front.post(body)).status_code == 200
    after = from_user("me", bsuid=OTHER_BSUID)
    await send(front, after)
    assert (await user_of(front, after))["wa_id"] == PHONE
    assert len(await front.rows("select id from banksman.users where external_ref is null")) == 1


# Edits and withdrawals


def about(original: Row, kind: str, **changes: Any) -> Row:
    """An edit or a withdrawal of `original`."""
    message = {**text_message(original["from"], ""), "type": kind, "text": None}
    message[kind] = {"original_message_id": original["id"], **changes}
    return message


async def test_an_edit_changes_what_is_not_answered_yet_and_asks_nothing_itself(front: World) -> None:
    message = text_message(BOB, "my taks")
    await send(front, message)
    edit = about(message, "edit", message={"type": "text", "text": {"body": "my tasks"}})
    await send(front, edit)
    (row,) = await front.rows("select body from banksman.messages where wa_message_id = %s", message["id"])
    assert row["body"] == "my tasks"
    assert await due(front, message)
    assert not await due(front, edit)


async def test_what_is_withdrawn_before_its_answer_is_not_answered(front: World) -> None:
    message = text_message(BOB, "secret")
    await send(front, message, about(message, "revoke"))
    (row,) = await front.rows("select body, status, awaits_answer from banksman.messages where wa_message_id = %s",
                              message["id"])  # fmt: skip
    assert row == {"body": None, "status": "withdrawn", "awaits_answer": False}


async def test_nobody_edits_or_withdraws_another_persons_message(front: World) -> None:
    message = text_message(BOB, "mine")
    await send(front, message)
    await send(front, {**about(message, "revoke"), "from": ANA})
    (row,) = await front.rows("select body, status from banksman.messages where wa_message_id = %s", message["id"])
    assert row == {"body": "mine", "status": "received"}
    assert await due(front, message)


# Who is never answered


async def test_a_blocked_person_is_stored_and_not_answered(front: World) -> None:
    await front.rows("update banksman.users set status = 'blocked' where wa_id = %s returning id", BOB)
    blocked, other = text_message(BOB, "hello"), text_message(ANA, "hello")
    await send(front, blocked, other)
    assert not await due(front, blocked)
    assert await due(front, other)
    (conversation,) = await front.rows("select due_at from banksman.conversations c join banksman.users u"
                                       " on u.id = c.user_id where u.wa_id = %s", BOB)  # fmt: skip
    assert conversation["due_at"] is None


async def test_a_first_welcome_is_answered_and_a_second_is_not(front: World) -> None:
    first, second = ({**text_message(BOB, ""), "type": "request_welcome", "text": None} for _ in range(2))
    await send(front, first)
    await send(front, second)
    assert await due(front, first)
    assert not await due(front, second)


@pytest.mark.parametrize("where", ["group", "own number", "other number", "reaction", "history"])
async def test_what_is_not_written_to_us_is_stored_without_an_answer(front: World, where: str) -> None:
    message = text_message(BOB, "hello")
    body = delivery(message)
    change = body["entry"][0]["changes"][0]
    if where == "group":
        message["group_id"] = "HBgLNTUx"
    elif where == "own number":
        message["from"] = "15550000000"
    elif where == "other number":
        change["value"]["metadata"]["phone_number_id"] = "999"
    elif where == "reaction":
        message.update(type="reaction", reaction={"message_id": "wamid.x", "emoji": "👍"})
    else:
        change["field"] = "history"
    assert (await front.post(body)).status_code == 200
    if where == "history":
        assert await front.rows("select id from banksman.webhook_events where field = 'history'")
        assert await front.rows("select id from banksman.messages") == []
        return
    (row,) = await front.rows("select user_id, awaits_answer from banksman.messages")
    assert not row["awaits_answer"]
    assert (row["user_id"] is None) == (where != "reaction")
    assert await front.rows("select user_id from banksman.conversations where due_at is not null") == []


# What is odd, and when it was written


@pytest.mark.parametrize(
    "text", ["a\u0000b", "a\ud83db", "\u001b[31mred\u0007", "\u2028\u2029", "one\r\ntwo", "\ufffe"]
)
async def test_characters_that_postgres_or_terminals_fear_are_stored_and_answered(quick: World, text: str) -> None:
    message = text_message(BOB, text)
    await send(quick, message)
    assert await quick.replies(message["id"])
    (row,) = await quick.rows("select body from banksman.messages where wa_message_id = %s", message["id"])
    assert row["body"] == text.replace("\u0000", "\ufffd").replace("\ud83d", "\ufffd")


async def test_a_text_of_65536_characters_is_kept_whole_and_answered(quick: World) -> None:
    message = text_message(BOB, "é" * 65_536)
    await send(quick, message)
    assert len(await quick.replies(message["id"])) == 1
    (row,) = await quick.rows("select length(body) as n from banksman.messages where wa_message_id = %s", message["id"])
    assert row["n"] == 65_536


async def test_the_24_hours_count_from_the_newest_message_by_its_own_clock_and_never_from_the_future(
    front: World,
) -> None:
    now = int(time.time())
    for offset, expected in [(-7200, -7200), (-3600, -3600), (-5000, -3600), (10**9, 0)]:
        await send(front, text_message(BOB, "hello", timestamp=str(now + offset)))
        (row,) = await front.rows("select extract(epoch from window_from)::float as at from banksman.conversations")
        assert row["at"] == pytest.approx(now + expected, abs=5)


async def test_the_reply_to_a_message_six_days_old_expires_and_is_not_sent(quick: World) -> None:
    old = text_message(BOB, "hello", timestamp=str(int(time.time()) - 6 * 86_400))
    await send(quick, old)
    (reply,) = await quick.replies(old["id"])

    async def expired() -> bool:
        (row,) = await quick.rows("select status from banksman.messages where id = %s", reply["id"])
        return bool(row["status"] == "expired")

    await until(expired)
    assert all(bubble.get("direction") != "in" for bubble in await quick.chat(BOB))
