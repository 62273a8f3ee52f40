"""Runs on a node that is down: replaced, ended, or held until their agent is back, by what their plan says."""

from typing import Any

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.model.reasons import Reason
from jobpool.model.run import Run, allocation_id
from jobpool.model.schedule import Delivery, Overlap
from jobpool.model.statuses import AllocationStatus, DesiredStatus, JobStatus, NodeStatus
from jobpool.store.commands import (
    CancelRun,
    LoseAttempt,
    MoveAttempt,
    Reported,
    RetryPatch,
    SetNodeStatus,
    StartDrain,
    StartRun,
    TimeOutRun,
    releases,
    vouchers,
)
from jobpool.store.commands.unreachable import DELETED, HELD, SILENT
from tests.unit.store.commands.bench import NOON, REST, Bench


def placed(bench: Bench, *job_ids: str, **fields: Any) -> list[Run]:
    """Runs of a plan on node `a`. The plan forbids overlap unless the fields say otherwise."""
    bench.node()
    bench.plan(**({"overlap": Overlap.SKIP} | fields))
    for job_id in job_ids or ("r1",):
        bench.do(StartRun("default", "p", job_id, ignore_overlap=True))
        bench.place(bench.live(job_id))
    return bench.runs


def fall(bench: Bench, *, for_good: bool = False) -> list[Reported]:
    bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    return release(bench, for_good=for_good)


def release(bench: Bench, *, for_good: bool = False) -> list[Reported]:
    return [bench.do(command) for command in releases(bench.state, "a", 10, for_good=for_good)]


def vouch(bench: Bench, run: Run) -> list[Reported]:
    attempt = run.attempts[-1]
    held = {allocation_id(run.id, attempt.number): attempt.fence}
    return [bench.do(command) for command in vouchers(bench.state, attempt.node_id, held)]


@pytest.mark.invariant("C-6")
@pytest.mark.parametrize("begun", [True, False])
def test_a_run_that_must_not_overlap_is_held_with_its_slot(begun: bool) -> None:
    bench = Bench()
    (run,) = placed(bench)
    if begun:
        bench.report(run, AllocationStatus.RUNNING)
    assert fall(bench) == [Reported.ACCEPTED]
    held = bench.live("r1")
    assert (held.status, held.reason, held.info) == (JobStatus.UNKNOWN, Reason.NODE_LOST, HELD)
    assert (held.attempts[0].status, held.attempts[0].description) == (AllocationStatus.UNKNOWN, HELD)
    assert (held.holds_slot, held.losses, held.started_at) == (True, 0, NOON if begun else None)
    assert (bench.state.node_load("a"), bench.state.slots_used("default")) == (1, 1)
    assert release(bench) == []  # done: nothing spins on it
    bench.now += MINUTE
    bench.tick_all()
    (skipped,) = bench.ended
    assert (skipped.status, skipped.reason) == (JobStatus.SKIPPED, Reason.OVERLAP)


def test_what_may_overlap_is_replaced() -> None:
    bench = Bench()
    placed(bench, "r1", "r2", overlap=Overlap.ALLOW)
    assert fall(bench) == [Reported.ACCEPTED] * 2
    assert {(run.status, run.losses, run.attempts[0].description) for run in bench.runs} == {
        (JobStatus.PENDING, 1, SILENT)
    }
    assert bench.state.node_load("a") == 0


@pytest.mark.parametrize("edited", [Overlap.ALLOW, Overlap.SKIP])
def test_what_counts_is_the_plan_that_the_run_started_with(edited: Overlap) -> None:
    bench = Bench()
    placed(bench, overlap=Overlap.ALLOW if edited is Overlap.SKIP else Overlap.SKIP)
    bench.update(overlap=edited)
    fall(bench)
    assert (bench.live("r1").status is JobStatus.UNKNOWN) == (edited is Overlap.ALLOW)


@pytest.mark.invariant("H-5")
def test_a_node_that_came_back_meanwhile_says_itself_what_it_holds() -> None:
    bench = Bench()
    runs = placed(bench, "r1", "r2")
    bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    late = releases(bench.state, "a", 10)
    bench.node()
    assert [bench.do(command) for command in late] == [Reported.STALE] * 2
    assert releases(bench.state, "a", 10, for_good=True) == []
    assert bench.runs == runs


