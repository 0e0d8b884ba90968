"""Who wrote, by ids that may be missing anywhere, and whose address changed."""

from __future__ import annotations

import pytest
from bodies import ANA, BSUID, METADATA, PHONE, body, message, understood, value

from banksman.webhook.delivery import Event, Json, Rekey, Sender


def sender(*contacts: Json, **fields: Json) -> Sender | None:
    """Who wrote, with exactly these contacts beside the message."""
    (found,) = understood(body(value(message(**fields), contacts=list(contacts)))).messages
    return found.sender


# Who wrote


def test_a_person_is_known_by_all_ids_and_the_name_of_the_profile() -> None:
    contact: Json = {**ANA, "parent_user_id": "BR.ENT.77"}
    assert sender(contact) == Sender(wa_id=PHONE, bsuid=BSUID, parent_bsuid="BR.ENT.77", name="Ana Prado")


def test_contacts_are_matched_by_id_and_not_by_position() -> None:
    bob: Json = {"profile": {"name": "Bob"}, "wa_id": "447700900123", "user_id": "GB.5520018841"}
    assert sender(bob, ANA) == Sender(wa_id=PHONE, bsuid=BSUID, name="Ana Prado")
    assert sender(bob) == Sender(wa_id=PHONE, bsuid=BSUID)


def test_the_missing_id_comes_from_the_matching_contact() -> None:
    assert sender(ANA, from_=None) == Sender(wa_id=PHONE, bsuid=BSUID, name="Ana Prado")
    assert sender(ANA, from_user_id=None) == Sender(wa_id=PHONE, bsuid=BSUID, name="Ana Prado")


def test_a_contact_with_the_same_number_and_another_user_id_is_another_person() -> None:
    other: Json = {"profile": {"name": "Someone Else"}, "wa_id": PHONE, "user_id": "BR.2"}
    assert sender(other) == Sender(wa_id=PHONE, bsuid=BSUID)


def test_the_user_id_counts_before_the_number() -> None:
    by_number: Json = {"profile": {"name": "An Earlier Owner"}, "wa_id": PHONE}
    by_user: Json = {"profile": {"name": "Ana Prado"}, "user_id": BSUID}
    assert sender(by_number, by_user) == Sender(wa_id=PHONE, bsuid=BSUID, name="Ana Prado")


def test_contacts_that_contradict_each_other_lend_no_id() -> None:
    other: Json = {"profile": {"name": "Someone Else"}, "wa_id": PHONE, "user_id": "BR.2"}
    assert sender(ANA, other, from_user_id=None) == Sender(wa_id=PHONE)
    assert sender(ANA, other, ANA, from_user_id=None) == Sender(wa_id=PHONE)
    assert sender(ANA, other) == Sender(wa_id=PHONE, bsuid=BSUID, name="Ana Prado")


@pytest.mark.parametrize("contacts", [[], [None], [5], [{}], [{"wa_id": PHONE, "profile": None}], None, 5])
def test_a_sender_needs_no_contacts(contacts: Json) -> None:
    (found,) = understood(body(value(message(), contacts=contacts))).messages
    assert found.sender == Sender(wa_id=PHONE, bsuid=BSUID)
    assert found.awaits_answer


def test_a_person_without_a_phone_number_is_known_by_the_user_id() -> None:
    contact: Json = {"user_id": BSUID, "wa_id": ""}
    assert sender(contact, from_=None) == Sender(bsuid=BSUID)
    assert sender(contact, from_="") == Sender(bsuid=BSUID)


@pytest.mark.parametrize("written", [PHONE, f"+{PHONE}", f" + {PHONE[:2]} {PHONE[2:]}", int(PHONE)])
def test_a_phone_number_becomes_its_digits(written: Json) -> None:
    assert sender(from_=written, from_user_id=None) == Sender(wa_id=PHONE)


@pytest.mark.parametrize("from_", [None, "", "abc", "1" * 33, "٣٣٦", True, 1.5, [], {}])
@pytest.mark.parametrize("user", [None, "", "BR", "br.1", "BR.ünï", "BR." + "1" * 129, "BR.1\n", 7, {}])
def test_what_is_no_identity_is_nobody_to_answer(from_: Json, user: Json) -> None:
    nameless: Json = {"profile": {"name": "Nobody"}}
    (found,) = understood(body(value(message(from_=from_, from_user_id=user), contacts=[nameless]))).messages
    assert (found.sender, found.awaits_answer) == (None, False)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Eve\r\nADMIN", "Eve ADMIN"),
        ("\x1b[31mEve\u202e", "[31mEve"),
        ("\x00", "\ufffd"),
        ("  ", None),
        ("👩🏽\u200d🚀", "👩🏽\u200d🚀"),
        ("n" * 300, "n" * 200),
    ],
)
def test_a_name_is_short_and_without_control_characters(name: str, kept: str | None) -> None:
    assert sender({**ANA, "profile": {"name": name}}) == Sender(wa_id=PHONE, bsuid=BSUID, name=kept)


