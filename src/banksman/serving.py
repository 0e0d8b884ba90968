"""Runs the service: the web server with its worker, or a worker alone, until told to stop."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from types import FrameType

import click
import uvicorn

from banksman import local
from banksman.app import Parts, Service, create_app
from banksman.database.pool import Database
from banksman.database.queries import Queries
from banksman.settings import Settings
from banksman.simulator import Person, Simulator

QUERIES = Queries("banksman.services")


class ServingError(Exception):
    """The service cannot run. One line that says what to do."""


def require_free_port(host: str, port: int) -> None:
    """Raises ServingError where something else listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
            remedy = "set PORT to another one" if taken else "set HOST to an address of this machine"
            raise ServingError(f"port {port} on {host} cannot be used ({error.strerror}): {remedy}") from error


def serve(settings: Settings, parts: Parts, *, simulator: bool) -> None:
    """Serves until SIGTERM or Ctrl-C, then finishes what runs."""
    local.require_schema(settings)
    service = Service(settings, local.media_store(settings), parts)
    phone = simulated_phone(settings, service.database) if simulator else None
    app = create_app(service, routes=phone.routes, beside=_living(phone)) if phone else create_app(service)
    if simulator:
        click.echo(f"banksman: open {settings.local_url}/simulator", err=True)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        backlog=2048,
    )
    keep_garbage_collection_short()
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again once all is closed
        _Server(config, phone).run()


def keep_garbage_collection_short() -> None:
    """Sets what start-up made aside and collects more seldom: pauses were most of the slowest acknowledgements."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class _Server(uvicorn.Server):
    """Lets the pages of the simulator go at once when it is told to stop, since they wait for news."""

    def __init__(self, config: uvicorn.Config, phone: Simulator | None) -> None:
        super().__init__(config)
        self._phone = phone

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by the signal."""
        if self._phone:
            self._phone.closing()
        super().handle_exit(sig, frame)


def work(settings: Settings) -> None:
    """Works what is due until SIGTERM or Ctrl-C, then finishes what runs."""
    local.require_schema(settings)
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with Service(settings, local.media_store(settings), Parts(web=False)):
        await stop.wait()


@asynccontextmanager
async def _living(phone: Simulator) -> AsyncIterator[None]:
    await phone.start()
    try:
        yield
    finally:
        await phone.stop()


def simulated_phone(settings: Settings, database: Database) -> Simulator:
    """WhatsApp's stand-in, with the people of the database."""

    async def people() -> Sequence[Person]:
        rows = await database.as_system().fetch(QUERIES["people_with_numbers"])
        return [Person(name=row["name"], wa_id=row["wa_id"], language=row["language"]) for row in rows]

    return Simulator(
        phone_number_id=settings.whatsapp_phone_number_id or "",
        access_token=settings.secret("whatsapp_access_token"),
        app_secret=settings.secret("whatsapp_app_secret").encode(),
        webhook_url=f"{settings.local_url}/webhook",
        people=people,
        state_file=local.media_store(settings).folder.parent / "simulator.jsonl",
    )
