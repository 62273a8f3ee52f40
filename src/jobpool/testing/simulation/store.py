"""One store for all servers, and each server's connection to it, on which everything goes wrong that can.

The store itself keeps the rules of the port to the letter; what fails is the way: answers are late or lost, a
transaction lands long after it was given up, the log falls silent. A connection behaves as the etcd engine's does.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Literal, TypeAlias, TypeVar, cast

from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import StoreFailed
from jobpool.store.engines import rules
from jobpool.store.engines.outcomes import Outcomes
from jobpool.store.port import (
    Compacted,
    Fence,
    Fenced,
    KeyValue,
    Limits,
    OutcomeUnknown,
    Step,
    Transaction,
)
from jobpool.testing.simulation.process import Process
from jobpool.testing.simulation.world import World
from jobpool.testing.store import Disk

T = TypeVar("T")
Mishap: TypeAlias = Literal["refused", "lost", "unanswered", "delayed"]
"""What becomes of one transaction: refused for good, never there, done without an answer, done long after."""

_WRITE_WITHIN: Millis = SECOND
_READ_WITHIN: Millis = 2 * SECOND
_LATE: Millis = 20 * SECOND


class SharedStore:
    """`landed` is called with every step, at the instant it is in force. `down`: it answers nobody, as in an election.

    `steps` is every step there ever was.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.dice = world.dice("store")
        self.disk = Disk()
        self.down = False
        self.landed: list[Callable[[Step], None]] = []
        self.kept_after = 0
        self.connections: list[Connection] = []
        self._watches: dict[_Watch, None] = {}

    def recover(self) -> None:
        self.down = False
        for connection in self.connections:
            connection.hear_again()

    @property
    def fence(self) -> Fence:
        return self.disk.fence

    @property
    def steps(self) -> list[Step]:
        return self.disk.steps

    def decide(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        """Raises Fenced."""
        if may_be_resent and self.fence == transaction.leaves:
            return
        if self.fence != transaction.expects:
            raise Fenced(self.fence)
        self.land(transaction)

    def land(self, transaction: Transaction) -> None:
        self.disk.apply(transaction)
        step = self.disk.steps[-1]
        for tell in self.landed:
            tell(step)
        for watch in list(self._watches):
            watch.show(step)

    def compact(self, before: int) -> None:
        self.kept_after = max(self.kept_after, min(before - 1, self.fence.n))

    def after(self, fence: Fence) -> list[Step]:
        """The steps after that one. Raises Compacted when some are gone, or it never was."""
        if fence.n < self.kept_after:
            raise Compacted(f"steps are kept after n {self.kept_after}, wanted those after {fence.n}")
        first = self.steps[0].fence.n if self.steps else 1
        known = rules.INITIAL_FENCE if fence.n < first else None
        if known is None and fence.n - first < len(self.steps):
            known = self.steps[fence.n - first].fence
        if known != fence:
            raise Compacted(f"the step {fence.incarnation}.{fence.n} is not the one that happened")
        return self.steps[fence.n - first + 1 :]

    def attach(self, watch: "_Watch") -> None:
        self._watches[watch] = None

    def detach(self, watch: "_Watch") -> None:
        self._watches.pop(watch, None)


class _Watch:
    """One watch: steps on their way to a server, in order."""

    def __init__(self, connection: "Connection", after: Fence) -> None:
        self._connection = connection
        self._after = after
        self._due: Millis = 0
        self._arrived: deque[Step | StoreFailed] = deque()
        self._woken = asyncio.Event()
        self._broken = False

    def show(self, step: Step) -> None:
        if not self._connection.deaf:
            self._send(step)

    def catch_up(self) -> None:
        """Send what was not sent while the way was closed; the log may not have it any more."""
        if self._connection.deaf:
            return
        try:
            for step in self._connection.shared.after(self._after):
                self._send(step)
        except Compacted as gone:
            self.fail(gone)

    def _send(self, step: Step) -> None:
        """As on a stream: none overtakes the one before."""
        if step.fence.n != self._after.n + 1:
            return  # one that it has, or one that `catch_up` will bring
        self._after = step.fence
        self._deliver(step)

    def fail(self, reason: StoreFailed) -> None:
        if not self._broken:
            self._broken = True
            self._deliver(reason)

    def _deliver(self, item: Step | StoreFailed) -> None:
        world, connection = self._connection.shared.world, self._connection
        self._due = max(self._due, world.elapsed + connection.latency() + connection.watch_lag)
        world.later(self._due - world.elapsed, lambda: connection.process.deliver(lambda: self._arrive(item)))

    def _arrive(self, item: Step | StoreFailed) -> None:
        self._arrived.append(item)
        self._woken.set()

    async def next(self) -> Step:
        while not self._arrived:
            self._woken.clear()
            await self._woken.wait()
        item = self._arrived.popleft()
        if isinstance(item, StoreFailed):
            raise item
        return item


class Connection:
    """A server's way to the store. Implements `Store`.

    `cut`: nothing passes, in either direction. `silent`: only the log does not. `slow` and `watch_lag` come on top of
    every commit's and every step's way, in ms. `mishaps` meet the next transactions, in order.
    """

    def __init__(self, shared: SharedStore, process: Process, *, dice: Dice) -> None:
        self.shared = shared
        self.process = process
        self.slow: Millis = 0
        self.watch_lag: Millis = 0
        self.mishaps: deque[Mishap] = deque()
        self._dice = dice
        self._cut = False
        self._silent = False
        self._stuck: list[Callable[[], None]] = []
        self._watches: dict[_Watch, None] = {}
        self._outcomes = Outcomes(self._submit)
        shared.connections.append(self)

    # ---- what a story does to it

    @property
    def deaf(self) -> bool:
        return self._cut or self._silent or self.shared.down

    def cut(self) -> None:
        self._cut = True

    def mend(self) -> None:
        """What was on its way when it was cut may still arrive: it was sent again all the time."""
        self._cut = False
        stuck, self._stuck = self._stuck, []
        for arrive in stuck:
            self.shared.world.later(self.latency(), arrive)
        self.hear_again()

    def silence(self) -> None:
        self._silent = True

    def listen(self) -> None:
        self._silent = False
        self.hear_again()

    def hear_again(self) -> None:
        """The log is heard again in a while, unless something else is in its way."""
        self.shared.world.later(self._dice.below(SECOND), self._catch_up)

    def _catch_up(self) -> None:
        for watch in list(self._watches):
            watch.catch_up()

    def lose_watches(self) -> None:
        """The log that every watch follows is gone: load anew."""
        for watch in list(self._watches):
            watch.fail(Compacted("the watch was lost, and what it missed is not kept"))

    def heal(self) -> None:
        self.slow = self.watch_lag = 0
        self.mishaps.clear()
        self._silent = False
        self.mend()

    def leave(self) -> None:
        """Its server is dead. What was sent is on its way all the same."""
        self.shared.connections.remove(self)
        for watch in list(self._watches):
            self.shared.detach(watch)

    def latency(self) -> Millis:
        return 1 + self._dice.below(6)

    # ---- the port

    @property
    def limits(self) -> Limits:
        return Limits()

    async def fence(self) -> Fence:
        return await self._read(lambda: self.shared.fence)

    async def load(self, prefixes: tuple[str, ...]) -> tuple[Fence, AsyncIterator[list[KeyValue]]]:
        disk = self.shared.disk

        def look() -> tuple[Fence, list[list[KeyValue]]]:
            return disk.fence, [disk.pairs(disk.span(*rules.span_of(prefix))) for prefix in prefixes]

        fence, spans = await self._read(look)
        return fence, self._chunks(spans)

    async def _chunks(self, spans: list[list[KeyValue]]) -> AsyncIterator[list[KeyValue]]:
        for pairs in spans:
            for at in range(0, len(pairs), 50):  # small ones: more happens while a state is loaded
                await self._read(lambda: None)
                yield pairs[at : at + 50]

    async def watch(self, after: Fence) -> AsyncIterator[Step]:
        watch = _Watch(self, after)
        self._watches[watch] = None
        self.shared.attach(watch)
        try:
            await self._read(watch.catch_up)
            while True:
                yield await watch.next()
        finally:
            self.shared.detach(watch)
            del self._watches[watch]

    async def commit(self, transaction: Transaction) -> None:
        rules.check(transaction, self.limits)
        await self._outcomes.send(transaction, may_be_resent=True)

    async def range(self, first: str, last: str, *, limit: int, reverse: bool = False) -> list[KeyValue]:
        def look() -> list[KeyValue]:
            keys = self.shared.disk.span(first, last)
            return self.shared.disk.pairs((keys[::-1] if reverse else keys)[:limit])

        return await self._read(look)

    async def compact(self, before: int) -> None:
        await self._read(lambda: self.shared.compact(before))

    async def snapshot(self) -> AsyncIterator[list[KeyValue]]:
        return (await self.load(("",)))[1]

    async def restore(self, chunks: AsyncIterator[list[KeyValue]]) -> Fence:
        raise StoreFailed("a simulated store is never restored into")

    async def campaign(self, server_id: str) -> Fence:
        transaction = rules.campaign(await self.fence(), server_id)
        await self._outcomes.send(transaction, may_be_resent=False)
        return transaction.leaves

    async def close(self) -> None:
        for watch in list(self._watches):
            watch.fail(StoreFailed("the store is closed"))

    # ---- the way there and back

    async def _read(self, look: Callable[[], T]) -> T:
        """Raises StoreFailed when there is no answer in time. Reads wait for transactions that were abandoned."""
        await self._outcomes.settled()
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def arrive() -> None:
            if not self.shared.down:
                self._answer(answer, look)

        self._send(arrive)
        return await self._within(answer, _READ_WITHIN, StoreFailed("the store: no answer in time"))

    async def _submit(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mishap = self.mishaps.popleft() if self.mishaps else None
        if mishap is not None:
            self._tell(f"n {transaction.leaves.n} is {mishap}")

        def arrive() -> None:
            if self.shared.down or mishap == "lost":
                return
            if mishap == "refused":
                self._answer(answer, _no_space)
            elif mishap in ("unanswered", "delayed"):
                self._try(transaction, may_be_resent=may_be_resent)
            else:
                self._answer(answer, lambda: self.apply(transaction, may_be_resent=may_be_resent))

        late = self._lateness() if mishap == "delayed" else 0
        self._send(arrive, late=late + self.slow)
        await self._within(answer, _WRITE_WITHIN, OutcomeUnknown("the store: no answer in time"))

    def _lateness(self) -> Millis:
        """Every other time about when it is given up and what follows is sent, else any time after."""
        return _WRITE_WITHIN + self._dice.below(40 if self._dice.below(2) else _LATE)

    def apply(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        """What the transaction asks of the store, once it is there. Raises Fenced."""
        self.shared.decide(transaction, may_be_resent=may_be_resent)

    def _try(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        """Decide it without an answer."""
        landed = self.shared.fence
        try:
            self.apply(transaction, may_be_resent=may_be_resent)
        except Fenced:
            return
        if self.shared.fence != landed:
            self._tell(f"n {transaction.leaves.n} lands unheard")

    def _send(self, arrive: Callable[[], None], *, late: Millis = 0) -> None:
        """What a living process sends reaches the store, however that process ends afterwards."""
        if not self.process.alive:
            return
        if not self._cut:
            self.shared.world.later(self.latency() + late, arrive)
        elif self._dice.below(2):
            self._stuck.append(arrive)

    def _answer(self, answer: asyncio.Future[T], look: Callable[[], T]) -> None:
        try:
            value: T | StoreFailed = look()
        except StoreFailed as failure:
            value = failure
        if not self._cut:
            self.shared.world.later(self.latency(), lambda: self.process.deliver(lambda: _resolve(answer, value)))

    async def _within(self, answer: asyncio.Future[T], span: Millis, failure: StoreFailed) -> T:
        timer = self.process.clock.call_later(span, lambda: _resolve(answer, cast("T | StoreFailed", failure)))
        try:
            return await answer
        finally:
            timer.cancel()

    def _tell(self, what: str) -> None:
        self.shared.world.tell(self.process.name, what)


def _resolve(answer: "asyncio.Future[T]", value: T | StoreFailed) -> None:
    if answer.done():
        return
    if isinstance(value, StoreFailed):
        answer.set_exception(value)
    else:
        answer.set_result(value)


def _no_space() -> None:
    raise StoreFailed("the store: cannot write: disk full")
