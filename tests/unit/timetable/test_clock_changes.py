"""What a change of the clock does to ticks: the design's table, and the zones that break schedulers."""

import pytest

from jobpool.model.schedule import DstGap, DstOverlap
from jobpool.timetable import DstMark
from tests.unit.timetable.reading import at, fires, table

NEW_YORK, BERLIN, LORD_HOWE = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"

# zone, spec, after (local), ticks (UTC)
DESIGN = [
    (NEW_YORK, "30 2 * * *", "2025-03-08T12:00", "2025-03-09T07:00 2025-03-10T06:30 2025-03-11T06:30"),
    (NEW_YORK, "15,45 2 * * *", "2025-03-08T12:00", "2025-03-09T07:00 2025-03-10T06:15 2025-03-10T06:45"),
    (NEW_YORK, "30 1 * * *", "2025-11-01T12:00", "2025-11-02T05:30 2025-11-03T06:30"),
    (
        NEW_YORK,
        "*/30 1 * * *",
        "2025-11-02T00:40",
        "2025-11-02T05:00 2025-11-02T05:30 2025-11-02T06:00 2025-11-02T06:30 2025-11-03T06:00",
    ),
    (NEW_YORK, "0 */2 * * *", "2025-03-09T00:30", "2025-03-09T08:00 2025-03-09T10:00 2025-03-09T12:00"),
    (
        BERLIN,
        "0 * * * *",
        "2025-10-26T00:30",
        "2025-10-25T23:00 2025-10-26T00:00 2025-10-26T01:00 2025-10-26T02:00 2025-10-26T03:00",
    ),
    ("America/Sao_Paulo", "0 0 * * *", "2018-11-03T12:00", "2018-11-04T03:00 2018-11-05T02:00"),
]
MORE = [
    # half an hour: 02:00 becomes 02:30 (+10:30 to +11)
    (LORD_HOWE, "15 2 * * *", "2025-10-04T12:00", "2025-10-04T15:30 2025-10-05T15:15"),
    (LORD_HOWE, "45 1 * * *", "2025-04-05T12:00", "2025-04-05T14:45 2025-04-06T15:15"),
    (
        LORD_HOWE,
        "*/15 1 * * *",
        "2025-04-06T01:20",
        "2025-04-05T14:30 2025-04-05T14:45 2025-04-05T15:00 2025-04-05T15:15",
    ),
    # the run after the gap falls on a time that is asked for anyway: one run
    (NEW_YORK, "30 2,3 * * *", "2025-03-08T12:00", "2025-03-09T07:00 2025-03-09T07:30 2025-03-10T06:30"),
    (NEW_YORK, "0 2,3 * * *", "2025-03-08T12:00", "2025-03-09T07:00 2025-03-10T06:00 2025-03-10T07:00"),
    # @daily is a fixed time, @hourly is not
    ("America/Sao_Paulo", "@daily", "2018-11-03T12:00", "2018-11-04T03:00"),
    ("Africa/Cairo", "@hourly", "2025-04-24T22:30", "2025-04-24T21:00 2025-04-24T22:00"),
    # seconds make no wildcard
    (NEW_YORK, "*/30 30 2 * * *", "2025-03-08T12:00", "2025-03-09T07:00 2025-03-10T06:30 2025-03-10T06:30:30"),
    # Ramadan: two changes a month apart
    ("Africa/Casablanca", "30 2 * * *", "2025-02-23T00:00", "2025-02-23T01:30 2025-02-24T02:30"),
    ("Africa/Casablanca", "30 2 * * *", "2025-04-05T12:00", "2025-04-06T02:00 2025-04-07T01:30"),
    # Samoa had no 30 December 2011: a date that is missing does not fire
    ("Pacific/Apia", "0 12 * * *", "2011-12-28T13:00", "2011-12-29T22:00 2011-12-30T22:00"),
    ("Pacific/Apia", "0 12 30 12 *", "2011-12-01T00:00", "2012-12-29T22:00"),
    ("Pacific/Apia", "0 0 0 30 12 ? 2011", "2011-12-01T00:00", "never"),
    # Vostok went back seven hours in 1994: too large for daylight saving, both passes are real
    ("Antarctica/Vostok", "30 20 * * *", "1994-01-31T12:00", "1994-01-31T13:30 1994-01-31T20:30 1994-02-01T20:30"),
    # three hours is still covered
    ("Antarctica/Casey", "0 1 * * *", "2018-03-10T12:00", "2018-03-10T14:00 2018-03-11T17:00"),
    # the old year comes back for an hour when Bangladesh ended its daylight saving, and with it the year 2009
    (
        "Asia/Dhaka",
        "0 */30 23 31 12 ? 2009",
        "2009-12-31T23:20",
        "2009-12-31T16:30 2009-12-31T17:00 2009-12-31T17:30 never",
    ),
]


