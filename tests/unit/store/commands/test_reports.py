"""What agents' reports, and the loss of agents, make of a run."""

from typing import Any

import pytest
from msgspec.structs import replace

from jobpool.kit.pure.durations import HOUR, MINUTE, SECOND
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.schedule import Delivery, Overlap
from jobpool.model.statuses import (
    AllocationStatus,
    EvaluationStatus,
    EvaluationTrigger,
    JobStatus,
)
from jobpool.store.commands import CancelRun, LoseAttempt, ReportAttempt, Reported, RetryPatch, StartRun
from tests.unit.store.commands.bench import NOON, REST, Bench


def placed(bench: Bench, **fields: Any) -> Run:
    """A run of a fresh plan on node `a`."""
    bench.node()
    bench.plan(**fields)
    bench.do(StartRun("default", "p", "r1"))
    return bench.place(bench.live("r1"))


def lose(bench: Bench, run: Run) -> Reported:
    attempt = run.attempts[-1]
    return bench.do(LoseAttempt(run.id, attempt.number, attempt.node_id, attempt.fence, "its node stopped answering"))


@pytest.mark.invariant("A-3")
@pytest.mark.parametrize(
    ("reported", "reason", "ended", "told"),
    [
        (AllocationStatus.COMPLETE, Reason.NONE, JobStatus.COMPLETE, Reason.NONE),
        (AllocationStatus.FAILED, Reason.EXIT_NONZERO, JobStatus.FAILED, Reason.EXIT_NONZERO),
        (AllocationStatus.FAILED, Reason.HTTP_STATUS, JobStatus.FAILED, Reason.HTTP_STATUS),
        (AllocationStatus.EXPIRED, Reason.TIMEOUT, JobStatus.EXPIRED, Reason.TIMEOUT),
        (AllocationStatus.CANCELLED, Reason.NONE, JobStatus.CANCELLED, Reason.CANCELLED),
    ],
)
def test_an_end_frees_slot_and_node_in_the_same_commit(
    reported: AllocationStatus, reason: Reason, ended: JobStatus, told: Reason
) -> None:
    bench = Bench()
    run = placed(bench)
    assert (bench.state.slots_used("default"), bench.state.node_load("a")) == (1, 1)
    assert bench.report(run, reported, reason=reason) is Reported.ACCEPTED
    (end,) = bench.ended
    assert (end.status, end.reason, end.attempts[-1].status) == (ended, told, reported)
    assert (bench.state.slots_used("default"), bench.state.node_load("a")) == (0, 0)
    assert not bench.runs


def test_started_and_finished_may_come_as_one() -> None:
    bench = Bench()
    run = placed(bench)
    bench.now += 5 * SECOND
    bench.report(run, AllocationStatus.COMPLETE, started_at=NOON + SECOND, finished_at=NOON + 3 * SECOND)
    (end,) = bench.ended
    assert (end.started_at, end.finished_at) == (NOON + SECOND, NOON + 3 * SECOND)


def test_times_of_an_agent_whose_clock_is_off_are_held_within_what_is_known() -> None:
    bench = Bench()
    run = placed(bench)
    bench.now += 5 * SECOND
    bench.report(run, AllocationStatus.RUNNING, started_at=NOON - HOUR)
    assert bench.live("r1").started_at == NOON
    bench.report(run, AllocationStatus.COMPLETE, finished_at=NOON + HOUR)
    (end,) = bench.ended
    assert (end.started_at, end.finished_at) == (NOON, bench.now)


def test_a_report_is_taken_once() -> None:
    bench = Bench()
    run = placed(bench)
    assert bench.report(run, AllocationStatus.RUNNING) is Reported.ACCEPTED
    n = bench.state.fence.n
    assert bench.report(run, AllocationStatus.RUNNING) is Reported.REPEATED
    assert bench.state.fence.n == n
    assert bench.report(run, AllocationStatus.COMPLETE) is Reported.ACCEPTED
    assert bench.report(run, AllocationStatus.COMPLETE) is Reported.REPEATED
    assert bench.report(run, AllocationStatus.FAILED) is Reported.REPEATED
    assert [end.status for end in bench.ended] == [JobStatus.COMPLETE]


