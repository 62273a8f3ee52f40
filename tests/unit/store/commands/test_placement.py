"""Evaluations: placed against the newest state, blocked, failed."""

import pytest

from jobpool.kit.pure.durations import MINUTE
from jobpool.model.reasons import Reason
from jobpool.model.statuses import EvaluationStatus, EvaluationTrigger, JobStatus, NodeStatus
from jobpool.replica.state import fencing_number
from jobpool.store.commands import (
    BlockEvaluation,
    CancelRun,
    DrainNode,
    FailEvaluation,
    Placed,
    PlaceRun,
    SetNodeStatus,
    StartRun,
)
from tests.unit.store.commands.bench import Bench


def waiting(*job_ids: str, capacity: int = 256) -> Bench:
    bench = Bench()
    bench.node(capacity=capacity)
    bench.plan()
    for job_id in job_ids:
        bench.do(StartRun("default", "p", job_id))
    return bench


def test_a_placement_closes_the_evaluation_and_carries_the_commits_fence() -> None:
    bench = waiting("r1")
    n = bench.state.next_n
    assert bench.do(PlaceRun("r1", 1, "a")) is Placed.COMMITTED
    run = bench.live("r1")
    (attempt,) = run.attempts
    assert (attempt.number, attempt.evaluation, attempt.node_id) == (1, 1, "a")
    assert attempt.fence == fencing_number(1, n)
    assert run.evaluations[-1].status is EvaluationStatus.COMPLETE
    assert bench.state.node_load("a") == 1


@pytest.mark.invariant("W-7")
def test_the_second_delivery_of_a_placed_evaluation_writes_nothing() -> None:
    bench = waiting("r1")
    bench.do(PlaceRun("r1", 1, "a"))
    n = bench.state.fence.n
    assert bench.do(PlaceRun("r1", 1, "a")) is Placed.OBSOLETE
    assert bench.do(BlockEvaluation("r1", 1, "full")) is False
    bench.do(FailEvaluation("r1", 1))
    assert bench.state.fence.n == n
    assert bench.batch(*[PlaceRun("r1", 1, "a")] * 3) == [Placed.OBSOLETE] * 3


@pytest.mark.invariant("P-2")
def test_a_batch_never_gives_a_node_more_than_its_capacity() -> None:
    bench = waiting("r1", "r2", "r3", capacity=2)
    outcomes = bench.batch(*[PlaceRun(f"r{at}", 1, "a") for at in (1, 2, 3)])
    assert outcomes == [Placed.COMMITTED, Placed.COMMITTED, Placed.REFUSED]
    assert bench.state.node_load("a") == 2


@pytest.mark.invariant("P-4")
@pytest.mark.parametrize("change", ["down", "draining", "gone"])
def test_a_node_that_left_meanwhile_is_refused(change: str) -> None:
    bench = waiting("r1")
    if change == "down":
        bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    elif change == "draining":
        bench.do(DrainNode("a", bench.state.nodes["a"].session))
    assert bench.do(PlaceRun("r1", 1, "b" if change == "gone" else "a")) is Placed.REFUSED
    assert not bench.live("r1").attempts


def test_a_node_that_falls_in_the_same_batch_gets_nothing_more() -> None:
    bench = waiting("r1")
    outcomes = bench.batch(SetNodeStatus("a", NodeStatus.DOWN), PlaceRun("r1", 1, "a"))
    assert outcomes[1] is Placed.REFUSED


@pytest.mark.invariant("P-16")
def test_blocking_twice_writes_nothing() -> None:
    bench = waiting("r1")
    assert bench.do(BlockEvaluation("r1", 1, "every node is full")) is True
    run = bench.live("r1")
    assert (run.evaluations[-1].status, run.reason) == (EvaluationStatus.BLOCKED, Reason.NO_NODE)
    n = bench.state.fence.n
    assert bench.do(BlockEvaluation("r1", 1, "every node is full")) is True
    assert bench.state.fence.n == n
    assert bench.do(PlaceRun("r1", 1, "a")) is Placed.COMMITTED
    assert bench.live("r1").reason is Reason.NONE


def test_an_evaluation_of_a_run_that_ended_is_obsolete() -> None:
    bench = waiting("r1")
    bench.do(CancelRun("r1"))
    assert bench.do(PlaceRun("r1", 1, "a")) is Placed.OBSOLETE
    assert bench.do(BlockEvaluation("r1", 1, "full")) is False


@pytest.mark.invariant("A-1")
@pytest.mark.invariant("B-15")
@pytest.mark.invariant("W-4")
def test_an_evaluation_delivered_too_often_has_a_follow_up_in_the_same_commit() -> None:
    bench = waiting("r1")
    bench.do(FailEvaluation("r1", 1))
    run = bench.live("r1")
    assert [evaluation.status for evaluation in run.evaluations] == [EvaluationStatus.FAILED, EvaluationStatus.PENDING]
    follow_up = run.evaluations[-1]
    assert (follow_up.trigger, follow_up.not_before) == (EvaluationTrigger.FAILED_FOLLOW_UP, bench.now + MINUTE)
    assert run.holds_slot


@pytest.mark.invariant("B-15")
def test_what_is_delivered_too_often_after_its_run_moved_on_leaves_no_trace() -> None:
    bench = waiting("r1", "r2", "r3")
    bench.do(PlaceRun("r1", 1, "a"))
    bench.do(CancelRun("r2"))
    bench.do(FailEvaluation("r3", 1))
    before, n = dict(bench.state.runs), bench.state.fence.n
    bench.batch(FailEvaluation("r1", 1), FailEvaluation("r2", 1), FailEvaluation("r3", 1), FailEvaluation("r9", 1))
    assert (bench.state.runs, bench.state.fence.n) == (before, n)


@pytest.mark.invariant("B-15")
@pytest.mark.invariant("W-4")
def test_after_ten_follow_ups_the_run_is_given_up_with_its_slot() -> None:
    bench = waiting("r1")
    for number in range(1, 12):
        bench.do(FailEvaluation("r1", number))
    (end,) = bench.ended
    assert (end.status, end.reason) == (JobStatus.FAILED, Reason.DELIVERY_LIMIT)
    assert bench.state.slots_used("default") == 0
