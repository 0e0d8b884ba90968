"""The outbox: what follows from each answer of Graph, stalls, leases; receipts; stored files and their addresses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.running import until
from tests.work.steps import Steps

from banksman.database.pool import Database
from banksman.whatsapp.errors import Failure, Verdict
from banksman.whatsapp.graph import GraphClient
from banksman.whatsapp.media import ADDRESS_S, Links, MediaStore
from banksman.whatsapp.outbox import FRESH_S, TRIES_SOON, Outbox, Send, after
from banksman.whatsapp.receipts import AT_A_TIME, WAITING, Receipts
from banksman.whatsapp.replies import MediaRef

ANA = "33600000001"


@dataclass
class Graph:
    """A Graph API by hand: `status` and `body` of its next answers; it holds them until `gate` is set."""

    status: int = 200
    body: dict[str, Any] = field(default_factory=lambda: {"messages": [{"id": "w1"}], "success": True})
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    calls: int = 0
    waiting: int = 0
    most: int = 0

    def client(self) -> GraphClient:
        """A client of this API."""
        transport = httpx.MockTransport(self._answer)
        return GraphClient(
            base_url="http://graph/v1.0", phone_number_id="1", access_token="t",
            client=httpx.AsyncClient(transport=transport),
        )  # fmt: skip

    async def _answer(self, _: httpx.Request) -> httpx.Response:
        self.calls += 1
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.gate.wait()
        self.waiting -= 1
        return httpx.Response(self.status, json=self.body)


@pytest.fixture
async def steps(urls: tuple[str, str]) -> AsyncIterator[Steps]:
    """The queue's steps on an empty database."""
    async with Database(urls[1]) as database:
        yield Steps(database=database, owner_url=urls[0])


async def leased(steps: Steps) -> Send:
    """A send that is committed as `sending`."""
    send = Send.of(await steps.answered(ANA, "one"))
    assert isinstance(send, Send)
    return send


@pytest.mark.parametrize(
    ("verdict", "tries", "outcome", "least", "most"),
    [
        (Verdict.UNKNOWN_OUTCOME, 1, "unknown", 0, 0),
        (Verdict.WINDOW_CLOSED, 1, "expired", 0, 0),
        (Verdict.STOP, 1, "failed", 0, 0),
        (Verdict.RETRY_SOON, 1, "retry", 0.5, 1),
        (Verdict.RETRY_SOON, TRIES_SOON, "failed", 0, 0),
        (Verdict.RETRY_USER, 1, "retry", 1, 1.5),
        (Verdict.RETRY_USER, 3, "retry", 16, 24),
        (Verdict.RETRY_NUMBER, 1, "retry", 1, 1.5),
        (Verdict.RETRY_BACKOFF, 1, "retry", 2, 3),
        (Verdict.NOT_SENT, 9, "retry", 60, 90),
        (Verdict.HOLD, 1, "held", 60, 60),
    ],
)
def test_each_verdict_has_its_outcome_and_wait(
    verdict: Verdict, tries: int, outcome: str, least: float, most: float
) -> None:
    settlement = after(verdict, Failure(code=1), tries=tries, chance=0.5)
    assert settlement.outcome == outcome
    assert least <= settlement.retry_s <= most


def test_a_wait_that_graph_asks_for_is_kept() -> None:
    assert after(Verdict.RETRY_USER, Failure(retry_after_s=90), tries=1, chance=0).retry_s == 90


async def test_a_worker_that_was_stalled_between_the_commit_and_the_call_does_not_make_it(steps: Steps) -> None:
    graph, send = Graph(), await leased(steps)
    graph.gate.set()
    now = send.claimed_at + FRESH_S + 1
    outbox = Outbox(steps.database, graph.client(), clock=lambda: now)
    again = await outbox.deliver(send)
    assert graph.calls == 0
    assert isinstance(again, Send)  # its lease was still its own, so the send is given to it anew
    assert (again.id, again.tries) == (send.id, 1)
    await steps.sql("update banksman.conversations set send_lease_token = send_lease_token + 1")
    now += FRESH_S + 1
    assert await outbox.deliver(again) is None  # now somebody else decides
    assert graph.calls == 0


