"""Planted bugs: variants of the cluster that break a promise, each of which the witness must notice.

They show that a story without a fault found is worth something. Each is put in from outside, as another store, replica
or part of the core; the product has no switch for any of them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.leader.term import LeaderConfig
from jobpool.model.errors import StoreFailed
from jobpool.replica.replica import Replica
from jobpool.server.core import Core, CoreConfig
from jobpool.server.desk import ClusterDesk
from jobpool.server.lent import Lent
from jobpool.store.change import Change
from jobpool.store.commands import Reported
from jobpool.store.keyspace import Table, parse_key
from jobpool.store.port import Fence, Fenced, Op, OutcomeUnknown, Put, Store, Transaction
from jobpool.testing.simulation.cluster import Variant
from jobpool.testing.simulation.faults import (
    FAULTS,
    Make,
    isolate,
    kill_server,
    lose_follower,
    lose_leader,
    mishaps,
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


class _GladDesk(ClusterDesk):
    async def reports(self, node_id: str, session: int, reports: pb.AgentReports) -> Sequence[Reported | None]:
        if self._leadership.leader is None:
            return [None] * len(reports.items)
        return await super().reports(node_id, session, reports)


class GladOfReports(Core):
    """What agents report is acknowledged also while there is nobody who could take it."""

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        desk = self.membership._desk
        glad = _GladDesk(desk._path, desk._local, desk._leadership, me=desk._me)
        self.sessions._desk = self.membership._desk = glad


class _Forgotten(Lent):
    def lend(self, *args: Any, **rest: Any) -> None:
        """Nobody remembers who has what."""


class KeptByTheDead(Core):
    """What the evaluators of a server had in hand when it died stays with them."""

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.answers._lent = _Forgotten(self.leadership)


class Bug(Struct, frozen=True):
    """`faults` are those that bring it to light; with all kinds it takes more stories."""

    name: str
    variant: Variant
    faults: tuple[Make, ...] = FAULTS


BUGS: tuple[Bug, ...] = (
    Bug("the compare of term and n is dropped", Variant(connection=NoCompare)),
    Bug("two leaders write at once", Variant(connection=Renumbered)),
    Bug("a commit is acknowledged before it is made", Variant(connection=EarlyAnswer)),
    Bug("the cursor moves in a second write", Variant(connection=CursorsLater)),
    Bug("what is absent is taken for refused", Variant(connection=AbsentIsRefused), (mishaps,)),
    Bug("deletes are ignored on reload", Variant(replica=DeletesIgnored)),
    Bug("a follower skips a step", Variant(replica=StepsSkipped)),
    Bug("a forwarded write is answered before it is folded", Variant(replica=Unfolded)),
    Bug("a new leader has the short time to live", Variant(core=HastyLeader), (isolate, lose_follower)),
    Bug("reports are acknowledged before they are made", Variant(core=GladOfReports), (kill_server, lose_leader)),
    Bug("evaluations stay with a dead evaluator", Variant(core=KeptByTheDead), (lose_follower,)),
)
