"""The replica: a `State`, those who wait for it to reach an n, and those who are told what changed.

Verbs: `restore`, `apply`, `wait_for`, and reads by `state`. Everything here runs on the event loop and nothing awaits
while the state changes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from heapq import heappop, heappush

from jobpool.model.errors import StoreFailed
from jobpool.replica.state import Folded, State
from jobpool.store.change import Change
from jobpool.store.codec import CorruptRecord, decode
from jobpool.store.keyspace import FOLDERS, REPLICATED, Table, parse_key
from jobpool.store.port import DeleteRange, Fence, KeyValue, Put, Step, Store

Listener = Callable[[Folded], None]


class Replica:
    """`broken` lists the keys whose records could not be read at `restore`: they are reported and skipped."""

    def __init__(self, *, default_slots: int) -> None:
        self._default_slots = default_slots
        self.state = State(default_slots=default_slots)
        self.broken: list[str] = []
        self._listeners: list[Listener] = []
        self._reloaded: list[Callable[[], None]] = []
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._entries = 0
        self._expected: tuple[Fence, Sequence[Change]] | None = None

    @property
    def n(self) -> int:
        return self.state.fence.n

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Be told of every step, right after it was folded and before anybody who waits for it. Returns the undo."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def on_restore(self, listener: Callable[[], None]) -> None:
        """Be told when the whole state was replaced: what was built from it step by step is void."""
        self._reloaded.append(listener)

    async def restore(self, store: Store) -> None:
        """Load everything that is held in memory, as of one fence.

        One record that cannot be read never keeps a server from starting: it is listed in `broken`. A load that what
        was folded meanwhile has overtaken is dropped: the state never goes back.
        """
        before = self.state.fence
        fence, chunks = await store.load(tuple(FOLDERS[table] for table in REPLICATED))
        state, broken = State(default_slots=self._default_slots), list[str]()
        async for chunk in chunks:
            state.fold(fence, _readable(chunk, broken))
        state.fence = fence
        if self.state.fence != before and place(self.state.fence) >= place(fence):
            return
        self.state, self.broken = state, broken
        for listener in self._reloaded:
            listener()
        self._wake_waiters()

    def apply(self, fence: Fence, changes: Iterable[Change]) -> None:
        """Fold one step. Raises StoreFailed when a step is missing in between."""
        if fence.n != self.n + 1:
            raise StoreFailed(f"the replica is at n {self.n} and was given n {fence.n}")
        folded = self.state.fold(fence, changes)
        for listener in self._listeners:
            listener(folded)
        self._wake_waiters()

    def expect(self, fence: Fence, changes: Sequence[Change]) -> None:
        """What a step of one's own changes, should the log show it before its commit is answered."""
        self._expected = fence, changes

    def changes_of(self, step: Step) -> Sequence[Change]:
        """A step that the log shows, read only when it is not the expected one. Raises CorruptRecord."""
        if self._expected is not None and self._expected[0] == step.fence:
            return self._expected[1]
        return changes_of(step)

    def take(self, fence: Fence, changes: Iterable[Change]) -> None:
        """Fold a step of one's own, which the log may have shown already: then it is skipped.

        Raises StoreFailed when a step is missing in between.
        """
        if place(fence) > place(self.state.fence):
            self.apply(fence, changes)

    def _wake_waiters(self) -> None:
        while self._waiters and self._waiters[0][0] <= self.n:
            waiter = heappop(self._waiters)[2]
            if not waiter.done():
                waiter.set_result(None)

    async def wait_for(self, n: int) -> None:
        """Return once n is folded."""
        if n <= self.n:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._entries += 1
        heappush(self._waiters, (n, self._entries, waiter))
        await waiter


def place(fence: Fence) -> tuple[int, int]:
    """Where in the order of all that ever happened a fence stands."""
    return fence.incarnation, fence.n


def _readable(chunk: Iterable[KeyValue], broken: list[str]) -> list[Change]:
    changes = []
    for item in chunk:
        named = parse_key(item.key)
        if named is None:
            continue
        try:
            changes.append(Change(named[0], named[1], decode(named[0], item.value)))
        except CorruptRecord:
            broken.append(item.key)
    return changes


def changes_of(step: Step) -> list[Change]:
    """A watched step as changes. Ranges touch only history and ledger, which no replica holds."""
    changes = []
    for op in step.ops:
        if isinstance(op, DeleteRange):
            continue
        named = parse_key(op.key)
        if named is None or named[0] is Table.LEDGER:
            continue
        value = decode(named[0], op.value) if isinstance(op, Put) else None
        changes.append(Change(named[0], named[1], value))
    return changes


async def replay(steps: AsyncIterator[Step], replica: Replica, *, until: int) -> None:
    """Fold watched steps up to n = `until`."""
    async for step in steps:
        if step.fence.n > replica.n:
            replica.apply(step.fence, changes_of(step))
        if replica.n >= until:
            return
