"""Ranges of keys as etcd reads them, and where they lie to the keys that are jobpool's own. Pure."""

from enum import Enum
from typing import TypeAlias

from msgspec import Struct

TO_THE_END = b"\0"
"""As the end of a range: all keys from the first one on."""

Span: TypeAlias = tuple[bytes, bytes]
"""(key, range_end) of a request; an empty end = the one key."""


class Place(Enum):
    OUTSIDE = 0
    INSIDE = 1
    CROSSES = 2


class Reserved(Struct, frozen=True):
    """The keys of [first, last) are jobpool's own."""

    first: bytes
    last: bytes

    def __contains__(self, key: bytes) -> bool:
        return self.first <= key < self.last

    def place(self, key: bytes, range_end: bytes) -> Place:
        """Where a request's range lies; whatever begins among the reserved keys is not outside, be it empty."""
        end = _end_of(key, range_end)
        if key in self:
            return Place.INSIDE if end is not None and end <= self.last else Place.CROSSES
        if key < self.first and (end is None or end > self.first):
            return Place.CROSSES
        return Place.OUTSIDE

    def around(self, key: bytes, range_end: bytes) -> list[Span]:
        """The parts of a range that crosses the reserved keys which lie beside them: one or two."""
        end = _end_of(key, range_end)
        parts = [(key, self.first)] if key < self.first else []
        if end is None:
            parts.append((self.last, TO_THE_END))
        elif end > self.last:
            parts.append((self.last, end))
        return parts


def after_prefix(prefix: bytes) -> bytes:
    """The end of the range of all keys that begin with `prefix`."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else TO_THE_END


def _end_of(key: bytes, range_end: bytes) -> bytes | None:
    """Where the range ends, itself not included; None = nowhere."""
    if not range_end:
        return key + b"\0"
    return None if range_end == TO_THE_END else range_end
