"""Every body of the shared corpus, posted signed: its status, its rows, and who is answered.

The corpus lies in `shared` beside the checkout, or where BANKSMAN_SHARED points.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from bodies import CORPUS, understood
from test_payload_corpus import MALFORMED
from tests.running import ANA, World, delivery, text_message, until, world

from banksman.webhook import inbox
from banksman.webhook.delivery import Delivery, InboundMessage

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no corpus of payloads at {CORPUS}")

ABOUT_TIME = ("091", "092", "173", "175", "176")
COUNTS = (
    "select (select count(*) from banksman.message_statuses) as statuses,"
    " (select count(*) from banksman.webhook_events) as events,"
    " (select count(*) from banksman.webhook_rejects) as rejects"
)


def bodies() -> list[tuple[str, bytes]]:
    """Each file's number and bytes, its messages sent just now."""
    now = str(int(time.time())).encode()
    return [
        (path.name[:3], raw if path.name[:3] in ABOUT_TIME else re.sub(rb"\b1794\d{6}\b", now, raw))
        for path in sorted(CORPUS.glob("*.json"))
        for raw in [path.read_bytes()]
    ]


async def stored(front: World, message: InboundMessage) -> dict[str, Any]:
    (row,) = await front.rows(
        "select kind, body, tap, awaits_answer, user_id is not null as somebodys"
        " from banksman.messages where wa_message_id = %s and direction = 'in'",
        message.wa_message_id,
    )
    return row


def as_parsed(message: InboundMessage) -> dict[str, Any]:
    return {
        "kind": message.kind,
        "body": message.body,
        "tap": message.tap,
        "awaits_answer": message.awaits_answer,
        "somebodys": message.sender is not None,
    }


async def test_each_body_gets_its_status_and_its_rows(front: World) -> None:
    seen: set[str] = set()
    statuses: set[tuple[str, str]] = set()
    for number, raw in bodies():
        (before,) = await front.rows(COUNTS)
        answer = await front.post(raw)
        (after,) = await front.rows(COUNTS)
        grown = {name: after[name] - before[name] for name in after}
        if number in MALFORMED.split():
            assert answer.status_code == 400, number
            assert grown == {"statuses": 0, "events": 0, "rejects": 1}, number
            continue
        assert answer.status_code == 200, number
        found: Delivery = understood(raw)
        fresh = {(s.wa_message_id, s.status) for s in found.statuses} - statuses
        assert grown == {"statuses": len(fresh), "events": len(found.events), "rejects": 0}, number
        statuses |= fresh
        for message in found.messages:
            if message.wa_message_id not in seen:
                seen.add(message.wa_message_id)
                assert await stored(front, message) == as_parsed(message), number
        good = text_message(ANA, f"after {number}")
        assert (await front.post(delivery(good))).status_code == 200
        assert await front.rows("select id from banksman.messages where wa_message_id = %s", good["id"]), number
    (count,) = await front.rows(
        "select count(*) as n from banksman.messages where wa_message_id not like 'wamid.test.%%'"
    )
    assert count["n"] == len(seen)


async def test_whoever_is_due_an_answer_gets_one_and_nobody_else(
    urls: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "PAUSE_S", 0.02)
    async with world(urls, tmp_path, user_messages_per_minute=100_000, user_messages_per_day=100_000) as here:
        for number, raw in bodies():
            assert (await here.post(raw)).status_code == (400 if number in MALFORMED.split() else 200), number

        async def worked_off() -> bool:
            return not await here.rows("select user_id from banksman.conversations where due_at is not null")

        await until(worked_off, within=30)
        left = await here.rows("select kind from banksman.messages where awaits_answer")
        assert left == []
        to_nobody = await here.rows("select id from banksman.messages where direction = 'out' and user_id is null")
        assert to_nobody == []
        unanswered = await here.rows(
            "select u.id from banksman.users u where exists ("
            "  select from banksman.messages m where m.user_id = u.id and m.turn_id is not null and m.direction = 'in')"
            " and not exists (select from banksman.messages m where m.user_id = u.id and m.direction = 'out')"
        )
        assert unanswered == []
        failed = await here.rows(
            "select error_type from banksman.turns where status <> 'done' or error_type is not null"
        )
        assert failed == []
        silent = await here.rows(
            "select kind, wa_message_id from banksman.messages where direction = 'in' and turn_id is not null"
            " and (user_id is null or kind in ('reaction', 'edit', 'revoke', 'system'))"
        )
        assert silent == []
