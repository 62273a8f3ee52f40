"""What becomes of the ticks of a plan that are due: run, coalesced, or missed.

A tick decided within `grace` of its instant is on time and runs. A later one is late, and the plan's catch-up
settings decide about it. The amount of work does not depend on how many ticks were missed: they are counted, not
listed.
"""

from msgspec import Struct

from jobpool.kit.pure.durations import DAY, MINUTE, Millis
from jobpool.model.reasons import LedgerReason
from jobpool.model.schedule import CatchUp, CatchUpMode, LedgerRange
from jobpool.timetable.timetable import Timetable, first_tick, ticks

GRACE: Millis = MINUTE
"""A leader away for longer than this was down; a shorter delay is only a delay."""

LONGEST_DEFAULT_WINDOW: Millis = DAY


class DueTick(Struct, frozen=True):
    """A tick to run now. `late`: it runs by catch-up, more than the grace after its instant."""

    at: Millis
    late: bool


class DueTicks(Struct, frozen=True):
    """The decision about every tick from the old cursor up to the new one.

    `skipped` and then `runs` are in order of time and share no tick. `cursor` is the next tick that is not decided,
    None = there will be none. `more`: it is due already, and the decision must be continued from it.
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

    On time (at most `grace` ms old): all run, in order, whatever the mode.
    Late (older), by `mode`:

    - `none`: none runs; they become one `missed_window` range.
    - `latest`: those older than `window` become one `missed_window` range; of the others the newest runs, the rest
      become one `coalesced` range.
    - `all`: the same, but the newest `max_runs` run, oldest first.

    `window` is an age in ms, its own length included. None = younger than one period, at most 24 h; a period is the
    distance between the newest tick that is not after `now` and the next one. So by default a plan that was missed
    for any length of time starts once, and not twice when its newest tick is still on time.

    At most `step` runs are returned; when more are due, `more` is set and `cursor` is where to go on, by the same
    rules. What was decided stays decided: a tick that grows late in between falls under the rule for late ticks.
    A cursor after `now` is left alone, so a clock that goes back repeats nothing.
    """
    if cursor > now:
        ended = end is not None and cursor > end
        return DueTicks(runs=(), skipped=(), cursor=None if ended else cursor, more=False)
    floor = cursor - 1 if start is None else max(cursor, start) - 1
    last = now if end is None else min(now, end)
    late = min(last, now - grace - 1)
    settings = CatchUp(mode=mode, window=window, max_runs=max_runs)
    skipped, decided = _skip_late(timetable, settings, floor=floor, late=late, now=now)
    due = ticks(timetable, after=decided, until=last, limit=step)
    if due:
        decided = due[-1]
    following = first_tick(timetable, after=decided, start=start, end=end)
    return DueTicks(
        runs=tuple(DueTick(at=tick, late=tick <= late) for tick in due),
        skipped=skipped,
        cursor=following,
        more=following is not None and following <= now,
    )


def _skip_late(
    timetable: Timetable, settings: CatchUp, *, floor: Millis, late: Millis, now: Millis
) -> tuple[tuple[LedgerRange, ...], Millis]:
    """The late ticks in (floor, late] that do not run, and the instant up to which that decides everything."""
    if timetable.count(floor, late) == 0:
        return (), floor
    if settings.mode is CatchUpMode.NONE:
        return _range(timetable, LedgerReason.MISSED_WINDOW, after=floor, until=late), late
    age = _one_period(timetable, now) - 1 if settings.window is None else settings.window
    old = min(max(floor, now - age - 1), late)
    missed = _range(timetable, LedgerReason.MISSED_WINDOW, after=floor, until=old)
    surplus = timetable.count(old, late) - (1 if settings.mode is CatchUpMode.LATEST else settings.max_runs)
    if surplus <= 0:
        return missed, old
    kept = timetable.nth(surplus, after=old, until=late)
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
