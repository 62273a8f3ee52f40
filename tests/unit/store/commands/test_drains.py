"""Which nodes may be given work, and how a drained one gets rid of what it has."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from jobpool.model.errors import FailedPrecondition, NotFound
from jobpool.model.node import Drain, Node
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.schedule import Delivery, Overlap
from jobpool.model.statuses import AllocationStatus, DesiredStatus, JobStatus, NodeStatus
from jobpool.store.change import Command
from jobpool.store.codec import decode, encode
from jobpool.store.commands import (
    CancelDrain,
    CancelRun,
    FinishDrain,
    MoveAttempt,
    Placed,
    PlaceRun,
    Reported,
    SetEligibility,
    SetNodeStatus,
    StartDrain,
    StartRun,
)
from jobpool.store.commands.reports import DRAINED
from jobpool.store.keyspace import Table
from tests.unit.store.commands.bench import NOON, REST, Bench


def placed(bench: Bench, job_id: str = "r1", **fields: Any) -> Run:
    """A run of a plan with these fields on node `a`."""
    bench.node()
    bench.plan(**fields)
    bench.do(StartRun("default", "p", job_id))
    return bench.place(bench.live(job_id))


def move(run: Run) -> MoveAttempt:
    return MoveAttempt(run.id, run.attempts[-1].node_id, run.attempts[-1].fence)


@pytest.mark.invariant("P-4")
def test_an_ineligible_node_keeps_what_it_runs_and_takes_nothing() -> None:
    bench = Bench()
    run = placed(bench)
    node = bench.do(SetEligibility("a", False, "new disk"))
    assert (node.eligible, node.eligibility_description, node.updated_at) == (False, "new disk", bench.now)
    assert bench.live("r1") == run
    assert bench.state.ready_nodes("noop") == []
    bench.do(StartRun("default", "p", "r2"))
    assert bench.do(PlaceRun("r2", 1, "a")) is Placed.REFUSED
    assert bench.report(run, AllocationStatus.COMPLETE) is Reported.ACCEPTED
    bench.do(SetEligibility("a", True))
    assert bench.do(PlaceRun("r2", 1, "a")) is Placed.COMMITTED


@pytest.mark.invariant("P-4")
def test_a_placement_and_a_drain_of_one_batch_are_decided_in_order() -> None:
    bench = Bench()
    bench.node()
    bench.plan()
    for job_id in ("r1", "r2"):
        bench.do(StartRun("default", "p", job_id))
    commands: list[Command[object]] = [PlaceRun("r1", 1, "a"), StartDrain("a", None), PlaceRun("r2", 1, "a")]
    first, _, second = bench.batch(*commands)
    assert (first, second) == (Placed.COMMITTED, Placed.REFUSED)
    assert bench.do(FinishDrain("a")) is False


def test_what_the_operator_said_outlasts_the_agent() -> None:
    bench = Bench()
    bench.node()
    drained = bench.do(StartDrain("a", 1000, "kernel"))
    bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    bench.node()
    node = bench.state.nodes["a"]
    assert node.status is NodeStatus.READY
    assert (node.eligible, node.eligibility_description, node.drain) == (False, "kernel", drained.drain)


def test_a_drain_has_an_instant_and_another_one_replaces_it() -> None:
    bench = Bench()
    placed(bench)
    assert bench.do(StartDrain("a", None)).drain == Drain(NOON, runs=1)
    bench.now += 1000
    assert bench.do(StartDrain("a", 5000)).drain == Drain(NOON, NOON + 6000, runs=1)
    assert bench.do(StartDrain("a", 0)).drain == Drain(NOON, NOON + 1000, runs=1)
    n = bench.state.fence.n
    bench.do(StartDrain("a", 0))
    assert bench.state.fence.n == n  # so it is already


def test_a_node_under_drain_is_not_made_eligible_beside_it() -> None:
    bench = Bench()
    placed(bench)
    bench.do(StartDrain("a", None))
    with pytest.raises(FailedPrecondition, match="being drained"):
        bench.do(SetEligibility("a", True))
    assert bench.do(SetEligibility("a", False, "why")).drain is not None
    node = bench.do(CancelDrain("a"))
    assert (node.drain, node.eligible, node.eligibility_description) == (None, False, "drain cancelled")
    n = bench.state.fence.n
    bench.do(CancelDrain("a"))
    assert bench.state.fence.n == n
    node = bench.do(CancelDrain("a", eligible=True))
    assert (node.eligible, node.eligibility_description) == (True, "")


def test_it_is_over_when_nothing_is_left() -> None:
    bench = Bench()
    run = placed(bench)
    bench.do(StartDrain("a", None, "kernel"))
    assert bench.do(FinishDrain("a")) is False
    bench.report(run, AllocationStatus.COMPLETE)
    assert bench.do(FinishDrain("a")) is True
    node = bench.state.nodes["a"]
    assert (node.drain, node.eligible) == (None, False)
    assert node.eligibility_description == "kernel; drained at 2025-10-09T12:00:00Z"
    assert bench.do(FinishDrain("a")) is False
    assert bench.do(FinishDrain("nobody")) is False


def test_a_run_its_callee_has_accepted_is_not_the_nodes_any_more() -> None:
    bench = Bench()
    run = placed(bench, synchronous=False, **REST)
    bench.report(run, AllocationStatus.RUNNING, accepted=True)
    accepted = bench.live("r1")
    bench.do(StartDrain("a", 0))
    assert bench.do(move(run)) is False
    assert bench.live("r1") == accepted
    assert bench.do(FinishDrain("a")) is True


@pytest.mark.invariant("D-1")
def test_nothing_is_moved_before_the_deadline_or_without_one() -> None:
    bench = Bench()
    run = placed(bench)
    assert bench.do(move(run)) is False  # no drain
    bench.do(StartDrain("a", None))
    assert bench.do(move(run)) is False
    bench.do(StartDrain("a", 1000))
    bench.now += 999
    assert bench.do(move(run)) is False
    assert bench.live("r1") == run
    bench.now += 1
    assert bench.do(move(run)) is True


def test_a_moved_run_waits_for_another_node_and_the_old_one_is_not_heard_any_more() -> None:
    bench = Bench()
    run = placed(bench)
    bench.report(run, AllocationStatus.RUNNING)
    bench.node("b")
    bench.do(StartDrain("a", 0))
    assert bench.do(move(run)) is True
    waiting = bench.live("r1")
    assert (waiting.status, waiting.holds_slot, waiting.losses, waiting.retries) == (JobStatus.PENDING, True, 0, 0)
    assert (waiting.attempts[0].status, waiting.attempts[0].description) == (AllocationStatus.CANCELLED, DRAINED)
    assert bench.do(FinishDrain("a")) is True
    assert bench.do(move(run)) is False
    moved = bench.place(waiting, "b")
    assert bench.report(run, AllocationStatus.COMPLETE) is Reported.STALE
    assert bench.live("r1").attempts[1:] == moved.attempts[1:]
    assert bench.live("r1").attempts[0].description == f"{DRAINED}; too late it said: complete"
    assert bench.report(moved, AllocationStatus.COMPLETE) is Reported.ACCEPTED


@pytest.mark.invariant("R-4")
def test_what_may_not_be_repeated_ends_and_says_why() -> None:
    bench = Bench()
    run = placed(bench, delivery=Delivery.AT_MOST_ONCE)
    bench.do(StartDrain("a", 0))
    bench.do(move(run))
    (ended,) = bench.ended
    assert (ended.status, ended.reason) == (JobStatus.FAILED, Reason.NODE_DRAINED)
    assert ended.info == "its node was drained and the plan says at-most-once"
    assert bench.state.slots_used("default") == 0


def test_a_run_that_is_to_be_cancelled_is_cancelled() -> None:
    bench = Bench()
    run = placed(bench)
    bench.do(CancelRun("r1", "enough"))
    bench.do(StartDrain("a", 0))
    bench.do(move(run))
    assert [(it.status, it.info) for it in bench.ended] == [(JobStatus.CANCELLED, "enough")]


def test_a_callback_under_way_is_tried_from_elsewhere() -> None:
    bench = Bench(slots=1)
    bench.node()
    bench.plan(synchronous=False, **REST)
    bench.now += 60_000
    bench.tick_all()
    bench.now += 60_000
    bench.tick_all()
    skipped = next(run for run in bench.runs if run.ended)
    told = bench.place(skipped)
    bench.do(StartDrain("a", 0))
    assert bench.do(move(told)) is True
    again = bench.live(skipped.id)
    assert again.owes_callback
    assert again.open_attempt is None


def test_a_node_that_is_not_there() -> None:
    bench = Bench()
    for command in (SetEligibility("x", True), StartDrain("x", None), CancelDrain("x")):
        with pytest.raises(NotFound) as refusal:
            bench.do(command)
        assert refusal.value.field == "id"


def test_a_node_stored_before_there_were_drains_is_eligible() -> None:
    node = Node("a", "a", "0", NodeStatus.READY, NOON, NOON)
    fields = msgspec.msgpack.decode(encode(node)[1:])
    old = encode(node)[:1] + msgspec.msgpack.encode(fields[: fields.index(False) + 1])
    assert len(fields) == len(msgspec.structs.fields(Node)) > len(msgspec.msgpack.decode(old[1:]))
    assert decode(Table.NODE, old) == node
    drained = replace(node, eligible=False, drain=Drain(NOON, NOON + 1))
    assert decode(Table.NODE, encode(drained)) == drained


# ---- plans that forbid overlap


def test_a_run_that_must_not_overlap_is_stopped_first_and_moved_by_its_agents_word() -> None:
    bench = Bench()
    run = placed(bench, overlap=Overlap.SKIP)
    bench.report(run, AllocationStatus.RUNNING)
    bench.do(StartDrain("a", 0))
    assert bench.do(move(run)) is True
    stopping = bench.live("r1")
    assert (stopping.status, stopping.open_attempt is not None) == (JobStatus.RUNNING, True)
    assert stopping.attempts[0].desired is DesiredStatus.STOP
    n = bench.state.fence.n
    assert bench.do(move(run)) is False
    assert bench.do(FinishDrain("a")) is False
    assert bench.state.fence.n == n
    assert bench.report(stopping, AllocationStatus.CANCELLED) is Reported.ACCEPTED
    waiting = bench.live("r1")
    assert (waiting.status, waiting.holds_slot, waiting.losses, waiting.retries) == (JobStatus.PENDING, True, 0, 0)
    assert waiting.evaluations[-1].description == DRAINED
    assert bench.do(FinishDrain("a")) is True


@pytest.mark.parametrize("end", [AllocationStatus.COMPLETE, AllocationStatus.FAILED, AllocationStatus.EXPIRED])
def test_one_that_ended_before_it_could_be_stopped_has_ended(end: AllocationStatus) -> None:
    bench = Bench()
    run = placed(bench, overlap=Overlap.SKIP)
    bench.do(StartDrain("a", 0))
    bench.do(move(run))
    bench.report(run, end)
    assert [it.status for it in bench.ended] == [JobStatus(end)]


@pytest.mark.invariant("R-4")
def test_one_that_may_neither_overlap_nor_be_repeated_ends_once_it_has_stopped() -> None:
    bench = Bench()
    run = placed(bench, overlap=Overlap.SKIP, delivery=Delivery.AT_MOST_ONCE)
    bench.do(StartDrain("a", 0))
    bench.do(move(run))
    assert not bench.ended
    bench.report(run, AllocationStatus.CANCELLED)
    assert [(it.status, it.reason) for it in bench.ended] == [(JobStatus.FAILED, Reason.NODE_DRAINED)]


def test_one_that_is_to_be_cancelled_is_cancelled_by_its_agents_word() -> None:
    bench = Bench()
    run = placed(bench, overlap=Overlap.SKIP)
    bench.do(StartDrain("a", 0))
    bench.do(move(run))
    bench.do(CancelRun("r1", "enough"))
    assert not bench.ended
    bench.report(run, AllocationStatus.CANCELLED)
    assert [(it.status, it.info) for it in bench.ended] == [(JobStatus.CANCELLED, "enough")]
