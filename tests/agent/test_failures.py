"""What a failure means, whatever class it comes in."""

from __future__ import annotations

import json

import anthropic
import httpx2
import pytest

from banksman.agent.failures import classified

REQUEST = httpx2.Request("POST", "http://claude/v1/messages")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx2.ReadError("cut"), "connection"),
        (httpx2.RemoteProtocolError("cut"), "connection"),
        (httpx2.ReadTimeout("slow"), "timeout"),
        (anthropic.APITimeoutError(REQUEST), "timeout"),
        (anthropic.APIConnectionError(request=REQUEST), "connection"),
        (TimeoutError(), "timeout"),
        (ConnectionResetError(), "connection"),
        (json.JSONDecodeError("bad", "{", 1), "invalid_response"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "invalid_response"),
        (TypeError("unexpected keyword"), "defect"),
    ],
)
def test_errors_of_all_layers_have_one_word(error: Exception, reason: str) -> None:
    assert classified(error).reason == reason


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (200, "overloaded_error", "overloaded"),
        (200, "rate_limit_error", "rate_limited"),
        (529, None, "overloaded"),
        (503, "something_new", "overloaded"),
        (504, "timeout_error", "overloaded"),
        (429, None, "rate_limited"),
        (402, "billing_error", "unauthorized"),
        (413, None, "bad_request"),
        (409, "conflict_error", "overloaded"),
        (418, None, "bad_request"),
    ],
)
def test_the_named_type_counts_before_the_status(status: int, kind: str | None, reason: str) -> None:
    body = {"type": "error", "error": {"type": kind, "message": "m"}}
    response = httpx2.Response(status, request=REQUEST, json=body)
    assert classified(anthropic.APIStatusError("m", response=response, body=body)).reason == reason
