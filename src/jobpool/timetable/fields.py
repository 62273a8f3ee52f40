"""The fields of a cron expression: text to bit masks.

A field is a list of items parted by commas. An item is `*`, `?`, a value, a range `a-b` (which may wrap: `FRI-MON`)
or `H`, each with an optional `/step`; `a/step` runs from `a` to the field's last value. `?` means the same as `*`
everywhere. The day fields have forms of their own: `L`, `L-n`, `LW`, `nW`, and `dL`, `d#n`.
"""

import re
from collections.abc import Callable, Sequence
from hashlib import sha256

from msgspec import Struct

from jobpool.timetable.days import DaysOfMonth, DaysOfWeek
from jobpool.timetable.reader import Reader
from jobpool.timetable.wall import FIRST_YEAR, LAST_YEAR

_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS = {name: month for month, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {name: weekday for weekday, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}

_NEAREST = re.compile(r"[0-9]+W")
_LAST_OR_NTH = re.compile(r"(?:[0-9]+|[A-Z]{3})[L#]")

SpecialItem = Callable[[Reader], bool]
"""Reads an item that only one field has; False when the next item is not of that kind."""


class Unit(Struct, frozen=True):
    """What a field counts: `first` to `last`. `top`: the highest number that may be written (7 is Sunday too).

    `hash_last`: the last value that `H` may choose; 0 = no `H`.
    """

    name: str
    first: int
    last: int
    top: int
    hash_last: int
    names: dict[str, int] = {}
    wraps: bool = True

    @property
    def size(self) -> int:
        return self.last - self.first + 1


SECOND = Unit("second", 0, 59, 59, 59)
MINUTE = Unit("minute", 0, 59, 59, 59)
HOUR = Unit("hour", 0, 23, 23, 23)
DAY_OF_MONTH = Unit("day-of-month", 1, 31, 31, 28)  # every month has what H chooses
MONTH = Unit("month", 1, 12, 12, 12, _MONTHS)
DAY_OF_WEEK = Unit("day-of-week", 0, 6, 7, 6, _WEEKDAYS)
YEAR = Unit("year", FIRST_YEAR, LAST_YEAR, LAST_YEAR, 0, wraps=False)


def parse_values(reader: Reader, unit: Unit, hash_key: str) -> int:
    """A bit mask of the field's values; bit v stands for value v."""
    return _parse_list(reader, unit, hash_key, special=lambda _: False)


def parse_year(reader: Reader) -> int:
    """A bit mask of years, bit 0 = 1970; 0 when every year is meant."""
    mask = _parse_list(reader, YEAR, "", special=lambda _: False) >> FIRST_YEAR
    return 0 if mask == (1 << YEAR.size) - 1 else mask


def parse_day_of_month(reader: Reader, hash_key: str) -> DaysOfMonth:
    restricted = reader.peek() not in ("*", "?")
    found = _MonthItems()
    days = _parse_list(reader, DAY_OF_MONTH, hash_key, special=found.read)
    return DaysOfMonth(days, found.from_end, found.nearest, found.last_weekday, restricted)


def parse_day_of_week(reader: Reader, hash_key: str) -> DaysOfWeek:
    restricted = reader.peek() not in ("*", "?")
    found = _WeekItems()
    weekdays = _parse_list(reader, DAY_OF_WEEK, hash_key, special=found.read)
    return DaysOfWeek(weekdays, found.last, found.nth, restricted)


class _MonthItems:
    """Collects `L`, `L-n`, `LW` and `nW`."""

    def __init__(self) -> None:
        self.from_end = 0
        self.nearest = 0
        self.last_weekday = False

    def read(self, reader: Reader) -> bool:
        if reader.take("LW"):
            self.last_weekday = True
        elif reader.take("L-"):
            self.from_end |= 1 << reader.number(1, 30, what="days before the last")
        elif reader.take("L"):
            self.from_end |= 1
        elif reader.matches(_NEAREST):
            self.nearest |= 1 << reader.number(1, 31, what="a day")
            reader.take("W")
        else:
            return False
        return True


class _WeekItems:
    """Collects `dL` and `d#n`."""

    def __init__(self) -> None:
        self.last = 0
        self.nth = 0

    def read(self, reader: Reader) -> bool:
        if reader.peek() == "L":
            raise reader.refuse("wanted a weekday before L, such as 5L for the last Friday, found L alone")
        if not reader.matches(_LAST_OR_NTH):
            return False
        weekday = _value(reader, DAY_OF_WEEK) % DAY_OF_WEEK.size
        if reader.take("L"):
            self.last |= 1 << weekday
        else:
            reader.expect("#", what="# or L after the weekday")
            self.nth |= 1 << (weekday * 5 + reader.number(1, 5, what="a week of the month") - 1)
        return True


def _parse_list(reader: Reader, unit: Unit, hash_key: str, *, special: SpecialItem) -> int:
    mask = 0
    while True:
        if not special(reader):
            for value in _parse_item(reader, unit, hash_key):
                mask |= 1 << value
        if reader.done:
            return mask
        reader.expect(",", what="a comma or the end of the field")


def _parse_item(reader: Reader, unit: Unit, hash_key: str) -> Sequence[int]:
    if unit.hash_last and reader.take("H"):
        return _parse_hash(reader, unit, hash_key)
    if reader.take("*") or reader.take("?"):
        values = _walk(unit, unit.first, unit.last)
    else:
        first = _value(reader, unit)
        if reader.take("-"):
            values = _walk(unit, first, _range_end(reader, unit, first))
        elif reader.peek() == "/":
            values = _walk(unit, first, unit.last)
        else:
            return [first if first <= unit.last else unit.first]
    return values[:: _parse_step(reader, unit.size)]


def _parse_hash(reader: Reader, unit: Unit, hash_key: str) -> Sequence[int]:
    """`H`, `H/n`, `H(a-b)`, `H(a-b)/n`: one value, or every n-th from a first one, chosen by the plan's name."""
    values = _walk(unit, unit.first, unit.hash_last)
    if reader.take("("):
        first = _value(reader, unit)
        reader.expect("-", what="a range such as H(0-29)")
        values = _walk(unit, first, _range_end(reader, unit, first))
        reader.expect(")", what="a closing bracket")
    chosen = int.from_bytes(sha256(f"{unit.name}\n{hash_key}".encode()).digest()[:8], "big")
    if reader.peek() == "/":
        step = _parse_step(reader, len(values))
        return values[chosen % step :: step]
    return [values[chosen % len(values)]]


def _parse_step(reader: Reader, size: int) -> int:
    """What follows a slash, at most `size`: a larger step would silently mean "the first value only"."""
    return reader.number(1, size, what="a step") if reader.take("/") else 1


def _value(reader: Reader, unit: Unit) -> int:
    named = reader.name(unit.names)
    if named is not None:
        return named
    if unit.names and reader.peek().isalpha():
        names = list(unit.names)
        raise reader.refuse(f"wanted a name from {names[0]} to {names[-1]}, found {reader.rest()}")
    return reader.number(unit.first, unit.top, what=f"{'an' if unit is HOUR else 'a'} {unit.name}")


def _range_end(reader: Reader, unit: Unit, first: int) -> int:
    column = reader.column
    last = _value(reader, unit)
    if last < first and not unit.wraps:
        raise reader.refuse(f"wanted a range that rises, found {first}-{last}", column=column)
    return last


def _walk(unit: Unit, first: int, last: int) -> Sequence[int]:
    """The values from `first` to `last`, past the field's end and on from its beginning where the range wraps."""
    if last < first:
        last += unit.size
    last = min(last, first + unit.size - 1)  # 0-7 has Sunday once
    return [unit.first + (value - unit.first) % unit.size for value in range(first, last + 1)]
