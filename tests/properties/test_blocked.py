"""No wake-up is ever lost, however freeing, scheduling on old states and parking interleave (K-8)."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from jobpool.kit.effects.dice import Dice
from jobpool.leader.blocked import Blocked
from jobpool.leader.broker import Broker
from jobpool.model.node import Node
from jobpool.model.plan import Plan
from jobpool.model.queued import Delivery, QueuedEvaluation
from jobpool.model.run import Attempt, Evaluation, Run
from jobpool.model.schedule import Delivery as Promise
from jobpool.model.statuses import (
    AllocationStatus,
    EvaluationStatus,
    EvaluationTrigger,
    JobStatus,
    NodeStatus,
    Trigger,
)
from jobpool.scheduler import Nothing, Place, Proposals, Wait, needs_node, schedule, verify

EXECUTORS = ("rest", "shell")
NACK_TIMEOUT = 60


class Frozen:
    """The cluster as it was after one commit."""

    def __init__(self, n: int, runs: dict[str, Run], nodes: dict[str, Node]) -> None:
        self.n = n
        self.runs = runs
        self.nodes = nodes

    def node(self, node_id: str) -> Node | None:
        return self.nodes.get(node_id)

    def node_load(self, node_id: str) -> int:
        open_ones = (run.open_attempt for run in self.runs.values())
        return sum(attempt is not None and attempt.node_id == node_id for attempt in open_ones)

    def ready_nodes(self, executor: str) -> Sequence[str]:
        return sorted(n.id for n in self.nodes.values() if n.accepts_work and executor in n.executors)

    def plan(self, namespace: str, plan_id: str) -> Plan | None:
        return None

    def plan_version(self, namespace: str, plan_id: str, version: int) -> Plan | None:
        return None

    def run(self, job_id: str) -> Run | None:
        return self.runs.get(job_id)

    def live_runs(self, namespace: str, plan_id: str) -> Sequence[str]:
        return list(self.runs)

    def with_room(self, executor: str) -> list[Node]:
        ready = [self.nodes[name] for name in self.ready_nodes(executor)]
        return [node for node in ready if self.node_load(node.id) < node.capacity]


class Decided:
    """A verdict of an evaluator on its way to the leader."""

    def __init__(self, delivery: Delivery, n: int, outcome: Place | Wait | Nothing) -> None:
        self.delivery = delivery
        self.n = n
        self.outcome = outcome


class ClusterMachine(RuleBasedStateMachine):
    """A leader that keeps the owner's three rules, and evaluators that look at whatever old state they like."""

    def __init__(self) -> None:
        super().__init__()
        tokens = count()
        self.ids = count()
        self.now = 0
        self.dice = Dice(7)
        self.broker = Broker(new_token=lambda: f"t{next(tokens)}", nack_timeout=NACK_TIMEOUT, delivery_limit=1_000_000)
        self.broker.enable()
        self.blocked = Blocked()
        self.blocked.enable(0)
        self.states = [Frozen(0, {}, {})]
        self.decided: list[Decided] = []

    @initialize(
        shapes=st.lists(
            st.tuples(st.integers(1, 2), st.sampled_from([("rest",), ("shell",), EXECUTORS])), min_size=1, max_size=2
        )
    )
    def set_up(self, shapes: list[tuple[int, tuple[str, ...]]]) -> None:
        nodes = {
            f"n{at}": Node(f"n{at}", "n", "", NodeStatus.READY, 0, 0, capacity=capacity, executors=executors)
            for at, (capacity, executors) in enumerate(shapes)
        }
        self.commit({}, nodes)

    @property
    def state(self) -> Frozen:
        return self.states[-1]

    def commit(self, runs: dict[str, Run | None], nodes: dict[str, Node] | None = None) -> None:
        """A commit, and what the leader tells its queues of it."""
        old = self.state
        merged = {**old.runs, **runs}
        now_runs = {name: run for name, run in merged.items() if run is not None}
        self.states.append(Frozen(old.n + 1, now_runs, {**old.nodes, **(nodes or {})}))
        for name in runs:
            before = old.runs[name].open_attempt if name in old.runs else None
            after = now_runs[name].open_attempt if name in now_runs else None
            if name not in now_runs and before is None:
                self.broker.forget(name)
                self.blocked.untrack(name)
                self.unused()
            if before is not None and after is None:
                self.freed(before.node_id, 1)
        for name, node in (nodes or {}).items():
            self.freed(name, node.capacity - self.state.node_load(name))

    def freed(self, node_id: str, units: int) -> None:
        node = self.state.nodes[node_id]
        if node.accepts_work:
            self.wake(self.blocked.freed(node.executors, self.state.n, count=units))

    def unused(self) -> None:
        self.wake(self.blocked.unused(self.state.n))

    def wake(self, evaluations: list[QueuedEvaluation]) -> None:
        for evaluation in evaluations:
            self.broker.wake(evaluation, self.now)

    # ---- the world

    @precondition(lambda self: len(self.runs(placed=False)) < 6)
    @rule(executor=st.sampled_from(EXECUTORS), priority=st.integers(1, 2), number=st.integers(1, 4))
    def new_runs(self, executor: str, priority: int, number: int) -> None:
        for _ in range(number):
            self.new_run(executor, priority)

    def new_run(self, executor: str, priority: int) -> None:
        name = f"r{next(self.ids)}"
        evaluation = Evaluation(1, EvaluationTrigger.PERIODIC_JOB, EvaluationStatus.PENDING, 0, 0)
        run = Run(
            name,
            "default",
            "p",
            "p",
            "",
            1,
            1,
            Trigger.SCHEDULE,
            0,
            0,
            0,
            priority,
            executor,
            True,
            1000,
            next(iter(Promise)),
            JobStatus.PENDING,
            True,
            (evaluation,),
        )
        self.commit({name: run})
        n = self.state.n
        self.broker.enqueue([QueuedEvaluation(name, 1, "default", "p", priority, n, n)], self.now)

    def runs(self, *, placed: bool) -> list[str]:
        return [name for name, run in self.state.runs.items() if (run.open_attempt is not None) is placed]

    @precondition(lambda self: self.runs(placed=True))
    @rule(data=st.data())
    def attempt_ends(self, data: Any) -> None:
        self.commit({data.draw(st.sampled_from(self.runs(placed=True))): None})

    @precondition(lambda self: self.runs(placed=False))
    @rule(data=st.data())
    def run_is_cancelled(self, data: Any) -> None:
        self.commit({data.draw(st.sampled_from(self.runs(placed=False))): None})

    @rule(data=st.data())
    def node_changes(self, data: Any) -> None:
        node = self.state.nodes[data.draw(st.sampled_from(sorted(self.state.nodes)))]
        status = NodeStatus.DOWN if node.accepts_work else NodeStatus.READY
        self.commit({}, {node.id: replace(node, status=status, eligible=True)})

    @rule(data=st.data())
    def node_is_closed_or_opened(self, data: Any) -> None:
        node = self.state.nodes[data.draw(st.sampled_from(sorted(self.state.nodes)))]
        self.commit({}, {node.id: replace(node, eligible=not node.eligible)})

    @rule()
    def something_else_is_committed(self) -> None:
        self.commit({})

    @rule(span=st.sampled_from([1, 20, NACK_TIMEOUT]))
    def pass_time(self, span: int) -> None:
        self.now += span
        self.broker.expire(self.now)

    # ---- evaluators

    @precondition(lambda self: self.broker.ready(("service",)))
    @rule(limit=st.integers(1, 4), data=st.data())
    def take_and_decide(self, limit: int, data: Any) -> None:
        deliveries = self.broker.dequeue(("service",), limit, now=self.now)
        needed = max((delivery.evaluation.modify_index for delivery in deliveries), default=0)
        self.decide(deliveries, data.draw(st.integers(max(needed, self.state.n - 3), self.state.n)))

    def decide(self, deliveries: list[Delivery], n: int) -> None:
        proposals = Proposals()
        for delivery in deliveries:
            run = self.states[n].runs.get(delivery.evaluation.job_id)
            outcome = Nothing() if run is None else schedule(run, self.states[n], proposals=proposals, dice=self.dice)
            self.decided.append(Decided(delivery, n, outcome))

    @precondition(lambda self: self.decided)
    @rule(data=st.data())
    def settle_one(self, data: Any) -> None:
        self.settle(self.decided.pop(data.draw(st.integers(0, len(self.decided) - 1))))

    @rule()
    def all_is_settled(self) -> None:
        """The evaluators finish what there is: then whoever is parked has no room, for nothing is on its way."""
        for _ in range(1000):
            while self.decided:
                self.settle(self.decided.pop())
            due = self.broker.next_due()
            if not self.broker.ready(("service",)):
                if due is None:
                    break
                self.now = max(self.now, due)
            self.decide(self.broker.dequeue(("service",), 2, now=self.now), self.state.n)
        assert not self.on_its_way()

    def settle(self, verdict: Decided) -> None:
        job, token = verdict.delivery.evaluation.job_id, verdict.delivery.token
        if self.broker.outstanding(job, 1) != token:
            return  # expired, or the run ended: somebody else's now
        run = self.state.runs[job]
        if isinstance(verdict.outcome, Place) and verify(run, verdict.outcome.node_id, view=self.state) is None:
            self.broker.ack(job, 1, token=token, now=self.now)
            self.commit({job: placed(run, verdict.outcome.node_id)})
        elif isinstance(verdict.outcome, Place) and needs_node(run):
            self.broker.nack(job, 1, token=token, now=self.now)
        elif isinstance(verdict.outcome, Wait) and needs_node(run):
            missed = self.blocked.block(verdict.delivery.evaluation, run.executor, snapshot_n=verdict.n)
            if missed is not None:
                self.broker.requeue(missed, token=token, now=self.now)
            self.broker.ack(job, 1, token=token, now=self.now)
        else:
            self.broker.ack(job, 1, token=token, now=self.now)
            self.unused()

    # ---- what holds

    def on_its_way(self) -> set[str]:
        """Executors of which an evaluation is queued, delivered or waiting for another delivery."""
        return {
            run.executor
            for name, run in self.state.runs.items()
            if needs_node(run) and name not in self.blocked and self.tracked(name)
        }

    def tracked(self, job: str) -> bool:
        return (job, 1) in self.broker

    @invariant()
    def no_wake_up_is_lost(self) -> None:
        """Room that a parked run could use has somebody on the way who will use it or pass it on."""
        on_its_way = self.on_its_way()
        for name, run in self.state.runs.items():
            if name in self.blocked and needs_node(run):
                for node in self.state.with_room(run.executor):
                    assert on_its_way.intersection(node.executors), (
                        f"{name} is parked, {node.id} has room, nobody looks"
                    )

    @invariant()
    def every_waiting_run_is_somewhere(self) -> None:
        for name, run in self.state.runs.items():
            if needs_node(run):
                assert name in self.blocked or self.tracked(name)

    @invariant()
    def no_node_is_overfull(self) -> None:
        for name, node in self.state.nodes.items():
            assert self.state.node_load(name) <= node.capacity


