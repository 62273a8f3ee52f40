"""One page of a list whose newest part is live and whose rest is history.

Each half is in list order; live items may lie anywhere between finished ones. Ask history for the `widened` window, in
the same step in which the live matches are taken, then `merged` cuts the page.
"""

from collections.abc import Callable, Sequence
from heapq import merge
from itertools import islice
from typing import TypeVar

from jobpool.kit.pure.durations import Millis

T = TypeVar("T")


def widened(offset: int, limit: int, live: int) -> tuple[int, int]:
    """The (offset, limit) to ask of history for a page when there are `live` live matches.

    At most `live` of the items before the page are live ones, so at least `offset - live` finished ones are.
    """
    start = max(0, offset - live)
    return start, limit + offset - start


def merged(
    live: Sequence[T],
    finished: Sequence[T],
    *,
    key: Callable[[T], tuple[Millis, str]],
    offset: int,
    limit: int,
) -> list[T]:
    """The page. `live` are all live matches, `finished` what history gave for the widened window, both descending."""
    start, _ = widened(offset, limit, len(live))
    ordered = merge(live, finished, key=key, reverse=True)
    return list(islice(ordered, offset - start, offset - start + limit))
