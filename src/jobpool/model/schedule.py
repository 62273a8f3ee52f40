"""When a plan is due: its periodic block and the policies around a tick."""

from enum import StrEnum

from msgspec import Struct

from jobpool.kit.pure.durations import HOUR, SECOND, Millis
from jobpool.model.reasons import LedgerReason


class DstGap(StrEnum):
    """A fixed time inside the hour that spring takes away."""

    RUN_AFTER = "run-after"
    SKIP = "skip"


class DstOverlap(StrEnum):
    """A fixed time inside the hour that autumn gives twice."""

    FIRST = "first"
    SECOND = "second"
    BOTH = "both"


class DayMatch(StrEnum):
    """How day-of-month and day-of-week join when both are restricted."""

    ANY = "any"
    ALL = "all"


class Overlap(StrEnum):
    """What a tick does while a run of its plan is live."""

    ALLOW = "allow"
    SKIP = "skip"


class CatchUpMode(StrEnum):
    """What becomes of ticks that were due while nobody could decide them."""

    NONE = "none"
    LATEST = "latest"
    ALL = "all"


class Delivery(StrEnum):
    """Whether an attempt whose fate is unknown is tried again."""

    AT_LEAST_ONCE = "at-least-once"
    AT_MOST_ONCE = "at-most-once"


class Dst(Struct, frozen=True, array_like=True, gc=False):
    gap: DstGap = DstGap.RUN_AFTER
    overlap: DstOverlap = DstOverlap.FIRST


class Periodic(Struct, frozen=True, array_like=True, gc=False):
    """`time_zone` is never empty in a stored plan: the default in force is written into it."""

    spec: str
    time_zone: str
    enabled: bool = True
    start_time: Millis | None = None
    end_time: Millis | None = None


class CatchUp(Struct, frozen=True, array_like=True, gc=False):
    """`window` None = one period, at most 24 h; `rate_per_minute` 0 = no limit."""

    mode: CatchUpMode = CatchUpMode.LATEST
    window: Millis | None = None
    max_runs: int = 1000
    rate_per_minute: int = 0


class Retry(Struct, frozen=True, array_like=True, gc=False):
    """`attempts` counts retries after the first failure; `on` lists reasons, empty = every failure."""

    attempts: int = 0
    backoff: Millis = 10 * SECOND
    max_backoff: Millis = HOUR
    on: tuple[str, ...] = ()


class LedgerRange(Struct, frozen=True, array_like=True):
    """Neighbouring ticks that did not become runs, for one reason. `count` None = not enumerated."""

    reason: LedgerReason
    first: Millis
    last: Millis
    count: int | None


class Cursor(Struct, frozen=True, array_like=True):
    """How far a plan's ticks are decided. `next_due` None = never again.

    `open_range` is the newest ledger range, so that the next decision can extend it in place. `era` is the incarnation
    of the store that decided it.
    """

    incarnation: int
    next_due: Millis | None
    last_job: str = ""
    last_job_at: Millis | None = None
    open_range: LedgerRange | None = None
    era: int = 1
