"""How values are spread: counts in buckets that grow with the value, so that quantiles take little room and add up.

A bucket is as wide as a sixteenth of what it holds at most, so a quantile is told up to 6 % too high, never too low.
"""

from collections.abc import Iterable

_EXACT = 32
_BITS = 5


class Spread:
    """Of values ≥ 0. Those below 32 are told exactly."""

    __slots__ = ("_buckets", "count", "longest")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.longest = 0

    def add(self, value: int) -> None:
        bucket = _bucket(value)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.longest = max(self.longest, value)

    def quantile(self, part: float) -> int:
        """What `part` of the values do not exceed; 0 when there is none."""
        left = part * self.count
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(_top(bucket), self.longest)
        return self.longest

    @staticmethod
    def of(parts: "Iterable[Spread]") -> "Spread":
        """Of all that these hold."""
        whole = Spread()
        for part in parts:
            whole.count += part.count
            whole.longest = max(whole.longest, part.longest)
            for bucket, count in part._buckets.items():
                whole._buckets[bucket] = whole._buckets.get(bucket, 0) + count
        return whole


def _bucket(value: int) -> int:
    """The five highest bits of it, and how many follow them."""
    if value < _EXACT:
        return value
    shift = value.bit_length() - _BITS
    return (shift << _BITS) | (value >> shift)


def _top(bucket: int) -> int:
    """The highest value in it."""
    if bucket < _EXACT:
        return bucket
    shift, bits = bucket >> _BITS, bucket & (_EXACT - 1)
    return ((bits + 1) << shift) - 1
