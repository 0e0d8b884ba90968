"""Connections, and the one place where a transaction gets its role and its person.

Whatever is done for a person goes through `Database.as_user`, what belongs to no single person through
`Database.as_system`. Both set `role` and `request.jwt.claims` for that transaction alone, in the same
round trip as the query (autocommit and pipeline: the statements up to the sync are one transaction).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, TypeAlias
from uuid import UUID

import orjson
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool

Params: TypeAlias = Mapping[str, object]
Query: TypeAlias = LiteralString

BECOME: Query = "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)"

set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The right to run queries as one role, for a person where `claims` name one. Each call commits."""

    pool: AsyncConnectionPool[AsyncConnection[DictRow]]
    role: str
    claims: str = ""
    user_id: UUID | None = None  # always bound as %(user_id)s, so that a query can only name its own person

    async def fetch(self, query: Query, params: Params | None = None) -> list[DictRow]:
        """The rows of one query, as its own transaction, in one round trip."""
        bound = {**(params or {}), "user_id": self.user_id}
        async with self.pool.connection() as connection:
            cursor = connection.cursor()
            async with connection.pipeline():
                await connection.execute(BECOME, (self.role, self.claims))
                await cursor.execute(query, bound)
            return await cursor.fetchall() if cursor.description else []

    async def one(self, query: Query, params: Params | None = None) -> DictRow | None:
        """The first row of one query, or None."""
        rows = await self.fetch(query, params)
        return rows[0] if rows else None

    async def value(self, query: Query, params: Params | None = None) -> Any:
        """The single value of one query's first row, or None. Its type is the query's."""
        row = await self.one(query, params)
        return next(iter(row.values())) if row else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Several statements as one transaction, which commits at the end of the block."""
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(BECOME, (self.role, self.claims))
            yield connection


class Database:
    """A pool of connections of the sign-in role, which can do nothing but drop to one of three roles.

    No prepared statement and no session state is kept, so that a pooler in transaction mode will do.
    """

    def __init__(self, url: str, *, max_size: int = 12) -> None:
        self.url = url
        self._pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            url,
            connection_class=AsyncConnection[DictRow],
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "prepare_threshold": None,
                "connect_timeout": 5,
                "application_name": "banksman",
            },
            min_size=2,
            max_size=max_size,
            timeout=4,
            max_idle=300,
            reconnect_timeout=30,
            open=False,
            name="banksman",
        )

    async def __aenter__(self) -> Database:
        await self._pool.open(wait=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close(timeout=5)

    def as_user(self, user_id: UUID) -> Scope:
        """Queries for one person: row-level security shows what is theirs and nothing else."""
        claims = orjson.dumps({"sub": str(user_id), "role": "banksman_user"}).decode()
        return Scope(pool=self._pool, role="banksman_user", claims=claims, user_id=user_id)

    def as_system(self) -> Scope:
        """Queries that belong to no single person: the inbox, claims, figures."""
        return Scope(pool=self._pool, role="banksman_system")
