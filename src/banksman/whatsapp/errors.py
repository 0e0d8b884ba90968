"""What WhatsApp's errors mean, and what to do after each: a table, and pure functions over it.

Codes and meanings are those of Meta's page "Error codes" (Cloud API); which are worth a retry is our
reading of it. Decisions rest on `code`, since HTTP statuses and titles differ between Meta's own copies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

import orjson

from banksman.whatsapp.replies import Json

A_DAY_S = 86_400.0
DETAILS_LENGTH = 500


class Verdict(StrEnum):
    """What to do after a send that did not succeed."""

    RETRY_SOON = "retry_soon"  # a few tries, short waits
    RETRY_BACKOFF = "retry_backoff"  # an outage: keep trying, waits grow
    RETRY_USER = "retry_user"  # too fast to this one user: only this user waits
    RETRY_NUMBER = "retry_number"  # the whole number is too fast: all sends slow down
    HOLD = "hold"  # token, permission, payment, block: stop all sends, keep the outbox, tell someone
    WINDOW_CLOSED = "window_closed"  # more than 24 hours since the user's last message
    STOP = "stop"  # this message will never go out as it is
    UNKNOWN_OUTCOME = "unknown_outcome"  # it may have been sent: wait for the status webhook
    NOT_SENT = "not_sent"  # certain that it never left


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A send that did not succeed, as far as it was understood."""

    http_status: int | None = None  # None: no answer came
    code: int | None = None  # Graph's; None: no error envelope
    subcode: int | None = None
    retry_after_s: float | None = None  # what the headers ask for, at most a day
    details: str = ""  # for the staff, never for users; may name a recipient, so not for logs at INFO


@dataclass(frozen=True, kw_only=True)
class _Entry:
    verdict: Verdict
    meaning: str  # one sentence for the staff
    alert: bool = False
    least_wait_s: float = 0.0


def _stop(meaning: str, *, alert: bool = False) -> _Entry:
    return _Entry(verdict=Verdict.STOP, meaning=meaning, alert=alert)


def _hold(meaning: str) -> _Entry:
    return _Entry(verdict=Verdict.HOLD, meaning=meaning, alert=True)


def _retry(verdict: Verdict, meaning: str, least_wait_s: float = 0.0) -> _Entry:
    return _Entry(verdict=verdict, meaning=meaning, least_wait_s=least_wait_s)


