"""The people whose phones the simulator plays."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Person:
    """Somebody who can write to the business number."""

    name: str
    wa_id: str  # phone number as WhatsApp's id, digits only
    bsuid: str | None = None  # business-scoped user id; made from the number where there is none
    language: str | None = None  # shown on the page, nothing else

    @property
    def user_id(self) -> str:
        """The business-scoped user id, the same for a number each time."""
        return self.bsuid or derived_bsuid(self.wa_id)


def derived_bsuid(wa_id: str) -> str:
    """A business-scoped user id that belongs to this number."""
    number = int.from_bytes(hashlib.sha256(wa_id.encode()).digest()[:8], "big") % 10**16
    return f"US.{number:016d}"


class Directory:
    """Who is known, by number and by business-scoped user id. Keeps the last answer of `source`."""

    def __init__(self, source: Callable[[], Awaitable[Sequence[Person]]]) -> None:
        self._source = source
        self._by_wa_id: dict[str, Person] = {}
        self._by_bsuid: dict[str, Person] = {}

    async def all(self) -> list[Person]:
        """Everybody; those last known where the source cannot say (its database is away)."""
        try:
            found = await self._source()
        except Exception as error:
            log.warning("simulator.people_unavailable", error=type(error).__name__)
        else:
            self._by_wa_id = {person.wa_id: person for person in found}
            self._by_bsuid = {person.user_id: person for person in found}
        return list(self._by_wa_id.values())

    async def find(self, address: str) -> Person:
        """The person with this number or user id. Any other number is a stranger, who can write too."""
        known = self._by_wa_id.get(address) or self._by_bsuid.get(address)
        if known is None:
            await self.all()
        return self.known(address)

    def known(self, address: str) -> Person:
        """As `find`, from what is known already."""
        known = self._by_wa_id.get(address) or self._by_bsuid.get(address)
        if known is not None:
            return known
        if re.fullmatch(r"\d+", address):
            return Person(f"+{address}", address)
        return Person(address, address, bsuid=address)
