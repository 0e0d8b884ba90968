"""Stored files: bytes once by their hash in a local folder, and signed addresses that end."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from itsdangerous import BadData, URLSafeTimedSerializer

from banksman.whatsapp.replies import MediaRef

ADDRESS_S = 3 * 24 * 3600  # how long an address in a message works; WhatsApp fetches it at once


@dataclass(frozen=True, kw_only=True)
class MediaStore:
    """Files under `folder`, named by their SHA-256."""

    folder: Path

    def put(self, data: bytes) -> str:
        """Stores `data` and gives its hash; storing the same again changes nothing."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=path.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        return sha256

    def path(self, sha256: str) -> Path:
        """Where the file of that hash lies."""
        return self.folder / sha256[:2] / sha256


class Links:
    """Signs and reads the addresses under which WhatsApp fetches files."""

    def __init__(self, *, secret: str, base_url: str | None) -> None:
        self._base_url = base_url
        self._serializer = URLSafeTimedSerializer(
            secret, salt="banksman.media", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def link(self, media: MediaRef) -> str | None:
        """The file's address, None where the service has no public address."""
        if self._base_url is None:
            return None
        return f"{self._base_url}/media/{self._serializer.dumps(media.media_id.hex)}"

    def read(self, signed: str) -> UUID | None:
        """The file that an address names; None for a forged or an old one."""
        try:
            return UUID(self._serializer.loads(signed, max_age=ADDRESS_S))
        except (BadData, ValueError, TypeError):
            return None
