"""What becomes of due ticks: who runs, what is recorded as coalesced or missed, where the cursor goes."""

from collections.abc import Sequence

import pytest

from jobpool.kit.pure.durations import DAY, HOUR, MINUTE, SECOND
from jobpool.model.reasons import LedgerReason
from jobpool.model.schedule import CatchUpMode
from jobpool.timetable import DueTicks, first_tick, plan_catch_up, ticks
from tests.unit.timetable.reading import at, table, text

NONE, LATEST, ALL = CatchUpMode.NONE, CatchUpMode.LATEST, CatchUpMode.ALL
COALESCED, MISSED = LedgerReason.COALESCED, LedgerReason.MISSED_WINDOW


def told(decision: DueTicks, day: str = "2026-01-01T") -> list[str]:
    """`missed 00:10-00:40 4`, `coalesced …`, `late 00:50`, `run 01:00`, `next 01:10`, `more`."""
    names = {MISSED: "missed", COALESCED: "coalesced"}

    def short(tick: int | None) -> str:
        return text(tick).removeprefix(day)

    lines = [f"{names[r.reason]} {short(r.first)}-{short(r.last)} {r.count}" for r in decision.skipped]
    lines += [f"{'late' if run.late else 'run'} {short(run.at)}" for run in decision.runs]
    return [*lines, f"next {short(decision.cursor)}"] + ["more"] * decision.more


def decide(spec: str, cursor: str, now: str, mode: CatchUpMode = LATEST, **settings) -> list[str]:
    return told(plan_catch_up(table(spec), cursor=at(cursor), now=at(now), mode=mode, **settings))


def test_nothing_is_due() -> None:
    assert decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:09:59") == ["next 00:10"]


@pytest.mark.parametrize("mode", list(CatchUpMode))
def test_a_tick_on_time_runs_in_any_mode(mode: CatchUpMode) -> None:
    """Up to a minute of age is on time."""
    assert decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:11", mode) == ["run 00:10", "next 00:20"]


@pytest.mark.parametrize(
    ("mode", "expected"), [(NONE, ["missed 00:10-00:10 1"]), (LATEST, ["late 00:10"]), (ALL, ["late 00:10"])]
)
def test_a_millisecond_beyond_a_minute_is_late(mode: CatchUpMode, expected: list[str]) -> None:
    told = decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:11:00.001", mode)
    assert told == [*expected, "next 00:20"]


@pytest.mark.parametrize("mode", list(CatchUpMode))
def test_ticks_on_time_all_run_in_order(mode: CatchUpMode) -> None:
    assert decide("*/20 * * * * *", "2026-01-01T00:00:20", "2026-01-01T00:01:01", mode) == [
        "run 00:00:20",
        "run 00:00:40",
        "run 00:01",
        "next 00:01:20",
    ]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (NONE, ["missed 00:10-00:50 5"]),
        (LATEST, ["missed 00:10-00:10 1", "coalesced 00:20-00:40 3", "late 00:50"]),
        (ALL, ["missed 00:10-00:10 1", "late 00:20", "late 00:30", "late 00:40", "late 00:50"]),
    ],
)
def test_late_ticks_by_mode(mode: CatchUpMode, expected: list[str]) -> None:
    told = decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:55", mode, window=35 * MINUTE)
    assert told == [*expected, "next 01:00"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (NONE, ["missed 00:10-00:50 5"]),
        (LATEST, ["coalesced 00:10-00:40 4", "late 00:50"]),
        (ALL, ["late 00:10", "late 00:20", "late 00:30", "late 00:40", "late 00:50"]),
    ],
)
def test_after_an_outage_a_tick_younger_than_the_grace_is_late_too(mode: CatchUpMode, expected: list[str]) -> None:
    """Down from 00:10 to 00:50:30: the oldest tick tells, so 00:50 follows the mode with the others."""
    told = decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:50:30", mode, window=HOUR)
    assert told == [*expected, "next 01:00"]


