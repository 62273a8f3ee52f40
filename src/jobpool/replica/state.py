"""The state of the cluster in memory: tables, indexes and the pure fold. Implements `ClusterView`."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.idempotency import IdempotencyMark
from jobpool.model.namespace import Namespace
from jobpool.model.node import Node
from jobpool.model.pause import Pause
from jobpool.model.plan import Plan
from jobpool.model.restored import Restored
from jobpool.model.run import Run
from jobpool.model.schedule import Cursor
from jobpool.model.server import Cluster, ServerRecord
from jobpool.replica.indexes import RunIndexes
from jobpool.store.change import Change
from jobpool.store.keyspace import Table
from jobpool.store.port import Fence
from jobpool.store.records import Segment

FINISHED_RING = 100_000
_TERM_SHIFT = 44
PlanKey: TypeAlias = tuple[str, str]
K = TypeVar("K")
V = TypeVar("V")


class Folded(Struct, frozen=True):
    """What one step changed, as (old, new) by table, for those who watch."""

    n: int
    runs: list[tuple[Run | None, Run | None]]
    plans: list[tuple[Plan | None, Plan | None]]
    cursors: list[tuple[PlanKey, Cursor | None]]
    nodes: list[tuple[Node | None, Node | None]]
    namespaces: list[tuple[Namespace | None, Namespace | None]]
    segment: Segment | None
    servers: list[tuple[ServerRecord | None, ServerRecord | None]]


def fencing_number(term: int, n: int) -> int:
    """(term, n) as one integer that grows with every commit of every term."""
    return (term << _TERM_SHIFT) | n


class State:
    """Everything but history and ledger. `default_slots` is the limit of a namespace that sets none."""

    def __init__(self, *, default_slots: int) -> None:
        self.fence = Fence(incarnation=0, term=0, n=0, batch="")
        self.default_slots = default_slots
        self.namespaces: dict[str, Namespace] = {}
        self.nodes: dict[str, Node] = {}
        self.plans: dict[PlanKey, Plan] = {}
        self.versions: dict[tuple[str, str, int], Plan] = {}
        self.cursors: dict[PlanKey, Cursor] = {}
        self.runs: dict[str, Run] = {}
        self.marks: dict[str, IdempotencyMark] = {}
        self.restored: Restored | None = None
        self.servers: dict[str, ServerRecord] = {}
        self.cluster: Cluster | None = None
        self.pause: Pause | None = None
        self.indexes = RunIndexes()
        self._plans_in: dict[str, int] = {}
        self._ready: dict[str, list[str]] = {}
        self._pollers: dict[str, tuple[str, ...]] = {}
        self._finished: deque[str] = deque()
        self._finished_ids: set[str] = set()

    # ---- the fold

    def fold(self, fence: Fence, changes: Iterable[Change]) -> Folded:
        """Apply one step. Order of changes within a step does not matter: a key appears at most once."""
        folded = Folded(fence.n, [], [], [], [], [], None, [])
        segment: Segment | None = None
        for change in changes:
            table = change.table
            if table is Table.RUN:
                self._fold_run(change, folded)
            elif table is Table.CURSOR:
                self._fold_cursor(change, folded)
            elif table is Table.SEGMENT:
                segment = cast("Segment | None", change.value)
                if segment is not None:
                    self._remember_finished(segment)
            else:
                self._fold_rare(change, folded)
        self.fence = fence
        return folded if segment is None else replace(folded, segment=segment)

    def _fold_run(self, change: Change, folded: Folded) -> None:
        run_id = change.record[1]
        old = self.runs.get(run_id)
        new = cast("Run | None", change.value)
        if new is None:
            self.runs.pop(run_id, None)
        else:
            self.runs[run_id] = new
        self.indexes.change(old, new)
        folded.runs.append((old, new))

    def _fold_cursor(self, change: Change, folded: Folded) -> None:
        key = (change.record[0], change.record[1])
        new = cast("Cursor | None", change.value)
        if new is None:
            self.cursors.pop(key, None)
        else:
            self.cursors[key] = new
        folded.cursors.append((key, new))

    def _fold_rare(self, change: Change, folded: Folded) -> None:
        if change.table is Table.PLAN:
            self._fold_plan(change, folded)
        elif change.table is Table.NODE:
            self._fold_node(change, folded)
        elif change.table is Table.NAMESPACE:
            name = change.record[0]
            namespace = cast("Namespace | None", change.value)
            folded.namespaces.append((self.namespaces.get(name), namespace))
            _set(self.namespaces, name, namespace)
        elif change.table is Table.VERSION:
            version = (change.record[0], change.record[1], int(change.record[2]))
            _set(self.versions, version, cast("Plan | None", change.value))
        elif change.table is Table.IDEMPOTENCY:
            _set(self.marks, change.record[0], cast("IdempotencyMark | None", change.value))
        elif change.table is Table.META:
            self.restored = cast("Restored | None", change.value)
        elif change.table is Table.SERVER:
            server_id = change.record[0]
            server = cast("ServerRecord | None", change.value)
            folded.servers.append((self.servers.get(server_id), server))
            _set(self.servers, server_id, server)
        elif change.table is Table.CLUSTER:
            self.cluster = cast("Cluster | None", change.value)
        elif change.table is Table.PAUSE:
            self.pause = cast("Pause | None", change.value)

    def _fold_plan(self, change: Change, folded: Folded) -> None:
        key = (change.record[0], change.record[1])
        old, new = self.plans.get(key), cast("Plan | None", change.value)
        _set(self.plans, key, new)
        if (old is None) != (new is None):
            self._plans_in[key[0]] = self._plans_in.get(key[0], 0) + (1 if old is None else -1)
        folded.plans.append((old, new))

    def _fold_node(self, change: Change, folded: Folded) -> None:
        node_id = change.record[0]
        old, new = self.nodes.get(node_id), cast("Node | None", change.value)
        _set(self.nodes, node_id, new)
        if _offers(old) != _offers(new):
            self._ready.clear()
        if (old is not None and old.polling) != (new is not None and new.polling):
            self._fold_poller(node_id, comes=new is not None and new.polling)
        folded.nodes.append((old, new))

    def _fold_poller(self, node_id: str, *, comes: bool) -> None:
        name = node_id.casefold()
        others = tuple(known for known in self._pollers.get(name, ()) if known != node_id)
        _set(self._pollers, name, (*others, node_id) if comes else others or None)

    def _remember_finished(self, segment: Segment) -> None:
        for run in segment.runs:
            self._finished.append(run.id)
            self._finished_ids.add(run.id)
        for entry in segment.forgotten:
            if not entry.part:
                self._finished_ids.discard(entry.job_id)
        while len(self._finished) > FINISHED_RING:
            self._finished_ids.discard(self._finished.popleft())

    # ---- ClusterView

    @property
    def next_n(self) -> int:
        return self.fence.n + 1

    @property
    def next_fence(self) -> int:
        return fencing_number(self.fence.term, self.fence.n + 1)

    @property
    def era(self) -> int:
        return self.fence.incarnation

    def server(self, server_id: str) -> ServerRecord | None:
        return self.servers.get(server_id)

    def namespace(self, name: str) -> Namespace | None:
        return self.namespaces.get(name)

    def slot_limit(self, name: str) -> int:
        namespace = self.namespace(name)
        return (namespace.job_parallelism_limit if namespace else 0) or self.default_slots

    def plan(self, namespace: str, plan_id: str) -> Plan | None:
        return self.plans.get((namespace, plan_id))

    def plan_version(self, namespace: str, plan_id: str, version: int) -> Plan | None:
        present = self.plan(namespace, plan_id)
        if present is not None and present.version == version:
            return present
        return self.versions.get((namespace, plan_id, version))

    def plans_in(self, namespace: str) -> int:
        return self._plans_in.get(namespace, 0)

    def cursor(self, namespace: str, plan_id: str) -> Cursor | None:
        return self.cursors.get((namespace, plan_id))

    def run(self, job_id: str) -> Run | None:
        return self.runs.get(job_id)

    def recently_finished(self, job_id: str) -> bool:
        return job_id in self._finished_ids

    def aliased(self, part: str, alias: str) -> str | None:
        return next(iter(self.indexes.aliases.get((part, alias), ())), None)

    def live_runs(self, namespace: str, plan_id: str) -> Iterable[str]:
        return tuple(self.indexes.live.get((namespace, plan_id), ()))

    def live_count(self, namespace: str, plan_id: str) -> int:
        return len(self.indexes.live.get((namespace, plan_id), ()))

    def runs_in(self, namespace: str) -> int:
        return self.indexes.in_namespace.get(namespace, 0)

    def slots_used(self, namespace: str) -> int:
        return self.indexes.slots.get(namespace, 0)

    def node(self, node_id: str) -> Node | None:
        return self.nodes.get(node_id)

    def node_load(self, node_id: str) -> int:
        return len(self.indexes.on_node.get(node_id, ()))

    def node_runs(self, node_id: str) -> Iterable[str]:
        return tuple(self.indexes.on_node.get(node_id, ()))

    def pollers(self) -> Iterable[str]:
        """Ids of the nodes that poll."""
        return tuple(node_id for ids in self._pollers.values() for node_id in ids)

    def pollers_named(self, name: str) -> Iterable[str]:
        return self._pollers.get(name.casefold(), ())

    def node_named(self, name: str) -> str:
        """The id of the node that a caller means: agents of the original write their own in lower case once restarted.

        What is no node's name comes back as it is.
        """
        alike = () if name in self.nodes else self._pollers.get(name.casefold(), ())
        return alike[0] if len(alike) == 1 else name

    def ready_nodes(self, executor: str) -> Sequence[str]:
        ready = self._ready.get(executor)
        if ready is None:
            ready = self._ready[executor] = sorted(
                node.id for node in self.nodes.values() if node.accepts_work and executor in node.executors
            )
        return ready

    def idempotency_mark(self, key: str, now: Millis) -> IdempotencyMark | None:
        mark = self.marks.get(key)
        return mark if mark is not None and mark.until > now else None


def _offers(node: Node | None) -> tuple[str, ...] | None:
    return node.executors if node is not None and node.accepts_work else None


def _set(table: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value
