"""A `Store` in memory: the same semantics as the engines, with faults and crashes on demand."""

import asyncio
from bisect import bisect_left, insort
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Literal, TypeAlias

from jobpool.model.errors import InvalidArgument, StoreFailed
from jobpool.store.engines import rules
from jobpool.store.engines.ring import RingLimits, StepRing
from jobpool.store.port import (
    Delete,
    Fence,
    Fenced,
    KeyValue,
    Limits,
    Op,
    OutcomeUnknown,
    Put,
    Step,
    Store,
    Transaction,
)

Fault: TypeAlias = Literal["refuse", "lost", "landed-but-unknown", "delayed"]


def following(expects: Fence, *ops: Op, batch: str = "") -> Transaction:
    """The transaction that does `ops` on top of that fence, in its term."""
    n = expects.n + 1
    return Transaction(expects, Fence(expects.incarnation, expects.term, n, batch or f"batch-{n}"), ops)


async def write(store: Store, *ops: Op) -> Fence:
    """Commit `ops` on top of the fence in force; returns the fence they left."""
    transaction = following(await store.fence(), *ops)
    await store.commit(transaction)
    return transaction.leaves


async def pairs_of(chunks: AsyncIterator[list[KeyValue]]) -> list[KeyValue]:
    """All keys of a load or a snapshot."""
    return [pair async for chunk in chunks for pair in chunk]


