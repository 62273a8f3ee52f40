"""Which days of a month a schedule asks for: day-of-month, day-of-week, and how the two join.

Day sets are bit masks (bit d = day d). A month is wholly described by its length and the weekday of its first day,
so there are 28 kinds of months, and each is worked out at most once per schedule.
"""

from collections.abc import Iterator

from msgspec import Struct

from jobpool.model.schedule import DayMatch

SUNDAY, SATURDAY = 0, 6


class DaysOfMonth(Struct, frozen=True, gc=False):
    """`days`: bit d = day d. `from_end`: bit n = n days before the last. `nearest`: bit n = `nW`."""

    days: int
    from_end: int = 0
    nearest: int = 0
    last_weekday: bool = False
    restricted: bool = True
    """Whether the field begins with neither `*` nor `?`."""

    def mask(self, length: int, first_weekday: int) -> int:
        mask = self.days
        for back in bits(self.from_end):
            mask |= 1 << (length - back) if back < length else 0
        for day in bits(self.nearest):
            mask |= 1 << _nearest_weekday(day, length, first_weekday) if day <= length else 0
        if self.last_weekday:
            mask |= 1 << _nearest_weekday(length, length, first_weekday)
        return mask & _all_days(length)


class DaysOfWeek(Struct, frozen=True, gc=False):
    """`weekdays`: bit w, 0 = Sunday. `last`: bit w = `wL`. `nth`: bit 5w + n - 1 = `w#n`."""

    weekdays: int
    last: int = 0
    nth: int = 0
    restricted: bool = True

    def mask(self, length: int, first_weekday: int) -> int:
        mask = 0
        for weekday in bits(self.weekdays):
            mask |= _EVERY_WEEK << (1 + (weekday - first_weekday) % 7)
        for weekday in bits(self.last):
            first = 1 + (weekday - first_weekday) % 7
            mask |= 1 << (first + (length - first) // 7 * 7)
        for bit in bits(self.nth):
            weekday, week = divmod(bit, 5)
            mask |= 1 << (1 + (weekday - first_weekday) % 7 + 7 * week)
        return mask & _all_days(length)


class Days:
    """The two day fields joined. The masks it remembers never change what it answers."""

    __slots__ = ("_any", "_known", "_of_month", "_of_week")

    def __init__(self, of_month: DaysOfMonth, of_week: DaysOfWeek, match: DayMatch) -> None:
        self._of_month = of_month
        self._of_week = of_week
        self._any = match is DayMatch.ANY and of_month.restricted and of_week.restricted
        self._known: dict[int, int] = {}

    def mask(self, length: int, first_weekday: int) -> int:
        """Bit d is set when day d matches, in a month of this length that begins on this weekday (0 = Sunday)."""
        kind = length * 7 + first_weekday
        mask = self._known.get(kind)
        if mask is None:
            of_month = self._of_month.mask(length, first_weekday)
            of_week = self._of_week.mask(length, first_weekday)
            mask = self._known[kind] = of_month | of_week if self._any else of_month & of_week
        return mask


_EVERY_WEEK = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28


def bits(mask: int) -> Iterator[int]:
    """The numbers of the set bits, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _all_days(length: int) -> int:
    return (2 << length) - 2


def _nearest_weekday(day: int, length: int, first_weekday: int) -> int:
    """Monday to Friday nearest to this day, without leaving the month."""
    weekday = (first_weekday + day - 1) % 7
    if weekday == SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == SUNDAY:
        return day + 1 if day < length else day - 2
    return day
