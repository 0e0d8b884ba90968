"""The Graph client over real sockets: what it does when an answer is bad or missing."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
import structlog

from banksman.whatsapp.errors import Verdict
from banksman.whatsapp.graph import ANSWER_BYTES, GraphClient, GraphError

TOKEN = "EAAGtoken0123456789"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ACCEPTED = b'{"messaging_product":"whatsapp","contacts":[{"input":"1","wa_id":"336"}],"messages":[{"id":"wamid.A"}]}'

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def http(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def error(status: int, code: int, message: str = "no", *headers: str) -> bytes:
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    return http(status, body, "content-type: application/json", *headers)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return head + await reader.readexactly(length)


class Graph:
    """A server that gives the answers of `script` in turn, the last one for ever, and counts calls."""

    def __init__(self, *script: bytes) -> None:
        self.script = list(script)
        self.requests: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await read_request(reader))
        writer.write(self.script.pop(0) if len(self.script) > 1 else self.script[0])


@asynccontextmanager
async def serving(
    answer: Answer, *, send_s: float = 15.0, scheme: str = "http"
) -> AsyncIterator[tuple[GraphClient, list[float]]]:
    """A client of a server that answers each connection with `answer`, and the waits it made."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with httpx.AsyncClient(trust_env=False) as client:
        port = server.sockets[0].getsockname()[1]
        yield (
            GraphClient(
                base_url=f"{scheme}://127.0.0.1:{port}/v26.0",
                phone_number_id="1",
                access_token=TOKEN,
                client=client,
                sleep=sleep,
                chance=lambda: 0.0,
                now=lambda: NOW,
                send_s=send_s,
            ),
            waits,
        )
    server.close()
    await server.wait_closed()


async def failure_of(answer: Answer, *, send_s: float = 15.0) -> tuple[GraphError, list[float]]:
    async with serving(answer, send_s=send_s) as (graph, waits):
        with pytest.raises(GraphError) as caught:
            await graph.send({"type": "text"})
    return caught.value, waits


# ------------------------------------------------------------------------------------ what Graph refuses


async def test_a_user_written_to_too_fast_is_the_outbox_s_to_schedule() -> None:
    graph = Graph(error(400, 131056))
    failed, waits = await failure_of(graph)
    assert failed.verdict is Verdict.RETRY_USER
    assert failed.failure.code == 131056
    assert (len(graph.requests), waits) == (1, [])


async def test_a_passing_error_is_tried_again_and_succeeds() -> None:
    graph = Graph(error(500, 131000), error(429, 130429), http(200, ACCEPTED))
    async with serving(graph) as (client, waits):
        assert (await client.send({"type": "text"})).wa_message_id == "wamid.A"
    assert len(graph.requests) == 3
    assert waits == [0.5, 2.0]


async def test_after_three_tries_it_is_over() -> None:
    graph = Graph(error(500, 131000))
    failed, waits = await failure_of(graph)
    assert failed.verdict is Verdict.RETRY_SOON
    assert (len(graph.requests), waits) == (3, [0.5, 1.0])


async def test_a_wait_above_three_seconds_is_left_to_the_outbox() -> None:
    graph = Graph(error(429, 130429, "slow", "Retry-After: 5"))
    failed, waits = await failure_of(graph)
    assert failed.failure.retry_after_s == 5
    assert (len(graph.requests), waits) == (1, [])


@pytest.mark.parametrize("code", [190, 131047, 131026])
async def test_what_cannot_succeed_is_not_tried_again(code: int) -> None:
    graph = Graph(error(400, code))
    await failure_of(graph)
    assert len(graph.requests) == 1


async def test_a_redirect_is_not_followed() -> None:
    graph = Graph(http(307, b"", "location: /elsewhere"))
    failed, _ = await failure_of(graph)
    assert failed.failure.http_status == 307
    assert failed.verdict is Verdict.HOLD
    assert len(graph.requests) == 1


async def test_a_read_receipt_that_fails_is_one_call() -> None:
    graph = Graph(error(500, 131000))
    async with serving(graph) as (client, _):
        with pytest.raises(GraphError):
            await client.mark_read("wamid.IN")
    assert len(graph.requests) == 1


async def test_a_message_that_is_not_json_is_never_sent() -> None:
    graph = Graph(http(200, ACCEPTED))
    async with serving(graph) as (client, _):
        with pytest.raises(GraphError) as caught:
            await client.send({"type": "\ud800"})
    assert caught.value.verdict is Verdict.STOP
    assert graph.requests == []


# ------------------------------------------------------------------------------- bad answers, no answers


async def cut_after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def cut_in_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-le")


async def cut_in_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(http(200, ACCEPTED)[:-10])


async def cut_in_refusal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(error(400, 131026)[:-10])


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"\x00\xff no HTTP at all\r\n\r\n")


