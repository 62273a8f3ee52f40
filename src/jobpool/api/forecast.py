"""How many starts each minute to come has, counted once over all plans and then kept as plans change.

What a plan adds is a function of the plan and the window alone, so it is taken away again without having been kept.
Plans that start in the same minutes stand together: who starts in one minute is asked of each such group once.
"""

from collections.abc import Iterator, Mapping

from jobpool.kit.pure.durations import MINUTE, Millis
from jobpool.kit.pure.tally import Tally
from jobpool.model.errors import BadSchedule
from jobpool.model.plan import Plan
from jobpool.store.commands.ticks import timetable_of
from jobpool.timetable import Share, first_tick, minutes_within

DAY_MINUTES = 1440
_STEP = 360
"""Minutes between the beginnings of windows: so often all plans are counted anew while somebody looks."""
_COUNT = DAY_MINUTES + _STEP

_Group = tuple[str, tuple[Share, ...]]
"""A namespace, and what each plan of the group adds."""


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
        self._alike: dict[_Group, dict[str, Plan]] = {}

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

    def step(self) -> None:
        """Count one of what is noted."""
        if self._leaving:
            self._remove(self._leaving.pop())
        elif self._waiting:
            self._add(self._waiting.popitem()[1])

    def covers(self, minute: int) -> bool:
        return self.first <= minute < self.first + _COUNT

    def counts(self, minute: int, count: int, namespace: str = "") -> list[int]:
        """The starts of `count` minutes from `minute` on."""
        tally = self._in.get(namespace) if namespace else self._all
        return [0] * count if tally is None else tally.read(minute - self.first, count)

    def starting(self, minute: int, namespace: str = "") -> Iterator[tuple[int, Mapping[str, Plan]]]:
        """Each group of plans by id, with how often each of them starts in this minute. Nothing may be counted between.

        One without a start is told as (0, nothing), so that the reader can let others run.
        """
        place = minute - self.first
        for (within, shares), plans in self._alike.items():
            starts = sum(share.weight for share in shares if share.minutes >> place & 1)
            yield (starts, plans) if starts and namespace in ("", within) else (0, {})

    def _add(self, plan: Plan) -> None:
        self._plans += 1
        own = self._in.setdefault(plan.namespace, Tally())
        shares = self._shares(plan)
        for share in shares:
            self._all.add(share.minutes, share.weight)
            own.add(share.minutes, share.weight)
        if shares:
            self._alike.setdefault((plan.namespace, shares), {})[plan.id] = plan

    def _remove(self, plan: Plan) -> None:
        self._plans -= 1
        own = self._in[plan.namespace]
        shares = self._shares(plan)
        for share in shares:
            self._all.subtract(share.minutes, share.weight)
            own.subtract(share.minutes, share.weight)
        if shares:
            group = self._alike[plan.namespace, shares]
            del group[plan.id]
            if not group:
                del self._alike[plan.namespace, shares]

    def _shares(self, plan: Plan) -> tuple[Share, ...]:
        periodic = plan.periodic
        if not plan.fires or periodic is None:
            return ()
        try:
            timetable = timetable_of(plan, periodic)
        except BadSchedule:
            return ()  # as it stays silent when it is due
        return tuple(minutes_within(timetable, self.first, _COUNT, start=periodic.start_time, end=periodic.end_time))


def window_start(minute: int) -> int:
    """The first minute of the window that serves a day from this minute on."""
    return minute - minute % _STEP


def first_in(plan: Plan, minute: int) -> Millis | None:
    """When a plan starts first in a minute; None for one that does not."""
    periodic = plan.periodic
    if not plan.fires or periodic is None:
        return None
    try:
        timetable = timetable_of(plan, periodic)
    except BadSchedule:
        return None
    found = first_tick(timetable, after=minute * MINUTE - 1, start=periodic.start_time, end=periodic.end_time)
    return found if found is not None and found < (minute + 1) * MINUTE else None
