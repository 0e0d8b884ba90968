"""Whatever bytes are signed, parsing gives a delivery that can be stored, or says that the body is bad."""

from __future__ import annotations

import json
import re

import orjson
import pytest
from bodies import ANA, body, message, one_message, status, understood, value
from hypothesis import given
from hypothesis import strategies as st

from banksman.webhook.decode import MAX_DEPTH, TOO_DEEP, json_object
from banksman.webhook.delivery import Delivery, Json, MalformedBodyError

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
ugly = st.text('\x00\ud83d\ude00aé\\u0"', max_size=6)


def check_storable(delivery: Delivery) -> None:
    """What Postgres and orjson ask of everything in `delivery`, lengths of indexed texts included."""
    written = orjson.dumps(delivery)  # raises on lone surrogates and on integers beyond 64 bits
    assert re.search(rb"(?<!\\)(\\\\)*\\u0000", written) is None
    for item in delivery.messages:
        assert 1 <= len(item.wa_message_id) <= 512
        assert 1 <= len(item.kind) <= 64
        assert item.sender is None or item.sender.wa_id or item.sender.bsuid
        assert item.sender is not None or not item.awaits_answer
    for mark in delivery.statuses:
        assert 1 <= len(mark.wa_message_id) <= 512
        assert mark.status
    assert all(1 <= len(event.field) <= 64 for event in delivery.events)


def check(raw: bytes) -> None:
    try:
        delivery = understood(raw)
    except MalformedBodyError:
        return
    check_storable(delivery)
    assert delivery.messages or delivery.statuses or delivery.events, "something was lost"
    assert delivery.size == len(raw)


@given(st.binary(max_size=60))
def test_any_bytes(raw: bytes) -> None:
    check(raw)


@given(anything)
def test_any_json(root: Json) -> None:
    check(json.dumps(root).encode())


@given(st.dictionaries(st.sampled_from(["entry", "object", "changes"]), anything))
def test_any_object(root: Json) -> None:
    check(json.dumps(root).encode())


@given(anything)
def test_any_value_of_a_change(item: Json) -> None:
    check(json.dumps({"entry": [{"changes": [{"field": "messages", "value": item}]}]}).encode())


def places(node: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every part of `node`."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(node, dict):
        inner = list(node.items())
    elif isinstance(node, list):
        inner = list(enumerate(node))
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


KINDS: list[dict[str, Json]] = [
    message(context={"id": "wamid.A"}),
    message(type="image", image={"id": "7", "caption": "see"}),
    message(type="interactive", interactive={"type": "button_reply", "button_reply": {"id": "a", "title": "A"}}),
    message(type="button", button={"payload": "p", "text": "t"}),
    message(type="location", location={"name": "n", "address": "a"}),
    message(
        type="edit",
        edit={"original_message_id": "wamid.A", "message": {"type": "text", "text": {"body": "b"}}},
    ),
    message(type="system", system={"type": "user_changed_number", "wa_id": "447700900123"}),
    message(type="contacts", from_=None, contacts=[{"origin": "contact_request", "phones": [{"phone": "+33 6"}]}]),
]
GOOD: Json = orjson.loads(
    body(
        value(*KINDS, contacts=[ANA]),
        value(statuses=[status(errors=[{"code": 131047}], biz_opaque_callback_data="x")]),
    )
)
PLACES = places(GOOD)


@given(st.sampled_from(PLACES), anything | ugly)
def test_a_good_body_with_anything_in_any_place(place: tuple[str | int, ...], item: Json) -> None:
    mutated = orjson.loads(orjson.dumps(GOOD))
    if not place:
        mutated = item
    else:
        parent = mutated
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = item
    check(json.dumps(mutated).encode())


@given(st.sampled_from(PLACES), anything)
def test_a_broken_change_does_not_take_its_neighbours(place: tuple[str | int, ...], item: Json) -> None:
    bad: Json = {"field": "messages", "value": item}
    good = [{"field": "messages", "value": value(message(id=name))} for name in ("wamid.B", "wamid.C")]
    delivery = understood(json.dumps({"entry": [{"changes": [good[0], bad, good[1]]}]}).encode())
    ids = [found.wa_message_id for found in delivery.messages]
    assert (ids[0], ids[-1]) == ("wamid.B", "wamid.C")


@given(st.dictionaries(ugly, ugly, max_size=5), ugly)
def test_nul_and_lone_surrogates_anywhere(extra: dict[str, Json], text: str) -> None:
    raw = json.dumps(
        {"entry": [{"changes": [{"field": "messages", "value": value({**extra, **message(text={"body": text})})}]}]}
    ).encode()
    delivery = understood(raw)
    check_storable(delivery)
    (found,) = delivery.messages
    assert found.awaits_answer
    # A pair that stands together is one character, and is kept.
    whole = json.loads(json.dumps(text))
    assert found.body == re.sub("[\x00\ud800-\udfff]", "\ufffd", whole)
    known = set(message())
    assert len(found.payload) >= len(known | set(extra)), "a key was lost"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"   ",
        b"[]",
        b'"text"',
        b"null",
        b"5",
        b'{"entry":[',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b"entry=1&object=whatsapp",
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"a":"\\ud83d","b":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"a":"\xff"}',
        b'{"a":"\\x"}',
    ],
)
def test_what_is_no_json_object_is_refused_with_a_reason_that_quotes_nothing(raw: bytes) -> None:
    with pytest.raises(MalformedBodyError, match=r"^the body ") as refused:
        understood(raw)
    assert "whatsapp" not in str(refused.value)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert len(understood(b"\xef\xbb\xbf" + body(value(message()))).messages) == 1


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (b"123456789012345678901234", "123456789012345678901234"),
        (b" -99999999999999999999", "-99999999999999999999"),
        (b"1e999", "1e999"),
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"-23.550520000000000000001", -23.55052),
    ],
)
def test_a_number_too_large_for_64_bits_and_a_double_is_kept_as_its_digits(written: bytes, kept: Json) -> None:
    assert json_object(b'{"a":' + written + b"}") == {"a": kept}
    assert json_object(b'{"a":[' + written + b"]}") == {"a": [kept]}


@pytest.mark.parametrize("levels", [MAX_DEPTH, 900])
def test_what_is_nested_too_deeply_is_cut_and_the_message_is_answered(levels: int) -> None:
    deep = b"[" * levels + b"1" + b"]" * levels
    raw = body(value(message())).replace(b'"id":"wamid', b'"deep":' + deep + b',"id":"wamid')
    (found,) = understood(raw).messages
    assert found.awaits_answer
    written = orjson.dumps(found.payload)
    assert TOO_DEEP.encode() in written
    assert written.count(b"[") < MAX_DEPTH


def test_ordinary_nesting_is_kept() -> None:
    nested: Json = {"a": {"b": [{"c": [1, 2, {"d": None}]}]}}
    many: list[Json] = [{"n": n} for n in range(100)]
    found = one_message(nested=nested, many=many)
    assert (found.payload["nested"], found.payload["many"]) == (nested, many)


def test_two_keys_that_differ_only_in_what_was_replaced_both_stay() -> None:
    assert json_object(b'{"k\\u0000":1,"k\\ud83d":2}') == {"k\ufffd": 1, "k\ufffd#1": 2}
