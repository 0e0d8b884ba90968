"""kill -9, stops, restarts: after all of it each person has exactly the right replies, in order, none twice.

`BANKSMAN_KILLS=20 make pytest TESTS=tests/service/test_kills.py` kills more often; `BANKSMAN_SEED` picks other moments.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from typing import Any

import pytest
from tests.running import until
from tests.service.listening import listen
from tests.service.processes import Site, site
from tests.work.steps import LOST

from banksman.database import embedded
from banksman.simulator import Behaviour

KILLS = int(os.environ.get("BANKSMAN_KILLS", "6"))
SEED = int(os.environ.get("BANKSMAN_SEED", "1"))
PEOPLE, EACH = 20, 10
QUESTIONS = {"my projects": "Site of {n}", "my tasks": "Task of {n}"}  # and what stands in the answer
SLOW = """
create function public.slow() returns trigger language plpgsql
    as 'begin perform pg_sleep(0.06 * random()); return null; end';
create trigger slow after update on banksman.conversations for each row execute function public.slow();
"""  # claims, finishes and settlements take their time, so that a kill often falls between a commit and its answer
LATE = Behaviour(sent_after=1.0, delivered_after=1.2)  # a service that sends again too early would be seen


def crew_of(count: int) -> dict[str, Any]:
    """People with a site and a task each, which nobody else may see."""
    people = range(count)
    return {
        "users": [
            {"ref": f"u{n}", "wa_id": f"44770090{n:04}", "name": f"Worker {n}", "language": "en"} for n in people
        ],
        "projects": [{"ref": f"p{n}", "name": f"Site of {n}", "members": [f"u{n}"]} for n in people],
        "tasks": [
            {"ref": f"t{n}", "project": f"p{n}", "title": f"Task of {n}", "assignees": [f"u{n}"]} for n in people
        ],
        "documents": [],
    }


async def talk(here: Site, crew: dict[str, Any], chance: random.Random, each: int, pause_s: float) -> None:
    """Everybody writes `each` messages, with pauses of up to `pause_s` seconds."""

    async def one(wa_id: str, pauses: list[float]) -> None:
        for number, pause in enumerate(pauses):
            await asyncio.sleep(pause)
            question, tap = list(QUESTIONS)[number % 2], ("projects", "tasks")[number % 2]
            await here.type(wa_id, question, tap=tap if number % 3 else None)

    pauses = {u["wa_id"]: [chance.uniform(0, pause_s) for _ in range(each)] for u in crew["users"]}
    await asyncio.gather(*(one(wa_id, waits) for wa_id, waits in pauses.items()))


async def all_answered(here: Site, count: int, *, within: float = 60.0) -> None:
    """Waits until `count` messages have their turn and all is sent; what a kill left in doubt waits no 60 seconds."""

    async def answered() -> bool:
        (row,) = await here.rows(
            "select count(*) as n from banksman.messages m join banksman.turns t on t.id = m.turn_id"
            " where m.direction = 'in' and t.finished_at is not null"
        )
        return bool(row["n"] == count)

    async def settled() -> bool:
        """Moves the clock on only when all statuses have been told."""
        open_rows = await here.rows(
            "select status from banksman.messages where direction = 'out' and status in ('queued', 'sending')"
        )
        told = await here.rows("select 1 from banksman.messages where direction = 'out' and status <> 'delivered'")
        if open_rows and here.quiet():
            await listen(here.owner_url, 61)
            await asyncio.sleep(0.3)
        return not told

    await until(answered, within=within)
    await until(settled, within=within)


async def check(here: Site, crew: dict[str, Any], each: int) -> None:
    """Every message has one turn, every turn its replies, each sent exactly once and in order."""
    assert await here.rows(LOST) == []
    for number, user in enumerate(crew["users"]):
        mine = "select m.* from banksman.messages m join banksman.users u on u.id = m.user_id where u.wa_id = %s"
        rows = await here.rows(f"{mine} order by m.seq", user["wa_id"])
        asked = [row for row in rows if row["direction"] == "in"]
        assert [row["body"] for row in asked] == [list(QUESTIONS)[n % 2] for n in range(each)]
        turns = list(dict.fromkeys(row["turn_id"] for row in asked))
        out = [row for row in rows if row["direction"] == "out"]
        assert list(dict.fromkeys(row["turn_id"] for row in out)) == turns  # replies in the order of the questions
        for turn in turns:
            questions = dict.fromkeys(row["body"] for row in asked if row["turn_id"] == turn)
            replies = [row["body"] for row in out if row["turn_id"] == turn]
            assert len(replies) == len(questions)
            for question, reply in zip(questions, replies, strict=True):
                assert QUESTIONS[question].format(n=number) in reply
        phone = [m for m in await here.chat(user["wa_id"]) if m["direction"] == "out"]
        assert [m["callback"] for m in phone] == [str(row["id"]) for row in out]
        assert [m["id"] for m in phone] == [row["wa_message_id"] for row in out]
    for session in await here.rows(
        "select message_count, (select count(*) from banksman.messages m where m.session_id = s.id) as n"
        " from banksman.conversation_sessions s"
    ):
        assert session["message_count"] == session["n"]
    unfinished = await here.rows("select id from banksman.turns where finished_at is null or status <> 'done'")
    assert unfinished == []


async def test_kill_9_at_random_moments_of_a_burst_loses_doubles_and_mixes_up_nothing() -> None:
    chance, crew = random.Random(SEED), crew_of(PEOPLE)
    async with site(crew, LATE, graph_s=0.3) as here:
        await here.run(SLOW)
        await here.processes.start("web", "serve")
        await until(here.answers)
        talking = asyncio.create_task(talk(here, crew, chance, EACH, pause_s=KILLS * 0.4))
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.0, 1.5))
            assert await here.processes.end("web", signal.SIGKILL) == -signal.SIGKILL
            await here.processes.start("web", "serve")
            await until(here.answers)
        await talking
        await all_answered(here, PEOPLE * EACH)
        await check(here, crew, EACH)
        if KILLS > 10:  # then some of them must have hit a send under way
            assert await here.rows("select 1 from banksman.messages where unknown_tries > 0")
            (claims,) = await here.rows("select sum(lease_token) as n from banksman.conversations")
            (turns,) = await here.rows("select count(*) as n from banksman.turns")
            assert claims["n"] > turns["n"]  # and some a turn


async def test_workers_of_their_own_share_the_work_and_replace_each_other() -> None:
    chance, crew = random.Random(SEED), crew_of(8)
    async with site(crew, LATE) as here:
        await here.processes.start("web", "serve", "--no-worker")
        for name in ("one", "two"):
            await here.processes.start(name, "worker")
        await until(here.answers)
        talking = asyncio.create_task(talk(here, crew, chance, 6, pause_s=0.5))
        await asyncio.sleep(1.0)
        await here.processes.end("one", signal.SIGKILL)
        await asyncio.sleep(0.5)
        here.processes.pause("two")  # and nobody is left, until a third comes
        await here.processes.start("three", "worker")
        await talking
        # The paused one's leases are over, its turns are worked by the third, and what it was sending is settled.
        await all_answered(here, 8 * 6)
        here.processes.resume("two")
        await asyncio.sleep(0.5)
        await check(here, crew, 6)
        assert await here.processes.end("two", signal.SIGTERM) == 0
        assert await here.processes.end("three", signal.SIGTERM) == 0


@pytest.mark.parametrize("command", [("serve",), ("worker",)], ids=["serve", "worker"])
async def test_sigterm_finishes_what_runs_and_ends_well(command: tuple[str, ...]) -> None:
    crew = crew_of(4)
    async with site(crew, Behaviour(sent_after=0.05, delivered_after=0.1)) as here:
        if command == ("worker",):
            await here.processes.start("web", "serve", "--no-worker")
        await here.processes.start("it", *command)
        await until(here.answers)
        await asyncio.gather(*(here.type(user["wa_id"], "my projects") for user in crew["users"]))

        async def begun() -> bool:
            return bool(await here.rows("select 1 from banksman.turns limit 1"))

        await until(begun)
        began = time.monotonic()
        assert await here.processes.end("it", signal.SIGTERM) == 0
        assert time.monotonic() - began < 5
        # Nothing was left half done: a turn is finished or was not begun, a send is answered or was not begun.
        assert await here.rows("select 1 from banksman.turns where finished_at is null") == []
        assert await here.rows("select 1 from banksman.messages where status = 'sending'") == []
        await here.processes.start("it", *command)
        await all_answered(here, 4)
        await check(here, crew, 1)


async def test_a_database_restart_loses_nothing() -> None:
    chance, crew = random.Random(SEED), crew_of(6)
    async with site(crew, LATE) as here:
        await here.processes.start("web", "serve")
        await until(here.answers)
        talking = asyncio.create_task(talk(here, crew, chance, 5, pause_s=1.2))
        for _ in range(2):
            await asyncio.sleep(chance.uniform(0.8, 1.5))
            await asyncio.to_thread(embedded.stop, here.folder)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(embedded.start, here.folder)
        await talking
        await all_answered(here, 30)
        await check(here, crew, 5)
