"""How many starts each minute has is what walking from tick to tick finds; counters side by side count as lists do."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobpool.kit.pure.tally import Tally
from jobpool.timetable import ScheduleOptions, Share, Timetable, minutes_within, parse, ticks
from jobpool.timetable.rules import AtRule
from jobpool.timetable.zones import Zone
from tests.properties.test_timetable import (
    ZONES,
    changes,
    choices,
    daily,
    days,
    fields,
    items,
    moments,
    months,
    table,
    weekdays,
)
from tests.properties.test_timetable import times as times_near

MINUTE = 60_000
COUNT = 1800
SLOW = settings(max_examples=150, deadline=None)


def walked(timetable: Timetable, first: int, *, start: int | None = None, end: int | None = None) -> dict[int, int]:
    """Starts by minute, 0 = `first`."""
    since = first * MINUTE if start is None else max(start, first * MINUTE)
    until = (first + COUNT) * MINUTE - 1 if end is None else min(end, (first + COUNT) * MINUTE - 1)
    found = ticks(timetable, after=since - 1, until=until, limit=10_000_000)
    return dict(Counter(tick // MINUTE - first for tick in found))


def told(shares: Sequence[Share]) -> dict[int, int]:
    tally = Tally()
    for share in shares:
        assert share.minutes >> COUNT == 0
        tally.add(share.minutes, share.weight)
    return {place: value for place, value in enumerate(tally.read(0, COUNT)) if value}


def agree(timetable: Timetable, first: int) -> None:
    assert told(minutes_within(timetable, first, COUNT, start=None, end=None)) == walked(timetable, first)


@pytest.mark.invariant("C-7")
@SLOW
@given(moments(), daily | st.tuples(days, months, weekdays), choices, st.data())
def test_a_cron_expression(moment, date_fields, options, data) -> None:
    zone, second = moment
    spec = " ".join([*data.draw(times_near(zone, second)), *date_fields])
    agree(table(spec, zone, **options), max(0, second // 60 - data.draw(st.integers(0, COUNT))))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(ZONES), fields(items(0, 59)), choices, st.data())
def test_seconds(zone, second, options, data) -> None:
    at = data.draw(st.sampled_from(changes(zone) or [1_700_000_000])) // 60 - data.draw(st.integers(0, COUNT))
    minute, hour = data.draw(times_near(zone, at * 60))
    agree(table(f"{second} {minute} {hour} * * ?", zone, **options), at)


def test_offsets_that_have_seconds() -> None:
    agree(parse("*/7 * * * *", ScheduleOptions("Africa/Monrovia")), 63_593_000 // 60)


@SLOW
@given(st.integers(1000, 200_000) | st.integers(1, 4000).map(lambda n: n * 1000), st.integers(0), st.integers(0, 10**8))
def test_intervals(period, phase, first) -> None:
    agree(parse(f"@every {period}ms/{phase % period}ms", ScheduleOptions("UTC")), first)


@SLOW
@given(st.integers(-2, COUNT * 60 + 2), st.integers(0, 999))
def test_one_instant(second, rest) -> None:
    first = 29_000_000
    at = (first * 60 + second) * 1000 + rest
    agree(Timetable("@at", Zone("UTC"), AtRule(at)), first)


@SLOW
@given(
    st.sampled_from(["* * * * * *", "*/5 * * * *", "17 3 * * *", "@every 7s", "@every 90s"]),
    st.none() | st.integers(-5 * MINUTE, (COUNT + 5) * MINUTE),
    st.none() | st.integers(-5 * MINUTE, (COUNT + 5) * MINUTE) | st.integers(0, 3 * MINUTE),
)
def test_start_and_end_bind_to_the_millisecond(spec, start, end) -> None:
    first = 29_000_000
    start = None if start is None else first * MINUTE + start
    end = None if end is None else (start if start is not None and 0 <= end <= 3 * MINUTE else first * MINUTE) + end
    timetable = parse(spec, ScheduleOptions("Europe/Berlin"))
    shares = minutes_within(timetable, first, COUNT, start=start, end=end)
    assert told(shares) == walked(timetable, first, start=start, end=end)


@given(st.lists(st.tuples(st.integers(0, 2**70 - 1), st.integers(0, 70))), st.data())
def test_counters_side_by_side(added, data) -> None:
    tally, twin = Tally(), [0] * 70
    for mask, weight in added:
        tally.add(mask, weight)
        twin = [value + weight * (mask >> place & 1) for place, value in enumerate(twin)]
    assert tally.read(0, 70) == twin
    for mask, weight in data.draw(st.permutations(added)):
        tally.subtract(mask, weight)
        twin = [value - weight * (mask >> place & 1) for place, value in enumerate(twin)]
        assert tally.read(7, 20) == twin[7:27]


def test_no_counter_falls_below_zero() -> None:
    tally = Tally()
    tally.add(0b11, 1)
    with pytest.raises(ValueError, match="at least 2"):
        tally.subtract(0b10, 2)
