"""Signs and checks webhook bodies as Meta does: `X-Hub-Signature-256`, an HMAC-SHA256 of the raw bytes."""

from __future__ import annotations

import hashlib
import hmac

PREFIX = "sha256="


def sign(body: bytes, secret: bytes) -> str:
    """The header's value for `body` under the app secret: `sha256=` and 64 hex digits."""
    return PREFIX + hmac.digest(secret, body, hashlib.sha256).hex()


def verify(body: bytes, header: str | None, secret: bytes) -> bool:
    """Whether `header` signs exactly these bytes; in constant time, and False for any rubbish.

    `body` must be the bytes as they came: Meta escapes what it signs, and parsed and written again it
    would differ.
    """
    if header is None:
        return False
    # compare_digest refuses text that is not ASCII, so both sides are compared as bytes.
    given = header.strip().lower().encode("utf-8", "replace")
    return hmac.compare_digest(given, sign(body, secret).encode("ascii"))
