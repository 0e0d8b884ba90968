"""How badly the simulated WhatsApp behaves: one frozen value, changed as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter

FaultKind: TypeAlias = Literal["error", "html", "cut", "hang", "html_after", "cut_after", "drop_answer"]


@dataclass(frozen=True)
class Outcome:
    """What a fault does to a send."""

    accepts: bool  # whether the message goes to the person all the same
    answer: Literal["envelope", "html", "cut", "silence"]


# The table of faults. A message that was accepted gets its statuses, whatever its sender was told.
FAULTS: dict[FaultKind, Outcome] = {
    "error": Outcome(accepts=False, answer="envelope"),  # Graph's error, with `status`, `code`, `retry_after`
    "html": Outcome(accepts=False, answer="html"),  # a 5xx of some proxy
    "cut": Outcome(accepts=False, answer="cut"),  # the connection ends within the answer
    "hang": Outcome(accepts=False, answer="silence"),  # no answer until the sender gives up
    "html_after": Outcome(accepts=True, answer="html"),
    "cut_after": Outcome(accepts=True, answer="cut"),
    "drop_answer": Outcome(accepts=True, answer="silence"),
}


@dataclass(frozen=True)
class SendFault:
    """What happens to the next `times` sends."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: FaultKind
    times: Annotated[int, Field(ge=1)] = 1
    status: Annotated[int, Field(ge=400, le=599)] = 500  # HTTP, for `error`, `html` and `html_after`
    code: int = 131000  # Graph's, for `error`
    retry_after: Annotated[int | None, Field(ge=0)] = None  # seconds, for `error`


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """All knobs. The defaults are a WhatsApp on a good day."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    doubles: Annotated[int, Field(ge=1, le=20)] = 1  # how many copies of each webhook arrive, at once
    rebatch: bool = False  # bodies carry up to 10 waiting changes and, again, the last one that was delivered
    statuses: bool = True  # whether status webhooks are sent at all
    sent_after: Annotated[float, Field(ge=0)] = 0.15  # seconds from a send to its `sent`
    delivered_after: Annotated[float, Field(ge=0)] = 0.3  # seconds from a send to its `delivered`
    statuses_out_of_order: bool = False  # `delivered` before `sent`
    window_closed: bool = False  # all but templates fail later with 131047
    failed_code: int | None = None  # every send fails later with this code
    pair_rate: bool = False  # 131056 beyond 45 messages at once to one person, then one in 6 seconds
    media_expired: bool = False  # every media id is unknown
    hang_seconds: Annotated[float, Field(gt=0)] = 120  # how long `hang` and `drop_answer` keep silent
    send_faults: tuple[SendFault, ...] = ()  # used up from the left, one send each

    def failure_of(self, kind: str) -> int | None:
        """The code with which a message of this kind fails after it was accepted, if it does."""
        return 131047 if self.window_closed and kind != "template" else self.failed_code


ADAPTER: TypeAdapter[Behaviour] = TypeAdapter(Behaviour)


def take_fault(behaviour: Behaviour) -> tuple[SendFault | None, Behaviour]:
    """The fault for the next send, and the behaviour that is left."""
    if not behaviour.send_faults:
        return None, behaviour
    first, *rest = behaviour.send_faults
    left = [replace(first, times=first.times - 1)] if first.times > 1 else []
    return first, replace(behaviour, send_faults=(*left, *rest))


@dataclass(frozen=True)
class PairRate:
    """What one person may still be sent: 45 at once, one more every 6 seconds.

    Source: Meta's page on throughput, "pair rate limits", as quoted by vendors.
    """

    BURST: ClassVar[int] = 45
    SECONDS: ClassVar[float] = 6.0

    left: float = 45.0
    at: float = 0.0  # Unix seconds when `left` was true

    def spend(self, now: float) -> tuple[bool, PairRate]:
        """Whether one more message may go at `now`, and what is left then."""
        left = min(float(self.BURST), self.left + max(0.0, now - self.at) / self.SECONDS)
        allowed = left >= 1
        return allowed, PairRate(left=left - 1 if allowed else left, at=now)
