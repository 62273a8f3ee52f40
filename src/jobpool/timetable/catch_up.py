"""What becomes of the ticks of a plan that are due: run, coalesced, or missed.

When the oldest of them is at most `grace` old they are on time and all run. When it is older there was an outage, and
the plan's catch-up settings decide about all of them, the newest included. The amount of work does not depend on how
many ticks were missed: they are counted, not listed.
"""

from msgspec import Struct

from jobpool.kit.pure.durations import DAY, MINUTE, Millis
from jobpool.model.reasons import LedgerReason
from jobpool.model.schedule import CatchUp, CatchUpMode, LedgerRange
from jobpool.timetable.timetable import Timetable, first_tick, ticks

GRACE: Millis = MINUTE
"""A tick left undecided for longer than this tells of an outage; a shorter delay is only a delay."""

LONGEST_DEFAULT_WINDOW: Millis = DAY


class DueTick(Struct, frozen=True):
    """A tick to run now. `late`: it runs by catch-up, after an outage; its own age may be less than the grace."""

    at: Millis
    late: bool


class DueTicks(Struct, frozen=True):
    """The decision about every tick from the old cursor up to the new one.

    `skipped` and then `runs` are in order of time and share no tick; of the runs, all are late or none is. `cursor` is
    the next tick that is not decided, None = there will be none. `more`: it is due already, and the decision must be
    continued from it.
    """

    runs: tuple[DueTick, ...]
    skipped: tuple[LedgerRange, ...]
    cursor: Millis | None
    more: bool


def plan_catch_up(
    timetable: Timetable,
    *,
    cursor: Millis,
    now: Millis,
    mode: CatchUpMode,
    window: Millis | None = None,
    max_runs: int = 1000,
    start: Millis | None = None,
    end: Millis | None = None,
    grace: Millis = GRACE,
    step: int = 500,
) -> DueTicks:
    """Decide the ticks of [cursor, now] that lie within [start, end].

    On time (the oldest of them is at most `grace` ms old): all run, in order, whatever the mode.
    Late (the oldest is older): all of them, the newest too, by `mode`:

    - `none`: none runs; they become one `missed_window` range.
    - `latest`: those older than `window` become one `missed_window` range; of the others the newest runs, the rest
      become one `coalesced` range.
    - `all`: the same, but the newest `max_runs` run, oldest first.

    `window` is an age in ms, its own length included. None = younger than one period, at most 24 h; a period is the
    distance between the newest tick that is not after `now` and the next one. So by default a plan that is due at
    least every 24 h starts once after an outage of any length.

    At most `step` runs are returned; when more are due, `more` is set and `cursor` is where to go on, by the same
    rules: ticks on time may grow late in between, and what mode `all` leaves may be young enough to be on time.
    A cursor after `now` decides nothing, so a clock that goes back repeats nothing.
    """
    oldest = first_tick(timetable, after=cursor - 1, start=start, end=end)
    if oldest is None or oldest > now:
        return DueTicks(runs=(), skipped=(), cursor=oldest, more=False)
    floor = oldest - 1
    last = now if end is None else min(now, end)
    late = now - oldest > grace
    settings = CatchUp(mode=mode, window=window, max_runs=max_runs)
    skipped, decided = _skip_late(timetable, settings, floor=floor, last=last, now=now) if late else ((), floor)
    due = ticks(timetable, after=decided, until=last, limit=step)
    if due:
        decided = due[-1]
    following = first_tick(timetable, after=decided, start=start, end=end)
    return DueTicks(
        runs=tuple(DueTick(at=tick, late=late) for tick in due),
        skipped=skipped,
        cursor=following,
        more=following is not None and following <= now,
    )


def _skip_late(
    timetable: Timetable, settings: CatchUp, *, floor: Millis, last: Millis, now: Millis
) -> tuple[tuple[LedgerRange, ...], Millis]:
    """The late ticks in (floor, last] that do not run, and the instant up to which that decides everything."""
    if settings.mode is CatchUpMode.NONE:
        return _range(timetable, LedgerReason.MISSED_WINDOW, after=floor, until=last), last
    age = _one_period(timetable, now) - 1 if settings.window is None else settings.window
    old = min(max(floor, now - age - 1), last)
    missed = _range(timetable, LedgerReason.MISSED_WINDOW, after=floor, until=old)
    surplus = timetable.count(old, last) - (1 if settings.mode is CatchUpMode.LATEST else settings.max_runs)
    if surplus <= 0:
        return missed, old
    kept = timetable.nth(surplus, after=old, until=last)
    return missed + _range(timetable, LedgerReason.COALESCED, after=old, until=kept), kept


def _range(timetable: Timetable, reason: LedgerReason, *, after: Millis, until: Millis) -> tuple[LedgerRange, ...]:
    count = timetable.count(after, until)
    if count == 0:
        return ()
    first = timetable.nth(1, after=after, until=until)
    return (LedgerRange(reason, first, timetable.nth(count, after=first - 1, until=until), count),)


def _one_period(timetable: Timetable, now: Millis) -> Millis:
    following = timetable.next(now)
    count = timetable.count(now - LONGEST_DEFAULT_WINDOW, now)
    if following is None or count == 0:
        return LONGEST_DEFAULT_WINDOW
    newest = timetable.nth(count, after=now - LONGEST_DEFAULT_WINDOW, until=now)
    return min(following - newest, LONGEST_DEFAULT_WINDOW)
