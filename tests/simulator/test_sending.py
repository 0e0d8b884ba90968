"""What the service sends through Graph, and the status webhooks that come back."""

from __future__ import annotations

import pytest
from world import ANA, BEN, NUMBER, TOKEN, Phone, Service, buttons, text, until

from banksman.simulator.people import derived_bsuid


async def test_a_wrong_token_is_refused_with_190(phone: Phone) -> None:
    phone.headers = {"Authorization": f"Bearer {TOKEN}x"}
    answer = await phone.send(text())
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 190)


@pytest.mark.parametrize("path", ["/simulator/graph/v26.0/999/messages", "/simulator/graph/v26.0/999/media"])
async def test_an_unknown_number_is_400_with_subcode_33(phone: Phone, path: str) -> None:
    answer = await phone.http.post(path, json={}, headers=phone.headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["error_subcode"]) == (400, 100, 33)


async def test_a_refusal_is_graphs_envelope_and_shows_nothing_to_the_person(phone: Phone) -> None:
    answer = await phone.send(buttons(("a", "x" * 21)))
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["code"] == 131009
    assert error["message"].startswith("(#131009)")
    assert "title" in error["error_data"]["details"]
    assert "20" in error["error_data"]["details"]
    assert error["fbtrace_id"]
    assert await phone.chat() == []


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff"])
async def test_a_body_that_is_no_object_is_refused(phone: Phone, raw: bytes) -> None:
    answer = await phone.http.post(f"{phone.number}/messages", content=raw, headers=phone.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


async def test_a_send_is_answered_and_its_statuses_come_back_with_our_data(phone: Phone, service: Service) -> None:
    answer = (await phone.send(text(), biz_opaque_callback_data="outbox:1")).json()
    message_id = answer["messages"][0]["id"]
    assert message_id.startswith("wamid.")
    assert answer["contacts"] == [{"input": ANA, "wa_id": ANA}]
    await until(lambda: len(service.statuses(message_id)) == 2)
    sent, delivered = service.statuses(message_id)
    assert (sent["status"], delivered["status"]) == ("sent", "delivered")
    assert sent["biz_opaque_callback_data"] == delivered["biz_opaque_callback_data"] == "outbox:1"
    assert sent["recipient_id"] == ANA
    assert sent["recipient_user_id"] == derived_bsuid(ANA)
    value = service.values()[0]
    assert value["contacts"] == [{"wa_id": ANA, "user_id": derived_bsuid(ANA)}]
    assert value["metadata"]["phone_number_id"] == NUMBER


async def test_a_user_id_reaches_its_person_and_a_number_beats_it(phone: Phone) -> None:
    await phone.sent(text("by user id"), to=None, recipient="PL.77")
    assert [message["content"]["body"] for message in await phone.chat(BEN)] == ["by user id"]
    await phone.sent(text("by number"), recipient="PL.77")
    assert [message["content"]["body"] for message in await phone.chat(ANA)] == ["by number"]


async def test_read_comes_when_the_person_has_the_chat_on_the_screen(phone: Phone, service: Service) -> None:
    message_id = await phone.sent(text())
    await until(lambda: len(service.statuses(message_id)) == 2)
    await phone.http.post(f"/simulator/api/chats/{ANA}/read")
    await until(lambda: len(service.statuses(message_id)) == 3)
    early = await phone.sent(text())
    await phone.http.post(f"/simulator/api/chats/{ANA}/read")
    await until(lambda: len(service.statuses(early)) == 3)
    for message in (message_id, early):
        assert [status["status"] for status in service.statuses(message)] == ["sent", "delivered", "read"]


async def test_the_service_reading_a_message_marks_all_before_it_and_types(phone: Phone) -> None:
    first, second, third = [await phone.write({"type": "text", "text": word}) for word in "abc"]
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": second["id"]}
    answer = await phone.http.post(
        f"{phone.number}/messages", json=read | {"typing_indicator": {"type": "text"}}, headers=phone.headers
    )
    assert answer.json() == {"success": True}
    state = (await phone.http.get(f"/simulator/api/chats/{ANA}")).json()
    shown = {message["id"]: message["status"] == "read" for message in state["messages"]}
    assert shown == {first["id"]: True, second["id"]: True, third["id"]: False}
    assert 20 < state["typing_seconds"] <= 25
    await phone.sent(text())
    assert (await phone.http.get(f"/simulator/api/chats/{ANA}")).json()["typing_seconds"] == 0


async def test_a_file_is_uploaded_looked_up_and_downloaded_with_the_token_only(phone: Phone) -> None:
    data = b"\x89PNG\r\n\x1a\n picture"
    form = {"messaging_product": "whatsapp", "type": "image/png"}
    files = {"file": ("plan.png", data, "image/png")}
    answer = await phone.http.post(f"{phone.number}/media", data=form, files=files, headers=phone.headers)
    media_id = answer.json()["id"]
    await phone.sent({"type": "image", "image": {"id": media_id}})
    path = f"/simulator/graph/v26.0/{media_id}"
    found = (await phone.http.get(path, headers=phone.headers)).json()
    assert (found["mime_type"], found["file_size"], found["id"]) == ("image/png", len(data), media_id)
    download = await phone.http.get(found["url"], headers=phone.headers)
    assert (download.content, download.headers["content-type"]) == (data, "image/png")
    assert (await phone.http.get(found["url"])).status_code == 401
    forged = found["url"].replace("hash=", "hash=0")
    assert (await phone.http.get(forged, headers=phone.headers)).status_code == 404
    await phone.behave(media_expired=True)
    gone = await phone.http.get(path, headers=phone.headers)
    assert (gone.status_code, gone.json()["error"]["error_subcode"]) == (400, 33)
    assert (await phone.send({"type": "image", "image": {"id": media_id}})).status_code == 400


async def test_the_number_can_be_looked_at(phone: Phone) -> None:
    found = (await phone.http.get(phone.number, headers=phone.headers)).json()
    assert found["id"] == NUMBER
    assert found["webhook_configuration"]["application"].endswith("/webhook")
