"""Every form of the grammar, what it means, and what is refused where."""

import pytest

from jobpool.model.errors import BadSchedule
from jobpool.model.schedule import DayMatch
from jobpool.timetable import ScheduleOptions, parse
from tests.unit.timetable.reading import at, fires, table, text

# 2026-01-01 is a Thursday
MEANINGS = [
    ("*/20 * * * *", "00:20 00:40 01:00"),
    ("5,35 1 * * *", "01:05 01:35 02T01:05"),
    ("50-10/10 3 * * *", "03:00 03:10 03:50"),
    ("40/10 * * * *", "00:40 00:50 01:40"),
    ("*/60 * * * *", "01:00 02:00 03:00"),
    ("0 22-2/2 * * *", "02:00 22:00 02T00:00"),
    ("15 0 0 * * *", "00:00:15 02T00:00:15"),
    ("*/30 * * * * *", "00:00:30 00:01 00:01:30"),
    ("? ? ? ? ? ?", "00:00:01 00:00:02"),
    ("0 12 L * *", "31T12:00 02-28T12:00"),
    ("0 12 L-3 * *", "28T12:00 02-25T12:00"),
    ("0 12 L-30 * *", "01T12:00 03-01T12:00 05-01T12:00"),
    ("0 12 LW * *", "30T12:00 02-27T12:00 03-31T12:00"),
    ("0 12 15W * *", "15T12:00 02-16T12:00 03-16T12:00"),
    ("0 12 1W 2,8 *", "02-02T12:00 08-03T12:00"),
    ("0 12 31W 1,5 *", "30T12:00 05-29T12:00"),
    ("0 12 30W * *", "30T12:00 03-30T12:00 04-30T12:00"),
    ("0 12 15,L * *", "15T12:00 31T12:00 02-15T12:00"),
    ("0 12 28-3/2 * *", "01T12:00 03T12:00 28T12:00 30T12:00"),
    ("0 12 * * 5L", "30T12:00 02-27T12:00"),
    ("0 12 * * FRIL", "30T12:00 02-27T12:00"),
    ("0 12 * * fri#2", "09T12:00 02-13T12:00"),
    ("0 12 * * 4#5", "29T12:00 04-30T12:00"),
    ("0 12 * * 7#1,7L", "04T12:00 25T12:00 02-01T12:00"),
    ("0 12 * * FRI-MON", "02T12:00 03T12:00 04T12:00 05T12:00 09T12:00"),
    ("0 12 * * FRI-MON/2", "02T12:00 04T12:00 09T12:00"),
    ("0 12 * * 0", "04T12:00 11T12:00"),
    ("0 12 * * 7", "04T12:00 11T12:00"),
    ("0 12 * * 5-7", "02T12:00 03T12:00 04T12:00 09T12:00"),
    ("0 12 * * 7-2", "04T12:00 05T12:00 06T12:00 11T12:00"),
    ("0 12 * * 1/2", "02T12:00 05T12:00 07T12:00"),
    ("0 12 * * 0-7", "01T12:00 02T12:00"),
    ("0 12 1 nov-Feb *", "01T12:00 02-01T12:00 11-01T12:00 12-01T12:00"),
    ("0 12 5 */6 *", "05T12:00 07-05T12:00 2027-01-05T12:00"),
    ("0 0 12 1 1 ? 2028/2", "2028-01-01T12:00 2030-01-01T12:00"),
    ("0 0 12 1 1 ? 2026-2027", "01T12:00 2027-01-01T12:00 never"),
    ("0 0 12 1 1 ? 2025", "never"),
    ("0 0 12 1 1 ? 2099", "2099-01-01T12:00 never"),
    ("  0   12 * * *  ", "01T12:00 02T12:00"),
    ("@hourly", "01:00 02:00"),
    ("@daily", "02T00:00 03T00:00"),
    ("@Midnight", "02T00:00 03T00:00"),
    ("@weekly", "04T00:00 11T00:00"),
    ("@monthly", "02-01T00:00 03-01T00:00"),
    ("@yearly", "2027-01-01T00:00"),
    ("@annually", "2027-01-01T00:00"),
    ("@every 6h", "06:00 12:00"),
    ("@every 6h/1h30m", "01:30 07:30"),
    ("@every 1.5s", "00:00:01.500 00:00:03 00:00:04.500"),
    ("@every 1d", "02T00:00 03T00:00"),
    ("@at 2026-01-01T09:30:00+01:00", "08:30 never"),
    ("@at 2026-01-01t09:30:00.25z", "09:30:00.250 never"),
    ("@at 2025-12-31T23:59:59Z", "never"),
    ("TZ=Asia/Tokyo 0 12 * * *", "03:00 02T03:00"),
    ("CRON_TZ=Asia/Tokyo @daily", "15:00 02T15:00"),
]


