"""Moves the listening clock of a running service, instead of waiting for it."""

from __future__ import annotations

import psycopg

LOOK_AGAIN = """
update banksman.conversations set send_due_at = now()
 where send_due_at is not null and (send_lease_until is null or send_lease_until <= now())
"""


async def listen(owner_url: str, seconds: float) -> None:
    """As if webhooks could have arrived for so long: whoever waits for that looks again at once."""
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        await connection.execute("select banksman.tick_listening_clock()")
        await connection.execute("update banksman.listening_clock set seconds = seconds + %s", (seconds,))
        await connection.execute(LOOK_AGAIN)
        await connection.execute("notify banksman_work, 'send 0'")


async def retry_now(owner_url: str) -> None:
    """As if every back-off were over, of turns and of sends."""
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        await connection.execute("update banksman.messages set next_try_at = now() where next_try_at > now()")
        await connection.execute(LOOK_AGAIN)
        await connection.execute(
            "update banksman.conversations set due_at = now() where due_at is not null and lease_until is null"
        )
        await connection.execute("notify banksman_work, 'send 0'")
        await connection.execute("notify banksman_work, 'turn 0'")
