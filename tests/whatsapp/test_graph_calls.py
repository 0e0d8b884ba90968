"""The calls of the Graph client as a server gets them: sends, read receipts, uploads."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from banksman.whatsapp.graph import GraphClient, Sent
from banksman.whatsapp.replies import Json

TOKEN = "EAAGtoken0123456789"
ACCEPTED = b'{"messaging_product":"whatsapp","contacts":[{"input":"1","wa_id":"336"}],"messages":[{"id":"wamid.A"}]}'


@pytest.fixture
async def meta() -> AsyncIterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    """A small Graph API on a free port, and the calls it got."""
    calls: list[tuple[str, dict[str, str], bytes]] = []

    async def messages(request: Request) -> JSONResponse:
        body = await request.body()
        calls.append((request.url.path, dict(request.headers), body))
        read = json.loads(body).get("status") == "read"
        return JSONResponse({"success": True} if read else json.loads(ACCEPTED))

    async def media(request: Request) -> JSONResponse:
        calls.append((request.url.path, dict(request.headers), await request.body()))
        return JSONResponse({"id": "4711"})

    routes = [
        Route("/v26.0/1/messages", messages, methods=["POST"]),
        Route("/v26.0/1/media", media, methods=["POST"]),
    ]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v26.0", calls
        server.should_exit = True
        await task


async def test_send_posts_the_message_and_gives_its_id(
    meta: tuple[str, list[tuple[str, dict[str, str], bytes]]],
) -> None:
    url, calls = meta
    message: dict[str, Json] = {"type": "text", "text": {"body": "été 👷"}}
    async with httpx.AsyncClient(trust_env=False) as client:
        graph = GraphClient(base_url=url + "/", phone_number_id="1", access_token=TOKEN, client=client)
        assert await graph.send(message) == Sent(wa_message_id="wamid.A", wa_id="336")
    ((path, headers, body),) = calls
    assert path == "/v26.0/1/messages"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == message


async def test_mark_read_can_show_that_someone_types(
    meta: tuple[str, list[tuple[str, dict[str, str], bytes]]],
) -> None:
    url, calls = meta
    async with httpx.AsyncClient(trust_env=False) as client:
        graph = GraphClient(base_url=url, phone_number_id="1", access_token=TOKEN, client=client)
        await graph.mark_read("wamid.IN")
        await graph.mark_read("wamid.IN", typing=False)
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.IN"}
    assert [json.loads(body) for _, _, body in calls] == [
        {**read, "typing_indicator": {"type": "text"}},
        read,
    ]


async def test_upload_gives_the_media_id(meta: tuple[str, list[tuple[str, dict[str, str], bytes]]]) -> None:
    url, calls = meta
    async with httpx.AsyncClient(trust_env=False) as client:
        graph = GraphClient(base_url=url, phone_number_id="1", access_token=TOKEN, client=client)
        assert await graph.upload(b"%PDF bytes", "application/pdf", 'a/b"\r\nx: y.pdf') == "4711"
    ((path, headers, body),) = calls
    assert path == "/v26.0/1/media"
    assert headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="messaging_product"\r\n\r\nwhatsapp\r\n' in body
    assert b'name="type"\r\n\r\napplication/pdf\r\n' in body
    assert b'filename="a_b%22 x: y.pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF bytes\r\n' in body


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "é"])
async def test_a_token_that_cannot_be_one_is_refused_unnamed(token: str) -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(ValueError, match="access token") as caught:
            GraphClient(base_url="http://x", phone_number_id="1", access_token=token, client=client)
    assert not token or token not in str(caught.value)
