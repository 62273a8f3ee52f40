"""The scheduler on random clusters: what it proposes holds, and it waits only when nobody has room."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from jobpool.kit.effects.dice import Dice
from jobpool.model.node import Node
from jobpool.model.plan import Plan
from jobpool.model.run import Attempt, Evaluation, Run
from jobpool.model.schedule import Delivery
from jobpool.model.statuses import (
    AllocationStatus,
    EvaluationStatus,
    EvaluationTrigger,
    JobStatus,
    NodeStatus,
    Trigger,
)
from jobpool.replica.state import State
from jobpool.scheduler import STRATEGIES, Nothing, Place, Proposals, Refusal, Wait, schedule, verify
from jobpool.store.change import Change
from jobpool.store.keyspace import Table
from jobpool.store.port import Fence

EXECUTORS = ("rest", "shell", "noop")


class Cluster:
    """Nodes and loads; placing adds to the load, as a commit does."""

    def __init__(self, nodes: Sequence[Node], loads: Sequence[int]) -> None:
        self.nodes = {node.id: node for node in nodes}
        self.loads = {node.id: load for node, load in zip(nodes, loads, strict=True)}
        self.runs: dict[str, Run] = {}

    def node(self, node_id: str) -> Node | None:
        return self.nodes.get(node_id)

    def node_load(self, node_id: str) -> int:
        return self.loads[node_id]

    def ready_nodes(self, executor: str) -> Sequence[str]:
        return sorted(node.id for node in self.nodes.values() if node.accepts_work and executor in node.executors)

    def plan(self, namespace: str, plan_id: str) -> Plan | None:
        return None

    def plan_version(self, namespace: str, plan_id: str, version: int) -> Plan | None:
        return None

    def run(self, job_id: str) -> Run | None:
        return self.runs.get(job_id)

    def live_runs(self, namespace: str, plan_id: str) -> Sequence[str]:
        return [run.id for run in self.runs.values() if run.plan_key == (namespace, plan_id)]


def a_run(executor: str, *, strategy: str = "", attempts: tuple[Attempt, ...] = (), losses: int = 0) -> Run:
    evaluation = Evaluation(1, EvaluationTrigger.PERIODIC_JOB, EvaluationStatus.PENDING, 0, 0)
    return Run(
        "r",
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
        50,
        executor,
        True,
        1000,
        Delivery.AT_LEAST_ONCE,
        JobStatus.PENDING,
        True,
        (evaluation,),
        attempts,
        losses=losses,
        strategy=strategy,
    )


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    count = draw(st.integers(0, 6))
    nodes, loads = [], []
    for at in range(count):
        capacity = draw(st.integers(0, 4))
        executors = tuple(draw(st.sets(st.sampled_from(EXECUTORS))))
        status = draw(st.sampled_from([NodeStatus.READY, NodeStatus.READY, NodeStatus.DOWN]))
        draining = draw(st.sampled_from([False, False, True]))
        node = Node(f"n{at}", "n", "", status, 0, 0, capacity=capacity, executors=executors, draining=draining)
        nodes.append(replace(node, eligible=draw(st.sampled_from([True, True, True, False]))))
        loads.append(draw(st.integers(0, capacity + 1)))
    return Cluster(nodes, loads)


batches = st.lists(
    st.tuples(st.sampled_from(EXECUTORS), st.sampled_from(["", *STRATEGIES, "of-tomorrow"])), max_size=12
)


@pytest.mark.invariant("P-7")
@pytest.mark.invariant("P-2")
@settings(max_examples=500)
@given(clusters(), batches, st.integers())
def test_the_leader_takes_what_was_proposed_on_the_same_state(
    cluster: Cluster, batch: list[tuple[str, str]], seed: int
) -> None:
    proposals, dice = Proposals(), Dice(seed)
    runs = [a_run(executor, strategy=strategy) for executor, strategy in batch]
    decisions = [schedule(run, cluster, proposals=proposals, dice=dice) for run in runs]
    for run, decision in zip(runs, decisions, strict=True):
        if isinstance(decision, Place):
            assert verify(run, decision.node_id, view=cluster) is None
            cluster.loads[decision.node_id] += 1
    for run, decision in zip(runs, decisions, strict=True):
        if isinstance(decision, Wait):
            assert not has_room(cluster, run.executor)
            assert decision.examined == decision.filtered + decision.full == len(cluster.ready_nodes(run.executor))
    for node_id, proposed in ((name, proposals.on_node(name)) for name in cluster.nodes):
        assert proposed == sum(isinstance(one, Place) and one.node_id == node_id for one in decisions)


@pytest.mark.invariant("S-2")
@settings(max_examples=500)
@given(clusters(), batches, st.integers())
def test_what_a_batch_remembers_as_full_is_full(cluster: Cluster, batch: list[tuple[str, str]], seed: int) -> None:
    """The executor is all that tells runs apart here: one that found no room speaks for the others of its batch."""
    proposals, dice = Proposals(), Dice(seed)
    for executor, strategy in batch:
        run = a_run(executor, strategy=strategy)
        remembered = executor in proposals.full_for
        decision = schedule(run, cluster, proposals=proposals, dice=dice)
        if remembered:
            assert isinstance(decision, Wait)
            known = dict(proposals.full_for)
            proposals.full_for.clear()
            assert isinstance(schedule(run, cluster, proposals=proposals, dice=Dice(seed)), Wait)
            proposals.full_for.update(known)


nodes_in_time = st.lists(
    st.tuples(
        st.sampled_from(["n0", "n1", "n2"]),
        st.sets(st.sampled_from(EXECUTORS)),
        st.sampled_from([NodeStatus.READY, NodeStatus.READY, NodeStatus.DOWN, None]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=12,
)


@pytest.mark.invariant("S-2")
@given(nodes_in_time)
def test_the_nodes_that_are_remembered_as_ready_are_those_that_are(
    changes: list[tuple[str, set[str], NodeStatus | None, bool, bool]],
) -> None:
    """Whatever a node comes to offer, and whenever it was asked for: None is a node that is forgotten."""
    state = State(default_slots=1)
    for n, (name, executors, status, eligible, draining) in enumerate(changes, start=1):
        node = None
        if status is not None:
            offers = tuple(sorted(executors))
            node = Node(name, "n", "", status, 0, 0, executors=offers, eligible=eligible, draining=draining)
        state.fold(Fence(1, 1, n, f"b{n}"), [Change(Table.NODE, (name,), node)])
        for executor in EXECUTORS:
            assert state.ready_nodes(executor) == sorted(
                node.id for node in state.nodes.values() if node.accepts_work and executor in node.executors
            )


def has_room(cluster: Cluster, executor: str) -> bool:
    return any(cluster.loads[name] < cluster.nodes[name].capacity for name in cluster.ready_nodes(executor))


@pytest.mark.invariant("P-2")
@pytest.mark.invariant("P-4")
@given(clusters(), st.sampled_from(EXECUTORS), st.sampled_from([f"n{at}" for at in range(7)]))
def test_verify_says_yes_exactly_when_the_node_can_take_it(cluster: Cluster, executor: str, name: str) -> None:
    verdict = verify(a_run(executor), name, view=cluster)
    node = cluster.nodes.get(name)
    if node is None:
        assert verdict is Refusal.NODE_GONE
    elif node.draining or not node.eligible or node.status is not NodeStatus.READY:
        assert verdict is Refusal.NODE_NOT_READY
    elif executor not in node.executors:
        assert verdict is Refusal.EXECUTOR_NOT_OFFERED
    else:
        assert verdict is (Refusal.NODE_FULL if cluster.loads[name] >= node.capacity else None)


@pytest.mark.invariant("S-1")
@given(clusters(), st.sampled_from(EXECUTORS), st.sets(st.sampled_from([f"n{at}" for at in range(6)])), st.integers())
def test_a_run_that_lost_its_node_goes_elsewhere_if_it_can(
    cluster: Cluster, executor: str, used: set[str], seed: int
) -> None:
    attempts = tuple(
        Attempt(at, 1, name, 1, AllocationStatus.FAILED, 0, 0) for at, name in enumerate(sorted(used), start=1)
    )
    decision = schedule(
        a_run(executor, attempts=attempts, losses=len(used)), cluster, proposals=Proposals(), dice=Dice(seed)
    )
    roomy = {n for n in cluster.ready_nodes(executor) if cluster.loads[n] < cluster.nodes[n].capacity}
    if not roomy:
        assert isinstance(decision, Wait)
    else:
        assert isinstance(decision, Place)
        assert decision.node_id in (roomy - used or roomy)


@pytest.mark.invariant("W-7")
@given(clusters(), st.sampled_from(EXECUTORS), st.integers())
def test_a_second_delivery_has_nothing_to_do(cluster: Cluster, executor: str, seed: int) -> None:
    attempt = Attempt(1, 1, "n0", 1, AllocationStatus.PENDING, 0, 0)
    run = a_run(executor, attempts=(attempt,))
    proposals = Proposals()
    assert schedule(run, cluster, proposals=proposals, dice=Dice(seed)) == Nothing()
    assert all(proposals.on_node(name) == 0 for name in cluster.nodes)
    assert verify(run, "n0", view=cluster) is Refusal.NOT_NEEDED


@pytest.mark.invariant("S-1")
@given(clusters(), st.sampled_from(EXECUTORS), st.lists(st.sampled_from(range(6)), max_size=8), st.integers())
def test_spread_goes_where_the_plan_has_fewest_and_binpack_where_least_is_left(
    cluster: Cluster, executor: str, there: list[int], seed: int
) -> None:
    for at, node in enumerate(there):
        attempt = Attempt(1, 1, f"n{node}", 1, AllocationStatus.RUNNING, 0, 0)
        cluster.runs[f"r{at}"] = replace(a_run(executor, attempts=(attempt,)), id=f"r{at}")
    roomy = [n for n in cluster.ready_nodes(executor) if cluster.loads[n] < cluster.nodes[n].capacity]
    own = Counter(f"n{node}" for node in there)
    proposals, dice = Proposals(), Dice(seed)
    for _ in range(3):
        decision = schedule(a_run(executor, strategy="spread"), cluster, proposals=proposals, dice=dice)
        if isinstance(decision, Place):
            chosen = decision.node_id
            before = {n: proposals.on_node(n) - (n == chosen) + cluster.loads[n] for n in roomy}
            free = [n for n in roomy if before[n] < cluster.nodes[n].capacity]
            assert own[chosen] == min(own[n] for n in free)
            own[chosen] += 1
    packed = schedule(a_run(executor, strategy="binpack"), cluster, proposals=Proposals(), dice=dice)
    if isinstance(packed, Place):
        fullness = {n: Fraction(cluster.loads[n], cluster.nodes[n].capacity) for n in roomy}
        assert fullness[packed.node_id] == max(fullness.values())
