"""An auditor of the core's log: reads every step there ever was and holds it to what must always be true.

It knows nothing of the code that decided: due ticks are enumerated by arithmetic over the plans as they were stored,
and what became of each is looked up in the runs and ledger ranges that were stored.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from jobpool.kit.pure.durations import SECOND, Millis, parse_duration
from jobpool.model import transitions
from jobpool.model.node import Node
from jobpool.model.plan import Plan
from jobpool.model.run import Run
from jobpool.model.schedule import LedgerRange
from jobpool.model.statuses import BY_HAND, TERMINAL_EVALUATION, JobStatus, NodeStatus
from jobpool.replica.replica import changes_of
from jobpool.replica.state import State
from jobpool.store.change import Change
from jobpool.store.codec import decode
from jobpool.store.keyspace import Table, parse_key
from jobpool.store.port import Fence, Put, Step
from jobpool.store.records import Segment

PlanKey = tuple[str, str]
BORN = (JobStatus.PENDING, JobStatus.SKIPPED, JobStatus.FAILED)
"""A run is born pending, or skipped or without a slot with a callee to tell."""


def ticks_between(plan: Plan, after: Millis, until: Millis) -> list[Millis]:
    """The plan's ticks in (after, until], for the few kinds of schedule that the tests use."""
    periodic = plan.periodic
    if periodic is None or not plan.active:
        return []
    until = until if periodic.end_time is None else min(until, periodic.end_time)
    after = after if periodic.start_time is None else max(after, periodic.start_time - 1)
    period, second = period_of(periodic.spec), periodic.spec.split(" ", 1)[0]
    ticks = range((after // period + 1) * period, until + 1, period)
    if "," not in second:
        return list(ticks)
    seconds = {int(part) for part in second.split(",")}
    return [tick for tick in ticks if tick // SECOND % 60 in seconds]


def period_of(spec: str) -> Millis:
    if spec.startswith("@every "):
        return parse_duration(spec.removeprefix("@every "))
    seconds, rest = spec.split(" ", 1)
    assert rest == "* * * * *", spec
    if seconds == "0":
        return 60 * SECOND
    if "," in seconds:
        return SECOND
    period = 1 if seconds == "*" else int(seconds.removeprefix("*/"))
    assert 60 % period == 0
    return period * SECOND


class Audit:
    """`state` is the fold of all steps."""

    def __init__(self, steps: Iterable[Step] = (), *, slots: int = 100) -> None:
        self.state = State(default_slots=slots)
        self.ended: dict[str, Run] = {}
        self.born: dict[str, Run] = {}
        self._batches: set[str] = set()
        self._fences: set[int] = set()
        self._opened: set[str] = set()
        self._risen: set[str] = set()
        self._ledger: dict[tuple[str, ...], LedgerRange] = {}
        self._due: defaultdict[PlanKey, list[Millis]] = defaultdict(list)
        self._definitions: dict[PlanKey, Plan] = {}
        for step in steps:
            self.step(step)

    # ---- one step

    def step(self, step: Step) -> None:
        """Hold the next step of the log to what must always be true, and fold it. Raises AssertionError."""
        self._check_fence(step.fence)
        changes = changes_of(step)
        loads = {it.id: max(it.capacity, self.state.node_load(it.id)) for it in self.state.nodes.values()}
        used = {it: max(self.state.slot_limit(it), self.state.slots_used(it)) for it in self.state.namespaces}
        nodes = [it.value for it in changes if isinstance(it.value, Node)]
        self._opened = {node.id for node in nodes if node.eligible}
        self._risen = {node.id for node in nodes if node.status is NodeStatus.READY}
        for change in changes:
            if change.table is Table.RUN:
                self._check_run(change, step.fence)
            elif change.table is Table.PLAN:
                self._define(change)
        for change in changes:
            if isinstance(change.value, Segment):
                self._end(change.value)
        gone = {change.record[1] for change in changes if change.table is Table.RUN and change.value is None}
        assert gone <= set(self.ended), "a run left the live keys without joining history"
        self._read_ledger(step)
        self.state.fold(step.fence, changes)
        self._check_limits(loads, used)

    def _check_fence(self, fence: Fence) -> None:
        assert fence.n == self.state.fence.n + 1
        assert fence.term >= self.state.fence.term
        assert fence.batch not in self._batches, "two transactions have one name"
        self._batches.add(fence.batch)

    def _check_limits(self, loads: dict[str, int], used: dict[str, int]) -> None:
        """A limit may be lowered below what is in use, but nothing is ever added beyond it."""
        for node in self.state.nodes.values():
            load = self.state.node_load(node.id)
            assert load <= max(node.capacity, loads.get(node.id, 0)), f"{node.id} has {load} of {node.capacity}"
        for name in self.state.namespaces:
            slots = self.state.slots_used(name)
            assert slots <= max(self.state.slot_limit(name), used.get(name, 0)), f"{name} uses {slots} slots"

    def _check_run(self, change: Change, fence: Fence) -> None:
        run_id = change.record[1]
        old, new = self.state.runs.get(run_id), change.value
        assert run_id not in self.ended, f"{run_id} is back from the dead"
        if new is None:
            assert old is not None
            return
        assert isinstance(new, Run)
        _check_shape(new)
        if old is None:
            assert new.status in BORN
            self._bear(new)
            return
        assert new.status is old.status or new.status in transitions.JOB[old.status]
        for before, after in zip(old.evaluations, new.evaluations, strict=False):
            assert after.status is before.status or after.status in transitions.EVALUATION[before.status]
        for one, other in zip(old.attempts, new.attempts, strict=False):
            assert other.status is one.status or other.status in transitions.ALLOCATION[one.status]
            assert (other.number, other.node_id, other.fence) == (one.number, one.node_id, one.fence), (
                "it is another one"
            )
        for attempt in new.attempts[len(old.attempts) :]:
            assert attempt.fence & ((1 << 44) - 1) == fence.n
            assert attempt.fence > max((other.fence for other in old.attempts), default=0)
            node = self.state.nodes[attempt.node_id]
            ready = node.status is NodeStatus.READY or node.id in self._risen
            assert ready, "placed on a node that was not ready"
            assert node.eligible or node.id in self._opened, "placed on a node that was not eligible"

    def _bear(self, run: Run) -> None:
        assert run.id not in self.born, f"{run.id} is born twice"
        self.born[run.id] = run

    def _end(self, segment: Segment) -> None:
        for run in segment.runs:
            assert run.ended
            assert run.id not in self.ended, f"{run.id} ended twice"
            assert not run.holds_slot
            assert all(attempt.ended for attempt in run.attempts)
            assert all(evaluation.status in TERMINAL_EVALUATION for evaluation in run.evaluations)
            if run.id not in self.state.runs and run.id not in self.born:
                self._bear(run)  # skipped, or without a slot: decided and ended in one
            self.ended[run.id] = run

    # ---- ticks

    def _define(self, change: Change) -> None:
        key = (change.record[0], change.record[1])
        before = self._definitions.pop(key, None)
        if change.value is None:
            assert before is None or not before.active
            return
        assert isinstance(change.value, Plan)
        if before is not None:
            self._due[key] += ticks_between(before, before.updated_at, change.value.updated_at)
        self._definitions[key] = change.value

    def _read_ledger(self, step: Step) -> None:
        for op in step.ops:
            named = parse_key(op.key) if isinstance(op, Put) else None
            if named is not None and named[0] is Table.LEDGER and isinstance(op, Put):
                value = decode(Table.LEDGER, op.value)
                assert isinstance(value, LedgerRange)
                self._ledger[named[1]] = value

    def check_ticks(self, now: Millis) -> int:
        """Every tick ≤ now of a plan that fired then has exactly one decision; returns how many there were."""
        due = {key: list(ticks) for key, ticks in self._due.items()}
        for key, plan in self._definitions.items():
            due.setdefault(key, []).extend(ticks_between(plan, plan.updated_at, now))
        for key, instants in due.items():
            expected = sorted(set(instants))
            decided = Counter(
                run.scheduled_at for run in self.born.values() if run.plan_key == key and run.trigger not in BY_HAND
            )
            for record, entry in self._ledger.items():
                if record[:2] == key:
                    within = [tick for tick in expected if entry.first <= tick <= entry.last]
                    assert entry.count == len(within), f"{record}: {entry} stands for {len(within)} ticks"
                    decided.update(within)
            doubled = sorted(tick for tick, count in decided.items() if count > 1)
            lost = sorted(set(expected) - set(decided))
            invented = sorted(set(decided) - set(expected))
            assert not doubled, f"{key}: decided twice: {doubled}"
            assert not lost, f"{key}: never decided: {lost}"
            assert not invented, f"{key}: decided and never due: {invented}"
        return sum(len(expected) for expected in due.values())

    def check_finished(self) -> None:
        """Everything that was born has ended, once, and holds nothing."""
        assert set(self.born) == set(self.ended), f"never ended: {sorted(set(self.born) - set(self.ended))}"
        assert not self.state.runs
        assert not any(self.state.indexes.slots.values())
        assert not self.state.indexes.on_node


def _check_shape(run: Run) -> None:
    """What must hold of a run between any two commits (A-1): something will move it on."""
    opened = [it for it in run.evaluations if it.status not in TERMINAL_EVALUATION]
    attempts = [it for it in run.attempts if not it.ended]
    assert len(opened) <= 1
    assert not opened or opened[0] is run.evaluations[-1]
    assert len(attempts) <= 1
    assert not attempts or attempts[0] is run.attempts[-1]
    assert not (opened and attempts), "placed and still to be placed"
    assert opened or attempts, f"{run.id} has neither an evaluation nor an attempt"
    if run.ended:
        assert run.owes_callback or attempts
        assert not run.holds_slot
    elif attempts or run.status is JobStatus.RUNNING:
        assert run.holds_slot


def same_state(one: State, other: State) -> None:
    """Tables and indexes of both are equal; a count of nothing is no count."""
    assert one.fence == other.fence
    for table in ("namespaces", "nodes", "plans", "versions", "cursors", "runs", "marks", "restored", "pause"):
        assert getattr(one, table) == getattr(other, table), table
    assert one.indexes.live == other.indexes.live
    assert one.indexes.on_node == other.indexes.on_node
    assert _counted(one.indexes.slots) == _counted(other.indexes.slots)
    assert _counted(one.indexes.in_namespace) == _counted(other.indexes.in_namespace)
    for name in {*one.namespaces, *other.namespaces}:
        assert one.plans_in(name) == other.plans_in(name)


def _counted(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
