"""The client of Meta's Graph API: sends, read receipts and uploads, each failure with a verdict."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import httpx
import orjson
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.stop import stop_before_delay

from banksman.whatsapp import limits
from banksman.whatsapp.errors import (
    Failure,
    Verdict,
    classify,
    load,
    meaning,
    read_failure,
    read_object,
    wait_s,
)
from banksman.whatsapp.replies import Json

T = TypeVar("T")

log = structlog.get_logger(__name__)

CONNECT_S = 3.0
SEND_S = 15.0
UPLOAD_S = 120.0
ANSWER_BYTES = 1024 * 1024  # more is not an answer of the Graph API
ATTEMPTS = 3
LONGEST_WAIT_S = 3.0  # what has to wait longer is the outbox's to schedule

_RETRIED = frozenset({Verdict.RETRY_SOON, Verdict.RETRY_NUMBER, Verdict.RETRY_BACKOFF, Verdict.NOT_SENT})
_BEFORE_IT_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class GraphError(Exception):
    """A call did not succeed. The message names no recipient and no secret; `failure.details` may name
    a recipient.
    """

    def __init__(self, failure: Failure, verdict: Verdict) -> None:
        reason = meaning(failure.code) if failure.code is not None else "no answer of the Graph API"
        super().__init__(f"{verdict}: HTTP {failure.http_status}, code {failure.code}: {reason}")
        self.failure = failure
        self.verdict = verdict


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What Graph says of a message that it accepted (which is not yet delivered)."""

    wa_message_id: str
    wa_id: str | None = None  # may differ from what was addressed (Brazil, Mexico, Argentina)
    bsuid: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes | None  # None: too long


class GraphClient:
    """Calls for one phone number, over a shared `httpx.AsyncClient` that the caller closes.

    `base_url` includes the version. `sleep`, `chance` (0 to 1) and `now` are there to be replaced in
    tests, as are the seconds that one try may take.
    """

    def __init__(
        self,
        *,
        base_url: str,
        phone_number_id: str,
        access_token: str,
        client: httpx.AsyncClient,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        send_s: float = SEND_S,
        upload_s: float = UPLOAD_S,
    ) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", access_token):
            raise ValueError("the access token has characters that no token has (spaces, line breaks)")
        self._url = f"{base_url.rstrip('/')}/{phone_number_id}"
        self._token = access_token
        self._client = client
        self._sleep, self._chance, self._now = sleep, chance, now
        self._send_s, self._upload_s = send_s, upload_s

    async def send(self, message: dict[str, Json]) -> Sent:
        """Posts `message` (as `render.addressed` makes it). Raises GraphError.

        Tries again by itself only what certainly was not sent, at most three times and while the wait is
        short. A try takes at most 15 seconds and none begins more than 15 seconds after the first.
        """
        body = _encoded(message)

        async def post() -> Sent:
            answer = await self._call("messages", self._send_s, content=body)
            return self._read(answer, _sent)

        return await self._retrying("send")(post)

    async def mark_read(self, message_id: str, typing: bool = True) -> None:
        """Marks `message_id` and all before it read; `typing` shows the indicator for up to 25 seconds.

        One try. Raises GraphError, which no turn should fail on.
        """
        message: dict[str, Json] = {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": message_id,
        }
        if typing:
            message["typing_indicator"] = {"type": "text"}
        answer = await self._call("messages", self._send_s, content=_encoded(message))
        self._read(answer, lambda value: True if value.get("success") is True else None)

    async def upload(self, data: bytes, mime_type: str, file_name: str) -> str:
        """The id under which `data` can be sent for 30 days. Raises GraphError; tries again as `send`."""
        if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", mime_type, re.ASCII):
            mime_type = "application/octet-stream"
        fields = {"messaging_product": "whatsapp", "type": mime_type}
        files = {"file": (limits.file_name(file_name), data, mime_type)}

        async def post() -> str:
            answer = await self._call("media", self._upload_s, fields=fields, files=files)
            return self._read(answer, lambda value: _text(value.get("id")))

        return await self._retrying("upload")(post)

    def _retrying(self, call: str) -> AsyncRetrying:
        def wait(state: RetryCallState) -> float:
            error = _error(state)
            return wait_s(error.verdict, state.attempt_number - 1, error.failure.retry_after_s, self._chance())

        def note(state: RetryCallState) -> None:
            error = _error(state)
            log.info("graph_call_again", call=call, verdict=error.verdict.value, code=error.failure.code)

        enough = stop_after_attempt(ATTEMPTS) | stop_before_delay(SEND_S)

        def stop(state: RetryCallState) -> bool:
            return state.upcoming_sleep > LONGEST_WAIT_S or enough(state)

        return AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, GraphError) and error.verdict in _RETRIED),
            wait=wait,
            stop=stop,
            sleep=self._sleep,
            before_sleep=note,
            reraise=True,
        )

    async def _call(
        self,
        edge: str,
        seconds: float,
        *,
        content: bytes | None = None,
        fields: dict[str, str] | None = None,
        files: dict[str, tuple[str, bytes, str]] | None = None,
    ) -> _Answer:
        """The answer to one POST, whatever its status; raises GraphError where none came whole."""
        headers = {"authorization": f"Bearer {self._token}", "accept-encoding": "identity"}
        if content is not None:
            headers["content-type"] = "application/json"
        problem = ""
        verdict = Verdict.UNKNOWN_OUTCOME
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream(
                    "POST",
                    f"{self._url}/{edge}",
                    content=content,
                    data=fields,
                    files=files,
                    headers=headers,
                    timeout=httpx.Timeout(seconds, connect=CONNECT_S, pool=CONNECT_S),
                    follow_redirects=False,
                ) as response,
            ):
                return _Answer(status=response.status_code, headers=response.headers, body=await _body(response))
        except _BEFORE_IT_LEFT as error:
            verdict, problem = Verdict.NOT_SENT, f"{type(error).__name__}: {error}"
        except (httpx.HTTPError, OSError) as error:  # TimeoutError is an OSError
            problem = type(error).__name__
        # Raised here, not above, so that no exception that holds the request (and its token) hangs on it.
        raise GraphError(Failure(details=problem), verdict)

    def _read(self, answer: _Answer, understand: Callable[[dict[str, Json]], T | None]) -> T:
        """What `understand` makes of a success; GraphError for everything else.

        Graph repeats a malformed token in its message: it is taken out before anything reads it.
        """
        body = None if answer.body is None else answer.body.replace(self._token.encode(), b"[token]")
        value = read_object(load(body))
        if 200 <= answer.status < 300 and "error" not in value:
            understood = understand(value)
            if understood is not None:
                return understood
        failure = read_failure(answer.status, answer.headers, body, self._now())
        raise GraphError(failure, classify(failure))


def _encoded(message: dict[str, Json]) -> bytes:
    try:
        return orjson.dumps(message)
    except TypeError as error:
        raise GraphError(Failure(details=f"not JSON: {error}"), Verdict.STOP) from None


async def _body(response: httpx.Response) -> bytes | None:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_BYTES:
            return None
    return bytes(body)


def _error(state: RetryCallState) -> GraphError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, GraphError)
    return error


def _sent(value: dict[str, Json]) -> Sent | None:
    wa_message_id = _text(_first(value.get("messages")).get("id"))
    contact = _first(value.get("contacts"))
    if wa_message_id is None:
        return None
    return Sent(wa_message_id=wa_message_id, wa_id=_text(contact.get("wa_id")), bsuid=_text(contact.get("user_id")))


def _first(value: Json) -> dict[str, Json]:
    return read_object(value[0]) if isinstance(value, list) and value else {}


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
