"""The work of one question is bounded, counted in function calls: also for schedules made to be slow."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from jobpool.model.schedule import CatchUpMode, DayMatch, DstGap
from jobpool.timetable import plan_catch_up
from tests.unit.timetable.reading import at, fires, table, text


def calls(question: Callable[[], object]) -> int:
    """Function calls, Python's and C's, made by the second asking (the first fills what is remembered)."""
    question()
    count = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        question()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    ("spec", "most"),
    [("* * * * * *", 40), ("*/5 * * * MON-FRI", 40), ("30 2 * * *", 60), ("0 9 1,15 * *", 60), ("@every 5s", 10)],
)
def test_common_schedules_are_cheap(spec: str, most: int) -> None:
    timetable = table(spec, "America/New_York")
    assert calls(lambda: timetable.next(at("2027-06-15T12:34:56"))) <= most


@pytest.mark.parametrize(
    ("spec", "options", "answer"),
    [
        ("0 0 29 2 MON", {"match": DayMatch.ALL}, "2112-02-29T05:00"),
        ("0 0 0 1 1 ? 2099", {}, "2099-01-01T05:00"),
        ("0 0 0 29 2 ? 2096", {}, "2096-02-29T05:00"),
        ("0 0 0 1 1 ? 1970", {}, "never"),
        # the second Sunday of March, at a time that it never has
        ("30 2 * 3 SUN#2", {"gap": DstGap.SKIP}, "never"),
        ("30 2 8-14 3 SUN", {"gap": DstGap.SKIP, "match": DayMatch.ALL}, "never"),
    ],
)
def test_schedules_made_to_be_slow_are_bounded(spec: str, options: dict[str, object], answer: str) -> None:
    timetable = table(spec, "America/New_York", **options)
    after = at("2072-03-01T00:00")
    assert text(timetable.next(after)) == answer
    assert calls(lambda: timetable.next(after)) < 8000


def test_counting_does_not_list() -> None:
    timetable = table("* * * * * *", "America/New_York")
    day, decade = (at("2020-01-01T00:00"), at("2020-01-02T00:00")), (at("2020-01-01T00:00"), at("2030-01-01T00:00"))
    assert timetable.count(*day) == 86_400
    assert timetable.count(*decade) == 86_400 * 3653
    assert calls(lambda: timetable.count(*decade)) < 3000


def test_catching_up_ten_years_of_seconds_lists_only_what_runs() -> None:
    timetable = table("* * * * * *", "America/New_York")
    start, now = at("2016-01-01T00:00"), at("2026-01-01T00:00")
    decide = lambda: plan_catch_up(  # noqa: E731
        timetable, cursor=start, now=now, mode=CatchUpMode.ALL, window=now, max_runs=100, step=10
    )
    assert len(decide().runs) == 10
    assert calls(decide) < 40_000


def test_nothing_lies_outside_the_calendar() -> None:
    timetable = table("0 0 1 1 *")
    assert fires(timetable, -(10**18), 2) == ["1970-01-01T00:00", "1971-01-01T00:00"]
    assert timetable.next(10**18) is None
    assert timetable.count(10**17, 10**18) == 0
    last = at("9890-06-01T00:00")
    assert timetable.next(last) == at("9891-01-01T00:00")
