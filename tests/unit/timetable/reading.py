"""Reads and asks schedules in the notation of the design's tables."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from jobpool.timetable import ScheduleOptions, Timetable, parse


def at(text: str, zone: str = "UTC") -> int:
    """Milliseconds of `2025-03-09T07:00` in a zone (the first of two)."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def text(tick: int | None) -> str:
    """`2025-03-09T07:00`, with seconds and milliseconds only where there are any."""
    if tick is None:
        return "never"
    moment = datetime.fromtimestamp(tick // 1000, UTC).replace(tzinfo=None, microsecond=tick % 1000 * 1000)
    if tick % 1000:
        return moment.isoformat(timespec="milliseconds")
    return moment.isoformat(timespec="seconds").removesuffix(":00")


def table(spec: str, zone: str = "UTC", **options) -> Timetable:
    return parse(spec, ScheduleOptions(zone, **options))


def fires(timetable: Timetable, after: int, count: int) -> list[str]:
    """The next `count` ticks; ends with `never` when there are no more."""
    found: list[str] = []
    tick: int | None = after
    while len(found) < count and tick is not None:
        tick = timetable.next(tick)
        found.append(text(tick))
    return found