ERRORS: Mapping[int, _Entry] = {
    0: _hold("The access token is not accepted."),
    1: _retry(Verdict.RETRY_SOON, "WhatsApp could not handle the request, for a reason it does not tell."),
    2: _retry(Verdict.RETRY_BACKOFF, "WhatsApp's service is down or overloaded."),
    3: _hold("The app lacks a permission or capability that this call needs."),
    4: _retry(Verdict.RETRY_NUMBER, "The app made more calls than it may in an hour.", 60),
    10: _hold("The app's permission for this call was not granted or was taken away."),
    33: _stop("The sending phone number does not exist or was deleted.", alert=True),
    100: _stop("A parameter of the message is wrong or unknown."),
    190: _hold("The access token has expired or was withdrawn."),
    368: _hold("The account is blocked for breaking WhatsApp's policies."),
    80007: _retry(Verdict.RETRY_NUMBER, "The WhatsApp Business account reached its rate limit.", 60),
    130429: _retry(Verdict.RETRY_NUMBER, "The number sends more messages a second than it may."),
    130472: _stop("The user is in an experiment of Meta's and gets no marketing messages."),
    130497: _stop("The business may not send messages to users in this country."),
    131000: _retry(Verdict.RETRY_SOON, "Something went wrong at WhatsApp."),
    131005: _hold("Access was denied: a permission is missing."),
    131008: _stop("The message lacks a parameter that is required."),
    131009: _stop("A parameter of the message has a value that is not allowed."),
    131016: _retry(Verdict.RETRY_BACKOFF, "WhatsApp's service is unavailable for the moment."),
    131020: _stop("The group does not exist or cannot be written to."),
    131021: _stop("Sender and recipient are the same number."),
    131026: _stop("It cannot be delivered: the user is not on WhatsApp, has an old version, or blocked us."),
    131030: _stop("The recipient is not on the test number's list of allowed recipients."),
    131031: _hold("The account is locked, for its policies or a wrong verification."),
    131037: _hold("The number's display name is not approved yet."),
    131041: _stop("The group does not accept this message."),
    131042: _hold("There is a problem with the account's means of payment."),
    131044: _hold("The account has no means of payment for this message."),
    131045: _hold("The number is not registered, or its certificate is wrong."),
    131047: _Entry(
        verdict=Verdict.WINDOW_CLOSED,
        meaning="More than 24 hours have passed since the user last wrote: only a template may be sent.",
    ),
    131048: _hold("The number is restricted because too many of its messages were blocked or reported."),
    131049: _stop("WhatsApp held it back so that the user does not get too many marketing messages."),
    131050: _stop("The user has stopped marketing messages from this business."),
    131051: _stop("WhatsApp does not support this type of message."),
    131052: _stop("WhatsApp could not download the file."),
    131053: _stop("WhatsApp could not process the file that was sent."),
    131056: _retry(Verdict.RETRY_USER, "Too many messages in a short time to this one user."),
    131057: _retry(Verdict.RETRY_NUMBER, "The number is in maintenance, mostly for about a minute.", 60),
    131060: _stop("The message is not available."),
    131062: _stop("This message cannot go to a user without a phone number."),
    131063: _stop("Marketing messages are switched off for this number."),
    131064: _stop("The messaging limit was reached because of templates in a wrong category."),
    131208: _retry(Verdict.RETRY_BACKOFF, "The group cannot take it at the moment.", 60),
    132000: _stop("The number of the template's parameters is wrong."),
    132001: _stop("The template does not exist in this language or is not approved."),
    132005: _stop("The template's text is too long once filled in."),
    132007: _stop("The template's content breaks WhatsApp's policy."),
    132008: _stop("A parameter of the template has a wrong value."),
    132012: _stop("A parameter of the template has a wrong format."),
    132015: _stop("The template is paused because of its quality."),
    132016: _stop("The template is switched off for good because of its quality."),
    132018: _stop("A parameter of the template has line breaks, tabs or too many spaces."),
    132068: _stop("The flow is blocked."),
    132069: _retry(Verdict.RETRY_BACKOFF, "The flow is throttled.", 360),
    133004: _retry(Verdict.RETRY_BACKOFF, "WhatsApp's server is unavailable for the moment."),
    133010: _hold("The number is not registered with the Cloud API."),
    133016: _hold("The number was registered or deregistered too often; it is blocked for some hours."),
    135000: _retry(Verdict.RETRY_SOON, "WhatsApp could not send it, for a reason it does not tell."),
    137000: _stop("The user's identity key has changed and has to be confirmed first."),
}
_PERMISSION = _hold("The app lacks a permission that this call needs.")  # 200 to 299

# Without an error envelope it is not the Graph API that answered: a proxy, or a wrong address.
_WITHOUT_ENVELOPE = {
    401: Verdict.HOLD,
    403: Verdict.HOLD,
    404: Verdict.HOLD,
    407: Verdict.HOLD,
    408: Verdict.UNKNOWN_OUTCOME,
    429: Verdict.RETRY_NUMBER,
}
_MEDIA_CODES = (131052, 131053)
_TIMED_OUT = re.compile(r"time[d ]*-?out", re.IGNORECASE)


def _entry(code: int) -> _Entry | None:
    return _PERMISSION if 200 <= code <= 299 else ERRORS.get(code)


def classify(failure: Failure) -> Verdict:
    """What to do after `failure`. Where it is not certain that nothing was sent: UNKNOWN_OUTCOME.

    A failure of transport has neither status nor code and counts as unknown here; the client, which sees
    where it broke, tells NOT_SENT apart.
    """
    status = failure.http_status
    if failure.code is None:
        if status is None or status < 300 or status >= 500:
            return Verdict.UNKNOWN_OUTCOME
        return _WITHOUT_ENVELOPE.get(status, Verdict.HOLD if status < 400 else Verdict.STOP)
    if failure.code in _MEDIA_CODES and _TIMED_OUT.search(failure.details):
        return Verdict.RETRY_SOON
    if entry := _entry(failure.code):
        return entry.verdict
    return Verdict.RETRY_SOON if status is not None and status >= 500 else Verdict.STOP


def classify_code(code: int) -> Verdict:
    """What to do after a `failed` status webhook with `code`; a code not known here is STOP."""
    entry = _entry(code)
    return entry.verdict if entry else Verdict.STOP


