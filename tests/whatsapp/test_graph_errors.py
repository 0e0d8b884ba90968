"""Each of WhatsApp's errors leads to one decision, and each wait has its bounds."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.whatsapp.errors import (
    A_DAY_S,
    ERRORS,
    Failure,
    Verdict,
    alert,
    classify,
    classify_code,
    meaning,
    read_failure,
    retry_after_s,
    wait_s,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (401, 190, Verdict.HOLD),
        (401, 0, Verdict.HOLD),
        (403, 10, Verdict.HOLD),
        (403, 200, Verdict.HOLD),
        (403, 299, Verdict.HOLD),
        (403, 368, Verdict.HOLD),
        (400, 131042, Verdict.HOLD),
        (400, 133010, Verdict.HOLD),
        (400, 100, Verdict.STOP),
        (400, 33, Verdict.STOP),
        (400, 131026, Verdict.STOP),
        (400, 131030, Verdict.STOP),
        (400, 131051, Verdict.STOP),
        (400, 132001, Verdict.STOP),
        (400, 131047, Verdict.WINDOW_CLOSED),
        (400, 131056, Verdict.RETRY_USER),
        (429, 131056, Verdict.RETRY_USER),
        (429, 130429, Verdict.RETRY_NUMBER),
        (400, 80007, Verdict.RETRY_NUMBER),
        (400, 4, Verdict.RETRY_NUMBER),
        (503, 2, Verdict.RETRY_BACKOFF),
        (500, 131016, Verdict.RETRY_BACKOFF),
        (503, 133004, Verdict.RETRY_BACKOFF),
        (500, 131000, Verdict.RETRY_SOON),
        (400, 1, Verdict.RETRY_SOON),
        (400, 999_999, Verdict.STOP),
        (500, 999_999, Verdict.RETRY_SOON),
        (400, 300, Verdict.STOP),
        (200, None, Verdict.UNKNOWN_OUTCOME),
        (500, None, Verdict.UNKNOWN_OUTCOME),
        (502, None, Verdict.UNKNOWN_OUTCOME),
        (408, None, Verdict.UNKNOWN_OUTCOME),
        (None, None, Verdict.UNKNOWN_OUTCOME),
        (429, None, Verdict.RETRY_NUMBER),
        (302, None, Verdict.HOLD),
        (404, None, Verdict.HOLD),
        (400, None, Verdict.STOP),
    ],
)
def test_an_error_leads_to_its_decision(status: int | None, code: int | None, verdict: Verdict) -> None:
    assert classify(Failure(http_status=status, code=code)) is verdict
    if code is not None and status and status < 500:
        assert classify_code(code) is verdict


def test_a_code_not_known_from_a_status_webhook_is_not_tried_again() -> None:
    assert classify_code(999_999) is Verdict.STOP


@pytest.mark.parametrize(("code", "told"), [(190, True), (131048, True), (250, True), (33, True), (131026, False)])
def test_someone_is_told_when_sends_cannot_recover_by_themselves(code: int, told: bool) -> None:
    assert alert(Failure(http_status=400, code=code)) is told


def test_an_address_that_is_not_graph_s_is_told_too() -> None:
    assert alert(Failure(http_status=404))
    assert alert(Failure(http_status=400, code=100, subcode=33))
    assert not alert(Failure(http_status=400, code=100))
    assert not alert(Failure(http_status=502))


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_each_code_is_explained_in_one_sentence(code: int) -> None:
    assert meaning(code).endswith(".")
    assert len(meaning(code).split()) > 3


def test_a_code_not_known_is_named() -> None:
    assert "999999" in meaning(999_999)


def test_a_file_that_whatsapp_could_not_fetch_in_time_is_tried_again() -> None:
    timed_out = Failure(http_status=400, code=131053, details="Downloading media from weblink timed out")
    assert classify(timed_out) is Verdict.RETRY_SOON
    assert classify(Failure(http_status=400, code=131053, details="bad codec")) is Verdict.STOP


@given(
    st.sampled_from(Verdict),
    st.integers(0, 10_000),
    st.none() | st.floats(0, 1e12),
    st.floats(0, 1, exclude_max=True),
)
def test_a_wait_is_between_what_was_asked_and_a_day(
    verdict: Verdict, attempt: int, asked: float | None, chance: float
) -> None:
    wait = wait_s(verdict, attempt, asked, chance)
    assert min(asked or 0, A_DAY_S) <= wait <= A_DAY_S
    assert wait > 0


def test_one_user_waits_by_powers_of_four() -> None:
    waits = [wait_s(Verdict.RETRY_USER, attempt, None, 0) for attempt in range(5)]
    assert waits == [1, 4, 16, 64, 256]
    assert wait_s(Verdict.RETRY_USER, 2, None, 1) > 16


def test_waits_of_an_outage_grow_up_to_five_minutes() -> None:
    waits = [wait_s(Verdict.RETRY_BACKOFF, attempt, None, 0) for attempt in (0, 1, 2, 20)]
    assert waits == [2, 4, 8, 300]


def test_an_unknown_outcome_waits_a_minute_for_its_status_webhook() -> None:
    assert wait_s(Verdict.UNKNOWN_OUTCOME, 3, None, 0.9) == 60


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "17"}, 17),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": "Tue, 24 Nov 2026 12:02:00 GMT"}, 120),
        ({"Retry-After": "Tue, 24 Nov 2026 12:02:00 -0000"}, 120),
        ({"Retry-After": "Tue, 24 Nov 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "999999999"}, A_DAY_S),
        ({"Retry-After": "Fri, 24 Nov 2056 12:00:00 GMT"}, A_DAY_S),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"X-Business-Use-Case-Usage": '{"1":[{"estimated_time_to_regain_access":19}]}'}, 1140),
        ({"X-Business-Use-Case-Usage": '{"1":[{"estimated_time_to_regain_access":0}]}'}, None),
        ({"X-Business-Use-Case-Usage": '{"1":[{"estimated_time_to_regain_access":1e300}]}'}, A_DAY_S),
        ({"X-Business-Use-Case-Usage": '{"1":[7],"2":{"estimated_time_to_regain_access":1}}'}, None),
        ({"X-Business-Use-Case-Usage": "garbage"}, None),
        (
            {
                "Retry-After": "5",
                "x-business-use-case-usage": '{"1":[{"estimated_time_to_regain_access":1}]}',
            },
            60,
        ),
    ],
)
def test_what_the_headers_ask_for_is_read_in_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(httpx.Headers(headers), NOW) == seconds


@given(st.text(), st.text())
def test_headers_of_any_kind_are_survived(after: str, usage: str) -> None:
    wait = retry_after_s({"retry-after": after, "x-business-use-case-usage": usage}, NOW)
    assert wait is None or 0 <= wait <= A_DAY_S


def test_an_error_envelope_is_read() -> None:
    body = (
        b'{"error":{"message":"(#131056) Pair rate","type":"OAuthException","code":131056,'
        b'"error_subcode":2494055,"error_data":{"messaging_product":"whatsapp","details":"Too fast"}}}'
    )
    assert read_failure(400, {}, body, NOW) == Failure(
        http_status=400, code=131056, subcode=2494055, details="Too fast"
    )


def test_a_code_that_needs_minutes_asks_for_them_where_the_headers_do_not() -> None:
    body = b'{"error":{"code":"80007","message":"limit","error_data":"odd"}}'
    assert read_failure(400, {}, body, NOW).retry_after_s == 60
    assert read_failure(400, {"retry-after": "90"}, body, NOW).retry_after_s == 90


json_bodies = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "error_subcode", "message", "error_data", "details"]), inner
        )
    ),
    max_leaves=12,
).map(orjson.dumps)


@given(
    st.integers(200, 599),
    st.none() | st.binary() | json_bodies | json_bodies.map(lambda b: b'{"error":' + b + b"}"),
)
def test_an_answer_of_any_kind_leads_to_a_decision(status: int, body: bytes | None) -> None:
    failure = read_failure(status, {}, body, NOW)
    assert len(failure.details) <= 500
    assert classify(failure) in Verdict
    if failure.code is None and status >= 500:
        assert classify(failure) is Verdict.UNKNOWN_OUTCOME
