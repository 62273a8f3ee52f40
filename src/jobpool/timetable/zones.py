"""A time zone as stretches of real time, each under one offset from UTC.

zoneinfo answers "which offset at this instant" and nothing else, so changes are found by asking once per day and
halving. In the whole database no two changes since 1970 lie closer than six days (a test holds this).
"""

from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from msgspec import Struct

_CHUNK_BITS = 25  # 388 days: a chunk is found by a shift, and holds few stretches
_MARGIN = 2 * 86_400  # a chunk sees past its edges, so that a change beside an edge is whole on both sides
_PROBE = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class Stretch(Struct, frozen=True, gc=False):
    """Real time in [start, end) under one `offset`; `before` and `after` are the offsets on its two sides.

    All in seconds, instants since the epoch. A side that equals `offset` is no change, only where looking ended.
    """

    start: int
    end: int
    offset: int
    before: int
    after: int


class Zone(Struct, frozen=True, gc=False):
    """An IANA zone by name. Make one with `find_zone`, which checks the name."""

    name: str

    def stretch(self, second: int) -> Stretch:
        """The stretch that holds this instant (seconds since the epoch, 1970 to 9990)."""
        for stretch in _stretches(self.name, second >> _CHUNK_BITS):
            if second < stretch.end:
                return stretch
        raise AssertionError(f"second {second} lies outside its own chunk")

    def local(self, at: int) -> datetime:
        """The wall clock at an instant in milliseconds."""
        return (_EPOCH + timedelta(milliseconds=at)).astimezone(ZoneInfo(self.name))

    def is_repeated(self, second: int) -> bool:
        """Whether the wall clock shows the time of this instant twice."""
        at = self.stretch(second)
        return second < at.start + at.before - at.offset or second >= at.end - (at.offset - at.after)


def find_zone(name: str) -> Zone | None:
    """The zone of this exact IANA name. None for anything else, also for names that only this machine knows."""
    return Zone(name) if name in _names() else None


def similar_zones(name: str) -> list[str]:
    """At most three IANA names that look like this one, nearest first."""
    by_folded = {known.lower(): known for known in _names()}
    return [by_folded[found] for found in get_close_matches(name.lower(), by_folded, n=3)]


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset((files("tzdata") / "zones").read_text(encoding="ascii").split())


@lru_cache(maxsize=8192)
def _stretches(name: str, chunk: int) -> tuple[Stretch, ...]:
    zone = ZoneInfo(name)
    first = (chunk << _CHUNK_BITS) - _MARGIN
    last = ((chunk + 1) << _CHUNK_BITS) + _MARGIN
    changes = _changes(zone, first, last)
    edges = [first, *changes, last]
    offsets = [_offset(zone, edge) for edge in edges[:-1]]
    return tuple(
        Stretch(
            start=edges[i],
            end=edges[i + 1],
            offset=offset,
            before=offsets[i - 1] if i else offset,
            after=offsets[i + 1] if i + 1 < len(offsets) else offset,
        )
        for i, offset in enumerate(offsets)
    )


def _changes(zone: ZoneInfo, first: int, last: int) -> list[int]:
    changes: list[int] = []
    low, offset = first, _offset(zone, first)
    while low < last:
        high = min(low + _PROBE, last)
        high_offset = _offset(zone, high)
        if high_offset != offset and (change := _halve(zone, low, high)) < last:
            changes.append(change)
        low, offset = high, high_offset
    return changes


def _halve(zone: ZoneInfo, low: int, high: int) -> int:
    """The first second in (low, high] whose offset is not the one at `low`."""
    offset = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return high


def _offset(zone: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    return 0 if offset is None else offset // _SECOND