def test_a_plan_of_every_five_seconds_starts_once_after_75_seconds() -> None:
    told = decide("@every 5s", "2026-01-01T00:00:05", "2026-01-01T00:01:20")
    assert told == ["missed 00:00:05-00:01:15 15", "late 00:01:20", "next 00:01:25"]


@pytest.mark.parametrize(
    "spec", ["@every 5s", "* * * * * *", "*/7 * * * *", "0,1,2 * * * *", "30 2 * * *", "@every 90s"]
)
@pytest.mark.parametrize("beyond", [0, 1, 4_999, 17 * SECOND, 59 * MINUTE, 5 * HOUR + 1, 3 * DAY, 400 * DAY - 1])
def test_latest_starts_the_newest_tick_once_after_an_outage_of_any_length(spec: str, beyond: int) -> None:
    """The window is the default one: a period."""
    oldest = table(spec).next(at("2026-01-01T00:00"))
    assert oldest is not None
    now = oldest + MINUTE + 1 + beyond
    decision = plan_catch_up(table(spec), cursor=oldest, now=now, mode=LATEST)
    (run,) = decision.runs
    assert run.late
    assert table(spec).next(run.at) == decision.cursor
    assert run.at <= now < (decision.cursor or 0)
    assert sum(range_.count or 0 for range_ in decision.skipped) == table(spec).count(oldest - 1, now) - 1


class TestDefaultWindow:
    @pytest.mark.parametrize("now", ["2026-01-01T00:50", "2026-01-01T00:50:30"])
    def test_a_plan_whose_newest_tick_is_young_starts_once(self, now: str) -> None:
        assert decide("*/10 * * * *", "2026-01-01T00:10", now) == ["missed 00:10-00:40 4", "late 00:50", "next 01:00"]

    def test_a_plan_whose_newest_tick_is_old_starts_once(self) -> None:
        told = decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:59:59")
        assert told == ["missed 00:10-00:40 4", "late 00:50", "next 01:00"]

    def test_is_a_day_at_most(self) -> None:
        """A weekly plan, due Thursday 00:00."""
        assert decide("0 0 * * THU", "2026-01-01T00:00", "2026-01-01T23:59:59") == [
            "late 00:00",
            "next 2026-01-08T00:00",
        ]
        told = decide("0 0 * * THU", "2026-01-01T00:00", "2026-01-02T00:00")
        assert told == ["missed 00:00-00:00 1", "next 2026-01-08T00:00"]

    def test_is_a_day_at_most_for_the_ticks_before_the_newest(self) -> None:
        told = decide("0 0,6 * * THU", "2026-01-01T00:00", "2026-01-02T05:00", ALL)
        assert told == ["missed 00:00-00:00 1", "late 06:00", "next 2026-01-08T00:00"]

    def test_spans_the_pause_of_a_plan_for_office_hours(self) -> None:
        """Down on Friday from 16:30, back on Saturday at 10:00: Friday's 17:00 still runs."""
        told = decide("0 9-17 * * MON-FRI", "2026-01-02T17:00", "2026-01-03T10:00")
        assert told == ["late 2026-01-02T17:00", "next 2026-01-05T09:00"]

    def test_holds_the_last_tick_of_all_for_a_day(self) -> None:
        assert decide("@at 2026-01-01T00:00:00Z", "2026-01-01T00:00", "2026-01-01T20:00") == [
            "late 00:00",
            "next never",
        ]


def test_all_keeps_the_newest_runs_and_starts_the_oldest_first() -> None:
    told = decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:55", ALL, window=DAY, max_runs=2)
    assert told == ["coalesced 00:10-00:30 3", "late 00:40", "late 00:50", "next 01:00"]


def test_a_window_includes_a_tick_of_exactly_its_age() -> None:
    told = decide("0 * * * *", "2026-01-01T01:00", "2026-01-01T03:00", ALL, window=2 * HOUR)
    assert told == ["late 01:00", "late 02:00", "late 03:00", "next 04:00"]


