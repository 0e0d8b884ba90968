"""Chats: who is there, what changes, and what outlives a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx
from world import ANA, BEN, Phone, Service, build, buttons, served, text, until

from banksman.simulator.chats import KEPT


async def test_the_crew_is_listed_by_name(phone: Phone) -> None:
    people = (await phone.http.get("/simulator/api/people")).json()["people"]
    assert people == [
        {"name": "Ana Silva", "wa_id": ANA, "language": "fr"},
        {"name": "Ben Łoś", "wa_id": BEN, "language": None},
    ]


async def test_the_page_is_there_and_loads_nothing_from_elsewhere(phone: Phone) -> None:
    page = await phone.http.get("/simulator")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text


async def test_a_poll_waits_for_a_change_and_gives_just_that(phone: Phone) -> None:
    await phone.sent(text("first"))
    events = f"/simulator/api/chats/{ANA}/events"
    state = (await phone.http.get(events)).json()
    assert [message["content"]["body"] for message in state["messages"]] == ["first"]
    while state["messages"][0]["told"] != "delivered":  # its statuses are changes, too
        after = {"after": state["revision"], "epoch": state["epoch"]}
        state = (await phone.http.get(events, params=after)).json()
        assert [message["content"]["body"] for message in state["messages"]] == ["first"]
    after = {"after": state["revision"], "epoch": state["epoch"]}
    poll = asyncio.create_task(phone.http.get(events, params=after))
    await phone.sent(text("second"))
    state = (await poll).json()
    assert not state["reset"]
    assert [message["content"]["body"] for message in state["messages"]] == ["second"]


async def test_after_a_restart_a_poll_starts_anew(phone: Phone) -> None:
    await phone.sent(text())
    events = f"/simulator/api/chats/{ANA}/events"
    state = (await phone.http.get(events, params={"after": 999, "epoch": "of another life"})).json()
    assert state["reset"]
    assert len(state["messages"]) == 1


async def test_a_restart_shows_the_same_chat_and_its_buttons_still_work(tmp_path: Path, service: Service) -> None:
    file = tmp_path / "simulator" / "chats.jsonl"
    with served(service.app()) as address:
        with served(build(f"{address}/webhook", file).app()) as base:
            phone = Phone(base)
            upload = {"file": ("a.png", b"\x89PNG\r\n\x1a\n", "image/png")}
            picture = await phone.http.post(f"/simulator/api/chats/{ANA}/messages", files=upload)
            message_id = await phone.sent(buttons(("yes", "Yes")))
            before = await phone.chat()
            while before[0]["status"] != "delivered" or before[1]["told"] != "delivered":
                before = await phone.chat()
        with served(build(f"{address}/webhook", file).app()) as base:
            phone = Phone(base)
            assert await phone.chat() == before
            media = await phone.http.get(f"/simulator/api/media/{picture.json()['content']['id']}")
            assert media.content == upload["file"][1]
            await phone.write({"type": "tap", "message_id": message_id, "id": "yes"})
            await until(lambda: len(service.messages()) == 2)


async def test_what_was_not_delivered_before_a_restart_is_delivered_after_it(tmp_path: Path, service: Service) -> None:
    file = tmp_path / "chats.jsonl"
    with served(build("http://127.0.0.1:9/webhook", file).app()) as base:
        phone = Phone(base)
        written = await phone.write({"type": "text", "text": "hi"})
        message_id = await phone.sent(text())
    with served(service.app()) as address, served(build(f"{address}/webhook", file).app()):
        await until(lambda: len(service.messages()) == 1 and len(service.statuses(message_id)) >= 1)
    assert service.messages()[0]["id"] == written["id"]


async def test_a_file_with_a_torn_line_and_too_many_messages_is_read_and_cut(tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    line = {
        "wa_id": ANA,
        "direction": "out",
        "kind": "text",
        "content": {"body": "x"},
        "timestamp": 1,
        "status": "read",
    }
    lines = [json.dumps(line | {"id": f"wamid.{number}"}) for number in range(KEPT + 5)]
    file.write_text("\n".join(lines) + '\n{"id": "wamid.torn', "utf-8")
    with served(build("http://127.0.0.1:9/webhook", file).app()) as base:
        chat = await Phone(base).chat()
    assert [message["id"] for message in chat] == [f"wamid.{number}" for number in range(5, KEPT + 5)]
    assert len(file.read_text("utf-8").splitlines()) == KEPT


async def test_people_stay_while_their_source_is_away(running: Callable[..., Phone], service: Service) -> None:
    from banksman.simulator.people import Directory, Person

    answers = [[Person("Ana", ANA)], None]

    async def source() -> list[Person]:
        answer = answers.pop(0)
        if answer is None:
            raise ConnectionError("no database")
        return answer

    directory = Directory(source)
    assert [person.name for person in await directory.all()] == ["Ana"]
    assert [person.name for person in await directory.all()] == ["Ana"]


async def test_a_waiting_page_is_answered_at_once_when_the_server_closes() -> None:
    simulator = build("http://127.0.0.1:9/webhook")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(simulator.app()), base_url="http://test") as http:
        state = (await http.get(f"/simulator/api/chats/{ANA}/events")).json()
        after = {"after": state["revision"], "epoch": state["epoch"]}
        poll = asyncio.create_task(http.get(f"/simulator/api/chats/{ANA}/events", params=after))
        async with asyncio.timeout(5):
            while not poll.done():
                await asyncio.sleep(0)
                simulator.closing()
        assert (await poll).json()["messages"] == []
