"""The three ways a schedule finds its ticks: a cron expression in a zone, an interval, one instant."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.model.schedule import DstGap, DstOverlap
from jobpool.timetable.minutes import Share, counted_minutes, every_minutes
from jobpool.timetable.wall import DAY_MINUTES, Wall
from jobpool.timetable.zones import Stretch, Zone

_LARGEST_SHIFT = 3 * 3600  # a larger change of offset is a fact of the calendar, not daylight saving
_NEAR = 2 * 86_400


class Rule(Protocol):
    """`next` and `count` agree: `count(a, b)` is how many times `next` can be followed from `a` without passing `b`."""

    def next(self, after: Millis) -> Millis | None:
        """The first tick strictly after an instant."""

    def count(self, after: Millis, until: Millis) -> int:
        """How many ticks lie in (after, until]. The work does not grow with the number."""

    def minutes(self, first: int, count: int) -> Sequence[Share]:
        """The ticks of each of `count` minutes from the minute `first` since the epoch on; agrees with `count`."""

    def is_moved(self, tick: Millis) -> bool:
        """Whether this tick stands for a wall time that a change of the clock leapt over."""


class Opening(Struct, frozen=True, gc=False):
    """What one stretch lets a schedule do: the wall times in [low, high), and a run at its first instant in place
    of the wall times in [missed, stretch start)."""

    low: int
    high: int
    missed: int | None


class CronRule(Struct, frozen=True, gc=False):
    """A cron expression in a zone.

    A `fixed` expression (neither minute nor hour begins with `*`) names wall times, each of which should happen once:
    where a change of up to 3 h leaps over them they run once at the first instant after it, where it repeats them
    `overlap` chooses. Any other expression follows real time: each instant that shows a matching wall time fires.
    """

    wall: Wall
    zone: Zone
    fixed: bool
    gap: DstGap
    overlap: DstOverlap

    def next(self, after: Millis) -> Millis | None:
        second = after // SECOND + 1
        stretch = self.zone.stretch(second)
        horizon = self.wall.horizon(second + stretch.offset)
        while True:
            opening = self._opening(stretch)
            if second == stretch.start and self._is_missed(opening, stretch):
                return second * SECOND
            found = self.wall.first(max(second + stretch.offset, opening.low), horizon)
            if found is not None and found < opening.high:
                return (found - stretch.offset) * SECOND
            if found is None and stretch.after >= stretch.offset:
                return None  # and the clock does not go back to what it showed before
            second = _skip_to(found, second, stretch)
            stretch = self.zone.stretch(second)

    def count(self, after: Millis, until: Millis) -> int:
        second, last = after // SECOND + 1, until // SECOND
        total = 0
        while second <= last:
            stretch = self.zone.stretch(second)
            opening = self._opening(stretch)
            if second == stretch.start and self._is_missed(opening, stretch):
                total += 1 - self.wall.count(second + stretch.offset, second + stretch.offset + 1)
            low = max(second + stretch.offset, opening.low)
            total += self.wall.count(low, min(last + 1 + stretch.offset, opening.high))
            second = stretch.end
        return total

    def minutes(self, first: int, count: int) -> Sequence[Share]:
        shares, found = list[Share](), 0
        second, last = first * 60, (first + count) * 60
        while second < last:
            stretch = self.zone.stretch(second)
            opening = self._opening(stretch)
            low, high = max(second + stretch.offset, opening.low), min(last + stretch.offset, opening.high)
            if low % 60 or high % 60 or stretch.offset % 60:
                return counted_minutes(self.count, first, count)  # as some zones had it in the 1970s
            if second == stretch.start and self._is_missed(opening, stretch):
                leapt = 1 - self.wall.count(second + stretch.offset, second + stretch.offset + 1)
                shares.append(Share(leapt, 1 << second // 60 - first))
            if low < high:
                found |= self._wall_minutes(low // 60, high // 60) << (low - stretch.offset) // 60 - first
            second = stretch.end
        return (*shares, Share(self.wall.seconds.bit_count(), found))

    def _wall_minutes(self, low: int, high: int) -> int:
        """The minutes of the wall clock in [low, high) that match, bit 0 = `low`."""
        found = 0
        for day in range(low // DAY_MINUTES, (high - 1) // DAY_MINUTES + 1):
            since = day * DAY_MINUTES - low
            matching = self.wall.day_minutes(day)
            found |= matching << since if since >= 0 else matching >> -since
        return found & ((1 << high - low) - 1)

    def is_moved(self, tick: Millis) -> bool:
        second = tick // SECOND
        stretch = self.zone.stretch(second)
        return second == stretch.start and self._is_missed(self._opening(stretch), stretch)

    def _opening(self, stretch: Stretch) -> Opening:
        low, high, missed = stretch.start + stretch.offset, stretch.end + stretch.offset, None
        if self.fixed:
            if 0 < stretch.offset - stretch.before <= _LARGEST_SHIFT and self.gap is DstGap.RUN_AFTER:
                missed = stretch.start + stretch.before
            if 0 < stretch.before - stretch.offset <= _LARGEST_SHIFT and self.overlap is DstOverlap.FIRST:
                low = stretch.start + stretch.before
            if 0 < stretch.offset - stretch.after <= _LARGEST_SHIFT and self.overlap is DstOverlap.SECOND:
                high = stretch.end + stretch.after
        return Opening(low, high, missed)

    def _is_missed(self, opening: Opening, stretch: Stretch) -> bool:
        if opening.missed is None:
            return False
        return self.wall.count(opening.missed, stretch.start + stretch.offset) > 0


def _skip_to(found: int | None, second: int, stretch: Stretch) -> int:
    """Where to look next when the next matching wall time, `found`, lies beyond this stretch.

    Far ones are jumped to (years in one step), except from beside the end of a stretch: there the clock may go back
    to before where the search began.
    """
    if found is None or stretch.end - second < _NEAR:
        return stretch.end
    return max(stretch.end, found - stretch.offset - _NEAR)


class EveryRule(Struct, frozen=True, gc=False):
    """Every `period` ms, `phase` ms after the epoch: restarts and elections cannot move it."""

    period: Millis
    phase: Millis

    def next(self, after: Millis) -> Millis | None:
        return self.phase + ((after - self.phase) // self.period + 1) * self.period

    def count(self, after: Millis, until: Millis) -> int:
        return max(0, (until - self.phase) // self.period - (after - self.phase) // self.period)

    def minutes(self, first: int, count: int) -> Sequence[Share]:
        return every_minutes(self.period, (first * MINUTE - self.phase) % self.period, count)

    def is_moved(self, tick: Millis) -> bool:
        return False


class AtRule(Struct, frozen=True, gc=False):
    """Once."""

    at: Millis

    def next(self, after: Millis) -> Millis | None:
        return self.at if after < self.at else None

    def count(self, after: Millis, until: Millis) -> int:
        return int(after < self.at <= until)

    def minutes(self, first: int, count: int) -> Sequence[Share]:
        place = self.at // MINUTE - first
        return (Share(1, 1 << place),) if 0 <= place < count else ()

    def is_moved(self, tick: Millis) -> bool:
        return False
