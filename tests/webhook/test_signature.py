"""A body counts only with Meta's signature over exactly its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.webhook.signature import sign, verify

SECRET = b"app secret"
BODY = b'{"name":"Jos\\u00e9"}'


def test_signs_as_the_rfc_4231_test_vector_says() -> None:
    expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert sign(b"what do ya want for nothing?", b"Jefe") == expected


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=64))
def test_accepts_what_it_signed(body: bytes, secret: bytes) -> None:
    assert verify(body, sign(body, secret), secret)


def test_accepts_the_hex_digits_in_capitals() -> None:
    digits = sign(BODY, SECRET).removeprefix("sha256=")
    assert verify(BODY, "sha256=" + digits.upper(), SECRET)


def test_refuses_the_same_json_written_differently() -> None:
    assert not verify('{"name":"José"}'.encode(), sign(BODY, SECRET), SECRET)


def test_refuses_another_secret() -> None:
    assert not verify(BODY, sign(BODY, b"another"), SECRET)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        "sha256",
        sign(BODY, SECRET).removeprefix("sha256="),
        sign(BODY, SECRET).replace("sha256", "sha1"),
        sign(BODY, SECRET)[:-1],
        sign(BODY, SECRET) + "0",
        "sha256=" + "é" * 64,
        "sha256=" + "\ud83d" * 64,
        "sha256=" + "\x00" * 64,
        "sha256=" + "0" * 64,
    ],
)
def test_refuses_a_missing_wrong_or_rubbish_header(header: str | None) -> None:
    assert not verify(BODY, header, SECRET)


@given(st.text())
def test_refuses_any_text_without_raising(header: str) -> None:
    assert not verify(BODY, header, SECRET)
