"""`/webhook` over HTTP: the handshake, and which answer each POST gets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.running import ANA, SECRET, World, delivery, text_message

from banksman.webhook import inbox, signature

LIMIT = 3 * 1024 * 1024


async def handshake(front: World, **params: str) -> httpx.Response:
    query = {f"hub.{name}": value for name, value in params.items()}
    return await front.http.get(f"{front.url}/webhook", params=query)


def signed(body: bytes) -> dict[str, str]:
    return {"x-hub-signature-256": signature.sign(body, SECRET.encode())}


def of_size(size: int) -> bytes:
    """A good body of exactly `size` bytes."""
    empty = json.dumps(delivery(text_message(ANA, ""))).encode()
    return json.dumps(delivery(text_message(ANA, "x" * (size - len(empty))))).encode()


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


async def test_the_handshake_gives_the_challenge_back_as_plain_text(front: World) -> None:
    answer = await handshake(front, mode="subscribe", verify_token="verify-me", challenge="<b>1158201444</b>")
    assert (answer.status_code, answer.text) == (200, "<b>1158201444</b>")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "params",
    [
        {"mode": "subscribe", "verify_token": "guess", "challenge": "1"},
        {"mode": "subscribe", "verify_token": "", "challenge": "1"},
        {"mode": "subscribe", "challenge": "1"},
        {"mode": "unsubscribe", "verify_token": "verify-me", "challenge": "1"},
        {},
    ],
)
async def test_a_handshake_that_is_not_metas_is_refused(front: World, params: dict[str, str]) -> None:
    answer = await handshake(front, **params)
    assert answer.status_code == 403
    assert "verify-me" not in answer.text


async def test_only_what_the_app_secret_signed_is_taken_in(front: World) -> None:
    body = json.dumps(delivery(text_message(ANA, "hello"))).encode()
    right = signed(body)["x-hub-signature-256"]
    other = signature.sign(body, b"another secret")
    respaced = json.dumps(json.loads(body), indent=1).encode()
    for headers, content in [
        ({}, body),
        ({"x-hub-signature-256": ""}, body),
        ({"x-hub-signature-256": "sha256="}, body),
        ({"x-hub-signature-256": right[:-1]}, body),
        ({"x-hub-signature-256": other}, body),
        ({"x-hub-signature-256": "sha256=é".encode("latin-1")}, body),
        ({"x-hub-signature": right.replace("sha256", "sha1")}, body),
        ({"x-hub-signature-256": right}, respaced),
        ({"x-hub-signature-256": right}, b""),
    ]:
        answer = await front.http.post(f"{front.url}/webhook", content=content, headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == 401, headers
    assert await front.rows("select id from banksman.messages") == []
    assert await front.rows("select id from banksman.webhook_rejects") == []
    assert (await front.post(body)).status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"{", b"a=1&b=2", b'{"a": NaN}', b"\xff\xfe"])
async def test_a_signed_body_that_is_no_json_object_is_answered_400_and_kept(front: World, body: bytes) -> None:
    answer = await front.post(body)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    (kept,) = await front.rows("select body, problem from banksman.webhook_rejects")
    assert bytes(kept["body"]) == body
    assert kept["problem"].startswith("the body ")


async def test_a_body_of_exactly_3_mib_is_stored_and_one_more_byte_is_refused(front: World) -> None:
    assert (await front.post(of_size(LIMIT))).status_code == 200
    assert (await front.post(of_size(LIMIT + 1))).status_code == 413
    rows = await front.rows("select length(body) as n from banksman.messages")
    assert len(rows) == 1
    assert rows[0]["n"] > LIMIT - 1000


async def test_the_limit_holds_for_a_body_that_does_not_tell_its_length(front: World) -> None:
    for size, status in [(LIMIT, 200), (LIMIT + 1, 413), (LIMIT * 2, 413)]:
        body = of_size(size)
        answer = await front.http.post(f"{front.url}/webhook", content=chunks(body), headers=signed(body))
        assert answer.status_code == status, size
    assert len(await front.rows("select id from banksman.messages")) == 1


async def test_a_body_too_large_by_its_own_word_is_refused_before_it_is_read(front: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(front.url).port)
    writer.write(b"POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (LIMIT + 1))
    assert (await reader.readline()).split()[1] == b"413"
    writer.close()


async def test_other_methods_are_refused_and_a_trailing_slash_is_no_other_address(front: World) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = await front.http.request(method, f"{front.url}/webhook")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    body = json.dumps(delivery(text_message(ANA, "hello"))).encode()
    assert (await front.http.post(f"{front.url}/webhook/", content=body, headers=signed(body))).status_code == 200
    query = {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "7"}
    assert (await front.http.get(f"{front.url}/webhook/", params=query)).text == "7"


async def test_a_body_of_thousands_of_messages_is_stored_whole(front: World) -> None:
    messages = [text_message(f"336{n % 50:08d}", f"line {n}") for n in range(6000)]
    body = json.dumps(delivery(*messages)).encode()
    assert len(body) < LIMIT
    started = time.monotonic()
    assert (await front.post(body)).status_code == 200
    assert time.monotonic() - started < inbox.ANSWER_WITHIN_S
    (stored,) = await front.rows("select count(*) as n, count(distinct user_id) as people from banksman.messages")
    assert stored == {"n": 6000, "people": 50}
    rows = await front.rows(
        "select body from banksman.messages m join banksman.users u on u.id = m.user_id"
        " where u.wa_id = '33600000007' order by seq"
    )
    assert [row["body"] for row in rows] == [f"line {n}" for n in range(7, 6000, 50)]
