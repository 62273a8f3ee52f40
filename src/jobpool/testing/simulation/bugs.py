"""Planted bugs: variants of the cluster that break a promise, each of which the witness must notice.

They show that a story without a fault found is worth something. Each is put in from outside, as another store, replica
or part of the core; the product has no switch for any of them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from jobpool.api.agent_desk import LocalDesk
from jobpool.kit.pure.durations import Millis
from jobpool.leader.term import LeaderConfig
from jobpool.model.errors import JobpoolError, StoreFailed
from jobpool.peers.words import HeldAttempt
from jobpool.replica.replica import Replica
from jobpool.server.answers import Answers
from jobpool.server.core import Core, CoreConfig
from jobpool.store.change import Change
from jobpool.store.commands import Reported
from jobpool.store.keyspace import Table, parse_key
from jobpool.store.port import Fence, Fenced, Op, OutcomeUnknown, Put, Store, Transaction
from jobpool.testing.simulation.cluster import Variant
from jobpool.testing.simulation.faults import (
    FAULTS,
    Make,
    cut_store,
    isolate,
    kill_server,
    lose_follower,
    mishaps,
    pause_server,
    slow_network,
    stop_server,
)
from jobpool.testing.simulation.store import Connection
from jobpool.wire import jobpool_pb2 as pb

# ---- in the store


class NoCompare(Connection):
    """A transaction is applied whatever the fence in force: the compare of term and n was dropped."""

    def apply(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        if self.shared.fence != transaction.leaves:
            self.shared.land(transaction)


class Renumbered(Connection):
    """The store gives the numbers: two leaders at once both write, one after the other."""

    def apply(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        now, leaves = self.shared.fence, transaction.leaves
        if now.batch != leaves.batch:
            self.shared.land(replace(transaction, expects=now, leaves=replace(leaves, n=now.n + 1)))


class EarlyAnswer(Connection):
    """A commit is acknowledged when it is sent."""

    async def commit(self, transaction: Transaction) -> None:
        self._send(lambda: self._try(transaction, may_be_resent=True))
        await self.process.clock.sleep(1)


class CursorsLater(Connection):
    """A plan's cursor moves in a write of its own, a little after the tick's run was made."""

    def apply(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        later = [op for op in transaction.ops if _is_cursor(op)]
        first = tuple(op for op in transaction.ops if not _is_cursor(op))
        super().apply(replace(transaction, ops=first), may_be_resent=may_be_resent)

        def move() -> None:
            for op in later:
                if isinstance(op, Put) and self.process.alive:
                    self.shared.disk.write(op.key, op.value)

        self.shared.world.later(20, move)


def _is_cursor(op: Op) -> bool:
    named = parse_key(op.key) if isinstance(op, Put) else None
    return named is not None and named[0] is Table.CURSOR


class AbsentIsRefused(Connection):
    """What is not there when its outcome is unknown is decided anew; what then has its number is taken for it."""

    def apply(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        now, leaves, expects = self.shared.fence, transaction.leaves, transaction.expects
        if may_be_resent and (now.term, now.n) == (leaves.term, leaves.n):
            return
        if (now.term, now.n) != (expects.term, expects.n):
            raise Fenced(now)
        self.shared.land(transaction)

    async def commit(self, transaction: Transaction) -> None:
        try:
            await super().commit(transaction)
        except OutcomeUnknown as unknown:
            if (await self.fence()).n < transaction.leaves.n:
                raise StoreFailed("not there: refused") from unknown
            raise


# ---- in the replica


class DeletesIgnored(Replica):
    """What is gone when the state is loaded anew stays in it."""

    async def restore(self, store: Store) -> None:
        before = self.state
        await super().restore(store)
        if self.state is not before:
            kept = [run for run in before.runs.values() if run.id not in self.state.runs]
            self.state.fold(self.state.fence, [Change(Table.RUN, (run.namespace, run.id), run) for run in kept])


class StepsSkipped(Replica):
    """Now and then a step of the log is counted and not folded."""

    def apply(self, fence: Fence, changes: Iterable[Change]) -> None:
        super().apply(fence, () if fence.n % 40 == 0 else changes)


class Unfolded(Replica):
    """Whoever waits for a step is told at once that it is there."""

    async def wait_for(self, n: int) -> None:
        return


# ---- in the core


class _Hasty(LeaderConfig, frozen=True):
    def failover_grace(self, nodes: int) -> Millis:
        return self.min_heartbeat_ttl // 10


class HastyLeader(Core):
    """A new leader gives nodes less time than they were given to be heard in."""

    def __init__(self, store: Store, replica: Replica, *, config: CoreConfig, **rest: Any) -> None:
        super().__init__(store, replica, config=replace(config, leader=_Hasty()), **rest)


class _Desk(LocalDesk):
    """The desk of another, with a bug in it."""

    def __init__(self, desk: LocalDesk) -> None:
        super().__init__(desk._leader, desk._replica, desk._clock, server_id=desk._server_id)


class _StaleDesk(_Desk):
    """Takes whatever a stream says for that of the node's newest."""

    def _newest(self, node_id: str) -> int:
        node = self._replica.state.node(node_id)
        return 0 if node is None else node.session

    async def left(self, node_id: str, session: int, *, drained: bool) -> None:
        await super().left(node_id, self._newest(node_id), drained=drained)

    async def inventory(
        self, node_id: str, session: int, *, vouched: Sequence[HeldAttempt], lost: Sequence[HeldAttempt]
    ) -> None:
        await super().inventory(node_id, self._newest(node_id), vouched=vouched, lost=lost)

    async def ready(self, node_id: str, session: int) -> None:
        await super().ready(node_id, self._newest(node_id))


