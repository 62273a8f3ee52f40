"""A deliberately dumb reading of the schedule rules: try every minute (or second), match its digits, apply the rules.

Shares no code with jobpool.timetable. Slow, and only right for good expressions.
"""

from calendar import monthrange
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MONTHS = ["", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
THREE_HOURS = timedelta(hours=3)


@lru_cache(maxsize=4096)
def members(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """The numbers of a field without its special day forms."""

    def number(word: str) -> int:
        value = names.index(word) if word in names else int(word)
        return 0 if names and names[0] == "SUN" and value == 7 else value

    found: set[int] = set()
    for item in text.split(","):
        base, _, step = item.partition("/")
        if base in ("*", "?"):
            first, last = low, high
        elif "-" in base:
            first, last = number(base.split("-")[0]), number(base.split("-")[1])
            if base.split("-")[1] == "7" and names and first == 0:
                last = 6 if base.split("-")[0] in ("0", "SUN") else 0
        else:
            first = number(base)
            last = high if step else first
        walk = [first]
        while walk[-1] != last:
            walk.append(walk[-1] + 1 if walk[-1] < high else low)
        found.update(walk[:: int(step or 1)])
    return frozenset(found)


def matches_day_of_month(text: str, day: date) -> bool:
    length = monthrange(day.year, day.month)[1]
    for item in text.split(","):
        if item == "LW":
            working = [d for d in range(1, length + 1) if date(day.year, day.month, d).weekday() < 5]
            hit = day.day == working[-1]
        elif item.startswith("L"):
            hit = day.day == length - int(item[2:] or 0)
        elif item.endswith("W"):
            wanted = int(item[:-1])
            working = [d for d in range(1, length + 1) if date(day.year, day.month, d).weekday() < 5]
            # never as far as a tie: a weekend is two days long, its edges have one nearest working day
            hit = wanted <= length and day.day == min(working, key=lambda d: abs(d - wanted))
        else:
            hit = day.day in members(item, 1, 31)
        if hit:
            return True
    return False


def matches_day_of_week(text: str, day: date) -> bool:
    weekday = (day.weekday() + 1) % 7
    for item in text.split(","):
        if item.endswith("L"):
            hit = weekday in members(item[:-1], 0, 6, tuple(WEEKDAYS)) and (day + timedelta(7)).month != day.month
        elif "#" in item:
            name, _, n = item.partition("#")
            hit = weekday in members(name, 0, 6, tuple(WEEKDAYS)) and (day.day + 6) // 7 == int(n)
        else:
            hit = weekday in members(item, 0, 6, tuple(WEEKDAYS))
        if hit:
            return True
    return False


@lru_cache(maxsize=65536)
def matches_date(fields: tuple[str, ...], match_all: bool, day: date) -> bool:
    """`fields`: day-of-month, month, day-of-week, year."""
    of_month, month, of_week, year = fields
    if day.month not in members(month, 1, 12, tuple(MONTHS)) or day.year not in members(year, 1970, 2099):
        return False
    both = of_month[0] not in "*?" and of_week[0] not in "*?"
    hits = matches_day_of_month(of_month, day), matches_day_of_week(of_week, day)
    return any(hits) if both and not match_all else all(hits)


class Twin:
    def __init__(self, spec: str, zone: str, *, gap="run-after", overlap="first", match="any") -> None:
        words = spec.upper().split()
        self.step = 60 if len(words) == 5 else 1
        words = words if len(words) > 5 else ["0", *words]
        words = words if len(words) > 6 else [*words, "*"]
        self.second, self.minute, self.hour, *days = words
        self.days, self.match_all = tuple(days), match == "all"
        self.fixed = self.minute[0] not in "*?" and self.hour[0] not in "*?"
        self.zone, self.gap, self.overlap = ZoneInfo(zone), gap, overlap

    def matches(self, wall: datetime) -> bool:
        return (
            wall.second in members(self.second, 0, 59)
            and wall.minute in members(self.minute, 0, 59)
            and wall.hour in members(self.hour, 0, 23)
            and matches_date(self.days, self.match_all, wall.date())
        )

    def wall(self, second: int) -> datetime:
        return datetime.fromtimestamp(second, UTC).astimezone(self.zone).replace(tzinfo=None)

    def ticks(self, start: int, end: int) -> list[int]:
        """Seconds in [start, end]; start and the zone's offsets are whole minutes for a schedule without seconds."""
        walls = {u: self.wall(u) for u in range(start - 4 * 3600, end + 4 * 3600, self.step)}
        seen = defaultdict(list)
        for u, wall in walls.items():
            seen[wall].append(u)
        return [u for u in range(start, end + 1, self.step) if self.fires(u, walls, seen)]

    def fires(self, u: int, walls: dict[int, datetime], seen: dict[datetime, list[int]]) -> bool:
        wall, leap = walls[u], walls[u] - walls[u - self.step] - timedelta(seconds=self.step)
        if self.fixed and self.gap == "run-after" and timedelta(0) < leap <= THREE_HOURS:
            missed = [wall - timedelta(seconds=s) for s in range(self.step, int(leap.total_seconds()) + 1, self.step)]
            if any(self.matches(lost) for lost in missed):
                return True
        if not self.matches(wall):
            return False
        same = [other for other in seen[wall] if abs(other - u) <= THREE_HOURS.total_seconds()]
        if not self.fixed or self.overlap == "both":
            return True
        return u == (min(same) if self.overlap == "first" else max(same))
