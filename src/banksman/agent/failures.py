"""What a failed call to Claude means: one word for each kind of failure, whatever class it came in."""

from __future__ import annotations

import math
import time
from email.utils import parsedate_to_datetime

import anthropic
import httpx2

# The API's `error.type`, which counts before the status: an error inside a stream comes with status 200.
# Source: Anthropic's documentation, page "Errors".
REASON_OF_TYPE = {
    "rate_limit_error": "rate_limited",
    "overloaded_error": "overloaded",
    "authentication_error": "unauthorized",
    "permission_error": "unauthorized",
    "billing_error": "unauthorized",
    "invalid_request_error": "bad_request",
    "not_found_error": "bad_request",
    "request_too_large": "bad_request",
}
REASON_OF_STATUS = {401: "unauthorized", 402: "unauthorized", 403: "unauthorized", 429: "rate_limited"}
PASSING = {408, 409}  # statuses below 500 that another attempt may not meet


class Failure(Exception):  # noqa: N818 - it never leaves the agent's room; ClaudeUnavailableError does
    """One failed attempt."""

    def __init__(
        self,
        reason: str,  # a key of client.RULES
        *,
        retry_after: float | None = None,  # seconds to wait, as the answer names them
        status: int | None = None,
        error_type: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.retry_after, self.status = reason, retry_after, status
        self.error_type, self.request_id = error_type, request_id


def classified(error: Exception) -> Failure:
    """What `error`, raised by a call of the client library, means for the next attempt."""
    match error:
        case Failure():
            return error
        case anthropic.APIResponseValidationError():
            return Failure("invalid_response", status=error.status_code)
        case anthropic.APIStatusError():
            return Failure(
                _reason(error.type, error.status_code),
                retry_after=_retry_after(error.response.headers),
                status=error.status_code,
                error_type=error.type,
                request_id=error.request_id,
            )
        case anthropic.APITimeoutError() | TimeoutError() | httpx2.TimeoutException():
            return Failure("timeout")
        case anthropic.APIConnectionError() | httpx2.HTTPError() | OSError():
            return Failure("connection")
        case ValueError():  # a body that is no JSON, or not text
            return Failure("invalid_response")
        case _:
            return Failure("defect", error_type=type(error).__name__)


def _reason(error_type: str | None, status: int) -> str:
    if error_type in REASON_OF_TYPE:
        return REASON_OF_TYPE[error_type]
    if status in REASON_OF_STATUS:
        return REASON_OF_STATUS[status]
    return "bad_request" if 400 <= status < 500 and status not in PASSING else "overloaded"


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds that the answer asks to wait: `retry-after-ms`, or `retry-after` as seconds or a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) / unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
            except ValueError:
                continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None
