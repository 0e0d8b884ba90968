"""The pool: one round trip, one transaction a call, and it gets over whatever happens to a connection."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg_pool import PoolTimeout
from tests.running import until

from banksman.database import embedded
from banksman.database.pool import Database

COUNT = "select count(*) from banksman.webhook_events"
ADD = "insert into banksman.webhook_events (field) values (%(field)s)"


@pytest.fixture
async def database(urls: tuple[str, str]) -> AsyncIterator[Database]:
    async with Database(urls[1], max_size=2) as database:
        yield database


async def test_each_call_is_a_transaction_of_its_own_that_commits(database: Database, urls: tuple[str, str]) -> None:
    system = database.as_system()
    assert await system.fetch(ADD, {"field": "a"}) == []
    rows = await system.fetch("select pg_current_xact_id()::text as x, current_user::text as u")
    again = await system.one("select pg_current_xact_id()::text as x, current_user::text as u")
    assert again
    assert rows[0]["u"] == again["u"] == "banksman_system"
    assert rows[0]["x"] != again["x"]
    with psycopg.connect(urls[0]) as connection:
        assert connection.execute(COUNT).fetchone() == (1,)


async def test_values_come_as_rows_a_row_or_the_value(database: Database) -> None:
    system = database.as_system()
    assert await system.fetch("select g as n from generate_series(1, 2) g") == [{"n": 1}, {"n": 2}]
    assert await system.one("select 1 as n where false") is None
    assert await system.value("select 7 as n") == 7
    assert await system.value("select 1 as n where false") is None


async def test_a_query_can_name_its_own_person_alone(database: Database) -> None:
    person, other = uuid4(), uuid4()
    found = await database.as_user(person).one(
        "select %(user_id)s::uuid as bound, banksman.user_id() as claimed, current_user::text as u", {"user_id": other}
    )
    assert found == {"bound": person, "claimed": person, "u": "banksman_user"}


async def test_a_transaction_is_one_under_one_role(database: Database) -> None:
    query = "select pg_current_xact_id()::text as x, current_user::text as u"
    async with database.as_system().transaction() as connection:
        first, second = [await (await connection.execute(query)).fetchone() for _ in range(2)]
    assert first
    assert first == second
    assert first["u"] == "banksman_system"


async def test_an_error_undoes_the_call_and_leaves_the_pool_in_order(database: Database) -> None:
    system = database.as_system()

    async def add_and(fail: Callable[[AsyncConnection[DictRow]], Awaitable[object]]) -> None:
        async with system.transaction() as connection:
            await connection.execute(ADD, {"field": "x"})
            await fail(connection)

    async def ours(_: object) -> None:
        raise ValueError("ours")

    for _ in range(5):
        with pytest.raises(psycopg.errors.DivisionByZero):
            await system.fetch("with a as (insert into banksman.webhook_events (field) values ('x')) select 1 / 0")
        with pytest.raises(psycopg.errors.DivisionByZero):
            await add_and(lambda connection: connection.execute("select 1 / 0"))
        with pytest.raises(psycopg.errors.SyntaxError):
            await system.fetch("selec 1")
        with pytest.raises(ValueError, match="ours"):
            await add_and(ours)
    assert await system.value(COUNT) == 0


async def test_a_cancelled_call_leaves_the_pool_in_order(database: Database, urls: tuple[str, str]) -> None:
    system = database.as_system()
    async with await psycopg.AsyncConnection.connect(urls[0], autocommit=True) as owner:

        async def asleep() -> bool:
            query = "select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
            return (await owner.execute(query)).rowcount > 0

        for _ in range(4):
            slow = asyncio.create_task(
                system.fetch("with a as (insert into banksman.webhook_events (field) values ('x')) select pg_sleep(60)")
            )
            await until(asleep)
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow

        async def quiet() -> bool:
            return not await asleep()

        await until(quiet)
    assert await asyncio.gather(*(system.value(COUNT) for _ in range(8))) == [0] * 8


@pytest.fixture
def folder() -> Iterator[Path]:
    """For a server of the test's own."""
    folder = Path(tempfile.mkdtemp(prefix="banksman-restart-"))
    folder.chmod(0o755)
    yield folder
    embedded.stop(folder)
    shutil.rmtree(folder)


async def test_connections_are_replaced_after_the_server_has_restarted(folder: Path) -> None:
    server = embedded.start(folder, durable=False)
    with psycopg.connect(server.owner_url, autocommit=True) as connection:
        connection.execute("create role banksman_system nologin")
    async with Database(server.owner_url, max_size=3) as database:
        system = database.as_system()
        assert await asyncio.gather(*(system.value("select 1") for _ in range(9))) == [1] * 9
        embedded.stop(folder)
        with pytest.raises((psycopg.OperationalError, PoolTimeout)):
            await system.value("select 1")
        embedded.start(folder, durable=False)

        async def back() -> bool:
            try:
                return bool(await system.value("select 1") == 1)
            except (psycopg.OperationalError, PoolTimeout):
                return False

        await until(back)
