"""The timetable agrees with a dumb twin, minute by minute, and with two known cron libraries where they share rules."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise, product
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobpool.model.errors import BadSchedule
from jobpool.model.schedule import DayMatch, DstGap, DstOverlap
from jobpool.timetable import ScheduleOptions, parse, ticks
from tests.properties.timetable_twin import MONTHS, WEEKDAYS, Twin, matches_date

ZONES = [
    "UTC",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Antarctica/Vostok",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Shanghai",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
]
WHOLE_HOURS = [
    "UTC",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "Antarctica/Troll",
    "Asia/Shanghai",
    "Atlantic/Azores",
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Chatham",
]
SLOW = settings(max_examples=120, deadline=None)
ORACLE = settings(max_examples=200, deadline=None, derandomize=True)  # their rare bugs must not fail our builds


@cache
def changes(zone: str) -> list[int]:
    """Where the clock changes from 1973 to 2060: seconds, to the minute. No two lie within a day."""
    days = range(94_694_400, 2_840_140_800, 86_400)
    return [
        next(u for u in range(day - 86_400 + 60, day + 60, 60) if offset(zone, u) != offset(zone, u - 60))
        for day in days[1:]
        if offset(zone, day) != offset(zone, day - 86_400)
    ]


def offset(zone: str, second: int) -> timedelta:
    return datetime.fromtimestamp(second, ZoneInfo(zone)).utcoffset() or timedelta(0)


@st.composite
def moments(draw: st.DrawFn, zones: list[str] = ZONES) -> tuple[str, int]:
    """A zone and a whole minute, most often in the days before its clock changes."""
    zone = draw(st.sampled_from(zones))
    near = changes(zone)
    if not near or draw(st.integers(0, 9)) == 0:
        return zone, draw(st.integers(3 * 10**6, 45 * 10**6)) * 60
    big = [u for u in near if abs(offset(zone, u) - offset(zone, u - 60)) > timedelta(hours=2)]
    return zone, draw(st.sampled_from(big * (len(near) // 2) + near)) - 60 * draw(st.integers(-300, 2000))


@st.composite
def times(draw: st.DrawFn, zone: str, second: int) -> tuple[str, str]:
    """Minute and hour fields, most often with the hours that a change of the clock nearby touches."""
    near = [u for u in changes(zone) if abs(u - second) < 2 * 86_400]
    if not near or draw(st.integers(0, 3)) == 0:
        return draw(minutes), draw(fields(items(0, 23)))
    edge = draw(st.sampled_from([near[0], near[0] - 60]))
    hour = datetime.fromtimestamp(edge, ZoneInfo(zone)).hour
    around = st.integers(hour - 3, hour + 3).map(lambda h: str(h % 24))
    return draw(minutes | st.just("0")), draw(fields(around | st.builds("{}-{}".format, around, around)))


def items(low: int, high: int, names: list[str] | None = None) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    word = value.map(str) if names is None else value.map(str) | value.map(lambda v: names[v]).filter(bool)
    step = st.integers(1, high - low + 1)
    ranges = st.builds("{}-{}".format, word, word)
    return st.one_of(
        word,
        ranges,
        st.just("*"),
        st.builds("*/{}".format, step),
        st.builds("{}/{}".format, word, step),
        st.builds("{}/{}".format, ranges, step),
    )


def fields(item: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(item, min_size=1, max_size=most).map(",".join)


minutes = fields(items(0, 59))
days = st.one_of(
    st.sampled_from(["*", "?", "L", "LW", "1W", "15W", "31W", "*/2"]),
    fields(items(1, 31)),
    fields(st.integers(1, 30).map("L-{}".format) | st.integers(1, 31).map("{}W".format) | items(1, 31)),
)
months = st.just("*") | fields(items(1, 12, MONTHS))
weekdays = st.one_of(
    st.sampled_from(["*", "?", "MON-FRI", "FRI-MON", "7", "0-7", "5-7", "7-3"]),
    fields(items(0, 6, WEEKDAYS)),
    fields(st.builds("{}#{}".format, st.integers(0, 7), st.integers(1, 5)) | st.integers(0, 7).map("{}L".format)),
)
daily = st.just(("*", "*", "*"))
choices = st.fixed_dictionaries(
    {"gap": st.sampled_from(DstGap), "overlap": st.sampled_from(DstOverlap), "match": st.sampled_from(DayMatch)}
)


def table(spec: str, zone: str, **options):
    try:
        return parse(spec, ScheduleOptions(zone, **options))
    except BadSchedule as error:
        assume("never meet" not in error.reason)
        raise


def found_between(timetable, start: int, end: int) -> list[int]:
    """Ticks in [start, end] in seconds, and the promises that hold for any of them."""
    found = ticks(timetable, after=start * 1000 - 1, until=end * 1000, limit=1_000_000)
    assert all(a < b for a, b in pairwise(found))
    assert timetable.count(start * 1000 - 1, end * 1000) == len(found)
    if found:
        middle = len(found) // 2
        assert timetable.nth(middle + 1, after=start * 1000 - 1, until=end * 1000) == found[middle]
    return [tick // 1000 for tick in found]


@pytest.mark.invariant("C-7")
@SLOW
@given(moments(), daily | st.tuples(days, months, weekdays), choices, st.data())
def test_agrees_with_the_twin_minute_by_minute(moment, date_fields, options, data) -> None:
    zone, start = moment
    spec = " ".join([*data.draw(times(zone, start)), *date_fields])
    timetable = table(spec, zone, **options)
    end = start + 3 * 86_400
    assert found_between(timetable, start, end) == Twin(spec, zone, **options).ticks(start, end)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), fields(items(0, 59)), choices, st.data())
def test_agrees_with_the_twin_second_by_second(zone, second, options, data) -> None:
    start = data.draw(st.sampled_from(changes(zone) or [1_700_000_000])) - data.draw(st.integers(0, 7200))
    minute, hour = data.draw(times(zone, start))
    spec = f"{second} {minute} {hour} * * ?"
    end = start + 3 * 3600
    assert found_between(table(spec, zone, **options), start, end) == Twin(spec, zone, **options).ticks(start, end)


@pytest.mark.invariant("C-7")
@pytest.mark.parametrize("zone", ZONES)
def test_agrees_with_the_twin_at_changes_of_the_clock(zone: str) -> None:
    """The latest changes of each kind, with times before, in, across and after what is lost or repeated."""
    kinds = {offset(zone, u) - offset(zone, u - 60): u for u in changes(zone)}  # the newest of each size
    for change in kinds.values():
        start, end = change - 5 * 3600, change + 5 * 3600
        lost = {datetime.fromtimestamp(change + m * 60, ZoneInfo(zone)).hour for m in (-61, -1, 0, 59)}
        one, many = min(lost), ",".join(map(str, sorted(lost)))
        for time in (f"30 {one}", f"0,15,45 {many}", f"*/10 {many}", "0 0", "0 *"):
            for gap, overlap in product(DstGap, DstOverlap):
                found = found_between(table(f"{time} * * *", zone, gap=gap, overlap=overlap), start, end)
                assert found == Twin(f"{time} * * *", zone, gap=gap, overlap=overlap).ticks(start, end)


def test_agrees_with_the_twin_where_offsets_have_seconds() -> None:
    """Africa/Monrovia was 44 min 30 s behind until 1972-01-07."""
    start = int(datetime(1972, 1, 7, 0, 0, tzinfo=UTC).timestamp())
    for spec in ("0 15 0 * * *", "30 */5 * * * *", "0 0,44,45 0 * * *"):
        found = found_between(table(spec, "Africa/Monrovia"), start, start + 6 * 3600)
        assert found == Twin(spec, "Africa/Monrovia").ticks(start, start + 6 * 3600)
        assert found


@SLOW
@given(days, months, weekdays, st.sampled_from(DayMatch), st.integers(1970, 2095), st.sampled_from(["", " 1990/3"]))
def test_agrees_with_the_twin_day_by_day_for_years(day, month, weekday, match, year, years) -> None:
    spec = f"0 0 12 {day} {month} {weekday}{years}"
    timetable = table(spec, "UTC", match=match)
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 4, 12, 31, tzinfo=UTC)
    fields = (day, month, weekday, years.strip() or "*")
    wanted = [
        start.date() + timedelta(i)
        for i in range((end - start).days)
        if matches_date(fields, match is DayMatch.ALL, start.date() + timedelta(i))
    ]
    found = found_between(timetable, int(start.timestamp()), int(end.timestamp()))
    assert [datetime.fromtimestamp(second, UTC) for second in found] == [
        datetime(day.year, day.month, day.day, 12, tzinfo=UTC) for day in wanted
    ]


@SLOW
@given(moments(), days, months, weekdays, choices, st.integers(0, 10**12), st.data())
def test_next_does_not_depend_on_the_path(moment, day, month, weekday, options, hop, data) -> None:
    """From any instant before a tick and not before the one in front of it, the answer is that tick."""
    zone, start = moment
    minute, hour = data.draw(times(zone, start))
    timetable = table(f"{minute} {hour} {day} {month} {weekday}", zone, **options)
    first = timetable.next(start * 1000)
    if first is not None:
        second = timetable.next(first)
        between = first + hop % (1 if second is None else second - first)
        assert timetable.next(between) == second
        assert timetable.next(start * 1000 + hop % (first - start * 1000)) == first
        assert timetable.count(start * 1000, first) == 1


def plain(low: int, high: int) -> st.SearchStrategy[str]:
    """What every cron understands."""
    pair = st.sets(st.integers(low, high), min_size=2, max_size=2).map(sorted)
    return st.one_of(
        st.integers(low, high).map(str),
        pair.map("{0[0]}-{0[1]}".format),
        st.just("*"),
        st.integers(1, high).map("*/{}".format),
    )


@ORACLE
@given(moments(WHOLE_HOURS), plain(0, 59), plain(0, 23), plain(1, 28), plain(1, 12), plain(0, 6), st.booleans())
def test_agrees_with_cronsim(moment, minute, hour, day, month, weekday, whole_year) -> None:
    """cronsim has the same rules, but asked inside a repeated hour it may answer with the past, and leaps that are not
    whole hours (Asia/Kathmandu 1986, Asia/Pyongyang 2015) or are whole days confuse it."""
    zone, start = moment
    assume(not any(abs(start - change) < 6 * 3600 for change in changes(zone)))
    spec = f"{minute} {hour} {day} {'*' if whole_year else month} {weekday}"
    theirs = CronSim(spec, datetime.fromtimestamp(start, ZoneInfo(zone)))
    timetable = table(spec, zone)
    wanted = [int(next(theirs).timestamp()) for _ in range(12)]
    assert [tick // 1000 for tick in ticks(timetable, after=start * 1000, until=2**62, limit=12)] == wanted


@ORACLE
@given(st.integers(0, 4 * 10**9), plain(0, 59), plain(0, 23), plain(1, 28), st.integers(0, 7), st.booleans())
def test_agrees_with_croniter_without_daylight_saving(start, minute, hour, day, weekday, weekly) -> None:
    spec = f"{minute} {hour} * * {weekday}" if weekly else f"{minute} {hour} {day} * *"
    theirs = croniter(spec, datetime.fromtimestamp(start, UTC))
    wanted = [int(theirs.get_next(datetime).timestamp()) for _ in range(12)]
    assert [t // 1000 for t in ticks(table(spec, "UTC"), after=start * 1000, until=2**62, limit=12)] == wanted


@SLOW
@given(st.text(alphabet="0123456789*,-/?LWH#()@ JANMOFRISUevryat:TZ=+.\t１é\0", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    refused: BadSchedule | None = None
    try:
        timetable = parse(text, ScheduleOptions("Europe/Berlin"))
    except BadSchedule as error:
        refused = error
    if refused is None:
        first = timetable.next(0)
        assert first is None or first > 0
    else:
        assert refused.field
        assert refused.column is not None
        assert 1 <= refused.column <= len(text) + 1


def test_the_twin_itself() -> None:
    assert Twin("30 2 * * *", "America/New_York").ticks(1741417200, 1741676400) == [
        1741419000,
        1741503600,
        1741588200,
        1741674600,
    ]
    assert matches_date(("15W", "*", "*", "*"), False, date(2026, 11, 16))