# Changed addresses


@pytest.mark.parametrize(
    ("fields", "notice", "before", "after"),
    [
        (
            {"from_user_id": None},
            {"type": "user_changed_number", "wa_id": "447700900123"},
            Sender(wa_id=PHONE),
            Sender(wa_id="447700900123"),
        ),
        (
            {},
            {"type": "customer_changed_number", "new_wa_id": "447700900123", "user_id": "GB.2"},
            Sender(wa_id=PHONE, bsuid=BSUID),
            Sender(wa_id="447700900123", bsuid="GB.2"),
        ),
        (
            {"from_": None},
            {"type": "user_changed_user_id", "user_id": "BR.2", "parent_user_id": "BR.ENT.1"},
            Sender(bsuid=BSUID),
            Sender(bsuid="BR.2", parent_bsuid="BR.ENT.1"),
        ),
    ],
)
def test_a_system_notice_rekeys_the_person_and_stays_a_message(
    fields: dict[str, Json], notice: Json, before: Sender, after: Sender
) -> None:
    delivery = understood(body(value(message(type="system", system=notice, **fields), contacts=[])))
    assert delivery.rekeys == (Rekey(before=before, after=after),)
    assert [(found.kind, found.awaits_answer) for found in delivery.messages] == [("system", False)]


@pytest.mark.parametrize(
    "fields",
    [
        {"system": {"type": "user_changed_number"}},
        {"system": {"type": "user_changed_number", "wa_id": "none"}},
        {"system": {"type": "user_identity_changed", "wa_id": "447700900123"}},
        {"system": {"type": "user_changed_user_id", "user_id": 5}},
        {"system": {"type": "user_changed_user_id", "user_id": BSUID, "wa_id": PHONE}},
        {"system": None},
        {"type": "text", "system": {"type": "user_changed_number", "wa_id": "447700900123"}},
        {"group_id": "g", "system": {"type": "user_changed_number", "wa_id": "447700900123"}},
    ],
)
def test_a_notice_that_changes_no_known_address_rekeys_nobody(fields: dict[str, Json]) -> None:
    assert understood(body(value(message(**{"type": "system", **fields})))).rekeys == ()


def test_the_field_user_id_update_rekeys_and_stays_an_event() -> None:
    update: Json = {"wa_id": PHONE, "user_id": {"previous": BSUID, "current": "BR.2"}}
    whole: dict[str, Json] = {"metadata": METADATA, "user_id_update": [None, update, {"user_id": 5}]}
    delivery = understood(body(whole, field="user_id_update"))
    assert delivery.rekeys == (Rekey(before=Sender(wa_id=PHONE, bsuid=BSUID), after=Sender(wa_id=PHONE, bsuid="BR.2")),)
    assert delivery.events == (Event(field="user_id_update", payload=whole),)
    other: Json = {**whole, "metadata": {"phone_number_id": "999"}}
    assert understood(body(other, field="user_id_update")).rekeys == ()


CARD: dict[str, Json] = {"origin": "contact_request", "phones": [{"phone": "+55 (11) 98765-0001"}]}


@pytest.mark.parametrize(
    "fields",
    [
        {"contacts": [CARD]},
        {"contacts": [{"phones": CARD["phones"]}], "origin": "contact_request"},
        {"contacts": [{**CARD, "phones": [{"phone": "98765-0001", "wa_id": PHONE}]}]},
    ],
)
def test_a_number_sent_on_our_request_is_joined_to_the_user_id(fields: dict[str, Json]) -> None:
    hidden: Json = {"user_id": BSUID}
    raw = body(value(message(type="contacts", from_=None, **fields), contacts=[hidden]))
    delivery = understood(raw)
    assert delivery.rekeys == (Rekey(before=Sender(bsuid=BSUID), after=Sender(wa_id=PHONE, bsuid=BSUID)),)
    assert delivery.messages[0].awaits_answer


@pytest.mark.parametrize(
    "fields",
    [
        {"contacts": [{**CARD, "origin": "other"}]},
        {"contacts": [CARD, CARD]},
        {"contacts": [{**CARD, "phones": [{"phone": "+331"}, {"phone": "+332"}]}]},
        {"contacts": [{**CARD, "phones": [{"phone": "98765-0001"}]}]},
        {"contacts": [{**CARD, "phones": [None]}]},
        {"contacts": [CARD], "from_": "447700900123"},
        {"contacts": [None]},
        {"contacts": []},
    ],
)
def test_any_other_shared_card_is_no_address_of_the_sender(fields: dict[str, Json]) -> None:
    raw = body(value(message(**{"type": "contacts", "from_": None, **fields}), contacts=[]))
    assert understood(raw).rekeys == ()
