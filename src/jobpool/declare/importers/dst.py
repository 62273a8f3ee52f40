"""What the clocks of a zone do in the years to come, as far as the rules are known today."""

from functools import lru_cache

from jobpool.timetable.zones import find_zone

_FROM = 1_767_225_600
"""1 January 2026 in seconds since the epoch; twelve years from then see every rule that is in force."""
_UNTIL = _FROM + 12 * 366 * 86_400
_LONGEST = 3 * 3600


def has_changes(zone: str) -> bool:
    """Whether the zone's clock is ever changed; of a zone that is not known: it may be."""
    return not zone or bool(_changes(zone))


@lru_cache(maxsize=256)
def gaps(zone: str) -> tuple[tuple[int, int], ...]:
    """The wall times that are leapt over: minute of the day and minutes, each once."""
    found = {
        (((second + before) % 86_400) // 60, (after - before) // 60)
        for second, before, after in _changes(zone)
        if 0 < after - before <= _LONGEST
    }
    return tuple(sorted(found))


@lru_cache(maxsize=256)
def _changes(name: str) -> tuple[tuple[int, int, int], ...]:
    """Each change: when, and the offsets before and after, all in seconds."""
    zone = find_zone(name)
    if zone is None:
        return ()
    found, second = [], _FROM
    while second < _UNTIL:
        stretch = zone.stretch(second)
        if stretch.after != stretch.offset:
            found.append((stretch.end, stretch.offset, stretch.after))
        second = stretch.end
    return tuple(found)