def placed(run: Run, node_id: str) -> Run:
    attempt = Attempt(1, 1, node_id, 1, AllocationStatus.RUNNING, 0, 0)
    done = replace(run.evaluations[-1], status=EvaluationStatus.COMPLETE)
    return replace(run, attempts=(attempt,), evaluations=(done,))


TestBlocked = pytest.mark.invariant("K-8")(pytest.mark.invariant("P-2")(ClusterMachine.TestCase))
TestBlocked.settings = settings(max_examples=500, stateful_step_count=50, deadline=None)


def evaluation(job: str, number: int, *, created: int) -> QueuedEvaluation:
    return QueuedEvaluation(job, number, "default", "p", 50, created, created)


steps = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(1, 3), st.integers(0, 20), st.sampled_from(EXECUTORS)), max_size=12
)


@pytest.mark.invariant("K-1")
@pytest.mark.invariant("K-5")
@given(steps)
def test_one_of_a_run_and_the_others_are_duplicates_once(parked: list[tuple[str, int, int, str]]) -> None:
    blocked = Blocked()
    blocked.enable(0)
    newest: dict[str, tuple[int, int]] = {}
    superseded: set[tuple[str, int]] = set()
    for job, number, snapshot_n, executor in parked:
        assert blocked.block(evaluation(job, number, created=number), executor, snapshot_n=snapshot_n) is None
        age = max(number, snapshot_n)
        before = newest.get(job)
        if before is None or before[1] == number or age > before[0]:
            if before is not None and before[1] != number:
                superseded.add((job, before[1]))
            newest[job] = (age, number)
        else:
            superseded.add((job, number))
    stats = blocked.stats()
    assert stats.blocked == len(newest) == sum(stats.by_executor.values())
    duplicates = [(item.job_id, item.number) for item in blocked.duplicates(100)]
    assert sorted(duplicates) == sorted(superseded)
    assert blocked.duplicates(100) == []
    woken = blocked.freed(EXECUTORS, 100, count=100)
    assert {item.job_id: item.number for item in woken} == {job: number for job, (_, number) in newest.items()}
    assert blocked.stats().blocked == 0
