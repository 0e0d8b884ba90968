"""Where rooms meet: the service put together, and its ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import httpx
import structlog
from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from banksman.database import health
from banksman.database.pool import Database
from banksman.database.queries import Queries
from banksman.domain.office import Office
from banksman.observability.tracing import Tracing
from banksman.services.turns import Turn
from banksman.settings import Settings
from banksman.turn.answer import Assistant
from banksman.turn.pipeline import Pipeline, Rules
from banksman.webhook import inbox as front
from banksman.webhook.inbox import Inbox
from banksman.webhook.route import Webhook
from banksman.whatsapp import outbox
from banksman.whatsapp.graph import GraphClient
from banksman.whatsapp.media import Links, MediaStore
from banksman.whatsapp.outbox import Outbox
from banksman.whatsapp.receipts import Receipts
from banksman.work import wake
from banksman.work.loop import Idle, Kind, Loop, under_lease

log = structlog.get_logger(__name__)
QUERIES = Queries("banksman.whatsapp")

TURNS_AT_A_TIME = 16
SENDS_AT_A_TIME = 16

Claimed = TypeVar("Claimed")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Which parts of the service a process runs."""

    web: bool = True  # takes webhooks
    worker: bool = True  # works turns and sends


class Worker:
    """Works turns and sends: a turn's finish commits its first send, so its own worker goes on with that."""

    def __init__(self, pipeline: Pipeline, outgoing: Outbox) -> None:
        self._pipeline, self._outbox = pipeline, outgoing
        self.turns = Loop(Kind(name="turn", slots=TURNS_AT_A_TIME, claim=_claiming(pipeline.claim), work=self._turn))
        self.sends = Loop(Kind(name="send", slots=SENDS_AT_A_TIME, claim=_claiming(outgoing.claim), work=self._deliver))

    async def _turn(self, turn: Turn) -> None:
        structlog.contextvars.bind_contextvars(turn_id=str(turn.id))  # for this job's task, whatever it logs
        await self._deliver(await self._pipeline.work(turn))

    async def _deliver(self, send: outbox.Send | float | None) -> None:
        """Sends what is due to one person, one after the other, each under a lease of its own."""
        while isinstance(send, outbox.Send):
            structlog.contextvars.bind_contextvars(turn_id=str(send.turn_id))
            renew = partial(self._outbox.renew, send)
            send = await under_lease(self._outbox.deliver(send), renew, every_s=outbox.RENEW_S, lease_s=outbox.LEASE_S)
        if send is not None:
            self.sends.wake(send)


