"""Wake-ups: what a notification says, and a listener that connects again."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import psycopg
from hypothesis import given
from hypothesis import strategies as st
from tests.running import until

from banksman.work import wake


def test_a_notification_names_the_kind_of_work_and_when_in_milliseconds() -> None:
    assert wake.read("turn 1500") == ("turn", 1.5)
    assert wake.read("send 0") == ("send", 0.0)


@given(st.text(max_size=40) | st.from_regex(r"\w+ \d+"))
def test_anything_else_is_ignored_and_nothing_raises(payload: str) -> None:
    said = wake.read(payload)
    assert said is None or (payload.isascii() and 0 <= said[1] < 1_000_000)


def test_a_number_beyond_all_sense_is_ignored() -> None:
    assert wake.read("turn " + "9" * 5000) is None
    assert wake.read("turn -1") is None
    assert wake.read("turn 1.5") is None


async def test_the_listener_wakes_by_kind_and_connects_again_when_its_connection_is_lost(
    urls: tuple[str, str],
) -> None:
    woken: list[tuple[str, float]] = []
    kinds = {kind: lambda s, kind=kind: woken.append((kind, s)) for kind in ("turn", "send")}
    task = asyncio.create_task(wake.listen(urls[1], kinds, retry_s=0.05))

    async def both() -> bool:
        return {kind for kind, _ in woken} == {"turn", "send"}

    async with await psycopg.AsyncConnection.connect(urls[0], autocommit=True) as connection:
        for _ in range(2):
            await until(both)  # what was missed before it listened
            woken.clear()
            await connection.execute("notify banksman_work, 'turn 250'")
            await connection.execute("notify banksman_work, 'else 1'")

            async def told() -> bool:
                return woken == [("turn", 0.25)]

            await until(told)
            woken.clear()
            ended = await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'banksman listener' and datname = current_database()"
            )
            assert ended.rowcount == 1
        await until(both)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
