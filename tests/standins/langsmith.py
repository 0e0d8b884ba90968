"""A stand-in for LangSmith's ingestion: GET /info, POST /runs/multipart (plain or zstd) and /runs/batch."""

from __future__ import annotations

import json
import re
import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import zstandard
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.standins.serving import served

Run = dict[str, Any]


class LangSmithStandIn:
    """Records runs, merged from their parts. `status` makes it refuse, `hang` never answer."""

    def __init__(self, *, multipart: bool = True) -> None:
        self.url, self.status = "", 202
        self.hang = threading.Event()
        self.bodies: list[bytes] = []  # as sent, unpacked
        self.keys: list[str | None] = []
        self._runs: dict[str, Run] = {}
        self._multipart = multipart
        self._serving: AbstractContextManager[str] | None = None
        self._app = Starlette(
            routes=[
                Route("/info", self._info),
                Route("/runs/multipart", self._ingest_parts, methods=["POST"]),
                Route("/runs/batch", self._ingest_batch, methods=["POST"]),
            ]
        )

    def __enter__(self) -> LangSmithStandIn:
        self._serving = served(self._app)
        self.url = self._serving.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._serving
        self._serving.__exit__(kind, error, trace)

    @property
    def runs(self) -> list[Run]:
        """What was recorded, in LangSmith's order."""
        return sorted(self._runs.values(), key=lambda run: str(run.get("dotted_order")))

    async def _info(self, _: Request) -> Response:
        return JSONResponse({"version": "0.13.0", "instance_flags": {"zstd_compression_enabled": True}})

    async def _ingest_parts(self, request: Request) -> Response:
        if not self._multipart:
            return Response(status_code=404)
        body = await self._received(request)
        if self.status >= 300:
            return Response(status_code=self.status)
        boundary = re.search(r'boundary="?([^";]+)', request.headers["content-type"])
        assert boundary
        for part in body.split(b"--" + boundary[1].encode()):
            head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
            named = re.search(rb'name="(post|patch)\.([0-9a-f-]{36})(?:\.(\w+))?"', head)
            if named:
                run = self._runs.setdefault(named[2].decode(), {})
                value = json.loads(content)
                run.update({named[3].decode(): value} if named[3] else value)
        return JSONResponse({}, self.status)

    async def _ingest_batch(self, request: Request) -> Response:
        body = json.loads(await self._received(request))
        for run in [*body.get("post", []), *body.get("patch", [])]:
            self._runs.setdefault(run["id"], {}).update(run)
        return JSONResponse({}, self.status)

    async def _received(self, request: Request) -> bytes:
        body = await request.body()
        if request.headers.get("content-encoding") == "zstd":
            body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
        self.bodies.append(body)
        self.keys.append(request.headers.get("x-api-key"))
        while self.hang.is_set() and (await request.receive())["type"] != "http.disconnect":
            continue
        return body
