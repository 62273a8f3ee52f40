"""The text of a schedule, read into a `Timetable`.

A schedule that could mean something else than it says is refused with its field and column, never bent.
"""

import re
from datetime import datetime
from functools import lru_cache

import msgspec
from msgspec import Struct

from jobpool.kit.pure.durations import DAY, SECOND, Millis, parse_duration
from jobpool.model.errors import BadSchedule
from jobpool.model.schedule import DayMatch, DstGap, DstOverlap
from jobpool.timetable import fields
from jobpool.timetable.days import Days
from jobpool.timetable.reader import Reader
from jobpool.timetable.rules import AtRule, CronRule, EveryRule, Rule
from jobpool.timetable.timetable import FIRST_INSTANT, LAST_INSTANT, Timetable
from jobpool.timetable.wall import Wall
from jobpool.timetable.zones import Zone, find_zone, similar_zones

LONGEST_SPEC = 1024
LONGEST_PERIOD: Millis = 14_610 * DAY

_WORD = re.compile(r"[^ ]+")
_HASHED = re.compile(r"(?:^|[ ,])[Hh](?:$|[ ,/(])")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class ScheduleOptions(Struct, frozen=True, gc=False):
    """What a plan says beside the text. `time_zone` holds unless the text names one; `hash_key` (namespace/plan id)
    feeds `H`."""

    time_zone: str
    gap: DstGap = DstGap.RUN_AFTER
    overlap: DstOverlap = DstOverlap.FIRST
    match: DayMatch = DayMatch.ANY
    hash_key: str = ""


class Word(Struct, frozen=True):
    """A word of the text and the 1-based column where it begins."""

    text: str
    column: int


def parse(spec: str, options: ScheduleOptions) -> Timetable:
    """Read a schedule. Remembers the most recent ones, so asking again costs a look-up.

    Raises BadSchedule. Its `field` is `second`, `minute`, `hour`, `day-of-month`, `month`, `day-of-week` or `year`
    for a part of a cron expression, `every` and `at` for the words after these macros, `time_zone` for a zone, and
    `spec` for the text as a whole; its `column` counts from 1 in `spec`, and is None for the zone of the options.
    """
    if not _HASHED.search(spec):
        options = msgspec.structs.replace(options, hash_key="")  # plans that differ in name only share a timetable
    return _parse(spec, options)


@lru_cache(maxsize=16_384)
def _parse(spec: str, options: ScheduleOptions) -> Timetable:
    _check_text(spec)
    words = [Word(found.group(), found.start() + 1) for found in _WORD.finditer(spec)]
    if not words:
        raise BadSchedule("spec", "wanted a schedule such as `*/5 * * * *`, found nothing", column=1)
    zone, words = _take_zone(words, options)
    if not words:
        raise BadSchedule("spec", "wanted a schedule after the time zone, found nothing", column=len(spec) + 1)
    return Timetable(spec=spec, zone=zone, rule=_parse_rule(words, zone, options))


def _check_text(spec: str) -> None:
    if len(spec) > LONGEST_SPEC:
        reason = f"wanted at most {LONGEST_SPEC} characters, found {len(spec)}"
        raise BadSchedule("spec", reason, column=LONGEST_SPEC + 1)
    for column, character in enumerate(spec, 1):
        if not character.isascii() or not character.isprintable():
            kind = "control character" if character.isascii() else "character"
            reason = f"wanted plain ASCII text, found {kind} U+{ord(character):04X}"
            raise BadSchedule(_field_at(spec, column), reason, column=column)


def _field_at(spec: str, column: int) -> str:
    """The field of a cron expression that holds this column; `spec` where that cannot be said."""
    if spec.lstrip(" ").startswith(("@", "TZ=", "CRON_TZ=")):
        return "spec"
    words = _WORD.findall(spec)
    index = len(_WORD.findall(spec[: column - 1] + "x")) - 1
    names = _field_names(len(words))
    return names[index] if names else "spec"


def _field_names(count: int) -> tuple[str, ...]:
    five = ("minute", "hour", "day-of-month", "month", "day-of-week")
    return {5: five, 6: ("second", *five), 7: ("second", *five, "year")}.get(count, ())


def _take_zone(words: list[Word], options: ScheduleOptions) -> tuple[Zone, list[Word]]:
    for prefix in ("TZ=", "CRON_TZ="):
        if words[0].text.startswith(prefix):
            name = words[0].text.removeprefix(prefix)
            return _zone(name, column=words[0].column + len(prefix)), words[1:]
    return _zone(options.time_zone, column=None), words


def _zone(name: str, *, column: int | None) -> Zone:
    zone = find_zone(name)
    if zone is not None:
        return zone
    if not name:
        raise BadSchedule("time_zone", "wanted an IANA time zone such as Europe/Berlin, found nothing", column=column)
    near = " or ".join(similar_zones(name[:64]))
    hint = f"; did you mean {near}?" if near else ""
    found = ascii(name[:64])
    raise BadSchedule("time_zone", f"wanted an IANA time zone, found {found}{hint}", column=column)


