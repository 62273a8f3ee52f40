"""The committer: the one writer of scheduling state.

Everyone's commands queue here. A batch is decided in order over the replica plus an overlay, folded to one final
operation per key, and committed as one fenced, numbered transaction; one is in flight. What a command was told is told
only after the commit: even a refusal may rest on what the same batch decided.

When the outcome of a commit is unknown the identical transaction is sent again until the fence tells. Nothing else is
sent before, because an "absent" proves nothing: a delayed transaction can still land.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from msgspec import Struct

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import Millis
from jobpool.leader.allowance import Allowance
from jobpool.model.errors import JobpoolError, StoreFailed, Unavailable
from jobpool.replica.overlay import Overlay
from jobpool.replica.replica import Replica
from jobpool.store.change import Change, Command, Decided, Turn
from jobpool.store.codec import encode
from jobpool.store.keyspace import RecordId, Table, key_of, number
from jobpool.store.port import Delete, DeleteRange, Fence, Fenced, Op, OutcomeUnknown, Put, Store, Transaction
from jobpool.store.records import Forgotten, Segment

R = TypeVar("R")
Outcome = object  # a command's result, or the JobpoolError that refused it

_PACE: Millis = 5
_MOST_OPS = 64
"""Operations that one command may need."""
_LOAD = 16
"""Operations in the last commit from which on the committer paces itself."""
_BURST: Millis = 3000
"""While what begins work has waited for less, it goes before what work came to: a burst starts first, and then ends."""
_RUN_BYTES = 512
"""What a run that ends is reckoned to add to its segment, beside its texts."""
_KEY_BYTES = 100
"""What a record is reckoned to take beside its value."""


class TermLost(Unavailable):
    """Another server leads now."""

    def __init__(self) -> None:
        super().__init__("this server is not the leader any more; try again")


class CommitStats(Struct):
    """Counts for metrics: `commands` and `ops` of the newest batch, its latency in ms, and totals."""

    batches: int = 0
    commands: int = 0
    ops: int = 0
    last_ops: int = 0
    last_latency: Millis = 0
    refused: int = 0


class _Group(Struct):
    """Commands that came together and are answered together."""

    commands: Sequence[Command[object]]
    answer: asyncio.Future[list[Outcome]]
    outcomes: list[Outcome]


class _Batch:
    """What one transaction will hold."""

    def __init__(self, replica: Replica, now: Millis, allowance: Allowance) -> None:
        self._allowance = allowance
        self.overlay = Overlay(replica.state)
        self.now = now
        self.ops: dict[tuple[Table, RecordId], tuple[Change, bytes | None]] = {}
        self.ranges: list[DeleteRange] = []
        self.ended: dict[str, object] = {}
        self.forgotten: list[Forgotten] = []
        self.bytes = 0
        self.barrier = False

    def decide(self, command: Command[object]) -> Outcome:
        try:
            decided = command.decide(self.overlay, self.now)
            self._add(decided)
        except JobpoolError as refusal:
            return refusal
        return decided.result

    def _add(self, decided: Decided[object]) -> None:
        """Raises ResourceExhausted, with nothing done, when it is more than there is room for."""
        values = [None if change.value is None else encode(change.value) for change in decided.changes]
        size = sum(len(value) for value in values if value is not None)
        if decided.grows:
            self._allowance.check(size + _KEY_BYTES * len(values), self.weight)
        self.bytes += size
        for change, value in zip(decided.changes, values, strict=True):
            self.ops[(change.table, change.record)] = (change, value)
        for run in decided.ended:
            self.ended[run.id] = run
            self.bytes += _RUN_BYTES + len(run.result) + len(run.info) + len(run.parameters or "")
        self.forgotten += decided.forgotten
        self.bytes += _RUN_BYTES * len(decided.forgotten)
        self.ranges += [DeleteRange(span.first, span.last) for span in decided.ranges]
        self.overlay.apply(decided.changes, decided.ended)

    @property
    def size(self) -> int:
        return len(self.ops) + len(self.ranges) + self.has_segment

    @property
    def has_segment(self) -> bool:
        return bool(self.ended or self.forgotten)

    @property
    def weight(self) -> int:
        """Bytes that the store will have written."""
        return self.bytes + _KEY_BYTES * self.size

    def changes(self, n: int) -> list[Change]:
        """The final change of every record, the segment of what ended among them."""
        changes = [change for change, _ in self.ops.values()]
        if self.has_segment:
            segment = Segment(self.now, tuple(self.ended.values()), tuple(self.forgotten))  # type: ignore[arg-type]
            changes.append(Change(Table.SEGMENT, (number(n),), segment))
        return changes

    def transaction(self, expects: Fence, batch: str) -> tuple[Transaction, list[Change]]:
        leaves = Fence(expects.incarnation, expects.term, expects.n + 1, batch)
        changes = self.changes(leaves.n)
        ops: list[Op] = list(self.ranges)
        for (table, record), (_, value) in self.ops.items():
            key = key_of(table, record)
            ops.append(Delete(key) if value is None else Put(key, value))
        if self.has_segment:
            segment = changes[-1]
            ops.append(Put(key_of(Table.SEGMENT, segment.record), encode(cast("Segment", segment.value))))
        return Transaction(expects, leaves, tuple(ops)), changes


class Committer:
    """Decides and commits for one term. `run` ends by cancellation, or by TermLost."""

    name = "committer"

    def __init__(
        self, store: Store, replica: Replica, clock: Clock, *, server_id: str, allowance: Allowance | None = None
    ) -> None:
        self._store = store
        self.allowance = allowance or Allowance()
        self._replica = replica
        self._clock = clock
        self._server_id = server_id
        self._term = replica.state.fence.term
        self._log = get_logger("committer")
        self._queues: dict[Turn, deque[_Group]] = {turn: deque() for turn in Turn}
        self._barriers: list[asyncio.Future[None]] = []
        self._commands = 0
        self._begins_since: Millis = 0
        self._arrived = asyncio.Event()
        self._closed: JobpoolError | None = None
        self._begun: Millis = -_PACE
        self._sent = 0
        self._committed_n = replica.n
        self.stats = CommitStats()
        self.on_commit: Callable[[], None] = lambda: None
        """Called whenever something is durable."""

    # ---- asking for changes

    @property
    def waiting(self) -> int:
        """Commands that are not answered yet."""
        return self._commands

    async def submit(self, command: Command[R]) -> R:
        """Decide and commit; returns once it is durable and folded. Raises what refused it."""
        outcome = (await self.submit_all([command]))[0]
        if isinstance(outcome, JobpoolError):
            raise outcome
        return outcome

    async def submit_all(self, commands: Sequence[Command[R]], *, turn: Turn = Turn.CARRY_ON) -> list[R | JobpoolError]:
        """The same for many, answered together: per command its result or the error that refused it.

        What begins work gives way to what carries it on: what is placed, started and ended frees what the next needs,
        so that under overload the cluster does as much as it can instead of beginning ever more.
        Raises Unavailable when the term ends first.
        """
        if self._closed is not None:
            raise self._closed
        if not commands:
            return []
        group = _Group(commands, asyncio.get_running_loop().create_future(), [])
        if turn is Turn.BEGIN and not self._queues[turn]:
            self._begins_since = self._clock.monotonic()
        self._queues[turn].append(group)
        self._commands += len(commands)
        self._arrived.set()
        return cast("list[R | JobpoolError]", await group.answer)

    async def barrier(self) -> None:
        """Commit something, if only an empty step: the store takes our word, and the log shows it.

        Raises Unavailable when the term ends, StoreFailed when the store refuses it.
        """
        if self._closed is not None:
            raise self._closed
        shown: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._barriers.append(shown)
        self._arrived.set()
        await shown

    @property
    def committed_n(self) -> int:
        """The newest commit that is durable, folded or not."""
        return self._committed_n

    # ---- the loop

    async def run(self) -> None:
        ended: JobpoolError = Unavailable("this server stopped leading; try again")
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while self._commands or self._barriers:
                    await self._pace()
                    await self._commit_next()
        except Fenced:
            ended = TermLost()
            raise ended from None
        finally:
            self._close(ended)

    async def _pace(self) -> None:
        """Under load a pause after the last commit lets more arrive, so that the next carries more."""
        if self.stats.last_ops < _LOAD or self._commands >= self._store.limits.max_ops // 2:
            return
        rest = self._begun + _PACE - self._clock.monotonic()
        if rest > 0:
            await self._clock.sleep(rest)

    def _close(self, ended: JobpoolError) -> None:
        self._closed = ended
        for queue in self._queues.values():
            for group in queue:
                if not group.answer.done():
                    group.answer.set_exception(ended)
            queue.clear()
        for shown in self._barriers:
            if not shown.done():
                shown.set_exception(ended)
        self._barriers.clear()
        self._commands = 0

    async def _commit_next(self) -> None:
        batch = _Batch(self._replica, self._clock.now(), self.allowance)
        taken = self._decide(batch)
        batch.barrier = bool(self._barriers)
        awaiting = len(self._barriers)
        try:
            refused = await self._commit_or_singly(batch, taken)
        except BaseException:  # the term ends: whoever waits is told so by `_close`
            self._queues[Turn.CARRY_ON].extendleft(group for group, _ in reversed(taken))
            raise
        for group, count in taken:
            self._commands -= count
            self._answer(group)
        self._answer_barriers(awaiting, refused)

    def _answer_barriers(self, count: int, refused: StoreFailed | None) -> None:
        for shown in self._barriers[:count]:
            if shown.done():
                continue
            if refused is None:
                shown.set_result(None)
            else:
                shown.set_exception(refused)
        del self._barriers[:count]

    async def _commit_or_singly(self, batch: _Batch, taken: list[tuple[_Group, int]]) -> StoreFailed | None:
        """Returns why the store refused the batch as a whole, if it did."""
        try:
            await self._commit(batch)
        except Fenced:
            raise
        except StoreFailed as failure:
            self._log.error("a commit was refused by the store", event_name="commit_refused", error=str(failure))
            await self._commit_singly(taken)
            return failure
        return None

    def _decide(self, batch: _Batch) -> list[tuple[_Group, int]]:
        """Take commands until the batch is full. While all wait each has a part of it, but for a burst's ends."""
        room = max(0, self._store.limits.max_ops - _MOST_OPS)
        first, begins, ends = (self._queues[turn] for turn in (Turn.CARRY_ON, Turn.BEGIN, Turn.END))
        before = room * 3 // 4 if begins else room
        if begins and self._clock.monotonic() - self._begins_since < _BURST:
            taken = self._take(first, batch, before)
            taken += self._take(begins, batch, room)
            taken += self._take(ends, batch, room)
        else:
            taken = self._take(ends, batch, room // 2 if first or begins else room)
            taken += self._take(first, batch, before)
            taken += self._take(begins, batch, min(room, batch.size + room // 2))
        self.stats.commands += sum(count for _, count in taken)
        return taken

    def _take(self, queue: deque[_Group], batch: _Batch, room: int) -> list[tuple[_Group, int]]:
        """Decide commands of a queue until the batch has `room` operations. What does not fit stays in the queue."""
        most_bytes = self._store.limits.max_bytes // 2
        taken: list[tuple[_Group, int]] = []
        while queue:
            group = queue[0]
            first = len(group.outcomes)
            for command in group.commands[first:]:
                if batch.size > room or batch.bytes > most_bytes:
                    break
                group.outcomes.append(batch.decide(command))
            taken.append((group, len(group.outcomes) - first))
            if len(group.outcomes) < len(group.commands):
                break
            queue.popleft()
        return taken

    @staticmethod
    def _answer(group: _Group) -> None:
        if len(group.outcomes) == len(group.commands) and not group.answer.done():
            group.answer.set_result(group.outcomes)

    async def _commit(self, batch: _Batch) -> None:
        """Make the batch durable and fold it. A batch that changes nothing writes nothing."""
        if not batch.size and not batch.barrier:
            return
        expects = self._replica.state.fence
        if expects.term != self._term:
            raise Fenced(expects)
        self._sent += 1  # a batch id never names two transactions: a resend would be taken for the other one
        transaction, changes = batch.transaction(expects, f"{self._server_id}-{expects.term}-{self._sent}")
        self._begun = begun = self._clock.monotonic()
        self._replica.expect(transaction.leaves, changes)
        await self._send(transaction)
        self.allowance.wrote(batch.weight)
        self._committed_n = transaction.leaves.n
        self.stats.batches += 1
        self.stats.last_ops = len(transaction.ops)
        self.stats.ops += len(transaction.ops)
        self.stats.last_latency = self._clock.monotonic() - begun
        self.on_commit()
        self._replica.take(transaction.leaves, changes)

    async def _send(self, transaction: Transaction) -> None:
        tries = 0
        while True:
            try:
                await self._store.commit(transaction)
                return
            except Fenced:
                raise
            except StoreFailed as unknown:
                # A refusal after an unknown outcome says nothing about the first attempt, which may still land.
                if not tries and not isinstance(unknown, OutcomeUnknown):
                    raise
                tries += 1
                self._log.warning(
                    "the outcome of a commit is unknown; sending the same again",
                    event_name="commit_unknown",
                    n=transaction.leaves.n,
                    tries=tries,
                    error=str(unknown),
                )
                await self._clock.sleep(exponential(tries, base=10, limit=1000))

    async def _commit_singly(self, taken: list[tuple[_Group, int]]) -> None:
        """Find the guilty command: each is decided and committed alone, and only those the store refuses fail."""
        for group, count in taken:
            first = len(group.outcomes) - count
            for at in range(first, first + count):
                batch = _Batch(self._replica, self._clock.now(), self.allowance)
                group.outcomes[at] = batch.decide(group.commands[at])
                try:
                    await self._commit(batch)
                except Fenced:
                    raise
                except StoreFailed as failure:
                    self.stats.refused += 1
                    group.outcomes[at] = failure
