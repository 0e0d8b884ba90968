"""Wake-ups: a connection of its own listens to the database and wakes the loops of this process.

Without one (a pooler in transaction mode) the poll of the loops does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import psycopg
import structlog

log = structlog.get_logger(__name__)

CHANNEL = "banksman_work"
RETRY_S = 3.0


def read(payload: str) -> tuple[str, float] | None:
    """`turn 1000` says that a turn is due in 1000 milliseconds; None for anything else."""
    kind, _, delay = payload.partition(" ")
    return (kind, int(delay) / 1000) if kind and delay.isascii() and delay.isdigit() else None


async def listen(url: str, wake: Mapping[str, Callable[[float], None]]) -> None:
    """Wakes by kind until cancelled; connects again whenever the connection is lost."""
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                url,
                autocommit=True,
                connect_timeout=5,
                application_name="banksman listener",
                prepare_threshold=None,
            ) as connection:
                await connection.execute(f"listen {CHANNEL}")
                for each in wake.values():  # what was missed meanwhile
                    each(0)
                async for notification in connection.notifies():
                    said = read(notification.payload)
                    if said and said[0] in wake:
                        wake[said[0]](said[1])
        except psycopg.Error as error:
            log.warning("listener.lost", error=type(error).__name__)
        await asyncio.sleep(RETRY_S)
