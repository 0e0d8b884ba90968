"""The inbox under load and in trouble: shared transactions, refused data, two at once, a database that goes away."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.rows import DictRow, dict_row
from tests.running import ANA, BOB, World, delivery, text_message, until

from banksman.database import embedded, migration
from banksman.database.embedded import Server
from banksman.database.pool import Database
from banksman.webhook import inbox as front_door
from banksman.webhook.delivery import Delivery, InboundMessage, Sender
from banksman.webhook.inbox import Inbox, InboxUnavailableError

NUMBERS = count()


def message(who: str | None = BOB, **changes: Any) -> InboundMessage:
    """A text of that number; None is nobody."""
    values: dict[str, Any] = {
        "wa_message_id": f"wamid.inbox.{next(NUMBERS)}", "kind": "text", "body": "hi", "payload": {}, "sent_at": None,
        "sender": None if who is None else Sender(wa_id=who), "awaits_answer": who is not None,
    }  # fmt: skip
    return InboundMessage(**(values | changes))


def of(*messages: InboundMessage) -> Delivery:
    return Delivery(messages=messages, size=500)


@asynccontextmanager
async def inboxes(url: str, number: int = 1) -> AsyncIterator[list[Inbox]]:
    """Running inboxes, each with connections of its own, as of so many processes."""
    async with AsyncExitStack() as stack:
        running = []
        for _ in range(number):
            database = await stack.enter_async_context(Database(url))
            inbox = Inbox(database.as_system())
            task = asyncio.create_task(inbox.run())
            stack.push_async_callback(asyncio.wait, {task})
            stack.callback(task.cancel)
            running.append(inbox)
        await asyncio.sleep(0)
        yield running


def rows(owner_url: str, query: str) -> list[DictRow]:
    """What the database's owner reads."""
    with psycopg.connect(owner_url, autocommit=True, row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]  # tests write SQL


def stored_ids(owner_url: str) -> list[str]:
    return [row["wa_message_id"] for row in rows(owner_url, "select wa_message_id from banksman.messages order by seq")]


@pytest.fixture
def own_server() -> Iterator[tuple[Server, Callable[[], None]]]:
    """A server of this test alone, and how to restart it."""
    folder = Path(tempfile.mkdtemp(prefix="banksman-inbox-"))
    folder.chmod(0o755)
    server = embedded.start(folder, durable=False)
    with psycopg.connect(server.owner_url, autocommit=True) as connection:
        migration.migrate(connection)

    def restart() -> None:
        embedded.stop(folder)
        embedded.start(folder, durable=False)

    yield server, restart
    embedded.stop(folder)
    shutil.rmtree(folder)


async def test_deliveries_of_one_moment_share_transactions(urls: tuple[str, str]) -> None:
    async with inboxes(urls[1]) as (inbox,):
        await asyncio.gather(*(inbox.store(of(message(f"49{n:09d}"))) for n in range(300)))
    (found,) = rows(urls[0], "select count(*) as n, count(distinct xmin::text) as commits from banksman.messages")
    assert found["n"] == 300
    assert found["commits"] <= 10


UNSTORABLE: dict[str, dict[str, Any]] = {
    "refused by a constraint": {"kind": None},
    "refused as a value": {"body": "a\x00b"},
    "no json": {"payload": {"x": object()}},
    "no utf-8": {"body": "\ud83d"},
    "beyond a limit": {"wa_message_id": "x" * 600},
}


@pytest.mark.parametrize("changes", UNSTORABLE.values(), ids=UNSTORABLE.keys())
async def test_what_cannot_be_stored_is_kept_and_fails_no_neighbour(
    urls: tuple[str, str], changes: dict[str, Any]
) -> None:
    neighbours = [of(message(f"49{n:09d}")) for n in range(60)]
    beside = message(ANA)
    bad = of(message(ANA), message(BOB, **{"body": "the bad one"} | changes), beside)
    async with inboxes(urls[1]) as (inbox,):
        await asyncio.gather(*(inbox.store(each) for each in [*neighbours[:30], bad, *neighbours[30:]]))
    good = {m.wa_message_id for each in [*neighbours, bad] for m in each.messages} - {bad.messages[1].wa_message_id}
    assert set(stored_ids(urls[0])) == good
    (kept,) = rows(urls[0], "select body, problem from banksman.webhook_rejects")
    assert b"447700900101" in bytes(kept["body"])
    assert kept["problem"].startswith("it could not be stored: ")