class _GladDesk(_Desk):
    """Takes every report as made, also when there was nobody to make it to."""

    async def reports(self, node_id: str, session: int, reports: pb.AgentReports) -> Sequence[Reported | None]:
        try:
            return await super().reports(node_id, session, reports)
        except JobpoolError:
            return [None] * len(reports.items)


def _with_desk(make: Callable[[LocalDesk], LocalDesk]) -> type[Core]:
    class WithDesk(Core):
        def __init__(self, *args: Any, **rest: Any) -> None:
            super().__init__(*args, **rest)
            self.answers._desk = self.membership._desk._local = make(self.answers._desk)

    return WithDesk


class _NoReturn(Answers):
    async def take_back(self, server_id: str) -> None:
        return


class KeptByTheDead(Core):
    """What the evaluators of a server had in hand when it died stays with them."""

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.membership._answers = _NoReturn(self.leadership, self.replica, self.answers._desk)


class Bug(Struct, frozen=True):
    """`faults` are those that bring it to light; with all kinds it takes more stories."""

    name: str
    variant: Variant
    faults: tuple[Make, ...] = FAULTS


_DEATHS: tuple[Make, ...] = (kill_server, stop_server, pause_server)

BUGS: tuple[Bug, ...] = (
    Bug("the compare of term and n is dropped", Variant(connection=NoCompare)),
    Bug("two leaders write at once", Variant(connection=Renumbered)),
    Bug("a commit is acknowledged before it is made", Variant(connection=EarlyAnswer)),
    Bug("the cursor moves in a second write", Variant(connection=CursorsLater)),
    Bug("what is absent is taken for refused", Variant(connection=AbsentIsRefused), (mishaps,)),
    Bug("deletes are ignored on reload", Variant(replica=DeletesIgnored)),
    Bug("a follower skips a step", Variant(replica=StepsSkipped)),
    Bug("a forwarded write is answered before it is folded", Variant(replica=Unfolded)),
    Bug("a new leader has the short time to live", Variant(core=HastyLeader), _DEATHS),
    Bug("a stale registration is acted on", Variant(core=_with_desk(_StaleDesk)), (isolate, cut_store, slow_network)),
    Bug("reports are acknowledged before they are made", Variant(core=_with_desk(_GladDesk)), (mishaps, kill_server)),
    Bug("evaluations stay with a dead evaluator", Variant(core=KeptByTheDead), (lose_follower,)),
)
