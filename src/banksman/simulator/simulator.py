"""The simulator as the application uses it: routes to add, and background work to start and stop."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from banksman.simulator.api import ChatApi
from banksman.simulator.behaviour import Behaviour
from banksman.simulator.graph import Graph
from banksman.simulator.network import Network
from banksman.simulator.people import Person
from banksman.simulator.webhooks import Number

STATIC = Path(__file__).parent / "static"

# Pictures come from wherever the service links them; all else is the page's own.
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src * data: blob:; media-src * blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
}


class Simulator:
    """WhatsApp for one business number: `/simulator` is the phone, `/simulator/graph` the Graph API.

    `people` are those who can be chosen on the page; anybody else can write through the API, too.
    `webhook_url` is asked before each delivery where it is a function. With a `state_file` the chats
    outlive a restart, its files beside it in a folder that ends in `.media`.
    """

    def __init__(
        self,
        *,
        phone_number_id: str,
        access_token: str,
        app_secret: bytes,
        webhook_url: str | Callable[[], str],
        people: Callable[[], Awaitable[Sequence[Person]]],
        state_file: Path | None = None,
        display_phone_number: str = "15550000000",
        waba_id: str = "300000000000001",
        behaviour: Behaviour | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        url = webhook_url
        self._network = Network(
            number=Number(phone_number_id=phone_number_id, display_phone_number=display_phone_number, waba_id=waba_id),
            access_token=access_token,
            app_secret=app_secret,
            webhook_url=url if callable(url) else lambda: url,
            people=people,
            state_file=state_file,
            behaviour=behaviour or Behaviour(),
            clock=clock,
        )
        self.routes: list[BaseRoute] = [
            *Graph(self._network).routes(),
            *ChatApi(self._network).routes(),
            Mount("/simulator/static", StaticFiles(directory=STATIC), name="simulator-static"),
            Route("/simulator", _page, methods=["GET"]),
            Route("/simulator/", _page, methods=["GET"]),
        ]

    @property
    def behaviour(self) -> Behaviour:
        """How WhatsApp behaves; replace it to change that."""
        return self._network.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._network.behaviour = behaviour

    async def start(self) -> None:
        """Take up what an earlier process left undelivered."""
        await self._network.start()

    def closing(self) -> None:
        """Answer all waiting pages now: call it when the server is told to stop, before it waits for them."""
        self._network.chats.closing = True
        self._network.chats.touch()

    async def stop(self) -> None:
        """End all background work."""
        await self._network.stop()

    def app(self) -> Starlette:
        """The simulator alone, as an application that starts and stops it."""

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            await self.start()
            try:
                yield
            finally:
                await self.stop()

        return Starlette(routes=self.routes, lifespan=lifespan)


async def _page(_: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers=PAGE_HEADERS)