async def test_the_time_of_a_claim_counts_from_before_the_database_was_asked(steps: Steps) -> None:
    await leased(steps)
    await steps.sql("update banksman.messages set status = 'queued' where direction = 'out'")
    await steps.due()
    times = iter((100.0, 100.0, 500.0))
    send = await Outbox(steps.database, Graph().client(), clock=lambda: next(times)).claim()
    assert isinstance(send, Send)
    assert send.claimed_at == 100.0


async def test_a_renewal_beside_the_settlement_does_not_count_as_a_lost_lease(steps: Steps) -> None:
    graph, send = Graph(), await leased(steps)
    graph.gate.set()
    outbox = Outbox(steps.database, graph.client())
    asked: list[bool] = []
    value = type(steps.database.as_user(UUID(int=0))).value

    async def renewing(scope: Any, query: Any, params: Any = None) -> Any:
        given = await value(scope, query, params)
        if "settle_send" in query:  # committed, and the lease has a new token; the answer is still on its way
            asked.append(await outbox.renew(send))
        return given

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("banksman.database.pool.Scope.value", renewing)
        await outbox.deliver(send)
    assert asked == [True]
    await steps.sql("update banksman.conversations set send_lease_token = send_lease_token + 1")
    assert not await outbox.renew(send)


@pytest.mark.parametrize(("status", "code"), [(401, 190), (429, 130429)])
async def test_when_the_number_is_closed_no_send_is_claimed_or_made(steps: Steps, status: int, code: int) -> None:
    graph, send = Graph(status=status, body={"error": {"code": code}}), await leased(steps)
    graph.gate.set()
    outbox = Outbox(steps.database, graph.client())
    waits = await outbox.deliver(send)
    assert isinstance(waits, float)
    assert waits > 0
    calls = graph.calls
    assert isinstance(await outbox.claim(), float)
    other = Send.of(await steps.answered("447700900101", "two"))
    assert isinstance(other, Send)
    assert isinstance(await outbox.deliver(other), float)
    assert graph.calls == calls
    assert [row for row in await steps.outbox() if row[1] != "queued"] == []


async def test_receipts_are_bounded_in_number_and_at_a_time() -> None:
    graph = Graph()
    receipts = Receipts(graph.client())
    task = asyncio.create_task(receipts.run())
    receipts.offer([f"w{n}" for n in range(WAITING + 50)])

    async def called(times: int) -> None:
        async def enough() -> bool:
            return graph.calls >= times

        await until(enough)
        await asyncio.sleep(0.1)

    await called(AT_A_TIME)
    assert graph.calls == AT_A_TIME
    graph.gate.set()
    await called(WAITING)
    assert (graph.calls, graph.most) == (WAITING, AT_A_TIME)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_a_file_is_stored_once_by_its_hash(tmp_path: Path) -> None:
    store = MediaStore(folder=tmp_path)
    sha256 = store.put(b"plan")
    before = store.path(sha256).stat().st_mtime_ns
    assert store.put(b"plan") == sha256
    assert store.path(sha256).read_bytes() == b"plan"
    assert store.path(sha256).stat().st_mtime_ns == before
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


def test_an_address_names_its_file_until_it_ends_and_cannot_be_forged(monkeypatch: pytest.MonkeyPatch) -> None:
    links = Links(secret="s", base_url="https://crew.example")
    media = MediaRef(media_id=UUID(int=7), mime_type="image/png", file_name="plan.png")
    address = links.link(media)
    assert address
    signed = address.removeprefix("https://crew.example/media/")
    assert links.read(signed) == UUID(int=7)
    assert links.read(signed[:-1] + ("A" if signed[-1] != "A" else "B")) is None
    assert Links(secret="other", base_url=None).read(signed) is None
    assert Links(secret="s", base_url=None).link(media) is None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + ADDRESS_S + 2)
    assert links.read(signed) is None
