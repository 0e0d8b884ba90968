"""Circuit breaker: after failures in a row nothing is asked for a while; an outage costs milliseconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(kw_only=True)
class Breaker:
    """State of one circuit. All times are seconds of one monotonic clock, given by the caller."""

    limit: int = 5  # so many failures in a row open it
    window: float = 60  # within so long of the first of them
    pause: float = 20  # open for so long; then one call is let through at a time, and its outcome decides
    failures: int = 0
    first_failure: float = 0
    opened: float | None = None  # since when it is open; None: closed
    probed: float | None = None  # when a call was last let through while open

    def admits(self, now: float) -> bool:
        """Whether a call may go out at `now`. While open, one a `pause` may, as a probe."""
        if self.opened is None:
            return True
        if now - max(self.opened, self.probed or self.opened) < self.pause:
            return False
        self.probed = now  # a probe that never reports back counts as lost after another pause
        return True

    def succeeded(self) -> None:
        """A call was answered: closed."""
        self.failures, self.opened, self.probed = 0, None, None

    def failed(self, now: float) -> None:
        """A call found no answer at `now`."""
        if self.opened is not None:
            self.opened, self.probed = now, None
            return
        if not self.failures or now - self.first_failure > self.window:
            self.failures, self.first_failure = 0, now
        self.failures += 1
        if self.failures >= self.limit:
            self.opened = now