@pytest.mark.invariant("H-8")
@pytest.mark.parametrize("begun", [True, False])
def test_what_the_agent_still_has_goes_on_as_it_was(begun: bool) -> None:
    bench = Bench()
    (run,) = placed(bench)
    if begun:
        bench.report(run, AllocationStatus.RUNNING)
    before = bench.live("r1")
    fall(bench)
    bench.now += MINUTE
    assert vouch(bench, run) == [Reported.ACCEPTED]
    back = bench.live("r1")
    assert (back.status, back.reason, back.info) == (before.status, Reason.NONE, "")
    assert (back.attempts[0].status, back.attempts[0].description) == (before.attempts[0].status, "")
    assert (back.started_at, back.losses, len(back.attempts)) == (before.started_at, 0, 1)
    assert vouch(bench, run) == []
    bench.report(back, AllocationStatus.COMPLETE)
    assert [(end.status, end.info) for end in bench.ended] == [(JobStatus.COMPLETE, "")]


def test_another_fence_vouches_for_nothing() -> None:
    bench = Bench()
    placed(bench)
    fall(bench)
    assert vouchers(bench.state, "a", {"r1-a1": 1, "r1-a2": bench.live("r1").attempts[0].fence}) == []


@pytest.mark.invariant("H-8")
@pytest.mark.parametrize(
    ("said", "ended"),
    [
        (AllocationStatus.COMPLETE, JobStatus.COMPLETE),
        (AllocationStatus.FAILED, JobStatus.FAILED),
        (AllocationStatus.EXPIRED, JobStatus.EXPIRED),
    ],
)
def test_the_result_of_an_attempt_that_is_held_is_taken(said: AllocationStatus, ended: JobStatus) -> None:
    bench = Bench()
    (run,) = placed(bench)
    fall(bench)
    assert bench.report(run, said, description="its word") is Reported.ACCEPTED
    (end,) = bench.ended
    info = "" if ended is JobStatus.COMPLETE else "its word"
    assert (end.status, end.reason, end.info, len(end.attempts)) == (ended, Reason.NONE, info, 1)
    assert bench.state.slots_used("default") == 0


def test_a_failure_of_an_attempt_that_was_held_is_tried_again_as_ever() -> None:
    bench = Bench()
    (run,) = placed(bench, retry=RetryPatch(attempts=1, backoff=SECOND))
    fall(bench)
    bench.report(run, AllocationStatus.FAILED)
    waiting = bench.live("r1")
    assert (waiting.status, waiting.reason, waiting.info, waiting.losses) == (
        JobStatus.PENDING,
        Reason.RETRY_WAIT,
        "",
        0,
    )


@pytest.mark.parametrize("accepted", [True, False])
def test_the_word_that_it_runs_ends_the_doubt(accepted: bool) -> None:
    bench = Bench()
    (run,) = placed(bench, synchronous=False, **REST)
    fall(bench)
    assert bench.report(run, AllocationStatus.RUNNING, accepted=accepted) is Reported.ACCEPTED
    begun = bench.live("r1")
    assert (begun.status, begun.reason, begun.info, begun.accepted) == (JobStatus.RUNNING, Reason.NONE, "", accepted)
    assert (begun.attempts[0].status, begun.attempts[0].description) == (AllocationStatus.RUNNING, "")


def lose(bench: Bench, run: Run) -> None:
    """Its agent is back and does not know of it."""
    attempt = run.attempts[-1]
    bench.do(LoseAttempt(run.id, attempt.number, "a", attempt.fence, "its agent does not know of it any more"))


@pytest.mark.invariant("H-8")
def test_what_the_agent_has_not_any_more_is_placed_anew() -> None:
    bench = Bench()
    (run,) = placed(bench)
    fall(bench)
    lose(bench, run)
    again = bench.live("r1")
    assert (again.status, again.reason, again.info, again.losses) == (JobStatus.PENDING, Reason.NONE, "", 1)


@pytest.mark.invariant("R-4")
def test_what_may_not_be_repeated_either_fails_once_its_agent_does_not_know_of_it() -> None:
    bench = Bench()
    (run,) = placed(bench, delivery=Delivery.AT_MOST_ONCE)
    fall(bench)
    assert not bench.ended
    lose(bench, run)
    assert [(end.status, end.reason) for end in bench.ended] == [(JobStatus.FAILED, Reason.NODE_LOST)]


# ---- cancel, timeout, drain