def spelled(short: str) -> str:
    """`03:00` and `02T03:00` and `02-01T12:00` are of 2026-01-01, 2026-01 and 2026."""
    if short == "never":
        return short
    if "T" not in short:
        return f"2026-01-01T{short}"
    day = short.split("T")[0]
    return {2: "2026-01-", 5: "2026-", 10: ""}[len(day)] + short


@pytest.mark.invariant("C-2")
@pytest.mark.parametrize(("spec", "expected"), MEANINGS)
def test_means(spec: str, expected: str) -> None:
    wanted = [spelled(short) for short in expected.split()]
    assert fires(table(spec), at("2026-01-01T00:00"), len(wanted)) == wanted


# both day fields restricted = either; a field that begins with * or ? restricts nothing of the other
@pytest.mark.parametrize(
    ("spec", "match", "expected"),
    [
        ("0 0 13 * FRI", DayMatch.ANY, "02 09 13 16"),
        ("0 0 13 * FRI", DayMatch.ALL, "02-13 03-13 11-13"),
        ("0 0 */10 * FRI", DayMatch.ANY, "05-01 07-31 08-21"),
        ("0 0 ?/10 * FRI", DayMatch.ANY, "05-01 07-31 08-21"),
        ("0 0 1-31/10 * FRI", DayMatch.ANY, "02 09 11 16"),
        ("0 0 L * ?", DayMatch.ANY, "31 02-28"),
        ("0 0 1 * */2", DayMatch.ANY, "02-01 03-01 08-01"),
    ],
)
def test_day_fields_join(spec: str, match: DayMatch, expected: str) -> None:
    wanted = [spelled(short + "T00:00") for short in expected.split()]
    assert fires(table(spec, match=match), at("2026-01-01T00:00"), len(wanted)) == wanted