class Service:
    """The service of one process: connections, inbox, loops. An async context manager."""

    def __init__(self, settings: Settings, store: MediaStore, parts: Parts) -> None:
        self.settings = settings
        self.parts = parts
        self.store = store
        self.database = Database(settings.secret("database_url"))
        self.links = Links(secret=settings.secret("whatsapp_app_secret"), base_url=settings.public_url)
        self.loops: list[Loop[Any]] = []
        self._http = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=SENDS_AT_A_TIME * 4, max_keepalive_connections=SENDS_AT_A_TIME * 2)
        )
        self._graph = GraphClient(
            base_url=settings.graph_url,
            phone_number_id=settings.whatsapp_phone_number_id or "",
            access_token=settings.secret("whatsapp_access_token"),
            client=self._http,
        )
        self._receipts = Receipts(self._graph)
        self.inbox = Inbox(self.database.as_system(), stored=self._receipts.offer)
        self._outbox = Outbox(self.database, self._graph)
        self._tracing = Tracing.from_settings(settings)
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Service:
        await self._stack.enter_async_context(self._http)
        await self._stack.enter_async_context(self.database)
        await health.require_schema(self.database)
        if self.parts.web:
            self._start(self.inbox.run(), front.listen(self.database.as_system()), self._receipts.run())
        if self.parts.worker:
            self._start_loops(await self._claude())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finishes what runs, takes nothing new, then closes."""
        for loop in self.loops:
            loop.stop()
        looping = [task for task in self._tasks if task.get_name() == "loop"]
        if looping:
            await asyncio.wait(looping)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    async def _claude(self) -> Assistant | None:
        """Claude, where there is a key for it."""
        self._stack.push_async_callback(self._tracing.close)
        if self.settings.anthropic_api_key is None:
            return None
        # Imported here: the library takes most of a second to load.
        from banksman.agent.client import ClaudeClient
        from banksman.turn.assistant import ClaudeAssistant

        client = ClaudeClient(
            api_key=self.settings.secret("anthropic_api_key"),
            base_url=self.settings.anthropic_base_url,
            tracer=self._tracing,
        )
        self._stack.push_async_callback(client.close)
        return ClaudeAssistant(
            client, intent_model=self.settings.claude_intent_model, agent_model=self.settings.claude_agent_model
        )

    def _start(self, *work: Coroutine[Any, Any, None], name: str = "task") -> None:
        self._tasks += [asyncio.create_task(each, name=name) for each in work]

    def _start_loops(self, assistant: Assistant | None) -> None:
        rules = Rules(
            session_timeout_hours=self.settings.session_timeout_hours,
            workday_start=self.settings.workday_start,
            office=Office(
                zone=self.settings.office_time_zone,
                days=self.settings.office_days,
                hours=self.settings.office_hours,
            ),
            template_reply=self.settings.template_reply,
        )
        pipeline = Pipeline(self.database, rules, link=self.links.link, assistant=assistant, tracing=self._tracing)
        worker = Worker(pipeline, self._outbox)
        self.loops = [worker.turns, worker.sends]
        self._start(*(loop.run() for loop in self.loops), name="loop")
        self._start(wake.listen(self.database.url, {loop.kind.name: loop.wake for loop in self.loops}))

    def problems(self) -> list[str]:
        """What of this process does not run."""
        stopped = [f"the {loop.kind.name} loop does not run" for loop in self.loops if not loop.alive]
        if self.parts.web and not self.inbox.alive:
            stopped.append("the inbox does not run")
        return stopped


def _claiming(
    claim: Callable[[], Awaitable[Claimed | float | None]],
) -> Callable[[], Awaitable[Claimed | Idle]]:
    async def claimed() -> Claimed | Idle:
        found = await claim()
        return Idle(next_s=found) if found is None or isinstance(found, float | int) else found

    return claimed


class FrontDoor:
    """Takes `/webhook` itself, past the framework's layers (it is the hot path), and passes on all else."""

    def __init__(self, webhook: ASGIApp, rest: ASGIApp) -> None:
        self._webhook, self._rest = webhook, rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in ("/webhook", "/webhook/"):
            await self._webhook(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def create_app(
    service: Service, *, routes: Sequence[BaseRoute] = (), beside: AbstractAsyncContextManager[object] | None = None
) -> FrontDoor:
    """The ASGI application of `service`; `routes` are added to its own, and `beside` lives as long as it does
    (the simulator, in development)."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service, beside or nullcontext():
            yield

    app = FastAPI(title="banksman", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes.extend(routes)

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/health/ready")
    async def ready() -> JSONResponse:
        problems = await health.problems(service.database) + service.problems()
        return JSONResponse(problems, 503) if problems else JSONResponse({"status": "ok"})

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/media/{signed}")
    async def media(signed: str) -> Response:
        media_id = service.links.read(signed)
        row = media_id and await service.database.as_system().one(QUERIES["stored_file"], {"media_id": media_id})
        if not row or not service.store.path(row["sha256"]).is_file():
            return Response("There is no such file, or its address has ended.\n", 404, media_type="text/plain")
        headers = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}
        return FileResponse(service.store.path(row["sha256"]), media_type=row["mime_type"], headers=headers)

    webhook = Webhook(
        service.inbox,
        app_secret=service.settings.secret("whatsapp_app_secret"),
        verify_token=service.settings.secret("whatsapp_verify_token"),
        phone_number_id=service.settings.whatsapp_phone_number_id or "",
    )
    return FrontDoor(webhook, app)
