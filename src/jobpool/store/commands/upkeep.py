"""Commands of the collector: what nobody needs any more goes, by range or in small steps."""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Decided, KeyRange
from jobpool.store.keyspace import FOLDERS, Table, key_of, number


class DropHistory(Struct, frozen=True):
    """Delete the segments up to and including commit n."""

    n: int

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        folder = FOLDERS[Table.SEGMENT]
        return Decided(None, ranges=(KeyRange(folder, folder + number(self.n + 1)),))


class DropLedger(Struct, frozen=True):
    """Delete the ledger ranges of up to 60 plans that began before an instant each, but not a plan's open one."""

    plans: tuple[tuple[str, str, Millis], ...]

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        ranges = []
        for namespace, plan_id, before in self.plans[:60]:
            cursor = view.cursor(namespace, plan_id)
            kept = cursor.open_range if cursor is not None else None
            end = before if kept is None else min(before, kept.first)
            folder = key_of(Table.LEDGER, (namespace, plan_id)) + "/"
            ranges.append(KeyRange(folder, folder + number(max(0, end))))
        return Decided(None, ranges=tuple(ranges))


class DropVersions(Struct, frozen=True):
    """Forget older versions of plans, up to 60, unless a live run still refers to one."""

    versions: tuple[tuple[str, str, int], ...]

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        versions = self.versions[:60]
        plans = {(namespace, plan_id) for namespace, plan_id, _ in versions}
        used = {plan: versions_in_use(view, *plan) for plan in plans}  # once a plan: it may have many live runs
        changes = [
            Change(Table.VERSION, (namespace, plan_id, str(version)), None)
            for namespace, plan_id, version in versions
            if version not in used[namespace, plan_id]
        ]
        return Decided(None, tuple(changes))


def versions_in_use(view: ClusterView, namespace: str, plan_id: str) -> frozenset[int]:
    """The versions of a plan that its live runs refer to."""
    runs = (view.run(job_id) for job_id in view.live_runs(namespace, plan_id))
    return frozenset(run.plan_version for run in runs if run is not None)


class DropMarks(Struct, frozen=True):
    """Forget idempotency keys that are past their time, up to 60."""

    marks: tuple[str, ...]

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        gone = [mark for mark in self.marks[:60] if view.idempotency_mark(mark, now) is None]
        return Decided(None, tuple(Change(Table.IDEMPOTENCY, (mark,), None) for mark in gone))
