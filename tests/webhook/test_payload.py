"""What each kind of webhook content becomes: who wrote, what they said, and whether an answer is due."""

from __future__ import annotations

from uuid import UUID

import pytest
from bodies import (
    BSUID,
    METADATA,
    OUR_NUMBER,
    OURS,
    PHONE,
    SENT_AT,
    body,
    message,
    one_message,
    one_status,
    only_events,
    status,
    understood,
    value,
)

from banksman.webhook.delivery import Event, Json

OUTBOX_ID = "7f6c2f0e-3a54-4a0e-9a58-0c5b5a3f1c11"


# Words and taps

TAPPED: Json = {"type": "button_reply", "button_reply": {"id": "menu:1", "title": "Menu"}}
CHOSEN: Json = {"type": "list_reply", "list_reply": {"id": "task:4", "title": "Tiles"}}
FLOW: Json = {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{}"}}


@pytest.mark.parametrize(
    ("fields", "words", "tap"),
    [
        ({"text": {"body": " Hi\n"}}, " Hi\n", None),
        ({"text": {"body": ""}}, "", None),
        ({"type": "image", "image": {"id": "1", "caption": "see"}}, "see", None),
        ({"type": "video", "video": {"id": "1", "caption": "see"}}, "see", None),
        ({"type": "document", "document": {"id": "1", "caption": "see"}}, "see", None),
        ({"type": "image", "image": {"id": "1"}}, None, None),
        ({"type": "audio", "audio": {"id": "1"}}, None, None),
        ({"type": "interactive", "interactive": TAPPED}, "Menu", "menu:1"),
        ({"type": "interactive", "interactive": CHOSEN}, "Tiles", "task:4"),
        ({"type": "interactive", "interactive": FLOW}, "Sent", None),
        ({"type": "button", "button": {"payload": "yes:1", "text": "Yes"}}, "Yes", "yes:1"),
        ({"type": "button", "button": {"payload": "x" * 300}}, None, "x" * 256),
        ({"type": "location", "location": {"latitude": 1, "longitude": 2}}, None, None),
        ({"type": "location", "location": {"name": "Mill", "address": "12 Quai"}}, "Mill, 12 Quai", None),
    ],
)
def test_words_and_tap_are_read_from_where_the_kind_has_them(
    fields: dict[str, Json], words: str | None, tap: str | None
) -> None:
    found = one_message(**fields)
    assert (found.body, found.tap, found.awaits_answer) == (words, tap, True)


def test_the_message_is_kept_as_it_came() -> None:
    raw = message(text={"body": "Hi"}, errors=[{"code": 1}], new_key={"a": [1]})
    assert one_message(**raw).payload == raw


def test_an_edit_has_the_new_words_and_names_the_message_that_it_changes() -> None:
    inner: Json = {"type": "image", "image": {"id": "1", "caption": "new"}}
    found = one_message(type="edit", edit={"original_message_id": "wamid.OLD", "message": inner})
    assert (found.kind, found.body, found.original_id) == ("edit", "new", "wamid.OLD")


def test_a_withdrawal_names_the_message_that_it_takes_back() -> None:
    assert one_message(type="revoke", revoke={"original_message_id": "wamid.OLD"}).original_id == "wamid.OLD"


@pytest.mark.parametrize(
    ("context", "quoted"),
    [({"id": "wamid.Q"}, "wamid.Q"), ({"forwarded": True}, None), ("nope", None), ({"id": 5}, None)],
)
def test_the_quoted_message_is_named_where_there_is_one(context: Json, quoted: str | None) -> None:
    found = one_message(context=context)
    assert (found.reply_to, found.body) == (quoted, "Hi")


# Whether an answer is due


@pytest.mark.parametrize(
    "kind",
    [
        *("text", "image", "document", "audio", "video", "location", "contacts", "sticker"),
        *("order", "unsupported", "hologram", "interactive", "button"),
    ],
)
@pytest.mark.parametrize("content", [None, 5, [], "x", {}])
def test_an_answer_is_due_even_where_the_content_is_broken(kind: str, content: Json) -> None:
    found = one_message(**{"type": kind, "text": None, kind: content})
    assert (found.kind, found.body, found.awaits_answer) == (kind, None, True)


def test_null_content_counts_like_missing_content() -> None:
    raw = body(value(message(text={"body": "Hi"}))).replace(b'{"body":"Hi"}', b"null")
    (found,) = understood(raw).messages
    assert (found.body, found.awaits_answer) == (None, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "reaction", "reaction": {"message_id": "wamid.A", "emoji": "👍"}},
        {"type": "reaction", "reaction": {"message_id": "wamid.A"}},
        {"type": "edit"},
        {"type": "revoke"},
        {"type": "system"},
        {"type": "interactive", "interactive": {"type": "call_permission_reply"}},
    ],
)
def test_notices_are_stored_with_their_sender_and_not_answered(fields: dict[str, Json]) -> None:
    found = one_message(**fields)
    assert not found.awaits_answer
    assert found.sender is not None