def test_a_report_of_a_run_nobody_knows_is_told_apart() -> None:
    bench = Bench()
    assert bench.do(ReportAttempt("r0", 1, "a", 1, AllocationStatus.COMPLETE)) is Reported.UNKNOWN


@pytest.mark.invariant("H-5")
def test_a_result_of_an_attempt_that_was_given_up_is_refused_and_noted_once() -> None:
    bench = Bench()
    run = placed(bench)
    lose(bench, run)
    again = bench.place(bench.live("r1"))
    assert again.attempts[-1].fence > run.attempts[-1].fence
    assert bench.report(run, AllocationStatus.RUNNING) is Reported.STALE
    assert bench.live("r1") == again
    assert bench.report(run, AllocationStatus.COMPLETE) is Reported.STALE
    noted = bench.live("r1")
    assert (noted.status, noted.attempts[1:]) == (again.status, again.attempts[1:])
    assert noted.attempts[0].status is AllocationStatus.FAILED
    assert noted.attempts[0].description == "its node stopped answering; too late it said: complete"
    assert bench.report(run, AllocationStatus.COMPLETE) is Reported.STALE
    assert bench.live("r1") == noted


@pytest.mark.invariant("H-5")
def test_a_result_that_comes_before_the_run_is_placed_again_is_too_late_too() -> None:
    bench = Bench()
    run = placed(bench)
    lose(bench, run)
    assert bench.report(run, AllocationStatus.COMPLETE) is Reported.STALE
    waiting = bench.live("r1")
    assert waiting.status is JobStatus.PENDING
    assert waiting.attempts[0].description == "its node stopped answering; too late it said: complete"
    bench.report(bench.place(waiting), AllocationStatus.COMPLETE)
    assert [end.status for end in bench.ended] == [JobStatus.COMPLETE]


def test_a_foreign_fence_and_another_node_change_nothing() -> None:
    bench = Bench()
    run = placed(bench)
    lose(bench, run)
    again = bench.place(bench.live("r1"))
    n = bench.state.fence.n
    foreign = replace(run.attempts[-1], fence=again.attempts[-1].fence + 1)
    assert bench.report(replace(run, attempts=(foreign,)), AllocationStatus.COMPLETE) is Reported.STALE
    elsewhere = replace(again.attempts[-1], node_id="b")
    assert bench.report(replace(again, attempts=(elsewhere,)), AllocationStatus.COMPLETE) is Reported.STALE
    assert bench.state.fence.n == n
    assert bench.report(again, AllocationStatus.COMPLETE) is Reported.ACCEPTED


# ---- retries


def test_a_failure_is_tried_again_after_a_growing_pause_with_its_slot() -> None:
    bench = Bench()
    run = placed(bench, retry=RetryPatch(attempts=3, backoff=10 * SECOND, max_backoff=15 * SECOND))
    waits = []
    for _ in range(3):
        bench.report(run, AllocationStatus.FAILED, reason=Reason.EXIT_NONZERO)
        waiting = bench.live("r1")
        evaluation = waiting.evaluations[-1]
        waits.append(evaluation.not_before - bench.now)
        assert (waiting.status, waiting.reason, waiting.holds_slot) == (JobStatus.PENDING, Reason.RETRY_WAIT, True)
        assert (evaluation.trigger, evaluation.status) == (EvaluationTrigger.ALLOC_FAILURE, EvaluationStatus.PENDING)
        assert waiting.started_at is None
        assert bench.state.node_load("a") == 0
        run = bench.place(waiting)
    assert waits == [10 * SECOND, 15 * SECOND, 15 * SECOND]
    bench.report(run, AllocationStatus.FAILED, reason=Reason.EXIT_NONZERO)
    (end,) = bench.ended
    assert (end.status, end.retries, len(end.attempts)) == (JobStatus.FAILED, 3, 4)