# text, field, column, part of the reason
REFUSALS = [
    ("", "spec", 1, "found nothing"),
    ("   ", "spec", 1, "found nothing"),
    ("* * * *", "spec", 8, "found 4"),
    ("* * * * * * * garbage", "spec", 15, "found 8"),
    ("@daily garbage", "spec", 8, "'garbage'"),
    ("@every 5s garbage", "spec", 11, "'garbage'"),
    ("@reboot", "spec", 1, "@hourly"),
    ("0 0 30 2 *", "day-of-month", 5, "never meet"),
    ("0 0 31 4,6,9,11 *", "day-of-month", 5, "never meet"),
    ("0 0 31W 2 *", "day-of-month", 5, "never meet"),
    ("0 0 L-30 2 *", "day-of-month", 5, "never meet"),
    ("0 0 0 29 2 ? 2026,2027", "day-of-month", 7, "never meet"),
    ("*/0 * * * *", "minute", 3, "from 1 to 60, found 0"),
    ("*/61 * * * *", "minute", 3, "from 1 to 60, found 61"),
    ("* */25 * * *", "hour", 5, "from 1 to 24, found 25"),
    ("5/ * * * *", "minute", 3, "the end of the field"),
    ("60 * * * *", "minute", 1, "from 0 to 59, found 60"),
    ("1,2,60 * * * *", "minute", 5, "found 60"),
    ("* 24 * * *", "hour", 3, "wanted an hour from 0 to 23"),
    ("* * 0 * *", "day-of-month", 5, "from 1 to 31"),
    ("* * 32 * *", "day-of-month", 5, "from 1 to 31"),
    ("* * * 13 *", "month", 7, "from 1 to 12"),
    ("* * * 0 *", "month", 7, "from 1 to 12"),
    ("* * * * 8", "day-of-week", 9, "from 0 to 7"),
    ("60 * * * * *", "second", 1, "from 0 to 59"),
    ("0 0 0 1 1 ? 1969", "year", 13, "from 1970 to 2099"),
    ("0 0 0 1 1 ? 2030-2028", "year", 18, "rises"),
    ("0 0 0 1 1 ? H", "year", 13, "found 'H'"),
    ("99999999999999999999 * * * *", "minute", 1, "found 99999999999999999999"),
    ("-5 * * * *", "minute", 1, "found '-5'"),
    ("+5 * * * *", "minute", 1, "found '+5'"),
    ("1.5 * * * *", "minute", 2, "comma"),
    ("1,,2 * * * *", "minute", 3, "found ',2'"),
    ("1, * * * *", "minute", 3, "the end of the field"),
    ("1-2-3 * * * *", "minute", 4, "comma"),
    ("1/2/3 * * * *", "minute", 4, "comma"),
    ("*-5 * * * *", "minute", 2, "comma"),
    ("MON * * * *", "minute", 1, "found 'MON'"),
    ("* * * JANUARY *", "month", 10, "found 'UARY'"),
    ("* * * XYZ *", "month", 7, "from JAN to DEC"),
    ("* * * * XYZ", "day-of-week", 9, "from SUN to SAT"),
    ("* * * * L", "day-of-week", 9, "5L"),
    ("* * * * 1#6", "day-of-week", 11, "from 1 to 5"),
    ("* * * * 1#0", "day-of-week", 11, "from 1 to 5"),
    ("* * * * 8L", "day-of-week", 9, "from 0 to 7"),
    ("* * L-31 * *", "day-of-month", 7, "from 1 to 30"),
    ("* * L-0 * *", "day-of-month", 7, "from 1 to 30"),
    ("* * L-3W * *", "day-of-month", 8, "comma"),
    ("* * 32W * *", "day-of-month", 5, "from 1 to 31"),
    ("* * W * *", "day-of-month", 5, "found 'W'"),
    ("* * 1-15W * *", "day-of-month", 9, "comma"),
    ("* * * * 15W", "day-of-week", 9, "from 0 to 7"),
    ("H(5) * * * *", "minute", 4, "H(0-29)"),
    ("H(5-10 * * * *", "minute", 7, "closing bracket"),
    ("H(0-9)/11 * * * *", "minute", 8, "from 1 to 10"),
    ("H/61 * * * *", "minute", 3, "from 1 to 60"),
    ("@every 999ms", "every", 8, "1s"),
    ("@every 0s", "every", 8, "1s"),
    ("@every -5s", "every", 8, "'-5s'"),
    ("@every 5", "every", 8, "'5'"),
    ("@every 14611d", "every", 8, "14610d"),
    ("@every 1.0005s", "every", 8, "whole milliseconds"),
    ("@every", "every", 7, "found nothing"),
    ("@every 1h/", "every", 11, "found nothing"),
    ("@every 1h/1h", "every", 11, "shorter than 1h"),
    ("@every 1h/5m/2m", "every", 11, "'5m/2m'"),
    ("@at", "at", 4, "found nothing"),
    ("@at 2026-01-01", "at", 5, "RFC 3339"),
    ("@at 2026-01-01T00:00:00", "at", 5, "offset"),
    ("@at 2026-02-30T00:00:00Z", "at", 5, "day is out of range"),
    ("@at 2026-01-01T24:00:01Z", "at", 5, "hour"),
    ("@at 2026-01-01T00:00:60Z", "at", 5, "second"),
    ("@at 2026-01-01T00:00:00.0001Z", "at", 5, "milliseconds"),
    ("@at 1969-12-31T23:59:59Z", "at", 5, "1970"),
    ("@at 9999-01-01T00:00:00Z", "at", 5, "9891"),
    ("@at 2026-01-01T00:00:00+24:00", "at", 5, "offset"),
    ("TZ= * * * * *", "time_zone", 4, "found nothing"),
    ("CRON_TZ= @daily", "time_zone", 9, "found nothing"),
    ("TZ=", "time_zone", 4, "found nothing"),
    ("TZ=UTC", "spec", 7, "after the time zone"),
    ("TZ=UTC TZ=UTC * * * *", "minute", 8, "found 'TZ=UTC'"),
    ("TZ=Mars/Olympus * * * * *", "time_zone", 4, "'Mars/Olympus'"),
    ("TZ=europe/berlin * * * * *", "time_zone", 4, "did you mean Europe/Berlin"),
    ("TZ=Local * * * * *", "time_zone", 4, "'Local'"),
    ("TZ=localtime * * * * *", "time_zone", 4, "'localtime'"),
    ("TZ=right/UTC * * * * *", "time_zone", 4, "'right/UTC'"),
    ("TZ=../UTC * * * * *", "time_zone", 4, "'../UTC'"),
    ("TZ=/etc/passwd * * * * *", "time_zone", 4, "'/etc/passwd'"),
    ("TZ=Europe * * * * *", "time_zone", 4, "'Europe'"),
    ("* *\t* * *", "spec", 4, "U+0009"),
    ("* * * * *\n", "day-of-week", 10, "U+000A"),
    ("* * \0 * *", "day-of-month", 5, "U+0000"),
    ("１ * * * *", "minute", 1, "U+FF11"),
    ("* ٣ * * *", "hour", 3, "U+0663"),
    ("* *\u00a0* * * *", "hour", 4, "U+00A0"),
    ("@daily\u200b", "spec", 7, "U+200B"),
    ("\ud800", "spec", 1, "U+D800"),
    ("*" * 10_000, "spec", 1025, "found 10000"),
    ("9" * 1024, "spec", 1025, "found 1"),
]


