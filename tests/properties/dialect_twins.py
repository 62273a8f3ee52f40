"""Three dialects of cron as they are known to work, written as plainly as can be: minute by minute."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


class Expression:
    """Five fields; `stars` are those that count as unrestricted in robfig, `leading` those that begin with a star."""

    def __init__(self, text: str) -> None:
        fields = text.split()
        self.values = [_values(field, *bounds) for field, bounds in zip(fields, RANGES, strict=True)]
        self.stars = [any(item in ("*", "*/1") for item in field.split(",")) for field in fields]
        self.leading = [field.startswith("*") for field in fields]

    def date(self, wall: datetime, unrestricted: list[bool]) -> bool:
        of_month = wall.day in self.values[2]
        of_week = wall.isoweekday() % 7 in self.values[4]
        both = of_month and of_week
        days = both if unrestricted[2] or unrestricted[4] else of_month or of_week
        return days and wall.month in self.values[3]

    def clock(self, wall: datetime) -> bool:
        return wall.minute in self.values[0] and wall.hour in self.values[1]


def robfig(text: str, zone: str, first: datetime, last: datetime) -> list[datetime]:
    """Each real minute that shows a matching wall time."""
    expression = Expression(text)
    return [
        at
        for at in _minutes(first, last)
        if expression.clock(wall := at.astimezone(ZoneInfo(zone))) and expression.date(wall, expression.stars)
    ]


def vixie(text: str, zone: str, first: datetime, last: datetime) -> list[datetime]:
    """cron.c: what was leapt over is run at once for fixed times; what comes again is not run for them again."""
    expression = Expression(text)
    wildcard = expression.leading[0] or expression.leading[1]
    fires: list[datetime] = []
    virtual = first.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - MINUTE
    for at in _minutes(first, last):
        wall = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        seen = [wall] if wildcard else list(_walls(virtual + MINUTE, wall))
        fires += [at for one in seen if expression.clock(one) and expression.date(one, expression.leading)]
        virtual = max(virtual, wall)
    return fires


def quartz(text: str, zone: str, first: datetime, last: datetime) -> list[datetime]:
    """Wall times in order, each once: what does not exist is skipped, of what comes twice the second counts."""
    expression = Expression(text)
    there = ZoneInfo(zone)
    fires = []
    for wall in _walls(first.astimezone(there).replace(tzinfo=None), last.astimezone(there).replace(tzinfo=None)):
        at = wall.replace(tzinfo=there, fold=1).astimezone(UTC)
        exists = at.astimezone(there).replace(tzinfo=None) == wall
        if exists and expression.clock(wall) and expression.date(wall, expression.stars):
            fires.append(at)
    return [at for at in fires if first <= at <= last]


def _minutes(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += MINUTE


_walls = _minutes


def _values(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        if span == "*":
            start, end = low, high
        elif "-" in span:
            start, end = (int(part) for part in span.split("-"))
        else:
            start, end = int(span), high if step else int(span)
        found |= set(range(start, end + 1, int(step or 1)))
    return found
