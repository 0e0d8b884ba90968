"""The chats as the phones show them, and the file that keeps them over a restart.

Directions are the service's, as in its table `messages`: `in` is what a person wrote, `out` what the
service sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import structlog
from pydantic import TypeAdapter, ValidationError

from banksman.simulator.wire import Node

log = structlog.get_logger(__name__)

KEPT = 500  # messages of a person that a restart brings back

# `in`: sent (not yet taken by the service), delivered (its webhook was answered 200), read.
# `out`: accepted, sent, delivered, read or failed, as its status webhooks say.
Status: TypeAlias = Literal["accepted", "sent", "delivered", "read", "failed"]


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """One message of a chat."""

    id: str  # wamid
    wa_id: str  # the person's number (or user id, where the service knows no more)
    direction: Literal["in", "out"]
    kind: str  # WhatsApp's type
    content: Node  # the node named like the kind, as sent; {"contacts": [...]} for contacts
    timestamp: int  # Unix seconds
    status: Status
    reply_to: str | None = None  # id of the message that this one answers
    callback: str | None = None  # biz_opaque_callback_data
    told: Status | None = None  # of `out`: the last status whose webhook was answered 200
    seen: bool = False  # whether the person has had it on the screen
    error: int | None = None  # Graph's code, of a failed message


MESSAGE: TypeAdapter[ChatMessage] = TypeAdapter(ChatMessage)


@dataclass
class _Chat:
    messages: dict[str, ChatMessage] = field(default_factory=dict)  # by id, oldest first
    revisions: dict[str, int] = field(default_factory=dict)  # id -> revision at its last change
    typing_until: float = 0.0  # Unix seconds
    revision: int = 0  # of the last change of whatever is shown
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Chats:
    """All chats. With a `file`, each change is a line of JSON there."""

    def __init__(self, file: Path | None) -> None:
        self.epoch = secrets.token_hex(4)  # differs after each restart, as revisions begin anew
        self.closing = False  # nobody is made to wait any more
        self._file = file
        self._chats: dict[str, _Chat] = {}
        self._owner: dict[str, str] = {}  # message id -> wa_id
        self._revision = 0
        if file is not None:
            self._load(file)

    def find(self, message_id: str) -> ChatMessage | None:
        """The message with this id, of whoever's chat."""
        owner = self._owner.get(message_id)
        return None if owner is None else self._chats[owner].messages[message_id]

    def of(self, wa_id: str) -> list[ChatMessage]:
        """A person's messages, oldest first."""
        return list(self._chats[wa_id].messages.values()) if wa_id in self._chats else []

    def everything(self) -> Iterator[ChatMessage]:
        """All messages of all chats, each chat in order."""
        for chat in list(self._chats.values()):
            yield from list(chat.messages.values())

    def put(self, message: ChatMessage) -> None:
        """Add a message, or change the one with its id."""
        self._put(message)
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(message)) + "\n")
        self.touch(message.wa_id)

    def typing(self, wa_id: str, until: float) -> None:
        """The service types until then (Unix seconds); 0 ends it."""
        chat = self._chat(wa_id)
        if chat.typing_until != until:
            chat.typing_until = until
            self.touch(wa_id)

    def typing_until(self, wa_id: str) -> float:
        """Until when (Unix seconds) the service types to this person."""
        return self._chats[wa_id].typing_until if wa_id in self._chats else 0.0

    def revision(self, wa_id: str) -> int:
        """The number of a chat's last change, of its messages or of what is shown around them."""
        return self._chat(wa_id).revision

    def changes(self, wa_id: str, after: int) -> list[ChatMessage]:
        """A person's messages that changed after that revision, oldest message first."""
        chat = self._chats.get(wa_id)
        if chat is None:
            return []
        return [message for key, message in chat.messages.items() if chat.revisions[key] > after]

    def touch(self, wa_id: str | None = None) -> None:
        """Something of this chat changed (None: of all): wake whoever waits for it."""
        self._revision += 1
        for chat in [self._chat(wa_id)] if wa_id is not None else list(self._chats.values()):
            chat.revision = self._revision
            chat.changed.set()
            chat.changed = asyncio.Event()

    async def wait(self, wa_id: str, after: int, seconds: float) -> None:
        """Until the chat has changed after that revision, at most so many seconds."""
        chat = self._chat(wa_id)
        if self.closing or chat.revision > after:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await chat.changed.wait()

    def _chat(self, wa_id: str) -> _Chat:
        return self._chats.setdefault(wa_id, _Chat())

    def _put(self, message: ChatMessage) -> None:
        self._revision += 1
        chat = self._chat(message.wa_id)
        chat.messages[message.id] = message
        chat.revisions[message.id] = self._revision
        chat.revision = self._revision
        self._owner[message.id] = message.wa_id

    def _load(self, file: Path) -> None:
        """Read the file, keep the last messages of each person, and write it anew without the rest."""
        file.parent.mkdir(parents=True, exist_ok=True)
        found: dict[str, dict[str, ChatMessage]] = {}
        for line in file.read_text("utf-8").splitlines() if file.exists() else ():
            try:
                message = MESSAGE.validate_json(line)
            except ValidationError:  # the last line of a killed process may be half a line
                log.warning("simulator.state_line_skipped")
                continue
            found.setdefault(message.wa_id, {})[message.id] = message
        for messages in found.values():
            for message in list(messages.values())[-KEPT:]:
                self._put(message)
        fresh = file.with_suffix(".new")
        fresh.write_text("".join(json.dumps(asdict(item)) + "\n" for item in self.everything()), "utf-8")
        fresh.replace(file)