@pytest.mark.parametrize(("reason", "again"), [(Reason.HTTP_STATUS, True), (Reason.EXIT_NONZERO, False)])
def test_only_the_listed_reasons_are_tried_again(reason: Reason, again: bool) -> None:
    bench = Bench()
    run = placed(bench, retry=RetryPatch(attempts=1, on=(Reason.HTTP_STATUS,)))
    bench.report(run, AllocationStatus.FAILED, reason=reason)
    assert bool(bench.runs) == again


def test_retries_are_those_of_the_version_the_run_started_with() -> None:
    bench = Bench()
    run = placed(bench, retry=RetryPatch(attempts=1))
    bench.update(retry=None)
    bench.report(run, AllocationStatus.FAILED)
    assert bench.live("r1").retries == 1


def test_a_loss_is_not_a_retry_and_a_retry_is_not_a_loss() -> None:
    bench = Bench()
    run = placed(bench, retry=RetryPatch(attempts=1))
    lose(bench, run)
    lost = bench.live("r1")
    assert (lost.losses, lost.retries) == (1, 0)
    bench.report(bench.place(lost), AllocationStatus.FAILED)
    assert (bench.live("r1").losses, bench.live("r1").retries) == (1, 1)


# ---- losses


def test_a_lost_run_is_placed_again_at_once() -> None:
    bench = Bench()
    run = placed(bench)
    bench.report(run, AllocationStatus.RUNNING)
    assert lose(bench, bench.live("r1")) is Reported.ACCEPTED
    again = bench.live("r1")
    assert (again.status, again.started_at, again.holds_slot) == (JobStatus.PENDING, None, True)
    assert again.evaluations[-1].trigger is EvaluationTrigger.NODE_UPDATE
    assert again.evaluations[-1].not_before == 0
    assert lose(bench, run) is Reported.STALE


def test_the_third_loss_is_poison() -> None:
    bench = Bench()
    run = placed(bench)
    for _ in range(2):
        lose(bench, run)
        run = bench.place(bench.live("r1"))
    lose(bench, run)
    (end,) = bench.ended
    assert (end.status, end.reason, end.losses) == (JobStatus.FAILED, Reason.POISON, 3)
    assert bench.state.slots_used("default") == 0


def test_at_most_once_is_not_tried_again_after_a_loss() -> None:
    bench = Bench()
    run = placed(bench, delivery=Delivery.AT_MOST_ONCE)
    lose(bench, run)
    (end,) = bench.ended
    assert (end.status, end.reason) == (JobStatus.FAILED, Reason.NODE_LOST)


def test_a_run_that_was_being_cancelled_is_cancelled_by_the_loss_of_its_node() -> None:
    bench = Bench()
    run = placed(bench)
    bench.do(CancelRun("r1", "enough"))
    lose(bench, run)
    (end,) = bench.ended
    assert (end.status, end.reason, end.info) == (JobStatus.CANCELLED, Reason.CANCELLED, "enough")


def test_what_a_callee_accepted_is_not_lost_with_the_node() -> None:
    bench = Bench()
    run = placed(bench, synchronous=False, **REST)
    assert bench.report(run, AllocationStatus.RUNNING, accepted=True) is Reported.ACCEPTED
    accepted = bench.live("r1")
    assert accepted.accepted
    assert bench.state.node_load("a") == 0
    assert bench.state.slots_used("default") == 1
    assert lose(bench, run) is Reported.STALE
    assert bench.report(run, AllocationStatus.RUNNING, accepted=True) is Reported.REPEATED
    assert bench.report(run, AllocationStatus.FAILED) is Reported.REPEATED
    assert bench.live("r1").status is JobStatus.RUNNING


def test_a_lost_callback_is_a_used_up_try() -> None:
    bench = Bench()
    bench.node()
    bench.plan(spec="*/30 * * * * *", overlap=Overlap.SKIP, synchronous=False, **REST)
    bench.now += MINUTE
    bench.tick_all()
    (owing,) = [run for run in bench.runs if run.owes_callback]
    for _ in range(3):
        lose(bench, bench.place(bench.live(owing.id)))
    assert [end.id for end in bench.ended] == [owing.id]
    assert bench.ended[0].status is JobStatus.SKIPPED