def alert(failure: Failure) -> bool:
    """Whether someone has to be told: sends will not work again by themselves."""
    if (failure.code, failure.subcode) == (100, 33):  # the number in the address does not exist
        return True
    entry = None if failure.code is None else _entry(failure.code)
    return entry.alert if entry else classify(failure) is Verdict.HOLD


def meaning(code: int) -> str:
    """One sentence for the staff on `code`."""
    entry = _entry(code)
    return entry.meaning if entry else f"WhatsApp gave error {code}, which is not known here."


def least_wait_s(code: int) -> float:
    """Seconds that `code` needs at least before a retry makes sense (0 where a back-off is enough)."""
    entry = _entry(code)
    return entry.least_wait_s if entry else 0.0


# First wait, what each further one is multiplied by, the longest; all in seconds.
_WAITS = {
    Verdict.RETRY_SOON: (0.5, 2.0, 30.0),
    Verdict.NOT_SENT: (0.5, 2.0, 60.0),
    Verdict.RETRY_BACKOFF: (2.0, 2.0, 300.0),
    Verdict.RETRY_NUMBER: (1.0, 2.0, 600.0),
    Verdict.RETRY_USER: (1.0, 4.0, 3600.0),  # Meta: 4^X seconds, X from 0
    Verdict.HOLD: (300.0, 1.0, 300.0),
    Verdict.UNKNOWN_OUTCOME: (60.0, 1.0, 60.0),  # until when the status webhook is waited for
}


def wait_s(verdict: Verdict, attempt: int, retry_after_s: float | None, random: float) -> float:
    """Seconds to wait before the next try, at most a day; never less than `retry_after_s` asks for.

    `attempt` counts the tries that failed before this one (0 at first); `random`, from 0 to 1, spreads
    the waits over half as much again, so that workers do not come back all at once. STOP and
    WINDOW_CLOSED are not tried again: a day.
    """
    if verdict not in _WAITS:
        return A_DAY_S
    first, factor, most = _WAITS[verdict]
    base = min(most, first * factor ** min(max(attempt, 0), 20))
    spread = 0.0 if verdict is Verdict.UNKNOWN_OUTCOME else base * 0.5 * random
    return min(A_DAY_S, max(base + spread, retry_after_s or 0.0))


# ------------------------------------------------------------------------------------- reading an answer


def read_failure(http_status: int, headers: Mapping[str, str], body: bytes | None, now: datetime) -> Failure:
    """The failure that an answer of the Graph API tells of; `body` None: too long to be read.

    `headers` are looked up case-insensitively if the mapping does so (httpx's does); `now` has a zone.
    """
    error = read_object(read_object(load(body)).get("error"))
    code = _integer(error.get("code"))
    details = read_object(error.get("error_data")).get("details") or error.get("message")
    if code is None:
        details = (body or b"")[:DETAILS_LENGTH].decode("utf-8", "replace")
    asked = retry_after_s(headers, now)
    least = least_wait_s(code) if code is not None else 0.0
    return Failure(
        http_status=http_status,
        code=code,
        subcode=_integer(error.get("error_subcode")),
        retry_after_s=max(asked or 0.0, least) or asked,
        details=details[:DETAILS_LENGTH] if isinstance(details, str) else "",
    )


def load(body: bytes | None) -> Json:
    """`body` as JSON; None where it is none."""
    try:
        value: Json = orjson.loads(body or b"null")
    except orjson.JSONDecodeError:
        return None
    return value


def read_object(value: Json) -> dict[str, Json]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the answer asks to wait, at most a day; None where it does not ask.

    Read from `Retry-After` (seconds or a date) and from `estimated_time_to_regain_access` (minutes) in
    `X-Business-Use-Case-Usage`; the longer one counts.
    """
    waits = [_seconds(headers.get("retry-after", ""), now)]
    usage = load(headers.get("x-business-use-case-usage", "").encode())
    for uses in read_object(usage).values():
        for use in uses if isinstance(uses, list) else []:
            minutes = read_object(use).get("estimated_time_to_regain_access")
            if isinstance(minutes, int | float) and minutes > 0:
                waits.append(min(float(minutes), A_DAY_S) * 60)
    asked = [wait for wait in waits if wait is not None]
    return min(A_DAY_S, max(asked)) if asked else None


def _seconds(value: str, now: datetime) -> float | None:
    if re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", value.strip()):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=now.tzinfo)
    return max(0.0, (date - now).total_seconds())


def _integer(value: Json) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
