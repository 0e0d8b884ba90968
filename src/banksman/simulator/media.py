"""Files that people sent and that the service uploaded."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import mimetypes
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from banksman.simulator.wire import Node

URL_SECONDS = 300  # how long an address from a look-up or a webhook holds


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file under its media id."""

    id: str  # digits, as Meta's
    mime_type: str
    name: str
    size: int  # bytes
    sha256: str  # hexadecimal

    @property
    def sha256_base64(self) -> str:
        """The hash as webhooks give it."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()


FILE: TypeAdapter[StoredFile] = TypeAdapter(StoredFile)


class Media:
    """The files: in memory, and in `folder` where there is one (ID and ID.json a file)."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._files: dict[str, StoredFile] = {}
        self._data: dict[str, bytes] = {}
        self._key = secrets.token_bytes(16)  # signs addresses
        if folder is not None and folder.is_dir():
            for path in folder.glob("*.json"):
                try:
                    file = FILE.validate_json(path.read_bytes())
                except ValidationError:
                    continue
                if (folder / file.id).is_file():
                    self._files[file.id] = file

    def add(self, data: bytes, mime_type: str, name: str) -> StoredFile:
        """Keep a file under a new id."""
        file = StoredFile(
            id=str(10**14 + secrets.randbelow(9 * 10**14)),
            mime_type=mime_type.split(";")[0].strip().lower(),
            name=name,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        if self._folder is None:
            self._data[file.id] = data
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / file.id).write_bytes(data)
            (self._folder / f"{file.id}.json").write_text(json.dumps(asdict(file)), "utf-8")
        self._files[file.id] = file
        return file

    def find(self, media_id: str) -> StoredFile | None:
        """The file with this id."""
        return self._files.get(media_id)

    def read(self, file: StoredFile) -> bytes:
        """Its bytes."""
        return self._data[file.id] if self._folder is None else (self._folder / file.id).read_bytes()

    def url(self, file: StoredFile, base: str, now: float) -> str:
        """An address under `base` that holds for five minutes."""
        ends = int(now) + URL_SECONDS
        return f"{base}/files/{file.id}?ext={ends}&hash={self._hash(file.id, ends)}"

    def opens(self, media_id: str, ends: str, signature: str, now: float) -> bool:
        """Whether that address is one of ours and still holds."""
        if not (ends.isascii() and ends.isdigit()) or int(ends) < now:
            return False
        return hmac.compare_digest(self._hash(media_id, int(ends)).encode(), signature.encode())

    def _hash(self, media_id: str, ends: int) -> str:
        return hmac.new(self._key, f"{media_id}.{ends}".encode(), "sha256").hexdigest()


def webhook_node(file: StoredFile, url: str, caption: str, kind: str) -> Node:
    """The media node of an inbound message, in the form of 2026 (with `url`)."""
    found: Node = {"mime_type": file.mime_type, "sha256": file.sha256_base64, "id": file.id, "url": url}
    if caption and kind in ("image", "video", "document"):
        found["caption"] = caption
    if kind == "document":
        found["filename"] = file.name or f"file{mimetypes.guess_extension(file.mime_type) or ''}"
    if kind == "audio":
        found["voice"] = file.mime_type == "audio/ogg"
    return found


def kind_of(mime_type: str) -> str:
    """The kind of message in which a phone sends a file of this type."""
    family = mime_type.split("/")[0]
    if mime_type in ("image/jpeg", "image/png") or family in ("audio", "video"):
        return family
    return "document"
