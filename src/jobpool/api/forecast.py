"""How many starts each minute to come has, counted once over all plans and then kept as plans change.

What a plan adds is a function of the plan and the window alone, so it is taken away again without having been kept.
"""

from collections.abc import Mapping, Sequence

from jobpool.kit.pure.durations import MINUTE, Millis
from jobpool.kit.pure.tally import Tally
from jobpool.model.errors import BadSchedule
from jobpool.model.plan import Plan
from jobpool.store.commands.ticks import timetable_of
from jobpool.timetable import Share, minutes_within

DAY_MINUTES = 1440
_STEP = 360
"""Minutes between the beginnings of windows: so often all plans are counted anew while somebody looks."""
_COUNT = DAY_MINUTES + _STEP


class Window:
    """The minutes [first, first + 1,800) since the epoch, which hold any day that begins in the first 6 h of them.

    Changes are noted as they happen and counted by `step`: a commit of many must not be held up.
    """

    def __init__(self, first: int, plans: Mapping[tuple[str, str], Plan]) -> None:
        self.first = first
        self._waiting = dict(plans)
        self._leaving: list[Plan] = []
        self._plans = 0
        self._all = Tally()
        self._in: dict[str, Tally] = {}

    @property
    def waiting(self) -> int:
        """Plans that are not counted yet, or not as they are now."""
        return len(self._waiting)

    @property
    def counted(self) -> int:
        return self._plans - len(self._leaving)

    @property
    def complete(self) -> bool:
        return not self._waiting and not self._leaving

    def change(self, old: Plan | None, new: Plan | None) -> None:
        """A plan was added, changed or deleted."""
        if old is not None and self._waiting.pop(old.key, None) is None:
            self._leaving.append(old)
        if new is not None:
            self._waiting[new.key] = new

    def step(self, most: int) -> None:
        """Count so many of what is noted."""
        for _ in range(most):
            if self._leaving:
                self._remove(self._leaving.pop())
            elif self._waiting:
                self._add(self._waiting.popitem()[1])

    def counts(self, minute: int, count: int, namespace: str = "") -> list[int]:
        """The starts of `count` minutes from `minute` on."""
        tally = self._in.get(namespace) if namespace else self._all
        return [0] * count if tally is None else tally.read(minute - self.first, count)

    def _add(self, plan: Plan) -> None:
        self._plans += 1
        own = self._in.setdefault(plan.namespace, Tally())
        for share in self._shares(plan):
            self._all.add(share.minutes, share.weight)
            own.add(share.minutes, share.weight)

    def _remove(self, plan: Plan) -> None:
        self._plans -= 1
        own = self._in[plan.namespace]
        for share in self._shares(plan):
            self._all.subtract(share.minutes, share.weight)
            own.subtract(share.minutes, share.weight)

    def _shares(self, plan: Plan) -> Sequence[Share]:
        periodic = plan.periodic
        if not plan.fires or periodic is None:
            return ()
        try:
            timetable = timetable_of(plan, periodic)
        except BadSchedule:
            return ()  # as it stays silent when it is due
        return minutes_within(timetable, self.first, _COUNT, start=periodic.start_time, end=periodic.end_time)


def window_start(minute: int) -> int:
    """The first minute of the window that serves a day from this minute on."""
    return minute - minute % _STEP


def starts_in(plan: Plan, minute: int) -> tuple[int, Millis]:
    """How often a plan starts in a minute, and when first; (0, 0) for one that does not."""
    periodic = plan.periodic
    if not plan.fires or periodic is None:
        return 0, 0
    low, high = minute * MINUTE, (minute + 1) * MINUTE - 1
    low = low if periodic.start_time is None else max(low, periodic.start_time)
    high = high if periodic.end_time is None else min(high, periodic.end_time)
    try:
        timetable = timetable_of(plan, periodic)
    except BadSchedule:
        return 0, 0
    found = timetable.count(low - 1, high)
    return (found, timetable.next(low - 1) or 0) if found > 0 else (0, 0)