@pytest.mark.parametrize("mode", [LATEST, ALL])
def test_a_window_that_reaches_no_tick_leaves_nothing_to_run(mode: CatchUpMode) -> None:
    """Also where it is shorter than the grace and the newest tick is within the grace."""
    told = decide("* * * * *", "2026-01-01T00:01", "2026-01-01T00:03:30", mode, window=29 * SECOND)
    assert told == ["missed 00:01-00:03 3", "next 00:04"]
    told = decide("* * * * *", "2026-01-01T00:01", "2026-01-01T00:03:30", mode, window=30 * SECOND)
    assert told == ["missed 00:01-00:02 2", "late 00:03", "next 00:04"]


def test_a_window_shorter_than_the_grace_leaves_ticks_on_time_alone() -> None:
    told = decide("*/20 * * * * *", "2026-01-01T00:00:20", "2026-01-01T00:01:10", ALL, window=SECOND)
    assert told == ["run 00:00:20", "run 00:00:40", "run 00:01", "next 00:01:20"]


def test_a_long_outage_becomes_one_counted_range() -> None:
    told = decide("* * * * * *", "2025-01-01T00:00", "2026-01-01T00:00:00", NONE, grace=0)
    assert told == ["missed 2025-01-01T00:00-00:00 31536001", "next 00:00:01"]


class TestBounds:
    def test_ticks_before_the_start_are_nobodys(self) -> None:
        told = decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:41", NONE, start=at("2026-01-01T00:30"))
        assert told == ["missed 00:30-00:40 2", "next 00:50"]

    def test_a_tick_before_the_start_tells_of_no_outage(self) -> None:
        """The oldest tick that may run is that of 00:40; the start itself is no tick."""
        told = decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:41", NONE, start=at("2026-01-01T00:31"))
        assert told == ["run 00:40", "next 00:50"]

    def test_the_end_bounds_ticks_on_time_too(self) -> None:
        told = decide("*/20 * * * * *", "2026-01-01T00:00:20", "2026-01-01T00:01", end=at("2026-01-01T00:00:50"))
        assert told == ["run 00:00:20", "run 00:00:40", "next never"]

    def test_a_start_to_come_is_waited_for(self) -> None:
        told = decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:41", start=at("2026-01-01T05:05"))
        assert told == ["next 05:10"]

    def test_the_end_itself_still_runs_and_nothing_after(self) -> None:
        told = decide(
            "*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:31", ALL, window=DAY, end=at("2026-01-01T00:20")
        )
        assert told == ["late 00:10", "late 00:20", "next never"]

    def test_the_newest_tick_before_the_end_is_the_latest(self) -> None:
        told = decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T05:00", window=DAY, end=at("2026-01-01T00:45"))
        assert told == ["coalesced 00:10-00:30 3", "late 00:40", "next never"]

    def test_a_cursor_past_the_end_is_the_end(self) -> None:
        assert decide("*/10 * * * *", "2026-01-01T00:10", "2026-01-01T00:00", end=at("2026-01-01T00:09")) == [
            "next never"
        ]

    @pytest.mark.parametrize(
        ("after", "start", "end", "expected"),
        [
            ("00:00", None, None, "00:10"),
            ("00:10", None, None, "00:20"),
            ("00:00", "00:20", None, "00:20"),
            ("00:00", "00:11", "00:20", "00:20"),
            ("00:00", None, "00:09", "never"),
            ("00:25", "00:10", "00:30", "00:30"),
        ],
    )
    def test_first_tick(self, after: str, start: str | None, end: str | None, expected: str) -> None:
        def moment(time: str | None) -> int | None:
            return None if time is None else at(f"2026-01-01T{time}")

        found = first_tick(table("*/10 * * * *"), after=at(f"2026-01-01T{after}"), start=moment(start), end=moment(end))
        assert text(found).removeprefix("2026-01-01T") == expected


