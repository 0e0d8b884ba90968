"""Turns the bytes of a webhook body into a JSON object that Postgres can store."""

from __future__ import annotations

import json
import re
from math import isinf
from typing import NoReturn, cast

import orjson

from banksman.webhook.delivery import Json, MalformedBodyError

MAX_DEPTH = 64  # levels of nesting, the body's own included; what lies deeper is replaced by TOO_DEEP
TOO_DEEP = "[nested too deeply]"
MAX_DIGITS = 4300  # of an integer; Python's own limit, here whatever the interpreter is set to

# jsonb and text refuse NUL; a lone surrogate has no UTF-8.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# An integer of 19 digits or more, where a number may stand: orjson would round one beyond 64 bits. Such a run
# of digits is rare, and with every digit made a zero it is found much faster than by the pattern.
_LONG_INTEGER = re.compile(rb"[\[:,\s]-?[0-9]{19}")
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG_RUN = b"0" * 19


def json_object(body: bytes) -> dict[str, Json]:
    """The JSON object in `body`, fit for `orjson.dumps` and for jsonb.

    NUL and lone surrogates become U+FFFD, nesting beyond MAX_DEPTH becomes TOO_DEEP, numbers that fit
    neither 64 bits nor a double become their text.
    Raises MalformedBodyError where `body` is no JSON object. Its message quotes nothing of the body.
    """
    if not body:
        raise MalformedBodyError("the body is empty")
    fast, root = _fast(body)
    if not fast:
        root = _tolerant(body)
    if not isinstance(root, dict):
        raise MalformedBodyError("the body is JSON, but no object")
    # An ordinary body is storable as it is; so the walk is for those that may not be.
    if not fast or b"\\u0000" in body or body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        return cast("dict[str, Json]", _storable(root, 1))
    return root


def _fast(body: bytes) -> tuple[bool, Json]:
    """Whether orjson could read `body` without loss, and what it read."""
    if _LONG_RUN in body.translate(_DIGITS_TO_ZERO) and _LONG_INTEGER.search(body):
        return False, None
    try:
        return True, cast("Json", orjson.loads(body))
    except orjson.JSONDecodeError:
        return False, None


def _tolerant(body: bytes) -> Json:
    """What the standard library reads: it knows lone surrogates, a byte order mark and long integers."""
    try:
        return cast(
            "Json",
            json.loads(body, parse_constant=_no_constant, parse_int=_integer, parse_float=_decimal),
        )
    except RecursionError:
        raise MalformedBodyError("the body is nested too deeply") from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise MalformedBodyError(f"the body is not JSON: {error}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _integer(digits: str) -> int | str:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else digits


def _decimal(digits: str) -> float | str:
    number = float(digits)
    return digits if isinf(number) else number


def _storable(value: Json, depth: int) -> Json:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if not isinstance(value, dict | list):
        return value
    if depth > MAX_DEPTH:
        return TOO_DEEP
    if isinstance(value, list):
        return [_storable(item, depth + 1) for item in value]
    kept: dict[str, Json] = {}
    for key, item in value.items():
        name = _UNSTORABLE.sub("\ufffd", key)
        # Two keys that differed only in what was replaced both stay.
        kept[f"{name}#{len(kept)}" if name in kept else name] = _storable(item, depth + 1)
    return kept
