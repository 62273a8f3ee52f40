"""The fields of a cron expression, matched against a wall clock that has no zone.

Wall time is counted in seconds as if the wall clock were UTC. Sets are bit masks, so that "the next member" is a
shift and not a search.
"""

from datetime import date
from functools import lru_cache

from msgspec import Struct

from jobpool.timetable.days import Days

DAY_SECONDS = 86_400
DAY_MINUTES = 1440
FIRST_YEAR, LAST_YEAR = 1970, 2099
"""What a year field may name."""

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_EPOCH_WEEKDAY = 4  # a Thursday, counted from Sunday
_HORIZON_DAYS = 14_611  # 40 years with their leap days: the longest wait for a 29 February that is a given weekday


class Wall(Struct, frozen=True, gc=False):
    """The wall times that match. `years`: bit y - 1970; 0 = every year."""

    seconds: int
    minutes: int
    hours: int
    days: Days
    months: int
    years: int = 0

    def first(self, wall: int, horizon: int) -> int | None:
        """The first matching wall time that is not before `wall`; None when its month begins after day `horizon`."""
        day, second = divmod(wall, DAY_SECONDS)
        found = self._day_from(day, horizon)
        if found == day:
            time = self._time_from(second)
            if time is not None:
                return day * DAY_SECONDS + time
            found = self._day_from(day + 1, horizon)
        if found is None:
            return None
        return found * DAY_SECONDS + (_low(self.hours) * 60 + _low(self.minutes)) * 60 + _low(self.seconds)

    def count(self, start: int, end: int) -> int:
        """How many matching wall times lie in [start, end)."""
        if start >= end:
            return 0
        first, since = divmod(start, DAY_SECONDS)
        last, until = divmod(end, DAY_SECONDS)
        full = self._days_between(first, last) * self._times_before(DAY_SECONDS)
        tail = self._times_before(until) if self._days_between(last, last + 1) else 0
        head = self._times_before(since) if self._days_between(first, first + 1) else 0
        return full + tail - head

    def day_minutes(self, day: int) -> int:
        """The minutes of a day (days since the epoch) that match; bit 0 = midnight."""
        return _hours_of_minutes(self.hours) * self.minutes if self._days_between(day, day + 1) else 0

    def horizon(self, wall: int) -> int:
        """The last day worth searching from here: 40 years on, counted from the first year that is allowed at all."""
        day = wall // DAY_SECONDS
        if self.years:
            year = self._year_from(date.fromordinal(day + _EPOCH_ORDINAL).year)
            if year is None:
                return day - 1
            day = max(day, date(year, 1, 1).toordinal() - _EPOCH_ORDINAL)
        return day + _HORIZON_DAYS

    def is_satisfiable(self) -> bool:
        """Whether any date of the calendar matches. 28 years show all 14 kinds of years."""
        years = [FIRST_YEAR + i for i in range(LAST_YEAR - FIRST_YEAR + 1) if self.years >> i & 1]
        months = [month for month in range(1, 13) if self.months >> month & 1]
        return any(self._month(year, month)[1] for year in years or range(1972, 2000) for month in months)

    def _time_from(self, second: int) -> int | None:
        """The first matching second of the day that is not before this one."""
        hour, rest = divmod(second, 3600)
        minute, second = divmod(rest, 60)
        if self.hours >> hour & 1:
            if self.minutes >> minute & 1 and (later := self.seconds >> second):
                return (hour * 60 + minute) * 60 + second + _low(later)
            if later := self.minutes >> minute + 1:
                return (hour * 60 + minute + 1 + _low(later)) * 60 + _low(self.seconds)
        if later := self.hours >> hour + 1:
            return ((hour + 1 + _low(later)) * 60 + _low(self.minutes)) * 60 + _low(self.seconds)
        return None

    def _times_before(self, second: int) -> int:
        """How many matching seconds a matching day holds before this second of the day."""
        hour, rest = divmod(second, 3600)
        minute, second = divmod(rest, 60)
        hours = _count_below(self.hours, hour)
        minutes = hours * self.minutes.bit_count()
        if self.hours >> hour & 1:
            minutes += _count_below(self.minutes, minute)
            if self.minutes >> minute & 1:
                return minutes * self.seconds.bit_count() + _count_below(self.seconds, second)
        return minutes * self.seconds.bit_count()

    def _day_from(self, day: int, horizon: int) -> int | None:
        """The first matching day (days since the epoch) that is not before this one."""
        at = date.fromordinal(day + _EPOCH_ORDINAL)
        if self._allows(at.year, at.month):
            first_weekday = (day - at.day + 1 + _EPOCH_WEEKDAY) % 7
            later = self.days.mask(_month_length(at.year, at.month), first_weekday) >> at.day
            if later:
                return day + _low(later)
        return self._day_after_month(at.year, at.month, horizon)

    def _day_after_month(self, year: int, month: int, horizon: int) -> int | None:
        while (following := self._month_after(year, month)) is not None:
            year, month = following
            first, mask = self._month(year, month)
            if first > horizon:
                return None
            if mask:
                return first + _low(mask) - 1
        return None

    def _month_after(self, year: int, month: int) -> tuple[int, int] | None:
        later = self.months >> month + 1
        if later and (not self.years or self._year_from(year) == year):
            return year, month + 1 + _low(later)
        allowed = self._year_from(year + 1)
        return None if allowed is None else (allowed, _low(self.months))

    def _year_from(self, year: int) -> int | None:
        if not self.years:
            return year
        later = self.years >> max(year - FIRST_YEAR, 0)
        return max(year, FIRST_YEAR) + _low(later) if later else None

    def _allows(self, year: int, month: int) -> bool:
        return bool(self.months >> month & 1) and (not self.years or self._year_from(year) == year)

    def _month(self, year: int, month: int) -> tuple[int, int]:
        """The first day of a month, and which of its days match."""
        first = date(year, month, 1).toordinal() - _EPOCH_ORDINAL
        return first, self.days.mask(_month_length(year, month), (first + _EPOCH_WEEKDAY) % 7)

    def _days_between(self, start: int, end: int) -> int:
        """How many matching days lie in [start, end)."""
        total = 0
        while start < end:
            at = date.fromordinal(start + _EPOCH_ORDINAL)
            length = _month_length(at.year, at.month)
            following = start - at.day + 1 + length
            if self._allows(at.year, at.month):
                mask = self.days.mask(length, (start - at.day + 1 + _EPOCH_WEEKDAY) % 7) >> at.day
                total += _count_below(mask, end - start)
            start = following
        return total


def _month_length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


@lru_cache(maxsize=4096)
def _hours_of_minutes(hours: int) -> int:
    """A set of hours as the set of their first minutes."""
    return sum(1 << 60 * hour for hour in range(24) if hours >> hour & 1)


def _low(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _count_below(mask: int, bit: int) -> int:
    return (mask & ((1 << bit) - 1)).bit_count()
