"""What importers share: warnings, ids, and checked schedules."""

import re
from collections.abc import Mapping

from msgspec import Struct

from jobpool.declare.importers.dst import gaps, has_changes
from jobpool.model.errors import BadSchedule
from jobpool.model.schedule import DstGap, DstOverlap
from jobpool.timetable import ScheduleOptions, Timetable, parse
from jobpool.timetable.rules import CronRule

LONGEST_TIMEOUT = "30d"
"""Others stop no run by themselves; here this is the longest there is."""

_ID = re.compile(r"[^A-Za-z0-9._-]+")
_LABEL = re.compile(r"[^A-Za-z0-9._/-]+")


class ImportOptions(Struct, frozen=True, kw_only=True):
    """`source` is what messages call the text. `time_zone` empty = not known; else the zone in which schedules without
    one were meant. `system`: a crontab whose lines name a user.
    """

    source: str = "-"
    time_zone: str = ""
    system: bool = False


class Warning(Struct, frozen=True):
    """What a plan does not do as its original did. `line` from 1, 0 = of no line; `item` is the original's name."""

    line: int
    item: str
    field: str
    code: str
    text: str


class Imported(Struct, frozen=True):
    """The fields of each document, and what to know about them."""

    documents: tuple[Mapping[str, object], ...]
    warnings: tuple[Warning, ...]


class Notes:
    """Collects warnings; `at` says which job they are about from now on."""

    def __init__(self) -> None:
        self.warnings: list[Warning] = []
        self._line, self._item = 0, ""

    def at(self, item: str, line: int = 0) -> None:
        self._item, self._line = item, line

    def warn(self, field: str, code: str, text: str) -> None:
        self.warnings.append(Warning(self._line, self._item, field, code, text))

    def warn_once(self, field: str, code: str, text: str) -> None:
        """Of the text as a whole."""
        if all(warning.code != code for warning in self.warnings):
            self.warnings.append(Warning(0, "", field, code, text))


class Ids:
    """Ids of plans from names that may hold anything; each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, name: str, notes: Notes | None = None) -> str:
        base = _ID.sub("-", name).strip("-._")[:120] or "plan"
        found, number = base, 2
        while found in self._taken:
            found, number = f"{base}-{number}", number + 1
        self._taken.add(found)
        if notes is not None and found != name:
            notes.warn("id", "renamed", f"{name!r} is named {found!r} here")
        return found


def label_name(text: str) -> str:
    """A label's name that is allowed."""
    return _LABEL.sub("-", text).strip("._/-")[:63] or "label"


def label_value(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:256]


class Schedule(Struct, frozen=True, kw_only=True):
    """A schedule in our dialect and what else of a plan keeps it to the same instants."""

    spec: str
    time_zone: str = ""
    gap: DstGap = DstGap.RUN_AFTER
    overlap: DstOverlap = DstOverlap.FIRST

    def fields(self, notes: Notes, *, field: str) -> dict[str, object]:
        """`periodic`, and `dst` where the clock's changes matter; nothing, with a warning, when it cannot be read."""
        try:
            timetable = parse(self.spec, self._options())
        except BadSchedule as refusal:
            notes.warn(field, "no-schedule", f"{self.spec!r}: {refusal}; the plan runs only by hand")
            return {}
        periodic: dict[str, object] = {"spec": self.spec}
        if self.time_zone:
            periodic["time_zone"] = self.time_zone
        elif isinstance(timetable.rule, CronRule):
            self._zone_missing(notes)
        found: dict[str, object] = {"periodic": periodic}
        if is_fixed(timetable) and has_changes(self.time_zone):
            usual = {"gap": DstGap.RUN_AFTER, "overlap": DstOverlap.FIRST}
            dst = {"gap": self.gap, "overlap": self.overlap}
            unusual = {name: str(value) for name, value in dst.items() if value is not usual[name]}
            found |= {"dst": unusual} if unusual else {}
        return found

    def _options(self) -> ScheduleOptions:
        return ScheduleOptions(time_zone=self.time_zone or "UTC", gap=self.gap, overlap=self.overlap, hash_key="x")

    def _zone_missing(self, notes: Notes) -> None:
        notes.warn_once(
            "periodic.time_zone",
            "no-time-zone",
            "schedules without a time zone are read in the namespace's, else the server's; --tz says which was meant",
        )


def is_fixed(timetable: Timetable) -> bool:
    """Whether it names wall times, so that the clock's changes matter."""
    return isinstance(timetable.rule, CronRule) and timetable.rule.fixed


def most_in_a_gap(timetable: Timetable) -> int:
    """How many of its wall times come together where the clock leaps over some: these, and the one just after."""
    rule = timetable.rule
    if not isinstance(rule, CronRule):
        return 0
    minutes = [hour * 60 + minute for hour in _bits(rule.wall.hours, 24) for minute in _bits(rule.wall.minutes, 60)]
    found = [sum((minute - start) % 1440 <= length for minute in minutes) for start, length in gaps(rule.zone.name)]
    return max(found, default=0)


def _bits(mask: int, count: int) -> list[int]:
    return [value for value in range(count) if mask >> value & 1]