def _parse_rule(words: list[Word], zone: Zone, options: ScheduleOptions) -> Rule:
    first = words[0]
    if not first.text.startswith("@"):
        return _parse_cron(words, zone, options)
    macro = first.text.lower()
    if macro in _MACROS:
        _refuse_after(words, 1)
        return _parse_cron(_words_of(_MACROS[macro]), zone, options)
    if macro == "@every":
        return _parse_every(_argument(words, "every", "a duration such as 90s or 1h30m"))
    if macro == "@at":
        return _parse_at(_argument(words, "at", "an instant such as 2030-01-31T09:00:00+01:00"))
    known = ", ".join([*_MACROS, "@every", "@at"])
    raise BadSchedule("spec", f"wanted one of {known}, found {first.text[:20]!r}", column=first.column)


def _words_of(text: str) -> list[Word]:
    return [Word(found.group(), found.start() + 1) for found in _WORD.finditer(text)]


def _argument(words: list[Word], field: str, wanted: str) -> Word:
    if len(words) < 2:
        column = words[0].column + len(words[0].text)
        raise BadSchedule(field, f"wanted {wanted}, found nothing", column=column)
    _refuse_after(words, 2)
    return words[1]


def _refuse_after(words: list[Word], count: int) -> None:
    if len(words) > count:
        extra = words[count]
        reason = f"wanted nothing more after {words[count - 1].text!r}, found {extra.text[:20]!r}"
        raise BadSchedule("spec", reason, column=extra.column)


def _parse_every(word: Word) -> EveryRule:
    text, slash, phase_text = word.text.partition("/")
    period = _duration(text, column=word.column)
    if not SECOND <= period <= LONGEST_PERIOD:
        raise BadSchedule("every", f"wanted a period from 1s to 14610d, found {text[:40]!r}", column=word.column)
    if not slash:
        return EveryRule(period=period, phase=0)
    column = word.column + len(text) + 1
    phase = _duration(phase_text, column=column)
    if phase >= period:
        raise BadSchedule("every", f"wanted a phase shorter than {text}, found {phase_text[:40]!r}", column=column)
    return EveryRule(period=period, phase=phase)


def _duration(text: str, *, column: int) -> Millis:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadSchedule("every", str(error), column=column) from error


def _parse_at(word: Word) -> AtRule:
    if not _RFC3339.fullmatch(word.text):
        reason = f"wanted RFC 3339 with an offset and at most milliseconds, found {word.text[:40]!r}"
        raise BadSchedule("at", reason, column=word.column)
    try:
        instant = datetime.fromisoformat(word.text.upper())
    except ValueError as error:
        raise BadSchedule("at", f"{error}, found {word.text!r}", column=word.column) from error
    at = int(instant.timestamp()) * SECOND + instant.microsecond // 1000
    if not FIRST_INSTANT <= at <= LAST_INSTANT:
        raise BadSchedule("at", f"wanted a year from 1970 to 9891, found {word.text!r}", column=word.column)
    return AtRule(at=at)


def _parse_cron(words: list[Word], zone: Zone, options: ScheduleOptions) -> CronRule:
    names = _field_names(len(words))
    if not names:
        column = words[7].column if len(words) > 7 else words[-1].column + len(words[-1].text)
        reason = f"wanted 5 fields, 6 (seconds first) or 7 (year last), found {len(words)}"
        raise BadSchedule("spec", reason, column=column)
    readers = {
        name: Reader(word.text.upper(), column=word.column, field=name) for name, word in zip(names, words, strict=True)
    }
    fixed = not any(readers[name].peek() in ("*", "?") for name in ("minute", "hour"))
    wall = _parse_wall(readers, options)
    if not wall.is_satisfiable():
        column = words[names.index("day-of-month")].column
        reason = "wanted a date that exists, found a day, month, weekday and year that never meet"
        raise BadSchedule("day-of-month", reason, column=column)
    return CronRule(wall=wall, zone=zone, fixed=fixed, gap=options.gap, overlap=options.overlap)


def _parse_wall(readers: dict[str, Reader], options: ScheduleOptions) -> Wall:
    """In the order of the text, so that the first mistake is the one that is named."""
    key = options.hash_key
    seconds = fields.parse_values(readers["second"], fields.SECOND, key) if "second" in readers else 1
    minutes = fields.parse_values(readers["minute"], fields.MINUTE, key)
    hours = fields.parse_values(readers["hour"], fields.HOUR, key)
    of_month = fields.parse_day_of_month(readers["day-of-month"], key)
    months = fields.parse_values(readers["month"], fields.MONTH, key)
    of_week = fields.parse_day_of_week(readers["day-of-week"], key)
    return Wall(
        seconds=seconds,
        minutes=minutes,
        hours=hours,
        days=Days(of_month, of_week, options.match),
        months=months,
        years=fields.parse_year(readers["year"]) if "year" in readers else 0,
    )
