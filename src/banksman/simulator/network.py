"""WhatsApp itself: takes messages from the service and from people, and brings each to the other."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from banksman.simulator.behaviour import Behaviour, PairRate, SendFault, take_fault
from banksman.simulator.chats import ChatMessage, Chats, Status
from banksman.simulator.delivery import Deliveries
from banksman.simulator.errors import GraphError
from banksman.simulator.media import Media
from banksman.simulator.people import Directory, Person
from banksman.simulator.webhooks import Number, message_change, status_change
from banksman.simulator.wire import Node, node, text

TYPING_SECONDS = 25.0  # a typing indicator ends by itself (Meta's page "Typing indicators")
LADDER: tuple[Status, ...] = ("accepted", "sent", "delivered", "read")


class Network:
    """The state of the simulated WhatsApp."""

    def __init__(
        self,
        *,
        number: Number,
        access_token: str,
        app_secret: bytes,
        webhook_url: Callable[[], str],
        people: Callable[[], Awaitable[Sequence[Person]]],
        state_file: Path | None,
        behaviour: Behaviour,
        clock: Callable[[], float],
    ) -> None:
        self.number, self.access_token, self.clock = number, access_token, clock
        self.webhook_url = webhook_url
        self.behaviour = behaviour
        self.people = Directory(people)
        self.chats = Chats(state_file)
        self.media = Media(None if state_file is None else state_file.with_suffix(".media"))
        self.deliveries = Deliveries(
            url=webhook_url,
            app_secret=app_secret,
            waba_id=number.waba_id,
            behaviour=lambda: self.behaviour,
            problem_changed=self.chats.touch,
        )
        self._rates: dict[str, PairRate] = {}
        self._ladders: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take up what an earlier process left undelivered."""
        await self.people.all()
        for message in self.chats.everything():
            if message.direction == "in" and message.status == "sent":
                self._announce(self.people.known(message.wa_id), message)
            elif message.direction == "out" and message.status in ("accepted", "sent"):
                self._climb(message)
            elif message.direction == "out" and message.told != message.status:
                self._tell(message, message.status)

    async def stop(self) -> None:
        """End all deliveries and status ladders."""
        for task in list(self._ladders):
            task.cancel()
        await asyncio.gather(*self._ladders, return_exceptions=True)
        await self.deliveries.stop()

    def media_type(self, media_id: str) -> str | None:
        """MIME type of a media id; None where there is none, or where all have expired."""
        file = None if self.behaviour.media_expired else self.media.find(media_id)
        return None if file is None else file.mime_type

    def next_fault(self) -> SendFault | None:
        """What goes wrong with this send; each call is one send."""
        fault, self.behaviour = take_fault(self.behaviour)
        return fault

    def spend_rate(self, wa_id: str) -> None:
        """Count one message to this person; GraphError 131056 where it is one too many."""
        if not self.behaviour.pair_rate:
            return
        rate = self._rates.get(wa_id, PairRate(at=self.clock()))
        allowed, self._rates[wa_id] = rate.spend(self.clock())
        if not allowed:
            raise GraphError(131056)

    async def recipient(self, message: Node) -> Person:
        """To whom a checked message goes: `to` wins over `recipient`."""
        to = text(message.get("to"))
        if not to:
            return await self.people.find(text(message.get("recipient")))
        group = message.get("recipient_type") == "group"
        return self.people.known(to if group else re.sub(r"\D", "", to))

    def accept(self, message: Node, kind: str, person: Person) -> ChatMessage:
        """Take a checked message from the service and show it on the person's phone."""
        content: Node = {"contacts": message["contacts"]} if kind == "contacts" else node(message[kind])
        accepted = ChatMessage(
            id=new_wamid(),
            wa_id=person.wa_id,
            direction="out",
            kind=kind,
            content=content,
            timestamp=int(self.clock()),
            status="accepted",
            reply_to=text(node(message.get("context")).get("message_id")) or None,
            callback=text(message.get("biz_opaque_callback_data")) or None,
        )
        self.chats.put(accepted)
        self.chats.typing(person.wa_id, 0)
        self._climb(accepted)
        return accepted

    def read_by_service(self, message_id: str, *, typing: bool) -> None:
        """The service marks a message, and all before it, as read; `typing` shows its indicator."""
        read = self.chats.find(message_id)
        if read is None or read.direction != "in":
            return
        written = [message for message in self.chats.of(read.wa_id) if message.direction == "in"]
        for message in written[: written.index(read) + 1]:
            if message.status != "read":
                self.chats.put(replace(message, status="read"))
        if typing:
            self.chats.typing(read.wa_id, self.clock() + TYPING_SECONDS)

    def receive(
        self, person: Person, kind: str, content: Node, *, reply_to: str | None = None, age: float = 0
    ) -> ChatMessage:
        """Take a message from a person, `age` seconds old, and tell the service of it."""
        message = ChatMessage(
            id=new_wamid(),
            wa_id=person.wa_id,
            direction="in",
            kind=kind,
            content=content,
            timestamp=int(self.clock() - age),
            status="sent",
            reply_to=reply_to,
        )
        self.chats.put(message)
        self._announce(person, message)
        return message

    def seen(self, wa_id: str) -> None:
        """The person has the chat on the screen: what was delivered is read."""
        shown = [item for item in self.chats.of(wa_id) if item.direction == "out" and not item.seen]
        for message in (replace(item, seen=True) for item in shown if item.status != "failed"):
            self.chats.put(message)
            if message.status == "delivered":
                self._tell(message, "read")

    def _announce(self, person: Person, message: ChatMessage) -> None:
        def delivered() -> None:
            now = self.chats.find(message.id)
            if now is not None and now.status == "sent":
                self.chats.put(replace(now, status="delivered"))

        change = message_change(self.number, person, message)
        self.deliveries.add(f"messages:{message.wa_id}", change, delivered)

    def _climb(self, message: ChatMessage) -> None:
        task = asyncio.create_task(self._statuses(message.id, message.kind))
        self._ladders.add(task)
        task.add_done_callback(self._ladders.discard)

    async def _statuses(self, message_id: str, kind: str) -> None:
        behaviour = self.behaviour
        await asyncio.sleep(behaviour.sent_after)
        failure = behaviour.failure_of(kind)
        if failure is not None:
            return self._tell_of(message_id, "failed", failure)
        if kind == "reaction":
            return self._tell_of(message_id, "sent")  # a reaction gets no other status
        first: Status = "delivered" if behaviour.statuses_out_of_order else "sent"
        second: Status = "sent" if behaviour.statuses_out_of_order else "delivered"
        self._tell_of(message_id, first)
        await asyncio.sleep(max(0.0, behaviour.delivered_after - behaviour.sent_after))
        self._tell_of(message_id, second)
        message = self.chats.find(message_id)
        if message is not None and message.seen and message.status != "read":
            self._tell_of(message_id, "read")
        return None

    def _tell_of(self, message_id: str, status: Status, error: int | None = None) -> None:
        message = self.chats.find(message_id)
        if message is not None:
            self._tell(replace(message, error=error), status)

    def _tell(self, message: ChatMessage, status: Status) -> None:
        """Set a message's status, never back, and tell the service."""
        higher = status == "failed" or LADDER.index(status) > LADDER.index(message.status)
        if higher:
            message = replace(message, status=status)
            self.chats.put(message)
        if not self.behaviour.statuses:
            return

        def delivered() -> None:
            now = self.chats.find(message.id)
            if now is not None and now.status == status:
                self.chats.put(replace(now, told=status))

        person = self.people.known(message.wa_id)
        change = status_change(self.number, person, message, status, self.clock())
        self.deliveries.add(f"statuses:{message.wa_id}", change, delivered)


def new_wamid() -> str:
    """A message id that looks like WhatsApp's and is given once."""
    return "wamid." + base64.b64encode(b"\x1d\x0f" + secrets.token_bytes(28)).decode()