class Disk:
    """What survives a crash: the keys, the fence, and what is still on its way."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.keys: list[str] = []
        self.fence = rules.INITIAL_FENCE
        self.steps: list[Step] = []
        self.delayed: list[Transaction] = []
        self.write(rules.FENCE_KEY, rules.encode_fence(self.fence))

    def write(self, key: str, value: bytes) -> None:
        if key not in self.values:
            insort(self.keys, key)
        self.values[key] = value

    def erase(self, keys: Iterable[str]) -> None:
        for key in keys:
            if self.values.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]

    def span(self, first: str, last: str | None) -> list[str]:
        start = bisect_left(self.keys, first)
        end = len(self.keys) if last is None else bisect_left(self.keys, last)
        return self.keys[start:end]

    def pairs(self, keys: Iterable[str]) -> list[KeyValue]:
        return [KeyValue(key, self.values[key]) for key in keys]

    def move_fence(self, fence: Fence) -> None:
        self.fence = fence
        self.write(rules.FENCE_KEY, rules.encode_fence(fence))

    def apply(self, transaction: Transaction) -> None:
        for op in transaction.ops:
            if isinstance(op, Put):
                self.write(op.key, op.value)
            elif isinstance(op, Delete):
                self.erase((op.key,))
            else:
                self.erase(self.span(op.first, op.last))
        self.move_fence(transaction.leaves)
        self.steps.append(Step(transaction.leaves, transaction.ops))


class _Held:
    """A commit that waits for `release_commits`."""

    def __init__(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        self.transaction = transaction
        self.may_be_resent = may_be_resent
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class MemoryStore:
    """The fake engine.

    `crash` ends it as a kill would, `reopened` goes on from what was durable. `fail_next_commit` and `hold_commits`
    make the faults that a real engine shows once in a year; they meet campaigns and commits alike, in order.
    """

    def __init__(self, limits: Limits | None = None, ring: RingLimits | None = None) -> None:
        self._start(Disk(), limits or Limits(), ring or RingLimits())

    def _start(self, disk: Disk, limits: Limits, ring: RingLimits) -> None:
        self._disk = disk
        self._limits = limits
        self._ring_limits = ring
        self._ring = StepRing(disk.fence, ring)
        self._faults: deque[Fault] = deque()
        self._held: list[_Held] | None = None
        self._ended = ""

    # What tests see and steer.

    @property
    def steps(self) -> list[Step]:
        """Every step there ever was, in order, across crashes."""
        return list(self._disk.steps)

    @property
    def held(self) -> int:
        """How many commits wait for `release_commits`."""
        return len(self._held or ())

    def content(self) -> dict[str, bytes]:
        """Every key but the fence, in key order."""
        return {key: self._disk.values[key] for key in self._disk.keys if key != rules.FENCE_KEY}

    def fail_next_commit(self, kind: Fault) -> None:
        """Plan one failure; called again, the one after it.

        `refuse`: StoreFailed, nothing stored. The others raise OutcomeUnknown: `lost` was not stored,
        `landed-but-unknown` was, `delayed` waits for `release_delayed`.
        """
        self._faults.append(kind)

    def release_delayed(self) -> int:
        """Let the delayed transactions arrive; how many still found the fence that they expect."""
        arrived, self._disk.delayed = self._disk.delayed, []
        landed = 0
        for transaction in arrived:
            if self._disk.fence == transaction.expects:
                self._land(transaction)
                landed += 1
        return landed

    def hold_commits(self) -> None:
        """Let commits and campaigns wait. One that is cancelled meanwhile still lands when released."""
        if self._held is None:
            self._held = []

    def release_commits(self) -> None:
        """Decide what waits, in order, and hold no more."""
        held, self._held = self._held or [], None
        for waiting in held:
            try:
                self._decide(waiting.transaction, may_be_resent=waiting.may_be_resent)
            except StoreFailed as error:
                if not waiting.answered.done():
                    waiting.answered.set_exception(error)
            else:
                if not waiting.answered.done():
                    waiting.answered.set_result(None)

    def crash(self) -> None:
        """End as a kill would: nothing held is stored, and every later call raises StoreFailed."""
        self._end("the store has crashed")

    def reopened(self) -> "MemoryStore":
        """Crash, and a new store over what was durable. Delayed transactions can still land in it."""
        self.crash()
        store = MemoryStore()
        store._start(self._disk, self._limits, self._ring_limits)
        return store

    # The port.

    @property
    def limits(self) -> Limits:
        return self._limits

    async def fence(self) -> Fence:
        self._check_open()
        return self._disk.fence

    async def load(self, prefixes: tuple[str, ...]) -> tuple[Fence, AsyncIterator[list[KeyValue]]]:
        self._check_open()
        spans = [self._disk.pairs(self._disk.span(*rules.span_of(prefix))) for prefix in prefixes]
        return self._disk.fence, self._chunks(spans)

    def watch(self, after: Fence) -> AsyncIterator[Step]:
        return self._ring.follow(after)

    async def commit(self, transaction: Transaction) -> None:
        rules.check(transaction, self.limits)
        await self._commit(transaction, may_be_resent=True)

    async def range(self, first: str, last: str, *, limit: int, reverse: bool = False) -> list[KeyValue]:
        self._check_open()
        if limit < 0:
            raise InvalidArgument("limit", f"wanted a number ≥ 0, found {limit}")
        keys = self._disk.span(first, last)
        return self._disk.pairs((keys[::-1] if reverse else keys)[:limit])

    async def compact(self, before: int) -> None:
        self._check_open()
        self._ring.drop_before(before)

    async def snapshot(self) -> AsyncIterator[list[KeyValue]]:
        _, chunks = await self.load(("",))
        return chunks

    async def restore(self, chunks: AsyncIterator[list[KeyValue]]) -> Fence:
        self._check_empty()
        found: Fence | None = None
        pairs: list[KeyValue] = []
        async for chunk in chunks:
            found = rules.fence_in(chunk) or found
            pairs += chunk
        if found is None:
            raise StoreFailed("the snapshot holds no fence: it is not a whole one")
        self._check_empty()
        fence = rules.restored(self._disk.fence, found)
        for pair in pairs:
            self._disk.write(pair.key, pair.value)
        self._disk.move_fence(fence)
        self._ring.reset(fence)
        return fence

    async def campaign(self, server_id: str) -> Fence:
        self._check_open()
        transaction = rules.campaign(self._disk.fence, server_id)
        await self._commit(transaction, may_be_resent=False)
        return transaction.leaves

    async def close(self) -> None:
        self._end("the store is closed")

    async def _commit(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        self._check_open()
        if self._held is not None:
            waiting = _Held(transaction, may_be_resent=may_be_resent)
            self._held.append(waiting)
            await waiting.answered
            return
        await asyncio.sleep(0)  # as a real engine, never done at once
        self._check_open()
        self._decide(transaction, may_be_resent=may_be_resent)

    def _decide(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        fault = self._faults.popleft() if self._faults else None
        if fault == "refuse":
            raise StoreFailed("cannot write: database or disk is full")
        if fault == "lost":
            raise OutcomeUnknown("cannot write: no answer")
        if fault == "delayed":
            self._disk.delayed.append(transaction)
            raise OutcomeUnknown("cannot write: no answer yet")
        if may_be_resent and self._disk.fence == transaction.leaves:
            return
        if self._disk.fence != transaction.expects:
            raise Fenced(self._disk.fence)
        self._land(transaction)
        if fault == "landed-but-unknown":
            raise OutcomeUnknown("cannot write: the answer was lost")

    def _land(self, transaction: Transaction) -> None:
        self._disk.apply(transaction)
        self._ring.append(transaction.expects, Step(transaction.leaves, transaction.ops))

    async def _chunks(self, spans: list[list[KeyValue]]) -> AsyncIterator[list[KeyValue]]:
        for pairs in spans:
            for at in range(0, len(pairs), rules.CHUNK_KEYS):
                self._check_open()
                yield pairs[at : at + rules.CHUNK_KEYS]
                await asyncio.sleep(0)

    def _check_open(self) -> None:
        if self._ended:
            raise StoreFailed(self._ended)

    def _check_empty(self) -> None:
        self._check_open()
        if len(self._disk.keys) > 1:
            raise StoreFailed("cannot restore into a store that is not empty")

    def _end(self, reason: str) -> None:
        self._ended = self._ended or reason
        self._ring.close()
        held, self._held = self._held or [], None
        for waiting in held:
            if not waiting.answered.done():
                waiting.answered.set_exception(OutcomeUnknown(reason))