@pytest.mark.parametrize(("spec", "field", "column", "reason"), REFUSALS)
def test_refuses_and_says_where(spec: str, field: str, column: int, reason: str) -> None:
    with pytest.raises(BadSchedule) as refused:
        table(spec)
    assert (refused.value.field, refused.value.column) == (field, column)
    assert reason in refused.value.reason
    assert refused.value.message.isascii()
    assert len(refused.value.message) < 300


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "utc", "Europe/Berlin ", "Europe\0", "x" * 10_000, "１"])
def test_refuses_the_zone_of_the_options(zone: str) -> None:
    with pytest.raises(BadSchedule) as refused:
        parse("@daily", ScheduleOptions(zone))
    assert (refused.value.field, refused.value.column) == ("time_zone", None)
    assert refused.value.message.isascii()


def test_the_zone_in_the_text_wins() -> None:
    assert table("TZ=Asia/Tokyo 0 12 * * *", "America/New_York").zone.name == "Asia/Tokyo"


def test_a_combination_that_waits_forty_years_is_kept() -> None:
    """29 February and a Monday: 2072 and then, as 2100 is no leap year, 2112."""
    timetable = table("0 0 29 2 MON", match=DayMatch.ALL)
    assert fires(timetable, at("2044-02-29T00:00"), 2) == ["2072-02-29T00:00", "2112-02-29T00:00"]


def test_the_same_question_is_read_once() -> None:
    assert table("*/7 3 * * *") is table("*/7 3 * * *", hash_key="another/plan")
    assert table("H 3 * * THU", hash_key="a/b") is not table("H 3 * * THU", hash_key="a/c")


class TestHash:
    def test_is_pinned(self) -> None:
        """A change of these moves every plan that uses H."""
        after = at("2026-01-01T00:00")
        assert fires(table("H H * * *", hash_key="default/backup"), after, 1) == ["2026-01-01T18:36"]
        assert fires(table("H H H H H", hash_key="default/backup"), after, 1) == ["2026-02-02T18:36"]

    @pytest.mark.parametrize(
        ("spec", "allowed"),
        [
            ("H * * * *", range(60)),
            ("H(10-19) * * * *", range(10, 20)),
            ("h(55-4) * * * *", [*range(55, 60), *range(5)]),
        ],
    )
    def test_spreads_plans_over_its_range(self, spec: str, allowed: list[int]) -> None:
        chosen = {text(table(spec, hash_key=f"ns/plan{i}").next(0))[14:16] for i in range(600)}
        assert chosen == {f"{minute:02}" for minute in allowed}

    @pytest.mark.parametrize(("spec", "step", "count"), [("H/15 * * * *", 15, 4), ("H(0-29)/10 * * * *", 10, 3)])
    def test_steps_from_a_hashed_start(self, spec: str, step: int, count: int) -> None:
        starts = set()
        for i in range(200):
            minutes = [int(tick[14:16]) for tick in fires(table(spec, hash_key=f"ns/plan{i}"), -1, count)]
            assert [minute - minutes[0] for minute in minutes] == [step * k for k in range(count)]
            starts.add(minutes[0])
        assert starts == set(range(step))

    def test_every_month_has_its_day(self) -> None:
        days = {text(table("0 0 H * *", hash_key=f"ns/plan{i}").next(0))[8:10] for i in range(600)}
        assert days == {f"{day:02}" for day in range(1, 29)}

    def test_fields_choose_apart(self) -> None:
        """Were minute and hour one choice, minute mod 24 would follow the hour."""
        pairs = {text(table("H H * * *", hash_key=f"ns/plan{i}").next(-1))[11:16] for i in range(600)}
        assert len(pairs) > 400
