"""The replica plus what a batch has decided and not yet committed. Implements `ClusterView`.

Lives from the first decision of a batch until its commit is folded; a refused batch just drops it.
"""

from collections.abc import Iterable, Sequence
from typing import cast

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
from jobpool.replica.state import State
from jobpool.store.change import Change
from jobpool.store.codec import Record
from jobpool.store.keyspace import IDENTITY, RESTORED, SCHEDULING, RecordId, Table


class Overlay:
    """`changes` holds one final change per record."""

    def __init__(self, base: State) -> None:
        self._base = base
        self._tables: dict[Table, dict[RecordId, Record | None]] = {table: {} for table in Table}
        self._runs: dict[str, Run | None] = {}
        self._delta = RunIndexes()
        self._finished: set[str] = set()
        self._plans_in: dict[str, int] = {}

    def apply(self, changes: Iterable[Change], ended: Iterable[Run]) -> None:
        for change in changes:
            if change.table is Table.RUN:
                self._apply_run(change.record[1], cast("Run | None", change.value))
            elif change.table is Table.PLAN:
                self._count_plan(change)
            self._tables[change.table][change.record] = change.value
        for run in ended:
            self._finished.add(run.id)

    def _apply_run(self, run_id: str, new: Run | None) -> None:
        self._delta.change(self.run(run_id), new)
        self._runs[run_id] = new

    def _count_plan(self, change: Change) -> None:
        namespace, plan_id = change.record
        before, after = self.plan(namespace, plan_id) is not None, change.value is not None
        self._plans_in[namespace] = self._plans_in.get(namespace, 0) + after - before

    # ---- ClusterView

    @property
    def next_n(self) -> int:
        return self._base.next_n

    @property
    def next_fence(self) -> int:
        return self._base.next_fence

    @property
    def era(self) -> int:
        return self._base.era

    @property
    def restored(self) -> Restored | None:
        changed = self._tables[Table.META]
        return cast("Restored | None", changed[RESTORED]) if RESTORED in changed else self._base.restored

    @property
    def cluster(self) -> Cluster | None:
        changed = self._tables[Table.CLUSTER]
        return cast("Cluster | None", changed[IDENTITY]) if IDENTITY in changed else self._base.cluster

    @property
    def pause(self) -> Pause | None:
        changed = self._tables[Table.PAUSE]
        return cast("Pause | None", changed[SCHEDULING]) if SCHEDULING in changed else self._base.pause

    def server(self, server_id: str) -> ServerRecord | None:
        changed = self._tables[Table.SERVER]
        return (
            cast("ServerRecord | None", changed[(server_id,)])
            if (server_id,) in changed
            else self._base.server(server_id)
        )

    def namespace(self, name: str) -> Namespace | None:
        changed = self._tables[Table.NAMESPACE]
        return cast("Namespace | None", changed[(name,)]) if (name,) in changed else self._base.namespace(name)

    def slot_limit(self, name: str) -> int:
        namespace = self.namespace(name)
        return (namespace.job_parallelism_limit if namespace else 0) or self._base.default_slots

    def plan(self, namespace: str, plan_id: str) -> Plan | None:
        changed, key = self._tables[Table.PLAN], (namespace, plan_id)
        return cast("Plan | None", changed[key]) if key in changed else self._base.plan(namespace, plan_id)

    def plan_version(self, namespace: str, plan_id: str, version: int) -> Plan | None:
        present = self.plan(namespace, plan_id)
        if present is not None and present.version == version:
            return present
        changed, key = self._tables[Table.VERSION], (namespace, plan_id, str(version))
        if key in changed:
            return cast("Plan | None", changed[key])
        return self._base.plan_version(namespace, plan_id, version)

    def plans_in(self, namespace: str) -> int:
        return self._base.plans_in(namespace) + self._plans_in.get(namespace, 0)

    def cursor(self, namespace: str, plan_id: str) -> Cursor | None:
        changed, key = self._tables[Table.CURSOR], (namespace, plan_id)
        return cast("Cursor | None", changed[key]) if key in changed else self._base.cursor(namespace, plan_id)

    def run(self, job_id: str) -> Run | None:
        return self._runs[job_id] if job_id in self._runs else self._base.run(job_id)

    def recently_finished(self, job_id: str) -> bool:
        return job_id in self._finished or self._base.recently_finished(job_id)

    def aliased(self, part: str, alias: str) -> str | None:
        known = self._base.aliased(part, alias)
        found = _members(() if known is None else (known,), self._delta.aliases.get((part, alias)))
        return next(iter(found), None)

    def live_runs(self, namespace: str, plan_id: str) -> Iterable[str]:
        delta = self._delta.live.get((namespace, plan_id))
        return _members(self._base.live_runs(namespace, plan_id), delta)

    def live_count(self, namespace: str, plan_id: str) -> int:
        delta = self._delta.live.get((namespace, plan_id))
        return self._base.live_count(namespace, plan_id) + (sum(delta.values()) if delta else 0)

    def runs_in(self, namespace: str) -> int:
        return self._base.runs_in(namespace) + self._delta.in_namespace.get(namespace, 0)

    def slots_used(self, namespace: str) -> int:
        return self._base.slots_used(namespace) + self._delta.slots.get(namespace, 0)

    def node(self, node_id: str) -> Node | None:
        changed = self._tables[Table.NODE]
        return cast("Node | None", changed[(node_id,)]) if (node_id,) in changed else self._base.node(node_id)

    def node_load(self, node_id: str) -> int:
        delta = self._delta.on_node.get(node_id)
        return self._base.node_load(node_id) + (sum(delta.values()) if delta else 0)

    def node_runs(self, node_id: str) -> Iterable[str]:
        return _members(self._base.node_runs(node_id), self._delta.on_node.get(node_id))

    def pollers_named(self, name: str) -> Iterable[str]:
        alike = name.casefold()
        changed = self._tables[Table.NODE]
        known = [node_id for node_id in self._base.pollers_named(name) if (node_id,) not in changed]
        nodes = [cast("Node | None", record) for record in changed.values()]
        return known + [node.id for node in nodes if node and node.polling and node.id.casefold() == alike]

    def ready_nodes(self, executor: str) -> Sequence[str]:
        ready = self._base.ready_nodes(executor)
        changed = self._tables[Table.NODE]
        if not changed:
            return ready
        kept = [node_id for node_id in ready if (node_id,) not in changed]
        for record in changed.values():
            node = cast("Node | None", record)
            if node is not None and node.accepts_work and executor in node.executors:
                kept.append(node.id)
        return sorted(kept)

    def idempotency_mark(self, key: str, now: Millis) -> IdempotencyMark | None:
        changed = self._tables[Table.IDEMPOTENCY]
        if (key,) not in changed:
            return self._base.idempotency_mark(key, now)
        mark = cast("IdempotencyMark | None", changed[(key,)])
        return mark if mark is not None and mark.until > now else None


def _members(base: Iterable[str], delta: dict[str, int] | None) -> Iterable[str]:
    if not delta:
        return base
    kept = [member for member in base if delta.get(member, 0) >= 0]
    return kept + [member for member, count in delta.items() if count > 0]
