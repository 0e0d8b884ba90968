"""The server of `pywa_async` on FastAPI with an empty handler: checks the signature, stores nothing."""

from __future__ import annotations

from fastapi import FastAPI
from pywa_async import WhatsApp
from pywa_async.handlers import MessageHandler
from pywa_async.types import Message

from benchmarks.deliveries import APP_SECRET, PHONE_NUMBER_ID
from benchmarks.servers.serve import serve

app = FastAPI()


async def ignore(_: WhatsApp, __: Message) -> None:
    """The empty handler."""


WhatsApp(
    phone_id=PHONE_NUMBER_ID,
    token="unused",
    server=app,
    webhook_endpoint="/webhook",
    verify_token="unused",
    app_secret=APP_SECRET,
).add_handlers(MessageHandler(ignore))


if __name__ == "__main__":
    serve(app)
