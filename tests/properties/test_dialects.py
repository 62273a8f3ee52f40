"""Imported schedules fire at the instants of the dialect they come from, around changes of the clock too, or say so."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobpool.declare.importers import IMPORTERS, Imported, ImportOptions
from jobpool.model.schedule import DstGap, DstOverlap
from jobpool.timetable import ScheduleOptions, parse, ticks
from tests.properties import dialect_twins as twins

# a change of the clock in each: forward, back, at midnight, by half an hour; and a zone without any
CHANGES = [
    ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
    ("Asia/Shanghai", datetime(2026, 6, 1, tzinfo=UTC)),
]
MINUTES = ["0", "30", "15,45", "*", "*/30", "0-59/20", "5/15", "*,3", "7"]
HOURS = ["*", "2", "1", "0", "*/2", "1-3", "0,2", "23", "2-23/3"]
DAYS = ["*", "*/2", "1", "8", "25-31", "1-31/3", "5,*"]
MONTHS = ["*", "3", "*/2", "3,10-11"]
WEEKDAYS = ["*", "0", "1-5", "*/2", "5,6", "*/1"]
expressions = st.tuples(*(st.sampled_from(part) for part in (MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS))).map(" ".join)
changes = st.sampled_from(CHANGES)


def fires(document: dict[str, Any], first: datetime, last: datetime) -> list[datetime]:
    """Of an imported plan, in [first, last]."""
    dst = document.get("dst", {})
    periodic = document["periodic"]
    options = ScheduleOptions(
        time_zone=periodic["time_zone"],
        gap=DstGap(dst.get("gap", "run-after")),
        overlap=DstOverlap(dst.get("overlap", "first")),
    )
    low, high = (int(at.timestamp()) * 1000 for at in (first, last))
    found = ticks(parse(periodic["spec"], options), after=low - 1, until=high, limit=10_000)
    return [datetime.fromtimestamp(tick / 1000, UTC) for tick in found]


def only(found: Imported) -> tuple[dict[str, Any], list[str]]:
    (document,) = found.documents
    return dict(document), [warning.code for warning in found.warnings]


def crontab(text: str, zone: str) -> tuple[dict[str, Any], list[str]]:
    return only(IMPORTERS["crontab"](f"{text} echo\n", ImportOptions(time_zone=zone)))


def cron_job(text: str, zone: str) -> tuple[dict[str, Any], list[str]]:
    container = "{name: a, command: [echo]}"
    run = f"{{spec: {{template: {{spec: {{containers: [{container}]}}}}}}}}"
    job = f'kind: CronJob\nmetadata: {{name: a}}\nspec: {{schedule: "{text}", timeZone: {zone}, jobTemplate: {run}}}\n'
    return only(IMPORTERS["k8s-cronjob"](job, ImportOptions()))


def dkron_job(text: str, zone: str) -> tuple[dict[str, Any], list[str]]:
    work = '"executor": "shell", "executor_config": {"command": "echo"}'
    job = f'[{{"name": "a", "schedule": "0 {text}", "timezone": "{zone}", {work}}}]'
    return only(IMPORTERS["dkron"](job, ImportOptions()))


def xxl_job(text: str, zone: str) -> tuple[dict[str, Any], list[str]]:
    row = (
        f'[{{"id": 1, "scheduleType": "CRON", "scheduleConf": "{text}", "glueType": "GLUE_SHELL", "glueSource": "x"}}]'
    )
    return only(IMPORTERS["xxl-job"](row, ImportOptions(time_zone=zone)))


def around(day: datetime) -> tuple[datetime, datetime]:
    return day - timedelta(hours=14), day + timedelta(hours=40)


@settings(max_examples=120, deadline=None)
@given(expressions, changes)
def test_crontabs_fire_as_cron_does(text: str, change: tuple[str, datetime]) -> None:
    zone, day = change
    first, last = around(day)
    document, codes = crontab(text, zone)
    theirs = twins.vixie(text, zone, first, last)
    assert fires(document, first, last) == sorted(set(theirs))
    assert len(theirs) == len(set(theirs)) or "dst-gap" in codes


@settings(max_examples=120, deadline=None)
@given(expressions, changes)
def test_cron_jobs_of_kubernetes_and_dkron_fire_as_robfig_does(text: str, change: tuple[str, datetime]) -> None:
    zone, day = change
    first, last = around(day)
    theirs = twins.robfig(text, zone, first, last)
    assert fires(cron_job(text, zone)[0], first, last) == theirs
    assert fires(dkron_job(text, zone)[0], first, last) == theirs


def in_quartz(text: str) -> str:
    """Of an expression without a day of week: seconds first, weekday not said."""
    minute, hour, day, month, _ = text.split()
    return f"0 {minute} {hour} {day} {month} ?"


@settings(max_examples=120, deadline=None)
@given(expressions, changes)
def test_xxl_jobs_fire_as_quartz_does_or_say_so(text: str, change: tuple[str, datetime]) -> None:
    zone, day = change
    first, last = around(day)
    document, codes = xxl_job(in_quartz(text), zone)
    theirs = twins.quartz(" ".join([*text.split()[:4], "*"]), zone, first, last)
    ours = fires(document, first, last)
    assert ours == theirs or ("dst-overlap" in codes and set(theirs) < set(ours))


NEAR = [f"{minute} {hour} * * *" for minute in ("0", "15,45", "*/30") for hour in ("0", "1", "2", "3", "1-2")]


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_every_time_near_a_change_of_the_clock(zone: str, day: datetime) -> None:
    first, last = around(day)
    for text in NEAR:
        document, codes = crontab(text, zone)
        theirs = twins.vixie(text, zone, first, last)
        assert fires(document, first, last) == sorted(set(theirs)), text
        assert len(theirs) == len(set(theirs)) or "dst-gap" in codes, text
        assert fires(cron_job(text, zone)[0], first, last) == twins.robfig(text, zone, first, last), text
        document, codes = xxl_job(in_quartz(text), zone)
        if "dst-overlap" not in codes:
            assert fires(document, first, last) == twins.quartz(text, zone, first, last), text


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("1", "0"),
        ("7", "6"),
        ("2-6", "1-5"),
        ("SUN,4", "0,3"),
        ("MON-FRI", "1-5"),
        ("3/2", "2,4,6"),
        ("*/2", "0,2,4,6"),
        ("7-2", "6,0,1"),
    ],
)
def test_weekdays_of_quartz_begin_with_sunday(theirs: str, ours: str) -> None:
    first, last = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC)
    document, _ = xxl_job(f"0 0 12 ? * {theirs}", "UTC")
    assert fires(document, first, last) == twins.vixie(f"0 12 * * {ours}", "UTC", first, last)


@pytest.mark.parametrize(
    ("theirs", "days"),
    [("6L", [26]), ("L", [6, 13, 20, 27]), ("6#2", [12]), ("FRI#2", [12]), ("2#1", [1])],
)
def test_last_and_nth_weekdays_of_quartz(theirs: str, days: list[int]) -> None:
    document, _ = xxl_job(f"0 0 12 ? * {theirs}", "UTC")
    found = fires(document, datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 30, 23, tzinfo=UTC))
    assert [at.day for at in found] == days


def test_a_day_of_month_with_a_step_and_a_weekday_are_or_in_kubernetes_and_and_in_cron() -> None:
    first, last = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC)
    in_kubernetes = fires(cron_job("0 0 */2 * 5", "UTC")[0], first, last)
    in_cron = fires(crontab("0 0 */2 * 5", "UTC")[0], first, last)
    assert [at.day for at in in_cron] == [5, 19]
    assert [at.day for at in in_kubernetes] == sorted({*range(1, 31, 2), 5, 12, 19, 26})
