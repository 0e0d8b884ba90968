"""What people write, and the webhooks that tell the service."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from world import ANA, BEN, Phone, Service, buttons, card, carousel, listed, text, until

from banksman.simulator.people import derived_bsuid


async def test_a_text_arrives_signed_and_escaped_in_the_form_of_2026(phone: Phone, service: Service) -> None:
    written = await phone.write({"type": "text", "text": "où est 1/2 👷?"}, wa_id=BEN)
    await until(lambda: len(service.messages()) == 1)
    assert service.refused == 0
    assert b"o\\u00f9 est 1\\/2 \\ud83d\\udc77?" in service.bodies[0]
    value = service.values()[0]
    assert value["contacts"] == [{"profile": {"name": "Ben Łoś"}, "wa_id": BEN, "user_id": "PL.77"}]
    assert value["messages"] == [
        {
            "from": BEN,
            "from_user_id": "PL.77",
            "id": written["id"],
            "timestamp": str(written["timestamp"]),
            "type": "text",
            "text": {"body": "où est 1/2 👷?"},
        }
    ]


async def test_somebody_outside_the_crew_can_write(phone: Phone, service: Service) -> None:
    await phone.write({"type": "text", "text": "hi"}, wa_id="4915550001")
    await until(lambda: len(service.messages()) == 1)
    assert service.messages()[0]["from_user_id"] == derived_bsuid("4915550001")


@pytest.mark.parametrize(
    ("message", "key", "interactive"),
    [
        (
            buttons(("yes|1", "Yes"), ("no|1", "No")),
            "no|1",
            {"type": "button_reply", "button_reply": {"id": "no|1", "title": "No"}},
        ),
        (
            listed([{"id": "r1", "title": "Row", "description": "more"}, {"id": "r2", "title": "Other"}]),
            "r1",
            {"type": "list_reply", "list_reply": {"id": "r1", "title": "Row", "description": "more"}},
        ),
        (
            carousel(card(0, "Pick"), card(1, "Pick")),
            "card:1:Pick",
            {"type": "button_reply", "button_reply": {"id": "card:1:Pick", "title": "Pick"}},
        ),
    ],
)
async def test_a_tap_says_what_was_tapped_and_on_which_message(
    phone: Phone, service: Service, message: dict[str, Any], key: str, interactive: dict[str, Any]
) -> None:
    message_id = await phone.sent(message)
    await phone.write({"type": "tap", "message_id": message_id, "id": key})
    await until(lambda: len(service.messages()) == 1)
    told = service.messages()[0]
    assert told["type"] == "interactive"
    assert told["interactive"] == interactive
    assert told["context"]["id"] == message_id


async def test_a_template_button_comes_back_with_its_payload(phone: Phone, service: Service) -> None:
    payload = {"type": "payload", "payload": "confirm:42"}
    button = {"type": "button", "sub_type": "QUICK_REPLY", "index": 0, "parameters": [payload]}
    template = {"name": "reminder", "language": {"code": "en"}, "components": [button]}
    message_id = await phone.sent({"type": "template", "template": template})
    await phone.write({"type": "tap", "message_id": message_id, "id": "confirm:42"})
    await until(lambda: len(service.messages()) == 1)
    assert service.messages()[0]["button"]["payload"] == "confirm:42"


async def test_nobody_taps_what_is_not_there_or_not_theirs(phone: Phone, service: Service) -> None:
    message_id = await phone.sent(buttons(("yes", "Yes")))
    for wa_id, key in ((ANA, "maybe"), (BEN, "yes")):
        tap = {"type": "tap", "message_id": message_id, "id": key}
        answer = await phone.http.post(f"/simulator/api/chats/{wa_id}/messages", json=tap)
        assert answer.status_code == 404
    assert service.messages() == []


async def test_a_picture_can_be_fetched_by_the_address_in_its_webhook(phone: Phone, service: Service) -> None:
    data = b"\xff\xd8\xff picture"
    answer = await phone.http.post(
        f"/simulator/api/chats/{ANA}/messages",
        files={"file": ("site.jpg", data, "image/jpeg")},
        data={"caption": "the wall"},
    )
    assert answer.status_code == 201
    await until(lambda: len(service.messages()) == 1)
    image = service.messages()[0]["image"]
    assert image["caption"] == "the wall"
    assert image["sha256"] == base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert (await phone.http.get(image["url"], headers=phone.headers)).content == data
    look_up = await phone.http.get(f"/simulator/graph/v26.0/{image['id']}", headers=phone.headers)
    assert look_up.json()["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("mime_type", "kind"),
    [("application/pdf", "document"), ("audio/ogg", "audio"), ("video/mp4", "video"), ("image/gif", "document")],
)
async def test_files_go_as_the_kind_that_a_phone_would_choose(
    phone: Phone, service: Service, mime_type: str, kind: str
) -> None:
    files = {"file": ("a.bin", b"data", mime_type)}
    await phone.http.post(f"/simulator/api/chats/{ANA}/messages", files=files)
    await until(lambda: len(service.messages()) == 1)
    assert service.messages()[0]["type"] == kind
    assert service.messages()[0][kind]["mime_type"] == mime_type


async def test_any_other_kind_goes_as_it_is(phone: Phone, service: Service) -> None:
    place: dict[str, Any] = {"type": "location", "location": {"latitude": 1.5, "longitude": 2.5}}
    cards: dict[str, Any] = {"type": "contacts", "contacts": [{"name": {"formatted_name": "Ben"}}]}
    unknown: dict[str, Any] = {
        "type": "unsupported",
        "errors": [{"code": 131051}],
        "unsupported": {"type": "poll_creation"},
    }
    for message in (place, cards, unknown):
        await phone.write({"type": "raw", "message": message})
    await until(lambda: len(service.messages()) == 3)
    for told, message in zip(service.messages(), (place, cards, unknown), strict=True):
        assert message.items() <= told.items()


async def test_a_message_can_be_old(phone: Phone, service: Service) -> None:
    now = await phone.write({"type": "text", "text": "now"})
    old = await phone.write({"type": "text", "text": "old", "age_seconds": 90000})
    await until(lambda: len(service.messages()) == 2)
    assert 89990 < now["timestamp"] - int(service.messages()[1]["timestamp"]) < 90010
    assert old["timestamp"] == int(service.messages()[1]["timestamp"])


@pytest.mark.parametrize("given", [{}, {"type": "text"}, {"type": "raw", "message": {}}, {"type": "poll"}])
async def test_a_phone_says_in_plain_words_what_it_cannot_send(phone: Phone, given: dict[str, Any]) -> None:
    answer = await phone.http.post(f"/simulator/api/chats/{ANA}/messages", json=given)
    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_another_website_cannot_write(phone: Phone, service: Service) -> None:
    given = {"type": "text", "text": "evil"}
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = await phone.http.post(f"/simulator/api/chats/{ANA}/messages", json=given, headers=headers)
    assert answer.status_code == 403
    assert await phone.chat() == []


async def test_a_reply_quotes_its_message(phone: Phone, service: Service) -> None:
    message_id = await phone.sent(text())
    await phone.write({"type": "text", "text": "this one", "reply_to": message_id})
    await until(lambda: len(service.messages()) == 1)
    assert service.messages()[0]["context"]["id"] == message_id
