"""Where segments come from when the child has to be fed again."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from jobpool.store.keyspace import Table, key_of, number, parse_key
from jobpool.store.port import Store

SegmentSource: TypeAlias = Callable[[int, int], Awaitable[list[tuple[int, bytes]]]]
"""(after, until) → the oldest segments with after < n ≤ until, in order, as (n, value); none only when there are none.

Raises StoreFailed.
"""

_SEGMENTS_AT_ONCE = 200


def segments_in(store: Store) -> SegmentSource:
    """The segments of a store."""

    async def segments(after: int, until: int) -> list[tuple[int, bytes]]:
        first, last = (key_of(Table.SEGMENT, (number(n + 1),)) for n in (after, until))
        found = await store.range(first, last, limit=_SEGMENTS_AT_ONCE)
        return [(int(named[1][0]), item.value) for item in found if (named := parse_key(item.key)) is not None]

    return segments
