"""A person writes and taps, and is answered: the whole way over HTTP."""

from __future__ import annotations

import pytest
from tests.running import ANA, BOB, World, delivery, text_message, until

from banksman.observability import logging


async def test_hello_is_answered_by_name_with_a_menu_in_the_persons_language(here: World) -> None:
    (reply,) = await here.replies(await here.write(ANA, "Bonjour"))
    assert "Ana" in reply["body"]
    assert "assistant automatique" in reply["body"]
    assert reply["payload"]["interactive"]["type"] == "list"


async def test_who_speaks_is_said_in_the_first_greeting_only(here: World) -> None:
    assert "automated assistant" in await here.ask(BOB, "hello")
    assert "automated assistant" not in await here.ask(BOB, "hello")


async def test_projects_tasks_and_a_task_are_reached_by_taps(here: World) -> None:
    (projects,) = await here.replies(await here.write(BOB, "my projects"))
    titles = {b["reply"]["title"]: b["reply"]["id"] for b in projects["payload"]["interactive"]["action"]["buttons"]}
    (tasks,) = await here.replies(await here.tap(BOB, titles["Old Mill"]))
    first = tasks["payload"]["interactive"]["action"]
    row = first["buttons"][0]["reply"] if "buttons" in first else first["sections"][0]["rows"][0]
    (task,) = await here.replies(await here.tap(BOB, row["id"]))
    assert "Tile bathroom 2.04" in task["body"]
    assert "40 %" in task["body"]
    assert "Walls up to 2.10 m." in task["body"]


async def test_each_sees_their_own_projects_only(here: World) -> None:
    seen = await here.ask(ANA, "mes chantiers")
    assert "Old Mill" in seen
    assert "Harbour" not in seen
    assert "Secret Tower" not in seen


async def test_a_forged_tap_on_anothers_task_shows_nothing_of_it(here: World) -> None:
    (vault,) = await here.rows("select id from banksman.tasks where external_ref = 'vault'")
    replies = await here.replies(await here.tap(ANA, f"task:{vault['id']}"))
    assert replies
    assert all("vault" not in str(reply["payload"]).replace(str(vault["id"]), "") for reply in replies)


async def test_a_burst_is_answered_as_one_turn(here: World) -> None:
    first = text_message(BOB, "hello")
    second = text_message(BOB, "my tasks")
    await here.post(delivery(first, second))
    (reply,) = await here.replies(first["id"])
    assert "Pour the slab" in str(reply["payload"])
    assert (await here.rows("select count(*) as n from banksman.turns"))[0]["n"] == 1


async def test_a_human_is_one_word_away_and_words_are_kept_for_them(here: World) -> None:
    assert "office" in await here.ask(BOB, "human")
    (session,) = await here.rows("select status from banksman.conversation_sessions")
    assert session["status"] == "escalated"
    assert "kept" in await here.ask(BOB, "the crane is broken")
    assert await here.ask(BOB, "are you there?") == ""
    assert "Pour the slab" in str((await here.replies(await here.tap(BOB, "tasks")))[0]["payload"])
    assert "What do you need" in "".join(r["body"] for r in await here.replies(await here.tap(BOB, "back")))
    (handoff,) = await here.rows("select status from banksman.handoffs")
    assert handoff["status"] == "released"
    assert "Hello Bob" in await here.ask(BOB, "hello")


async def test_while_a_human_has_the_conversation_the_assistant_is_silent(here: World) -> None:
    await here.ask(BOB, "human")
    await here.rows("update banksman.handoffs set status = 'taken', taken_at = now() returning id")
    assert await here.ask(BOB, "my tasks") == ""


async def test_a_stranger_gets_a_kind_answer_and_a_way_to_a_human(here: World) -> None:
    (reply,) = await here.replies(await here.write("4915200000001", "hello, I am new here"))
    assert "do not know your number" in reply["body"]
    (person,) = await here.rows("select status from banksman.users where wa_id = '4915200000001'")
    assert person["status"] == "pending"
    await here.replies(await here.tap("4915200000001", "human"))
    assert await here.rows("select id from banksman.handoffs where status = 'waiting'")


async def test_without_claude_everything_else_shows_the_menu(here: World) -> None:
    answer = await here.ask(BOB, "in which order would you do all of my tasks?")
    assert "did not understand" in answer
    (found,) = await here.rows("select intent, method from banksman.intent_classifications")
    assert (found["intent"], found["method"]) == ("other", "keyword")