def test_a_cancel_waits_for_the_agent() -> None:
    bench = Bench()
    (run,) = placed(bench)
    fall(bench)
    asked = bench.do(CancelRun("r1", "enough"))
    assert (asked.status, asked.reason, asked.info) == (JobStatus.UNKNOWN, Reason.NODE_LOST, "enough")
    assert asked.attempts[0].desired is DesiredStatus.STOP
    vouch(bench, run)
    back = bench.live("r1")
    assert (back.status, back.info, back.cancel_requested) == (JobStatus.PENDING, "enough", True)
    bench.report(run, AllocationStatus.CANCELLED)
    assert [(end.status, end.reason, end.info) for end in bench.ended] == [
        (JobStatus.CANCELLED, Reason.CANCELLED, "enough")
    ]


def test_a_run_that_was_being_stopped_when_its_node_fell_is_held_and_then_cancelled() -> None:
    bench = Bench()
    (run,) = placed(bench)
    bench.do(CancelRun("r1", "enough"))
    fall(bench)
    held = bench.live("r1")
    assert (held.status, held.info) == (JobStatus.UNKNOWN, "enough")
    lose(bench, run)
    assert [(end.status, end.info) for end in bench.ended] == [(JobStatus.CANCELLED, "enough")]


def test_it_can_expire_meanwhile() -> None:
    bench = Bench()
    (run,) = placed(bench)
    bench.report(run, AllocationStatus.RUNNING)
    fall(bench)
    bench.do(TimeOutRun("r1", NOON))
    (end,) = bench.ended
    assert (end.status, end.reason, end.attempts[0].status) == (
        JobStatus.EXPIRED,
        Reason.TIMEOUT,
        AllocationStatus.EXPIRED,
    )


@pytest.mark.invariant("D-1")
def test_a_drain_asks_for_a_stop_that_the_agent_hears_when_it_is_back() -> None:
    bench = Bench()
    (run,) = placed(bench)
    bench.do(StartDrain("a", 0))
    fall(bench)
    assert bench.do(MoveAttempt("r1", "a", run.attempts[0].fence)) is True
    held = bench.live("r1")
    assert (held.status, held.attempts[0].desired) == (JobStatus.UNKNOWN, DesiredStatus.STOP)
    vouch(bench, run)
    bench.report(run, AllocationStatus.CANCELLED)
    assert (bench.live("r1").status, bench.live("r1").losses) == (JobStatus.PENDING, 0)


# ---- what is not held


def test_what_its_callee_accepted_stays_with_the_callee() -> None:
    bench = Bench()
    (run,) = placed(bench, synchronous=False, **REST)
    bench.report(run, AllocationStatus.RUNNING, accepted=True)
    before = bench.live("r1")
    assert fall(bench) == []
    assert bench.live("r1") == before


def test_a_callback_is_tried_from_elsewhere() -> None:
    bench = Bench()
    bench.node()
    bench.plan(spec="*/30 * * * * *", overlap=Overlap.SKIP, synchronous=False, **REST)
    bench.now += MINUTE
    bench.tick_all()
    (owing,) = [run for run in bench.runs if run.owes_callback]
    bench.place(owing)
    assert fall(bench) == [Reported.ACCEPTED]
    again = bench.live(owing.id)
    assert (again.owes_callback, again.open_attempt, again.status) == (True, None, JobStatus.SKIPPED)


# ---- the operator's word


def test_a_node_that_is_gone_for_good_gives_everything_back() -> None:
    bench = Bench()
    placed(bench, "r1", "r2", "r3")
    bench.do(CancelRun("r2", "enough"))
    fall(bench)
    assert release(bench, for_good=True) == [Reported.ACCEPTED] * 3
    assert [(end.id, end.status) for end in bench.ended] == [("r2", JobStatus.CANCELLED)]
    assert {(run.status, run.attempts[0].description, run.losses) for run in bench.runs} == {
        (JobStatus.PENDING, DELETED, 1)
    }
    assert bench.state.node_load("a") == 0


def test_the_runs_of_a_node_whose_record_cannot_be_read_are_held_until_it_registers() -> None:
    bench = Bench()
    (run,) = placed(bench)
    del bench.state.nodes["a"]
    assert release(bench) == [Reported.ACCEPTED]
    assert bench.live("r1").status is JobStatus.UNKNOWN
    bench.node()
    vouch(bench, run)
    assert bench.live("r1").status is JobStatus.PENDING


def test_only_so_many_at_once() -> None:
    bench = Bench()
    placed(bench, "r1", "r2", "r3")
    bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    assert [command.job_id for command in releases(bench.state, "a", 2)] == ["r1", "r2"]
