"""A plan: what to run, when, and by which rules."""

from msgspec import Struct

from jobpool.kit.pure.durations import HOUR, Millis
from jobpool.model.schedule import CatchUp, DayMatch, Delivery, Dst, Overlap, Periodic, Retry
from jobpool.model.statuses import PlanStatus

DEFAULT_PRIORITY = 50
MAX_PRIORITY = 200
DEFAULT_TIMEOUT: Millis = HOUR
ASYNC_TIMEOUT: Millis = 48 * HOUR
POISON_LOSSES = 3


class Paused(Struct, frozen=True, array_like=True, gc=False):
    """An operator holds the plan's ticks since then: none of them runs. `until` None = until somebody resumes it."""

    since: Millis
    by: str
    note: str = ""
    until: Millis | None = None

    def is_over(self, now: Millis) -> bool:
        return self.until is not None and self.until <= now


class Plan(Struct, frozen=True, array_like=True, gc=False):
    """`incarnation` and `version` are the commit numbers that created it and last changed it.

    `timeout` None = 1 h for a synchronous run, 48 h for an accepted asynchronous one. `parameters` is the
    executor's JSON, validated by its rules before it is stored. `labels` are sorted by name.
    """

    id: str
    namespace: str
    name: str
    type: str
    incarnation: int
    version: int
    created_at: Millis
    updated_at: Millis
    status: PlanStatus = PlanStatus.PENDING
    stop: bool = False
    synchronous: bool = False
    priority: int = DEFAULT_PRIORITY
    description: str = ""
    executor: str = "rest"
    parameters: str = ""
    periodic: Periodic | None = None
    overlap: Overlap = Overlap.ALLOW
    catch_up: CatchUp = CatchUp()
    retry: Retry = Retry()
    timeout: Millis | None = None
    delivery: Delivery = Delivery.AT_LEAST_ONCE
    dst: Dst = Dst()
    match: DayMatch = DayMatch.ANY
    strategy: str = ""
    status_reason: str = ""
    paused: Paused | None = None
    labels: tuple[tuple[str, str], ...] = ()
    owner: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return (self.namespace, self.id)

    @property
    def active(self) -> bool:
        """Whether the plan has ticks, each of which is decided one day, while it is paused or after."""
        return (
            self.status is PlanStatus.RUNNING and not self.stop and self.periodic is not None and self.periodic.enabled
        )

    @property
    def fires(self) -> bool:
        """Whether ticks of this plan are decided when they are due."""
        return self.active and self.paused is None

    @property
    def runs_synchronously(self) -> bool:
        """Only the `rest` executor knows asynchronous runs."""
        return self.synchronous or self.executor != "rest"

    @property
    def effective_timeout(self) -> Millis:
        if self.timeout is not None:
            return self.timeout
        return DEFAULT_TIMEOUT if self.runs_synchronously else ASYNC_TIMEOUT
