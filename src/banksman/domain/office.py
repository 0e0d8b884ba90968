"""When a human can be expected: the office's days and hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from banksman.domain.words import Words


@dataclass(frozen=True, kw_only=True)
class Office:
    """The office's days (Monday 0) and hours in its time zone. Hours that end before they begin pass midnight."""

    zone: str
    days: frozenset[int]
    hours: tuple[time, time]

    def is_open(self, now: datetime) -> bool:
        """Whether somebody is there at `now` (aware)."""
        return any(start <= now < end for start, end in self._spans(now))

    def opens(self, now: datetime) -> datetime | None:
        """The next opening after `now`, in the office's zone; None for an office without days."""
        return min((start for start, _ in self._spans(now) if start > now), default=None)

    def _spans(self, now: datetime) -> list[tuple[datetime, datetime]]:
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        opening, closing = self.hours
        spans = []
        for offset in range(-1, 8):
            day = today + timedelta(days=offset)
            if day.weekday() in self.days:
                end = day + timedelta(days=1) if closing <= opening else day
                spans.append((datetime.combine(day, opening, zone), datetime.combine(end, closing, zone)))
        return spans


def opening_words(office: Office, now: datetime, words: Words, *, zone: str) -> str | None:
    """The words after "is back", say "tomorrow at 07:00", by the clock of `zone`, where the person is.

    None where no opening is in sight.
    """
    next_opening = office.opens(now)
    if next_opening is None:
        return None
    here = ZoneInfo(zone)
    opens = next_opening.astimezone(here)
    days = (opens.date() - now.astimezone(here).date()).days
    if days == 0:
        return words("opening-today", time=words.time(opens))
    if days == 1:
        return words("opening-tomorrow", time=words.time(opens))
    return words("opening-day", day=words.weekday(opens.date()), time=words.time(opens))
