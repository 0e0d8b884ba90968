"""Wake-ups: a connection of its own listens to the database and wakes the loops of this process.

Without one (a pooler in transaction mode) the poll of the loops does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping

import psycopg
import structlog

log = structlog.get_logger(__name__)

CHANNEL = "banksman_work"
RETRY_S = 3.0
MESSAGE = re.compile(r"(\w+) ([0-9]{1,9})", re.ASCII)


def read(payload: str) -> tuple[str, float] | None:
    """`turn 1000` says that a turn is due in 1000 milliseconds; None for anything else."""
    said = MESSAGE.fullmatch(payload)
    return (said[1], int(said[2]) / 1000) if said else None


async def listen(url: str, wake: Mapping[str, Callable[[float], None]], *, retry_s: float = RETRY_S) -> None:
    """Wakes by kind until cancelled; connects again `retry_s` seconds after the connection is lost."""
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                url,
                autocommit=True,
                connect_timeout=5,
                application_name="banksman listener",
                prepare_threshold=None,
                keepalives_idle=30,  # a connection that died without a word is noticed within a minute
                keepalives_interval=10,
                keepalives_count=3,
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
        await asyncio.sleep(retry_s)