@pytest.mark.invariant("C-7")
@pytest.mark.parametrize(("zone", "spec", "after", "expected"), DESIGN + MORE)
def test_fires(zone: str, spec: str, after: str, expected: str) -> None:
    wanted = expected.split()
    assert fires(table(spec, zone), at(after, zone), len(wanted)) == wanted


@pytest.mark.invariant("C-7")
@pytest.mark.parametrize(
    ("gap", "expected"),
    [(DstGap.RUN_AFTER, "2025-03-09T07:00 2025-03-10T06:30"), (DstGap.SKIP, "2025-03-10T06:30 2025-03-11T06:30")],
)
def test_gap_is_the_plans_choice(gap: DstGap, expected: str) -> None:
    assert fires(table("30 2 * * *", NEW_YORK, gap=gap), at("2025-03-08T12:00"), 2) == expected.split()


@pytest.mark.invariant("C-7")
@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (DstOverlap.FIRST, "2025-11-02T05:30 2025-11-03T06:30"),
        (DstOverlap.SECOND, "2025-11-02T06:30 2025-11-03T06:30"),
        (DstOverlap.BOTH, "2025-11-02T05:30 2025-11-02T06:30"),
    ],
)
def test_overlap_is_the_plans_choice(overlap: DstOverlap, expected: str) -> None:
    assert fires(table("30 1 * * *", NEW_YORK, overlap=overlap), at("2025-11-01T12:00"), 2) == expected.split()


def test_asked_inside_the_second_pass_a_fixed_time_does_not_go_back() -> None:
    assert fires(table("30 1 * * *", NEW_YORK), at("2025-11-02T06:10"), 1) == ["2025-11-03T06:30"]


@pytest.mark.invariant("C-7")
@pytest.mark.parametrize("zone", [NEW_YORK, BERLIN, LORD_HOWE])
def test_every_minute_never_misses(zone: str) -> None:
    timetable = table("* * * * *", zone)
    year = at("2025-01-01T00:00"), at("2026-01-01T00:00")
    assert timetable.count(*year) == 365 * 24 * 60


@pytest.mark.invariant("C-7")
@pytest.mark.parametrize("zone", [NEW_YORK, BERLIN, LORD_HOWE, "America/Sao_Paulo", "Africa/Casablanca"])
@pytest.mark.parametrize("hour", range(24))
def test_a_daily_plan_runs_once_a_day_the_whole_year(zone: str, hour: int) -> None:
    timetable = table(f"30 {hour} * * *", zone)
    start, end = at("2018-01-01T00:00", zone) - 1, at("2019-01-01T00:00", zone) - 1
    assert timetable.count(start, end) == 365


@pytest.mark.parametrize(
    ("zone", "spec", "tick", "wall", "mark"),
    [
        (NEW_YORK, "30 2 * * *", "2025-03-09T07:00", "2025-03-09T03:00:00-04:00", DstMark.GAP),
        (NEW_YORK, "30 2 * * *", "2025-03-10T06:30", "2025-03-10T02:30:00-04:00", DstMark.NONE),
        (NEW_YORK, "0 3 * * *", "2025-03-09T07:00", "2025-03-09T03:00:00-04:00", DstMark.NONE),
        (NEW_YORK, "0 * * * *", "2025-03-09T07:00", "2025-03-09T03:00:00-04:00", DstMark.NONE),
        (NEW_YORK, "30 1 * * *", "2025-11-02T05:30", "2025-11-02T01:30:00-04:00", DstMark.OVERLAP),
        (NEW_YORK, "0 * * * *", "2025-11-02T06:00", "2025-11-02T01:00:00-05:00", DstMark.OVERLAP),
        (NEW_YORK, "0 * * * *", "2025-11-02T07:00", "2025-11-02T02:00:00-05:00", DstMark.NONE),
        (NEW_YORK, "0 * * * *", "2025-11-02T04:00", "2025-11-02T00:00:00-04:00", DstMark.NONE),
        ("Asia/Kathmandu", "@every 1.5s", "2025-11-02T00:00:01.500", "2025-11-02T05:45:01.500+05:45", DstMark.NONE),
        (NEW_YORK, "@at 2025-11-02T06:30:00Z", "2025-11-02T06:30", "2025-11-02T01:30:00-05:00", DstMark.OVERLAP),
    ],
)
def test_describes_a_tick(zone: str, spec: str, tick: str, wall: str, mark: DstMark) -> None:
    note = table(spec, zone).describe_tick(at(tick))
    assert (note.tick, note.wall, note.zone, note.dst) == (at(tick), wall, zone, mark)