@pytest.mark.invariant("C-2")
def test_a_time_in_the_past_never_launches() -> None:
    """A plan that is added has its first tick after now, whatever its schedule names before."""
    timetable = table("@at 2025-01-01T00:00:00Z")
    assert first_tick(timetable, after=at("2026-01-01T00:00"), start=None, end=None) is None


def test_a_clock_that_goes_back_repeats_nothing() -> None:
    """Rule 10: the cursor is stored, and is ahead of the clock."""
    assert decide("*/10 * * * *", "2026-01-01T00:20", "2025-12-31T23:00") == ["next 00:20"]


def follow(spec: str, cursor: int, now: int, mode: CatchUpMode, **settings) -> tuple[Sequence[DueTicks], list[int]]:
    """Continue while there is more, the clock standing still."""
    timetable, steps = table(spec), []
    at_cursor: int | None = cursor
    while at_cursor is not None:
        step = plan_catch_up(timetable, cursor=at_cursor, now=now, mode=mode, **settings)
        steps.append(step)
        at_cursor = step.cursor if step.more else None
    return steps, [run.at for step in steps for run in step.runs]


@pytest.mark.parametrize("mode", list(CatchUpMode))
@pytest.mark.parametrize("step", [1, 3, 500])
@pytest.mark.parametrize("spec", ["* * * * *", "*/10 * * * * *", "7 */3 * * *", "@every 90s", "* 4 * * * *"])
def test_in_steps_of_any_size_each_tick_is_decided_once(mode: CatchUpMode, step: int, spec: str) -> None:
    cursor, now = at("2026-01-01T00:00"), at("2026-01-01T06:30:25")
    steps, runs = follow(spec, cursor, now, mode, step=step, window=HOUR, max_runs=20)
    whole = plan_catch_up(table(spec), cursor=cursor, now=now, mode=mode, window=HOUR, max_runs=20)
    assert runs == [run.at for run in whole.runs]
    assert steps[-1].cursor == whole.cursor
    assert all(len(decision.runs) <= step for decision in steps)
    assert all(run.late for run in whole.runs)
    assert all(len({run.late for run in decision.runs}) <= 1 for decision in steps)
    due = ticks(table(spec), after=cursor - 1, until=now, limit=10_000)
    skipped = [range_ for decision in steps for range_ in decision.skipped]
    in_ranges = [[t for t in due if range_.first <= t <= range_.last] for range_ in skipped]
    assert [len(inside) for inside in in_ranges] == [range_.count for range_ in skipped]
    assert sorted([*runs, *(tick for inside in in_ranges for tick in inside)]) == due


def test_ticks_that_grow_late_between_steps_fall_under_the_rule_for_late_ticks() -> None:
    timetable = table("*/20 * * * * *")
    first = plan_catch_up(
        timetable, cursor=at("2026-01-01T00:00:20"), now=at("2026-01-01T00:01:01"), mode=LATEST, step=1
    )
    assert told(first) == ["run 00:00:20", "next 00:00:40", "more"]
    assert first.cursor is not None
    second = plan_catch_up(timetable, cursor=first.cursor, now=at("2026-01-01T00:02:20"), mode=LATEST, window=HOUR)
    assert told(second) == ["coalesced 00:00:40-00:02 5", "late 00:02:20", "next 00:02:40"]


def test_what_all_leaves_to_a_later_step_is_on_time_once_it_is_young_enough() -> None:
    cursor, now = at("2026-01-01T00:00:20"), at("2026-01-01T00:02:05")
    steps, _ = follow("*/20 * * * * *", cursor, now, ALL, step=3, window=HOUR)
    assert [told(step) for step in steps] == [
        ["late 00:00:20", "late 00:00:40", "late 00:01", "next 00:01:20", "more"],
        ["run 00:01:20", "run 00:01:40", "run 00:02", "next 00:02:20"],
    ]