async def test_a_flush_that_is_held_up_holds_up_only_whom_it_is_about(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_door, "WATCH_EVERY_S", 0.05)
    ana, bob, bob_again, clo = message(ANA), message(BOB), message(BOB), message("33600000003")
    async with inboxes(urls[1]) as (inbox,):
        await inbox.store(of(message(ANA), message(BOB)))
        with psycopg.connect(urls[0]) as owner:  # holds the first flush up
            owner.execute("select from banksman.conversations for update")
            first = [asyncio.create_task(inbox.store(of(each))) for each in (ana, bob)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            later = asyncio.create_task(inbox.store(of(bob_again)))
            await inbox.store(of(clo))
            assert not any(task.done() for task in [*first, later])
            owner.rollback()
        await asyncio.gather(*first, later)
    assert stored_ids(urls[0])[2:] in (
        [clo.wa_message_id, ana.wa_message_id, bob.wa_message_id, bob_again.wa_message_id],
        [ana.wa_message_id, bob.wa_message_id, clo.wa_message_id, bob_again.wa_message_id],
    )


async def test_each_persons_order_is_kept(urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_door, "ANOTHER_FROM", 1)
    monkeypatch.setattr(front_door, "BATCH_DELIVERIES", 7)
    people = [f"49{n:09d}" for n in range(12)]
    sent = [message(people[n % 12]) for n in range(400)]
    async with inboxes(urls[1]) as (inbox,):
        await asyncio.gather(*(inbox.store(of(each)) for each in sent))
    found = stored_ids(urls[0])
    assert len(found) == len(sent)
    for person in people:
        own = [each.wa_message_id for each in sent if each.sender and each.sender.wa_id == person]
        assert [id_ for id_ in found if id_ in own] == own


async def test_two_inboxes_at_once_lose_nothing_double_nothing_and_never_deadlock(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_door, "BATCH_DELIVERIES", 40)
    people = [f"49{n:09d}" for n in range(30)]
    sent = [of(message(people[n * 7 % 30]), message(people[n * 11 % 30])) for n in range(300)]
    sent += [of(message(None), message(None)) for _ in range(60)]
    backwards = [of(*reversed(each.messages)) for each in reversed(sent)]
    async with inboxes(urls[1], 2) as (one, other):
        await asyncio.gather(*(one.store(each) for each in sent), *(other.store(each) for each in backwards))
    found = stored_ids(urls[0])
    assert sorted(found) == sorted(m.wa_message_id for each in sent for m in each.messages)
    (count_,) = rows(urls[0], "select count(*) as n from banksman.users")
    assert count_["n"] == 30
    (deadlocks,) = rows(urls[0], "select deadlocks as n from pg_stat_database where datname = current_database()")
    assert deadlocks["n"] == 0


async def test_a_person_whose_conversation_is_locked_does_not_hold_up_the_others(urls: tuple[str, str]) -> None:
    first, other, locked = message(BOB), message(ANA), message(BOB)
    with psycopg.connect(urls[0]) as owner:
        owner.execute("alter function banksman.store_delivery(jsonb, interval, interval) set lock_timeout = '100ms'")
        owner.commit()
        async with inboxes(urls[1]) as (inbox,):
            await inbox.store(of(first))
            owner.execute("select from banksman.conversations for update")
            results = await asyncio.gather(inbox.store(of(locked)), inbox.store(of(other)), return_exceptions=True)
            assert isinstance(results[0], InboxUnavailableError)
            assert results[1] is None
            owner.rollback()
            await inbox.store(of(locked))
    assert stored_ids(urls[0]) == [first.wa_message_id, other.wa_message_id, locked.wa_message_id]


async def test_a_client_that_goes_away_costs_the_others_nothing(urls: tuple[str, str]) -> None:
    sent = [message(f"49{n:09d}") for n in range(100)]
    async with inboxes(urls[1]) as (inbox,):
        storing = [asyncio.create_task(inbox.store(of(each))) for each in sent]
        await asyncio.sleep(0)
        for task in storing[::2]:
            task.cancel()
        results = await asyncio.gather(*storing, return_exceptions=True)
        assert [result for result in results[1::2] if result is not None] == []
    assert {each.wa_message_id for each in sent[1::2]} <= set(stored_ids(urls[0]))


async def test_an_error_that_nobody_thought_of_costs_one_batch(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with inboxes(urls[1]) as (inbox,):
        with monkeypatch.context() as patched:
            patched.setattr(inbox, "_store", broken)
            with pytest.raises(InboxUnavailableError):
                await inbox.store(of(message()))
        await inbox.store(of(message()))
        assert inbox.alive


async def test_an_inbox_that_ended_takes_nothing_and_the_service_says_so(
    front: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert front.service

    def broken() -> list[Any]:
        raise ZeroDivisionError

    monkeypatch.setattr(front.service.inbox, "_drain", broken)
    for _ in range(2):
        answer = await front.post(delivery(text_message(BOB, "hello")))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    ready = await front.http.get(f"{front.url}/health/ready")
    assert ready.status_code == 503
    assert "the inbox does not run" in ready.json()


async def test_connections_that_break_go_unnoticed(front: World) -> None:
    async def broken_again_and_again() -> None:
        for _ in range(10):
            await front.rows("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'banksman_app'")
            await asyncio.sleep(0.05)

    breaking = asyncio.create_task(broken_again_and_again())
    written = 0
    while not breaking.done():
        await front.write(BOB, "hello")
        written += 1
    await breaking
    (found,) = await front.rows("select count(*) as n from banksman.messages")
    assert found["n"] == written


async def test_a_restart_of_the_database_loses_nothing(own_server: tuple[Server, Callable[[], None]]) -> None:
    server, restart = own_server
    acknowledged: list[str] = []
    stop = asyncio.Event()

    async def person(inbox: Inbox, who: str) -> None:
        while not stop.is_set():
            one = message(who)
            await inbox.store(of(one))
            acknowledged.append(one.wa_message_id)

    async with inboxes(server.url("banksman_app")) as (inbox,):
        people = [asyncio.create_task(person(inbox, f"49{n:09d}")) for n in range(20)]
        await until(lambda: _more_than(acknowledged, 100))
        await asyncio.to_thread(restart)
        known = len(acknowledged)
        await until(lambda: _more_than(acknowledged, known + 100))
        stop.set()
        await asyncio.gather(*people)
    found = stored_ids(server.owner_url)
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)


async def _more_than(things: list[str], number: int) -> bool:
    return len(things) > number


async def test_a_database_that_stands_still_is_answered_503_in_time_and_taken_up_again(
    own_server: tuple[Server, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = own_server
    monkeypatch.setattr(front_door, "ANSWER_WITHIN_S", 0.4)
    monkeypatch.setattr(front_door, "WATCH_EVERY_S", 0.05)
    sent = [message(f"49{n:09d}") for n in range(50)]
    postmaster = psutil.Process(server.pid)
    async with inboxes(server.url("banksman_app")) as (inbox,):
        await inbox.store(of(message()))
        stopped = [postmaster, *postmaster.children()]
        for process in stopped:
            process.suspend()
        try:
            async with asyncio.timeout(3):
                results = await asyncio.gather(*(inbox.store(of(one)) for one in sent), return_exceptions=True)
                with pytest.raises(InboxUnavailableError):
                    await inbox.keep_reject(b"[]", "the body is JSON, but no object")
        finally:
            for process in stopped:
                process.resume()
        assert all(isinstance(result, InboxUnavailableError) for result in results)

        async def taken() -> bool:
            try:
                await asyncio.gather(*(inbox.store(of(one)) for one in sent))
            except InboxUnavailableError:
                return False
            return True

        await until(taken)
    found = stored_ids(server.owner_url)
    assert len(found) == len(set(found)) == 51