async def test_what_does_not_fit_into_two_messages_is_answered_by_the_next_turn(here: World) -> None:
    asked = [text_message(BOB, text) for text in ("my tasks", "my projects", "menu")]
    await here.post(delivery(*asked))
    first, second, third = [await here.replies(message["id"]) for message in asked]
    assert "Pour the slab" in first[0]["body"]
    assert second[0]["turn_id"] == first[0]["turn_id"] != third[0]["turn_id"]
    assert len(await here.rows("select id from banksman.messages where direction = 'out'")) == 3


async def test_a_person_is_answered_in_the_language_in_which_they_write(here: World) -> None:
    assert "Vos tâches ouvertes" in await here.ask(BOB, "mes tâches")
    assert "Que" in await here.ask(BOB, "menu") or "De quoi" in await here.ask(BOB, "menu")
    assert "Your open tasks" in await here.ask(BOB, "my tasks")


async def test_somebody_blocked_in_the_meantime_hears_nothing(here: World) -> None:
    wrote = await here.write(BOB, "hello")
    await here.rows("update banksman.users set status = 'blocked' where wa_id = %s returning id", BOB)
    assert await here.replies(wrote) == []


async def test_back_to_the_assistant_and_a_question_at_once_are_both_heard(here: World) -> None:
    await here.ask(BOB, "human")
    back = {**text_message(BOB, ""), "type": "interactive",
            "interactive": {"type": "button_reply", "button_reply": {"id": "back", "title": "Back"}}}  # fmt: skip
    question = text_message(BOB, "my tasks")
    await here.post(delivery(back, question))
    assert "Pour the slab" in (await here.replies(question["id"]))[0]["body"]
    assert [row["status"] for row in await here.rows("select status from banksman.handoffs")] == ["released"]


async def test_an_old_tap_is_answered_while_a_human_is_waited_for(here: World) -> None:
    await here.ask(BOB, "human")
    (reply,) = await here.replies(await here.tap(BOB, "book:42"))
    assert "Back to assistant" in reply["body"]


async def test_a_page_of_old_beyond_the_last_one_shows_the_first(here: World) -> None:
    for payload in ("tasks::3", "projects::3"):
        (reply,) = await here.replies(await here.tap(BOB, payload))
        assert "Pour the slab" in reply["body"] or "Old Mill" in reply["body"]


async def test_opening_the_chat_is_greeted_and_told_who_speaks(here: World) -> None:
    opened = {**text_message(BOB, ""), "type": "request_welcome"}
    await here.post(delivery(opened))
    assert "automated assistant" in (await here.replies(opened["id"]))[0]["body"]


async def test_thanks_are_answered(here: World) -> None:
    assert "You are welcome" in await here.ask(BOB, "thanks")


async def test_a_photo_is_answered_and_its_caption_is_read(here: World) -> None:
    photo = {**text_message(BOB, ""), "type": "image", "image": {"id": "1", "caption": "my tasks"}}
    await here.post(delivery(photo))
    assert "Pour the slab" in (await here.replies(photo["id"]))[0]["body"]
    bare = {**text_message(BOB, ""), "type": "image", "image": {"id": "2"}}
    await here.post(delivery(bare))
    assert "kept" in (await here.replies(bare["id"]))[0]["body"]


async def test_the_log_of_a_failure_names_nobody(
    here: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logging.configure("INFO", "json")
    await here.rows("revoke select on banksman.tasks from banksman_user")
    wrote = await here.write(BOB, "my tasks")

    async def failed() -> object:
        return await here.rows("select user_id from banksman.conversations where failures > 0")

    await until(failed)
    await here.rows("grant select on banksman.tasks to banksman_user")
    await here.replies(wrote)
    told = capfd.readouterr().err
    assert "turn.failed" in told
    assert "InsufficientPrivilege" in told
    for secret in (BOB, "Bob Hill", "my tasks", "Traceback"):
        assert secret not in told


async def test_a_reply_is_sent_and_its_statuses_climb(here: World) -> None:
    (reply,) = await here.replies(await here.write(BOB, "hello"))

    async def delivered() -> bool:
        (row,) = await here.rows("select status, wa_message_id from banksman.messages where id = %s", reply["id"])
        return bool(row["status"] == "delivered" and row["wa_message_id"])

    await until(delivered)
    assert [m["direction"] for m in await here.chat(BOB)] == ["out"]


async def test_counts_of_a_session_hold_both_directions(here: World) -> None:
    await here.ask(BOB, "hello")
    await here.ask(BOB, "my tasks")
    (session,) = await here.rows("select message_count, status from banksman.conversation_sessions")
    assert session == {"message_count": 4, "status": "active"}
