"""Cron expressions of other dialects in ours: the same instants, or a warning."""

import re

from jobpool.declare.importers.common import Notes, Schedule, is_fixed, most_in_a_gap
from jobpool.declare.importers.dst import has_changes
from jobpool.kit.pure.durations import SECOND, format_duration, parse_duration
from jobpool.model.errors import BadSchedule
from jobpool.model.schedule import DstGap, DstOverlap
from jobpool.timetable import ScheduleOptions, parse

_ZONED = re.compile(r"(?:CRON_)?TZ=(\S+) +(.*)")
_DAY_FIELDS = {-3: "1-31", -1: "0-6"}
_SHARP = re.compile(r"[1-7]#[1-5]")
_WITH_L = re.compile(r"[1-7]L")


def vixie(text: str, zone: str, notes: Notes) -> Schedule:
    """A schedule of cron, as in a crontab: five fields or a macro. Our rules are cron's, but for a few."""
    fields = text.split()
    if any("~" in field for field in fields):
        notes.warn("schedule", "random", f"{text!r}: cron draws the times at random at each start; here they stay")
        fields = [_hashed(field) for field in fields]
    if any(re.search(r"(?:^|,)[0-9]+/", field) for field in fields):
        notes.warn("schedule", "step", f"{text!r}: cron may refuse a step without a range, here it goes to the end")
    schedule = Schedule(spec=" ".join(fields), time_zone=zone)
    most = _most_in_a_gap(schedule)
    if most > 1:
        told = f"{text!r}: where spring leaps over its times, cron runs {most} times at once, here once"
        notes.warn("schedule", "dst-gap", told)
    return schedule


def robfig(text: str, zone: str, notes: Notes) -> Schedule:
    """A schedule of robfig/cron: Kubernetes, Dkron (seconds first), and the original.

    There a fixed time that spring takes away is skipped, and one that autumn gives twice runs twice.
    """
    zoned = _ZONED.fullmatch(text.strip())
    if zoned:
        zone, text = zoned.groups()
    if text.startswith("@every"):
        return _every(text.removeprefix("@every").strip(), notes)
    fields = text.split()
    if len(fields) in (5, 6):
        fields = _as_restricted(fields)
        if "7" in re.findall(r"(?<![0-9/])7(?![0-9])", fields[-1]):
            notes.warn("schedule", "weekday-7", f"{text!r}: 7 as a weekday is refused there, here it is Sunday")
    return Schedule(spec=" ".join(fields), time_zone=zone, gap=DstGap.SKIP, overlap=DstOverlap.BOTH)


def quartz(text: str, zone: str, notes: Notes) -> Schedule:
    """A schedule of Quartz: seconds first, weekdays from 1 = Sunday, perhaps a year.

    There a time that spring takes away is skipped, and of one that autumn gives twice the second runs.
    """
    fields = text.split()
    if len(fields) in (6, 7):
        if "?" not in (fields[3], fields[5]):
            told = f"{text!r}: Quartz wants ? as day of month or of week; here both days count"
            notes.warn("schedule", "both-days", told)
        for at, lowest in enumerate("00011"):
            fields[at] = f"{lowest}{fields[at]}" if fields[at].startswith("/") else fields[at]
        fields[5] = ",".join(_weekday(item) for item in fields[5].split(","))
    schedule = Schedule(spec=" ".join(fields), time_zone=zone, gap=DstGap.SKIP, overlap=DstOverlap.SECOND)
    if _follows_real_time(schedule) and has_changes(zone):
        told = f"{text!r}: in the hour that autumn gives twice Quartz runs only in the second, here in both"
        notes.warn("schedule", "dst-overlap", told)
    return schedule


def _every(period: str, notes: Notes) -> Schedule:
    told = f"every {period} is counted from the epoch here, there from when it was added or the server started"
    notes.warn("schedule", "phase", told)
    try:
        span = max(SECOND, parse_duration(period) // SECOND * SECOND)
    except ValueError:
        return Schedule(spec=f"@every {period}")  # refused where it is read
    return Schedule(spec=f"@every {format_duration(span)}")


def _as_restricted(fields: list[str]) -> list[str]:
    """`*/2` restricts a day there, not here; `5,*` does not there, but here."""
    changed = list(fields)
    if any(_has_star(fields[at]) for at in _DAY_FIELDS):
        for at in _DAY_FIELDS:
            changed[at] = "*" if _has_star(fields[at]) else fields[at]
        return changed
    for at, everything in _DAY_FIELDS.items():
        items = changed[at].split(",")
        changed[at] = ",".join(re.sub(r"^[*?]", everything, item) for item in items)
    return changed


def _has_star(field: str) -> bool:
    return any(item in ("*", "?", "*/1", "?/1") for item in field.split(","))


def _weekday(item: str) -> str:
    """Quartz's weekday in ours, which counts from 0."""
    if item.upper() == "L":
        return "6"
    if _SHARP.fullmatch(item) or _WITH_L.fullmatch(item):
        return f"{int(item[0]) - 1}{item[1:]}"
    if item.startswith("/"):
        item = f"1{item}"
    days, slash, step = item.partition("/")
    first, dash, last = days.partition("-")
    return f"{_shifted(first)}{dash}{_shifted(last)}{slash}{step}"


def _shifted(day: str) -> str:
    return str(int(day) - 1) if day.isdecimal() and 1 <= int(day) <= 7 else day


def _hashed(field: str) -> str:
    if "~" not in field:
        return field
    low, _, rest = field.partition("~")
    high, slash, step = rest.partition("/")
    return f"H{f'({low}-{high})' if low and high else ''}{slash}{step}"


def _most_in_a_gap(schedule: Schedule) -> int:
    try:
        timetable = parse(schedule.spec, ScheduleOptions(time_zone=schedule.time_zone or "UTC"))
    except BadSchedule:
        return 0
    return most_in_a_gap(timetable) if is_fixed(timetable) else 0


def _follows_real_time(schedule: Schedule) -> bool:
    try:
        timetable = parse(schedule.spec, ScheduleOptions(time_zone=schedule.time_zone or "UTC"))
    except BadSchedule:
        return False
    return not is_fixed(timetable)
