"""What the broker tracks: evaluations in a state, the ready ones of each type in order, and how many there are."""

from heapq import heapify, heappop, heappush

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.queued import QueuedEvaluation

READY, UNACKED, PENDING, NACKED, DELAYED, FORGOTTEN, GONE = range(7)


class QueueStats(Struct, frozen=True):
    """How many evaluations of one type are in which state. `delayed` is the part of `waiting` that is not yet due."""

    ready: int = 0
    unacked: int = 0
    pending: int = 0
    waiting: int = 0
    delayed: int = 0


class BrokerStats(Struct, frozen=True):
    """Totals over all types: ready + unacked + pending + waiting = tracked.

    `waiting` holds what waits after a nack and what is `delayed`; `failed` is the part of `ready` that was delivered
    too often. `cancelable` are no longer tracked.
    """

    ready: int
    unacked: int
    pending: int
    waiting: int
    delayed: int
    failed: int
    cancelable: int
    tracked: int
    by_type: dict[str, QueueStats]


class Queue:
    """The ready evaluations of one type, best first, and the counts of all of that type."""

    __slots__ = ("arrivals", "counts", "heap", "name", "served", "stale")

    def __init__(self, name: str) -> None:
        self.name = name
        self.heap: list[tuple[int, int, int, Entry]] = []
        self.counts = [0] * 7
        self.served = 0
        self.arrivals = 0
        self.stale = 0

    def push(self, entry: "Entry") -> None:
        entry.move(READY)
        self.arrivals += 1
        evaluation = entry.evaluation
        heappush(self.heap, (-evaluation.priority, evaluation.create_index, self.arrivals, entry))

    def pop(self) -> "Entry":
        """The best one. There must be one."""
        while True:
            entry = heappop(self.heap)[3]
            if entry.state == READY:
                return entry
            self.stale -= 1

    def best_priority(self) -> int:
        while self.heap[0][3].state != READY:
            heappop(self.heap)
            self.stale -= 1
        return -self.heap[0][0]

    def drop(self, entry: "Entry") -> None:
        """Forget a ready entry. It stays in the heap until it surfaces, or until such entries outnumber the live."""
        entry.move(GONE)
        self.stale += 1
        if self.stale > 64 and 2 * self.stale > len(self.heap):
            self.heap = [item for item in self.heap if item[3].state == READY]
            heapify(self.heap)
            self.stale = 0

    def stats(self) -> QueueStats:
        ready, unacked, pending, nacked, delayed, _, _ = self.counts
        return QueueStats(ready, unacked, pending, nacked + delayed, delayed)


class Entry:
    """A tracked evaluation. `deadline` is when its delivery expires; None = it is paused."""

    __slots__ = ("again", "deadline", "deliveries", "evaluation", "key", "queue", "state", "token")

    def __init__(self, evaluation: QueuedEvaluation, key: tuple[str, int], queue: Queue) -> None:
        self.evaluation = evaluation
        self.key = key
        self.queue = queue
        self.state = GONE
        self.deliveries = 0
        self.token = ""
        self.deadline: Millis | None = None
        self.again: QueuedEvaluation | None = None

    def move(self, state: int) -> None:
        counts = self.queue.counts
        counts[self.state] -= 1
        counts[state] += 1
        self.state = state
