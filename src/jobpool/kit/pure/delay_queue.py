"""A queue of keys ordered by due time."""

from collections.abc import Hashable, Iterator
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class DelayQueue(Generic[K]):
    """Holds each key at most once; setting a key again moves it.

    Moved and removed entries stay in the heap and are skipped when they surface, which keeps every operation
    O(log n) without a second index into the heap. When they outnumber the live ones the heap is rebuilt, so
    memory is bounded by what is live.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, K]] = []
        self._live: dict[K, tuple[int, int]] = {}
        self._entries = 0  # breaks ties in arrival order, and names an entry

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, key: K) -> bool:
        return key in self._live

    def set(self, key: K, due: int) -> None:
        self._entries += 1
        self._live[key] = (due, self._entries)
        heappush(self._heap, (due, self._entries, key))
        if len(self._heap) > 64 and len(self._heap) > 2 * len(self._live):
            self._heap = [(at, entry, name) for name, (at, entry) in self._live.items()]
            heapify(self._heap)

    def discard(self, key: K) -> None:
        self._live.pop(key, None)

    def due_of(self, key: K) -> int | None:
        entry = self._live.get(key)
        return entry[0] if entry else None

    def next_due(self) -> int | None:
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: int, *, limit: int | None = None) -> Iterator[K]:
        while limit != 0 and (due := self.next_due()) is not None and due <= now:
            key = heappop(self._heap)[2]
            del self._live[key]
            if limit is not None:
                limit -= 1
            yield key

    def clear(self) -> None:
        self._heap.clear()
        self._live.clear()

    def _drop_stale(self) -> None:
        while self._heap and self._live.get(self._heap[0][2], (0, 0))[1] != self._heap[0][1]:
            heappop(self._heap)
