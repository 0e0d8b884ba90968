"""A person writes and taps, and is answered: the whole way over HTTP."""

from __future__ import annotations

from tests.running import ANA, BOB, World, delivery, text_message, until


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


async def test_a_reply_is_sent_and_its_statuses_climb(here: World) -> None:
    (reply,) = await here.replies(await here.write(BOB, "hello"))

    async def delivered() -> bool:
        (row,) = await here.rows("select status, wa_message_id from banksman.messages where id = %s", reply["id"])
        return bool(row["status"] == "delivered" and row["wa_message_id"])

    await until(delivered)
    incoming = [m for m in await here.chat(BOB) if m.get("direction") == "in" or m.get("from") == "business"]
    assert len(await here.chat(BOB)) >= 1 or incoming


async def test_counts_of_a_session_hold_both_directions(here: World) -> None:
    await here.ask(BOB, "hello")
    await here.ask(BOB, "my tasks")
    (session,) = await here.rows("select message_count, status from banksman.conversation_sessions")
    assert session == {"message_count": 4, "status": "active"}
