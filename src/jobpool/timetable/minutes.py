"""How many ticks lie in each minute of a day or so, without walking from tick to tick.

Minutes are bit masks: a schedule that fires in each of them is told as quickly as one that fires once.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

from msgspec import Struct

from jobpool.kit.pure.durations import MINUTE, Millis


class Share(Struct, frozen=True, gc=False):
    """`weight` ticks in each minute whose bit is set in `minutes`. Shares of one schedule add up."""

    weight: int
    minutes: int


def counted_minutes(count_in: Callable[[Millis, Millis], int], first: int, count: int) -> Sequence[Share]:
    """Minute by minute, from how many ticks lie in (after, until]."""
    masks: dict[int, int] = {}
    for place in range(count):
        at = (first + place) * MINUTE
        if found := count_in(at - 1, at + MINUTE - 1):
            masks[found] = masks.get(found, 0) | 1 << place
    return tuple(Share(weight, mask) for weight, mask in masks.items())


@lru_cache(maxsize=4096)
def every_minutes(period: Millis, since: Millis, count: int) -> Sequence[Share]:
    """Of a tick every `period` ms, the last one `since` ms before the first minute begins (0: as it begins)."""
    whole = (1 << count) - 1
    if period < MINUTE:
        least, rest = divmod(MINUTE, period)
        return (Share(least, whole), Share(1, _with_one_more(period, since, count))) if rest else (Share(least, whole),)
    if period == MINUTE:
        return (Share(1, whole),)
    place = -since % period
    found = 0
    while place < count * MINUTE:
        found |= 1 << place // MINUTE
        place += period
    return (Share(1, found),)


def _with_one_more(period: Millis, since: Millis, count: int) -> int:
    """The minutes in which a period that does not divide a minute fires once more than in the others."""
    least = MINUTE // period
    found, before = 0, (since - 1) // period
    for place in range(count):
        passed = (since - 1 + (place + 1) * MINUTE) // period
        if passed - before > least:
            found |= 1 << place
        before = passed
    return found