def test_an_unknown_answer_to_an_interactive_message_is_answered() -> None:
    assert one_message(type="interactive", interactive={"type": "hologram_reply"}).awaits_answer


def test_a_chat_that_was_opened_is_greeted_the_first_time_only() -> None:
    found = one_message(type="request_welcome")
    assert (found.awaits_answer, found.first_only) == (True, True)
    assert not one_message().first_only


@pytest.mark.parametrize(("given", "kind"), [(None, "unknown"), (5, "unknown"), ("", "unknown"), ("k" * 70, "k" * 64)])
def test_the_kind_is_a_short_name_or_unknown(given: Json, kind: str) -> None:
    assert one_message(type=given).kind == kind


@pytest.mark.parametrize("group", ["Y2FwaV9ncm91cDpzeW50aA==", 5, ["x"]])
def test_a_group_message_is_never_answered_privately(group: Json) -> None:
    found = one_message(group_id=group)
    assert (found.sender, found.awaits_answer, found.body) == (None, False, "Hi")


def test_our_own_number_is_not_answered_however_it_is_written() -> None:
    written: dict[str, Json] = {"phone_number_id": OURS, "display_phone_number": "+1 (555) 701-0001"}
    raw = body(value(message(from_=OUR_NUMBER, from_user_id=None), metadata=written))
    (found,) = understood(raw).messages
    assert (found.sender, found.awaits_answer) == (None, False)


@pytest.mark.parametrize("metadata", [{**METADATA, "phone_number_id": "999"}, None, {}, [], 5])
def test_what_is_not_known_to_be_for_our_number_is_stored_and_not_answered(metadata: Json) -> None:
    (found,) = understood(body(value(message(), metadata=metadata))).messages
    assert (found.sender, found.awaits_answer, found.body) == (None, False, "Hi")


# Ids and times


def test_an_id_too_long_for_an_index_is_replaced_by_its_hash_and_stays_the_same() -> None:
    assert one_message(id="w" * 512).wa_message_id == "w" * 512
    hashed = {one_message(id="w" * 513).wa_message_id for _ in range(2)} | {one_status(id="w" * 513).wa_message_id}
    (only,) = hashed
    assert only.startswith("sha256:")
    assert len(only) == len("sha256:") + 64


@pytest.mark.parametrize("given", [None, "", 5, [], {}, True])
def test_a_message_without_an_id_is_kept_as_an_event(given: Json) -> None:
    raw = message(id=given)
    assert only_events(body(value(raw))) == (Event(field="messages", payload=raw, problem="message without an id"),)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (str(SENT_AT), SENT_AT),
        (SENT_AT, SENT_AT),
        ("4102444800", 4_102_444_800),
        ("1230768000", None),
        ("1230768001", 1_230_768_001),
        ("7258118400", None),
        ("99999999999999999999", None),
        ("-1", None),
        ("yesterday", None),
        ("١٧٩٤٠٠٠٠٠٧", None),
        ("", None),
        (None, None),
        (1.5, None),
        (True, None),
        ([], None),
    ],
)
def test_the_time_is_taken_where_it_can_be_one(given: Json, seconds: int | None) -> None:
    found = one_message(timestamp=given)
    assert (found.sent_at, found.awaits_answer) == (seconds, True)


# Statuses


def test_a_status_carries_our_key_its_recipient_and_the_error() -> None:
    found = one_status(
        status="failed",
        biz_opaque_callback_data=OUTBOX_ID,
        errors=[{"code": 131047, "title": "Re-engagement"}],
    )
    assert (found.wa_message_id, found.status, found.callback) == ("wamid.OUT1", "failed", UUID(OUTBOX_ID))
    assert (found.recipient, found.sent_at, found.error_code) == (PHONE, SENT_AT, 131047)


def test_a_status_of_a_hidden_number_names_the_user_id() -> None:
    assert one_status(recipient_id="").recipient == BSUID


