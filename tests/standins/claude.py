"""A stand-in for Claude's Messages API: speaks its wire format and refuses what the real one refuses.

    with ClaudeStandIn() as claude:
        claude.script(intent("list_tasks", 0.9), calls(("list_tasks", {})), answer("Two tasks."))
        …                            # the service runs with ANTHROPIC_BASE_URL=claude.url
        claude.requests              # what was sent

`python -m tests.standins.claude --port 8009` serves it with a brain of its own, for trying the service by
hand: ANTHROPIC_API_KEY=any ANTHROPIC_BASE_URL=http://127.0.0.1:8009 make run
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from tests.standins.claude_rules import fault_of
from tests.standins.serving import served

Body: TypeAlias = dict[str, Any]  # a request's or an answer's JSON


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, good or bad."""

    content: tuple[Body, ...] = ()
    stop_reason: str = "end_turn"
    usage: Mapping[str, int] = field(default_factory=lambda: {"input_tokens": 100, "output_tokens": 20})
    status: int = 200
    error_type: str = "api_error"  # where the status is none of success
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False  # no answer at all until the client goes away
    cut: int | None = None  # the connection breaks after so many bytes of the body; -1: before any header
    raw: bytes | None = None  # sent in place of JSON
    seconds: float = 0  # before it is answered


Brain: TypeAlias = Callable[[Body], Answer]
_numbers = itertools.count(1)


def words(*texts: str, **more: Any) -> Answer:
    """An answer of plain text blocks."""
    return Answer(content=tuple({"type": "text", "text": text} for text in texts), **more)


def intent(name: str, confidence: float = 0.9) -> Answer:
    """What Haiku says of a message."""
    return words(json.dumps({"intent": name, "confidence": confidence}))


def calls(*tools: tuple[str, Body], say: str = "") -> Answer:
    """An answer that calls tools, given as (name, input)."""
    said = ({"type": "text", "text": say},) if say else ()
    used = tuple(
        {"type": "tool_use", "id": f"toolu_{next(_numbers):024d}", "name": name, "input": given}
        for name, given in tools
    )
    return Answer(content=(*said, *used), stop_reason="tool_use")


def answer(text: str, *, show: tuple[str, ...] = (), actions: tuple[str, ...] = ()) -> Answer:
    """The agent's structured answer."""
    final = {"text": text, "show": list(show), "actions": list(actions)}
    return words(json.dumps(final, ensure_ascii=False))


def fault(status: int, *, retry_after: str | None = None, retry_after_ms: str | None = None) -> Answer:
    """An error of the API."""
    named = {"retry-after": retry_after, "retry-after-ms": retry_after_ms}
    headers = {name: value for name, value in named.items() if value is not None}
    return Answer(status=status, error_type=ERROR_TYPES.get(status, "api_error"), headers=headers)


ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
HANG = Answer(hang=True)
CUT_BEFORE = Answer(cut=-1)
CUT_WITHIN = Answer(content=({"type": "text", "text": "x" * 200},), cut=60)
BROKEN_JSON = Answer(raw=b'{"id": "msg_1", "type": "message", "content": [')
EMPTY = Answer()
REFUSAL = Answer(stop_reason="refusal")
TRUNCATED = words('{"text": "The ti', stop_reason="max_tokens")


