"""The queue's steps one by one, against the database: a message comes, a turn is claimed, a send is settled."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import time
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg.rows import dict_row

from banksman.database.pool import Database
from banksman.database.queries import Queries
from banksman.services import turns
from banksman.services.turns import Finish, Finished, OutboundMessage, Turn

WEBHOOK, WHATSAPP = Queries("banksman.webhook"), Queries("banksman.whatsapp")
STORE = {"pause": 1.0, "max_pause": 4.0}

LOST = """
select c.user_id from banksman.conversations c
 where (c.due_at is null and exists (
            select from banksman.messages m where m.user_id = c.user_id and m.awaits_answer))
    or (c.send_due_at is null and exists (
            select from banksman.messages m
             where m.user_id = c.user_id and m.direction = 'out' and m.status in ('queued', 'sending')))
"""  # conversations that nobody would ever look at again


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Each method is one transaction of the service; `sql` is the database's owner."""

    database: Database
    owner_url: str

    async def sql(self, query: str, *params: object) -> list[dict[str, Any]]:
        """Rows that the owner reads, or nothing for a statement without any."""
        async with await psycopg.AsyncConnection.connect(
            self.owner_url, autocommit=True, row_factory=dict_row
        ) as connection:
            cursor = await connection.execute(query, params)
            return await cursor.fetchall() if cursor.description else []

    async def come(self, wa_id: str, *texts: str, tap: str | None = None, ago_s: float = 0.0) -> list[str]:
        """Messages of one person arrive in one delivery; gives their ids."""
        ids = [f"wamid.{uuid.uuid4().hex}" for _ in texts]
        now = (await self.sql("select extract(epoch from clock_timestamp())::float8 as now"))[0]["now"]
        messages = [
            {"n": n, "sender": 0, "id": ids[n], "kind": "text", "body": text, "tap": tap, "payload": {},
             "sent_at": now - ago_s, "awaits_answer": True, "first_only": False, "reply_to": None}
            for n, text in enumerate(texts)
        ]  # fmt: skip
        await self._store(senders=[{"wa_id": wa_id, "name": "Somebody"}], messages=messages)
        return ids

    async def withdraw(self, wa_id: str, wa_message_id: str) -> None:
        """The person takes a message back."""
        change = {"sender": 0, "original_id": wa_message_id, "body": None, "withdrawn": True}
        await self._store(senders=[{"wa_id": wa_id, "name": "Somebody"}], changes=[change])

    async def status(
        self, message: UUID, status: str, wa_message_id: str, *, code: int | None = None, retry: bool = False
    ) -> None:
        """WhatsApp tells of a send."""
        told = {"n": 0, "id": wa_message_id, "status": status, "callback": str(message), "recipient": None,
                "sent_at": 0, "error_code": code, "retry": retry, "payload": {}}  # fmt: skip
        await self._store(statuses=[told])

    async def _store(self, **parts: list[dict[str, Any]]) -> None:
        names = ("senders", "messages", "changes", "statuses", "rekeys", "events")
        batch = orjson.dumps({name: parts.get(name, []) for name in names}).decode()
        await self.database.as_system().value(WEBHOOK["store_delivery"], {"batch": batch, **STORE})

    async def due(self) -> None:
        """All pauses, back-offs and leases are over."""
        await self.sql(
            "update banksman.conversations set due_at = case when due_at is null then null else now() end,"
            " lease_until = case when lease_until is null then null else now() end,"
            " send_due_at = case when send_due_at is null then null else now() end,"
            " send_lease_until = case when send_lease_until is null then null else now() end"
        )
        await self.sql("update banksman.messages set next_try_at = now() where next_try_at > now()")

    async def listen(self, seconds: float) -> None:
        """Webhooks could arrive for so long; whoever waits for that looks again."""
        await self.sql(
            "insert into banksman.listening_clock (seconds) values (%s)"
            " on conflict (only_row) do update set seconds = banksman.listening_clock.seconds + excluded.seconds",
            seconds,
        )
        await self.sql(
            "update banksman.conversations set send_due_at = now() where send_due_at is not null"
            " and (send_lease_until is null or send_lease_until <= now())"
        )

    async def claim(self) -> Turn | float | None:
        """A worker asks for a turn."""
        return await turns.claim(self.database, timeout_hours=7, workday_start=time(6))

    async def begun(self) -> Turn:
        """A turn that is due by now."""
        await self.due()
        turn = await self.claim()
        assert isinstance(turn, Turn)
        return turn

    async def finish(self, turn: Turn, *replies: str, kind: str = "text", **changes: Any) -> Finished:
        """The turn ends with these texts."""
        out = tuple(OutboundMessage(kind=kind, body=r, content={"type": kind, kind: {"body": r}}) for r in replies)
        return await turns.finish(self.database, turn, Finish(replies=out, **changes))

    async def answered(self, wa_id: str, *replies: str) -> dict[str, Any]:
        """A whole turn; gives the first send of its outbox, committed and leased."""
        await self.come(wa_id, "question")
        send = (await self.finish(await self.begun(), *replies)).send
        assert send
        return send

    async def claim_send(self, lease: float = 10.0) -> dict[str, Any]:
        """A worker asks for a send."""
        return dict(await self.database.as_system().value(WHATSAPP["claim_send"], {"lease": lease}))

    async def settle(
        self,
        send: dict[str, Any],
        outcome: str,
        *,
        wamid: str | None = None,
        error: int | None = None,
        retry: float = 0,
    ) -> dict[str, Any] | None:
        """A worker writes down how a send went; gives the next one."""
        params = {"message_id": send["id"], "token": send["lease_token"], "outcome": outcome, "wa_message_id": wamid,
                  "error": error, "retry": retry, "lease": 10.0}  # fmt: skip
        row: dict[str, Any] | None = await self.database.as_user(UUID(send["user_id"])).value(
            WHATSAPP["settle_send"], params
        )
        return row

    async def outbox(self) -> list[tuple[str, str]]:
        """Texts and statuses of what goes out, in order."""
        rows = await self.sql("select body, status from banksman.messages where direction = 'out' order by seq")
        return [(row["body"], row["status"]) for row in rows]

    async def lost(self) -> list[dict[str, Any]]:
        """Conversations with something to do that nobody would look at again."""
        return await self.sql(LOST)