@pytest.mark.parametrize("data", ["not ours", "", 5, None])
def test_a_callback_that_is_not_ours_is_none(data: Json) -> None:
    assert one_status(biz_opaque_callback_data=data).callback is None


@pytest.mark.parametrize("errors", [[], [None], [{}], [{"code": "x"}], [{"code": 2**40}], None, 5, {"code": 1}])
def test_a_failure_without_a_readable_error_is_a_failure_all_the_same(errors: Json) -> None:
    found = one_status(status="failed", errors=errors)
    assert (found.status, found.error_code) == ("failed", None)


def test_a_wrong_type_beside_a_statuss_id_is_reported_and_the_status_still_counts() -> None:
    raw = status(recipient_id={}, timestamp=[])
    delivery = understood(body(value(statuses=[raw])))
    assert [found.status for found in delivery.statuses] == ["delivered"]
    assert delivery.events == (
        Event(field="messages", payload=raw, problem="status: wrong type: timestamp, recipient_id"),
    )


@pytest.mark.parametrize("fields", [{"id": 5}, {"id": ""}, {"id": None}, {"status": None}, {"status": {}}])
def test_a_status_without_an_id_or_a_name_is_kept_as_an_event_and_its_neighbour_counts(
    fields: dict[str, Json],
) -> None:
    delivery = understood(body(value(statuses=[status(**fields), status(id="wamid.OUT2")])))
    assert [found.wa_message_id for found in delivery.statuses] == ["wamid.OUT2"]
    assert [event.payload for event in delivery.events] == [status(**fields)]


def test_a_status_of_another_number_is_kept_as_an_event() -> None:
    other: Json = {"phone_number_id": "999"}
    (event,) = only_events(body(value(statuses=[status()], metadata=other)))
    assert (event.field, event.payload) == ("messages", status())


# The rest


@pytest.mark.parametrize("name", ["account_update", "calls", "history", "smb_message_echoes", "no such field"])
def test_another_field_is_one_event_even_where_it_holds_messages(name: str) -> None:
    whole = value(message(), message_echoes=[message()])
    assert only_events(body(whole, field=name)) == (Event(field=name, payload=whole),)


def test_an_error_of_the_account_is_an_event() -> None:
    errors: Json = [{"code": 130429}]
    (event,) = only_events(body(value(errors=errors)))
    assert (event.field, event.payload, event.problem) == ("messages", errors, "error reported by WhatsApp")


def test_unknown_parts_beside_messages_are_kept() -> None:
    delivery = understood(body(value(message(), user_preferences=[1])))
    assert len(delivery.messages) == 1
    assert [event.payload for event in delivery.events] == [{"user_preferences": [1]}]


@pytest.mark.parametrize(
    ("root", "where"),
    [
        (b"{}", "entry"),
        (b'{"entry":null}', "entry"),
        (b'{"entry":[]}', "entry"),
        (b'{"entry":[5]}', "entry"),
        (b'{"entry":[{"id":"1"}]}', "changes"),
        (b'{"entry":[{"changes":{}}]}', "changes"),
        (b'{"entry":[{"changes":[null]}]}', "changes"),
        (b'{"entry":[{"changes":[{"value":{}}]}]}', "changes"),
        (b'{"entry":[{"changes":[{"field":7,"value":{}}]}]}', "changes"),
        (b'{"entry":[{"changes":[{"field":"messages"}]}]}', "messages"),
        (b'{"entry":[{"changes":[{"field":"messages","value":{}}]}]}', "messages"),
        (b'{"entry":[{"changes":[{"field":"messages","value":{"messages":null}}]}]}', "messages"),
        (b'{"entry":[{"changes":[{"field":"messages","value":{"messages":[3]}}]}]}', "messages"),
    ],
)
def test_what_cannot_be_understood_is_one_event_with_the_reason(root: bytes, where: str) -> None:
    (event,) = only_events(root)
    assert event.field == where
    assert event.problem


def test_a_body_holds_everything_in_its_order() -> None:
    first = value(message(id="wamid.1"), None, message(id="wamid.2"), statuses=[status()])
    delivery = understood(body(first, "oops", value(message(id="wamid.3"))))
    assert [found.wa_message_id for found in delivery.messages] == ["wamid.1", "wamid.2", "wamid.3"]
    assert len(delivery.statuses) == 1
    assert len(delivery.events) == 2