class ClaudeStandIn:
    """The API on a local port. Answers come from the script, then from the brain."""

    def __init__(self, *, key: str | None = None, models: frozenset[str] | None = None, port: int = 0) -> None:
        self.key, self.models, self._port = key, models, port
        self.brain: Brain = plausible
        self.requests: list[Body] = []
        self.headers: list[Mapping[str, str]] = []
        self.url = ""
        self._script: deque[Answer | Brain] = deque()
        self._lock = threading.Lock()
        self._serving: AbstractContextManager[str] | None = None
        self._app = Starlette(
            routes=[
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count, methods=["POST"]),
            ]
        )

    def __enter__(self) -> ClaudeStandIn:
        self._serving = served(self, port=self._port)
        self.url = self._serving.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._serving
        self._serving.__exit__(kind, error, trace)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI app; `cut` in its scope breaks the connection (`send` is a method of uvicorn's cycle)."""
        scope["cut"] = send.__self__.transport.abort  # type: ignore[attr-defined]  # uvicorn's, not ASGI's
        await self._app(scope, receive, send)

    def script(self, *answers: Answer | Brain) -> None:
        """Answers to the next requests, in order, after those still waiting."""
        with self._lock:
            self._script.extend(answers)

    def always(self, answer: Answer | Brain) -> None:
        """From now on every request beyond the script is answered so."""
        self.brain = answer if callable(answer) else lambda _: answer

    def forget(self) -> None:
        """Drops the script and what was recorded."""
        with self._lock:
            self._script.clear()
        self.requests.clear()
        self.headers.clear()

    async def _messages(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        body = await _json(request)
        if body is None:
            return _error(400, "invalid_request_error", "The request body is not valid JSON")
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        fault_found = fault_of(body, models=self.models)
        if fault_found:
            return _error(*fault_found)
        with self._lock:
            scripted = self._script.popleft() if self._script else self.brain
        planned = scripted(body) if callable(scripted) else scripted
        return await _sent(request, planned, body)

    async def _count(self, request: Request) -> Response:
        refused = self._refused(request)
        body = await _json(request)
        return refused or JSONResponse({"input_tokens": max(1, len(json.dumps(body)) // 4)})

    def _refused(self, request: Request) -> Response | None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        given = request.headers.get("x-api-key") or bearer
        if not given or (self.key is not None and given != self.key):
            return _error(401, "authentication_error", "invalid x-api-key")
        if not request.headers.get("anthropic-version"):
            return _error(400, "invalid_request_error", "anthropic-version: header is required")
        return None


async def _json(request: Request) -> Body | None:
    try:
        body = await request.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


async def _sent(request: Request, planned: Answer, body: Body) -> Response:
    if planned.hang:
        while (await request.receive())["type"] != "http.disconnect":
            continue
        return Response(status_code=499)
    if planned.seconds:
        await asyncio.sleep(planned.seconds)
    headers = {**planned.headers, "request-id": f"req_{next(_numbers):024d}"}
    if planned.status >= 400:
        return _error(planned.status, planned.error_type, "as scripted", headers)
    message = {
        "id": f"msg_{next(_numbers):024d}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": list(planned.content),
        "stop_reason": planned.stop_reason,
        "stop_sequence": None,
        "usage": {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, **planned.usage},
    }
    raw = json.dumps(message).encode() if planned.raw is None else planned.raw
    if planned.cut is not None:
        return Cut(raw, planned.cut)
    return Response(raw, planned.status, headers, "application/json")


class Cut(Response):
    """An answer whose connection breaks."""

    def __init__(self, body: bytes, after: int) -> None:
        super().__init__(body, media_type="application/json")
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._after >= 0:  # the length promised is never reached, and uvicorn closes the connection
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            part = bytes(self.body)[: self._after]
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0.01)
        scope["cut"]()


def _error(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}
    return JSONResponse(body, status, dict(headers or {}))


def plausible(body: Body) -> Answer:
    """A brain for demos: sorts everything as `other`, looks at the tasks, names the one furthest behind."""
    properties = body.get("output_config", {}).get("format", {}).get("schema", {}).get("properties", {})
    if "intent" in properties:
        return intent("other", 0.5)
    results = _results(body)
    if results:
        return _furthest_behind(results)
    for tool in body.get("tools", []):
        if "task" in tool["name"] and not tool["input_schema"].get("required"):
            return calls((tool["name"], {}))
    return answer("I have no way to look at your tasks.")


def _results(body: Body) -> list[Any]:
    """What the tools returned in answer to the last message."""
    content = body["messages"][-1]["content"]
    blocks = content if isinstance(content, list) else []
    return [json.loads(block["content"]) for block in blocks if block["type"] == "tool_result"]


def _furthest_behind(results: list[Any]) -> Answer:
    tasks = [task for result in results for task in _objects(result) if "progress" in task]
    if not tasks:
        return answer("I find no tasks of yours.")
    last = min(tasks, key=lambda task: float(task["progress"] or 0))
    title = last.get("title") or last.get("name") or "a task"
    handle = next((str(last[key]) for key in ("handle", "task", "id") if isinstance(last.get(key), str)), None)
    return answer(f"{title} is the furthest behind: {last['progress']} %.", show=(handle,) if handle else ())


def _objects(value: Any) -> list[Body]:
    """Every object in `value`, however deep."""
    if isinstance(value, dict):
        return [value, *(found for item in value.values() for found in _objects(item))]
    return [found for item in value for found in _objects(item)] if isinstance(value, list) else []


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=8009)
    with ClaudeStandIn(port=parser.parse_args().port) as claude:
        print(f"ANTHROPIC_API_KEY=any ANTHROPIC_BASE_URL={claude.url}", flush=True)  # noqa: T201
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