async def false_gzip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(http(200, ACCEPTED, "content-encoding: gzip"))


@pytest.mark.parametrize(
    "answer", [cut_after_request, cut_in_headers, cut_in_body, cut_in_refusal, garbage, false_gzip]
)
async def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown(answer: Answer) -> None:
    tries = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        await answer(reader, writer)

    failed, waits = await failure_of(counted)
    assert failed.verdict is Verdict.UNKNOWN_OUTCOME
    assert (tries, waits) == (1, [])


async def test_an_answer_that_never_comes_leaves_the_outcome_unknown() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()  # until the client gives up

    failed, _ = await failure_of(hang, send_s=0.2)
    assert failed.verdict is Verdict.UNKNOWN_OUTCOME


async def test_an_answer_that_drips_does_not_outlast_the_whole_time() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    failed, _ = await failure_of(drip, send_s=0.3)
    assert failed.verdict is Verdict.UNKNOWN_OUTCOME


@pytest.mark.parametrize(
    "answer",
    [
        http(200, b"<html>ok</html>"),
        http(200, b""),
        http(200, b"[]"),
        http(200, b'{"messages":[]}'),
        http(200, b'{"messages":[{"id":""}]}'),
        http(200, b'{"messages":{"id":"wamid.A"}}'),
        http(502, b"<html>Bad gateway</html>", "content-type: text/html"),
        http(503, b'{"error":"down"}'),
    ],
)
async def test_an_answer_that_cannot_be_understood_leaves_the_outcome_unknown(answer: bytes) -> None:
    graph = Graph(answer)
    failed, _ = await failure_of(graph)
    assert failed.verdict is Verdict.UNKNOWN_OUTCOME
    assert len(graph.requests) == 1


async def test_an_endless_answer_is_not_read_whole() -> None:
    written = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()
            written += 65536

    failed, _ = await failure_of(endless)
    assert failed.verdict is Verdict.UNKNOWN_OUTCOME
    assert written < 50 * ANSWER_BYTES


async def test_a_refused_connection_is_certainly_not_sent_and_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with httpx.AsyncClient(trust_env=False) as client:
        graph = GraphClient(
            base_url=f"http://127.0.0.1:{port}",
            phone_number_id="1",
            access_token=TOKEN,
            client=client,
            sleep=sleep,
            chance=lambda: 0.0,
        )
        with pytest.raises(GraphError) as caught:
            await graph.send({"type": "text"})
    assert caught.value.verdict is Verdict.NOT_SENT
    assert waits == [0.5, 1.0]


async def test_a_failed_tls_handshake_is_certainly_not_sent() -> None:
    async def not_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 this port speaks no TLS\r\n\r\n")

    async with serving(not_tls, scheme="https") as (graph, waits):
        with pytest.raises(GraphError) as caught:
            await graph.send({"type": "text"})
    assert caught.value.verdict is Verdict.NOT_SENT
    assert len(waits) == 2


async def test_a_name_that_does_not_resolve_is_certainly_not_sent() -> None:
    async def sleep(seconds: float) -> None: ...

    async with httpx.AsyncClient(trust_env=False) as client:
        graph = GraphClient(
            base_url="http://nowhere.invalid",
            phone_number_id="1",
            access_token=TOKEN,
            client=client,
            sleep=sleep,
        )
        with pytest.raises(GraphError) as caught:
            await graph.send({"type": "text"})
    assert caught.value.verdict is Verdict.NOT_SENT


# ------------------------------------------------------------------------------------------- the secret


@pytest.mark.parametrize(
    "answer",
    [
        error(401, 190, f"Malformed access token {TOKEN}"),
        http(502, b"x" * 490 + f"you sent {TOKEN}".encode()),
        http(500, b"x" * 490 + TOKEN.encode()),
        error(500, 131000, f"Bearer {TOKEN}"),
    ],
)
async def test_the_token_is_in_no_exception_and_no_log(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logs:
        failed, _ = await failure_of(Graph(answer))
    told = "".join(traceback.format_exception(failed)) + repr(failed.failure) + repr(logs) + caplog.text
    assert TOKEN[:8] not in told
    chain: BaseException | None = failed
    while chain is not None:
        assert not isinstance(chain, httpx.HTTPError)
        chain = chain.__cause__ or chain.__context__


async def test_a_transport_error_carries_no_request() -> None:
    failed, _ = await failure_of(cut_after_request)
    assert failed.__cause__ is None
    assert failed.__context__ is None


async def test_an_error_s_words_name_no_recipient() -> None:
    failed, _ = await failure_of(Graph(error(400, 131030, "(#131030) 33600000001 not in allowed list")))
    assert "33600000001" not in str(failed)
    assert "33600000001" in failed.failure.details
