"""A schedule made ready to be asked: which tick comes next, how many there were, what the wall clock showed."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.timetable.minutes import Share
from jobpool.timetable.rules import Rule
from jobpool.timetable.zones import Zone

FIRST_INSTANT: Millis = 0
LAST_INSTANT: Millis = 250_000_000_000_000
"""No tick lies before 1970, and nothing is searched past the year 9892."""


class DstMark(StrEnum):
    """What a change of the clock did to a tick."""

    NONE = "none"
    GAP = "gap"
    """Its wall time did not exist; it runs at the first instant after."""
    OVERLAP = "overlap"
    """Its wall time happens twice."""


class TickNote(Struct, frozen=True):
    """One tick for people. `wall` is RFC 3339 with the offset then in force, such as `2025-03-09T03:00:00-04:00`."""

    tick: Millis
    wall: str
    zone: str
    dst: DstMark


class Timetable(Struct, frozen=True, gc=False):
    """Answers depend on the arguments alone, so one may be shared by everyone. `parse` makes it."""

    spec: str
    zone: Zone
    rule: Rule

    def next(self, after: Millis) -> Millis | None:
        """The first tick strictly after an instant; None when there is none within 40 years of dates it can have.

        Following `next` from any instant yields each tick once, in strictly rising order.
        """
        if after > LAST_INSTANT:
            return None
        return self.rule.next(max(after, FIRST_INSTANT - 1))

    def count(self, after: Millis, until: Millis) -> int:
        """How many ticks lie in (after, until]. Costs a few µs, however many they are."""
        return self.rule.count(max(after, FIRST_INSTANT - 1), min(until, LAST_INSTANT))

    def nth(self, n: int, *, after: Millis, until: Millis) -> Millis:
        """The n-th tick (from 1) in (after, until], by halving; ValueError when there are fewer."""
        if not 1 <= n <= self.count(after, until):
            raise ValueError(f"wanted a tick from 1 to {self.count(after, until)}, found {n}")
        low, high = after, until
        while n > 1:
            middle = (low + high) // 2
            below = self.count(low, middle)
            if below >= n:
                high = middle
            else:
                low, n = middle, n - below
        tick = self.next(low)
        assert tick is not None
        return tick

    def describe_tick(self, tick: Millis) -> TickNote:
        """What the wall clock of the zone shows at a tick, and whether a change of the clock touched it."""
        wall = self.zone.local(tick).isoformat(timespec="milliseconds" if tick % SECOND else "seconds")
        return TickNote(tick=tick, wall=wall, zone=self.zone.name, dst=self._mark(tick))

    def _mark(self, tick: Millis) -> DstMark:
        if self.rule.is_moved(tick):
            return DstMark.GAP
        return DstMark.OVERLAP if self.zone.is_repeated(tick // SECOND) else DstMark.NONE


def ticks(timetable: Timetable, *, after: Millis, until: Millis, limit: int) -> list[Millis]:
    """The first `limit` ticks in (after, until], in order."""
    found: list[Millis] = []
    tick = timetable.next(after)
    while tick is not None and tick <= until and len(found) < limit:
        found.append(tick)
        tick = timetable.next(tick)
    return found


def first_tick(timetable: Timetable, *, after: Millis, start: Millis | None, end: Millis | None) -> Millis | None:
    """The first tick strictly after `after` and within [start, end]; a bound that is None does not bind."""
    tick = timetable.next(after if start is None else max(after, start - 1))
    return None if tick is None or (end is not None and tick > end) else tick


def minutes_within(
    timetable: Timetable, first: int, count: int, *, start: Millis | None, end: Millis | None
) -> Sequence[Share]:
    """The ticks within [start, end] of each of `count` minutes from the minute `first` since the epoch on.

    Costs some µs, however many they are. The minutes lie between `FIRST_INSTANT` and `LAST_INSTANT`.
    """
    shares = timetable.rule.minutes(first, count)
    if start is None and end is None:
        return shares
    low = first * MINUTE if start is None else max(start, first * MINUTE)
    high = (first + count) * MINUTE if end is None else min(end + 1, (first + count) * MINUTE)
    if low >= high:
        return ()
    whole = _mask(-(-low // MINUTE) - first, high // MINUTE - first)
    clipped = [Share(share.weight, share.minutes & whole) for share in shares]
    for minute in sorted({low // MINUTE, (high - 1) // MINUTE}):
        if not whole >> minute - first & 1:
            ticked = timetable.count(max(low, minute * MINUTE) - 1, min(high, (minute + 1) * MINUTE) - 1)
            clipped.append(Share(ticked, 1 << minute - first))
    return clipped


def _mask(low: int, high: int) -> int:
    """Bits in [low, high)."""
    return (1 << high) - (1 << low) if low < high else 0
