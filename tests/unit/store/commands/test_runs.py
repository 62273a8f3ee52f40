"""Single runs: started by hand, cancelled, reported from outside, timed out."""

from typing import Any

import pytest

from jobpool.kit.pure.durations import DAY, HOUR, MINUTE, SECOND
from jobpool.model.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from jobpool.model.namespace import WhenFull
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.schedule import Overlap
from jobpool.model.statuses import AllocationStatus, DesiredStatus, EvaluationStatus, JobStatus, Trigger
from jobpool.store.commands import CancelRun, LoseAttempt, Mark, Reported, ReportRun, RetryPatch, StartRun, TimeOutRun
from tests.unit.store.commands.bench import NOON, REST, Bench


def start(bench: Bench, job_id: str = "r1", **fields: Any) -> str:
    return bench.do(StartRun("default", "p", job_id, **fields))


def placed(bench: Bench, **fields: Any) -> Run:
    bench.node()
    bench.plan(**fields)
    start(bench)
    return bench.place(bench.live("r1"))


# ---- start


@pytest.mark.invariant("C-8")
def test_two_manual_runs_in_a_second_are_two_and_move_no_tick() -> None:
    bench = Bench()
    bench.plan()
    due = bench.cursor().next_due
    assert start(bench, "r1") == "r1"
    assert start(bench, "r2") == "r2"
    assert [(run.id, run.trigger, run.derived_plan_id) for run in bench.runs] == [
        ("r1", Trigger.MANUAL, "p/manual-r1"),
        ("r2", Trigger.MANUAL, "p/manual-r2"),
    ]
    assert bench.cursor().next_due == due
    assert bench.cursor().last_job == "r2"


@pytest.mark.invariant("A-2")
def test_one_mark_is_one_run_however_many_ask_in_one_commit() -> None:
    bench = Bench()
    bench.plan()
    answers = bench.batch(*[StartRun("default", "p", f"r{at}", mark=Mark("key", "digest")) for at in range(20)])
    assert set(answers) == {"r0"}
    assert len(bench.runs) == 1


@pytest.mark.invariant("A-2")
def test_a_mark_is_remembered_for_a_day_after_its_run_has_ended() -> None:
    bench = Bench()
    bench.plan()
    start(bench, "r1", mark=Mark("key", "digest"))
    bench.do(CancelRun("r1"))
    bench.now = NOON + DAY - 1
    assert start(bench, "r2", mark=Mark("key", "digest")) == "r1"
    bench.now = NOON + DAY
    assert start(bench, "r3", mark=Mark("key", "digest")) == "r3"


def test_a_request_that_is_sent_again_starts_nothing_again() -> None:
    bench = Bench()
    run = placed(bench)
    assert start(bench, "r1") == "r1"
    assert bench.live("r1") == run
    bench.report(run, AllocationStatus.COMPLETE)
    assert start(bench, "r1") == "r1"
    assert not bench.runs


def test_own_parameters_are_checked_and_kept_with_the_run() -> None:
    bench = Bench()
    bench.plan(parameters='{"result": "plan"}')
    with pytest.raises(InvalidArgument) as refusal:
        start(bench, parameters='{"reslut": "x"}')
    assert "result" in refusal.value.reason
    assert not bench.runs
    start(bench, parameters='{"result": "own"}')
    assert bench.live("r1").parameters == '{"result": "own"}'


def test_a_manual_run_obeys_the_overlap_policy_unless_it_says_otherwise() -> None:
    bench = Bench()
    bench.plan(overlap=Overlap.SKIP)
    start(bench, "r1")
    with pytest.raises(FailedPrecondition, match="r1"):
        start(bench, "r2")
    start(bench, "r3", ignore_overlap=True)
    assert [run.id for run in bench.runs] == ["r1", "r3"]


def test_no_more_manual_runs_wait_for_a_slot_than_ticks_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobpool.store.commands.runs.MAX_WAITING", 2)
    bench = Bench(slots=1, when_full=WhenFull.WAIT)
    bench.plan()
    for job_id in ("r1", "r2", "r3"):
        bench.do(StartRun("default", "p", job_id))
    with pytest.raises(ResourceExhausted, match="2 runs of namespace 'default' wait for a slot already"):
        bench.do(StartRun("default", "p", "r4"))


@pytest.mark.invariant("P-2")
def test_a_manual_run_without_a_slot_is_refused_or_waits() -> None:
    full = Bench(slots=1)
    full.plan()
    start(full, "r1")
    with pytest.raises(ResourceExhausted, match="1 of 1"):
        start(full, "r2")
    patient = Bench(slots=1, when_full=WhenFull.WAIT)
    patient.plan()
    start(patient, "r1")
    start(patient, "r2")
    assert [run.holds_slot for run in patient.runs] == [True, False]


def test_a_plan_that_is_not_there_has_no_runs() -> None:
    with pytest.raises(NotFound, match="default/p"):
        start(Bench())


# ---- cancel


def test_a_run_that_no_node_has_is_cancelled_at_once() -> None:
    bench = Bench(slots=1, when_full=WhenFull.WAIT)
    bench.plan()
    start(bench, "r1")
    start(bench, "r2")
    for job_id in ("r2", "r1"):
        cancelled = bench.do(CancelRun(job_id))
        assert (cancelled.status, cancelled.reason) == (JobStatus.CANCELLED, Reason.CANCELLED)
    assert [run.id for run in bench.ended] == ["r2", "r1"]
    assert {run.evaluations[-1].status for run in bench.ended} == {EvaluationStatus.CANCELED}
    assert bench.state.slots_used("default") == 0


def test_a_run_that_a_node_has_is_asked_to_stop_and_keeps_its_slot_until_it_has() -> None:
    bench = Bench()
    run = placed(bench)
    bench.report(run, AllocationStatus.RUNNING)
    stopping = bench.do(CancelRun("r1", "too slow"))
    assert stopping.cancel_requested
    assert stopping.attempts[-1].desired is DesiredStatus.STOP
    assert bench.state.slots_used("default") == 1
    n = bench.state.fence.n
    bench.do(CancelRun("r1"))
    assert bench.state.fence.n == n
    bench.report(bench.live("r1"), AllocationStatus.FAILED, reason=Reason.SIGNALED)
    (end,) = bench.ended
    assert (end.status, end.reason, end.info) == (JobStatus.CANCELLED, Reason.CANCELLED, "too slow")


def test_a_run_that_was_faster_than_its_cancel_is_complete() -> None:
    bench = Bench()
    run = placed(bench)
    bench.do(CancelRun("r1"))
    bench.report(run, AllocationStatus.COMPLETE)
    assert bench.ended[0].status is JobStatus.COMPLETE


def test_a_cancelled_run_is_not_tried_again() -> None:
    bench = Bench()
    run = placed(bench, retry=RetryPatch(attempts=5))
    bench.do(CancelRun("r1"))
    bench.report(run, AllocationStatus.FAILED)
    assert bench.ended[0].status is JobStatus.CANCELLED


def test_a_run_between_two_attempts_is_cancelled_at_once() -> None:
    bench = Bench()
    run = placed(bench, retry=RetryPatch(attempts=5))
    bench.report(run, AllocationStatus.FAILED)
    bench.do(CancelRun("r1"))
    assert bench.ended[0].status is JobStatus.CANCELLED


def test_what_has_ended_or_never_was_cannot_be_cancelled() -> None:
    bench = Bench()
    bench.report(placed(bench), AllocationStatus.COMPLETE)
    with pytest.raises(FailedPrecondition, match="never changes"):
        bench.do(CancelRun("r1"))
    with pytest.raises(NotFound):
        bench.do(CancelRun("r9"))


# ---- reports of callees


def accepted(bench: Bench, **fields: Any) -> Run:
    run = placed(bench, synchronous=False, **REST, **fields)
    bench.report(run, AllocationStatus.RUNNING, accepted=True)
    return bench.live("r1")


@pytest.mark.parametrize(
    ("status", "reason", "info"),
    [
        (JobStatus.COMPLETE, Reason.NONE, ""),
        (JobStatus.FAILED, Reason.REPORTED, "words"),
        (JobStatus.CANCELLED, Reason.REPORTED, "words"),
        (JobStatus.EXPIRED, Reason.REPORTED, "words"),
    ],
)
def test_a_callee_ends_its_run_and_frees_its_slot(status: JobStatus, reason: Reason, info: str) -> None:
    bench = Bench()
    accepted(bench)
    bench.do(ReportRun("r1", status, "words", result="42"))
    (end,) = bench.ended
    assert (end.status, end.reason, end.info, end.result) == (status, reason, info, "42")
    assert end.attempts[-1].ended
    assert bench.state.slots_used("default") == 0


def test_a_callback_may_come_before_the_agent_says_that_it_was_accepted() -> None:
    bench = Bench()
    run = placed(bench, synchronous=False, **REST)
    bench.do(ReportRun("r1", JobStatus.COMPLETE))
    assert bench.report(run, AllocationStatus.RUNNING, accepted=True) is Reported.REPEATED
    assert [end.status for end in bench.ended] == [JobStatus.COMPLETE]
    assert bench.state.node_load("a") == 0


def test_a_callee_that_says_running_first_does_not_hide_the_acceptance() -> None:
    bench = Bench()
    run = placed(bench, synchronous=False, **REST)
    bench.do(ReportRun("r1", JobStatus.RUNNING))
    bench.now += SECOND
    assert bench.report(run, AllocationStatus.RUNNING, accepted=True) is Reported.ACCEPTED
    kept = bench.live("r1")
    assert (kept.accepted, kept.started_at) == (True, NOON)


def test_a_result_that_comes_with_running_is_kept() -> None:
    bench = Bench()
    accepted(bench)
    bench.do(ReportRun("r1", JobStatus.RUNNING, result="half"))
    assert bench.live("r1").result == "half"


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.SKIPPED, JobStatus.UNKNOWN])
def test_some_statuses_are_not_a_callees_to_say(status: JobStatus) -> None:
    bench = Bench()
    accepted(bench)
    with pytest.raises(InvalidArgument) as refusal:
        bench.do(ReportRun("r1", status))
    assert refusal.value.field == "status"


def test_a_terminal_status_never_changes() -> None:
    bench = Bench()
    accepted(bench)
    bench.do(ReportRun("r1", JobStatus.FAILED))
    with pytest.raises(FailedPrecondition):
        bench.do(ReportRun("r1", JobStatus.COMPLETE))


def test_an_accepted_run_is_cancelled_at_once() -> None:
    bench = Bench()
    accepted(bench)
    bench.do(CancelRun("r1"))
    assert bench.ended[0].attempts[-1].status is AllocationStatus.CANCELLED


# ---- timeout


def test_a_run_beyond_its_timeout_expires() -> None:
    bench = Bench()
    accepted(bench)
    bench.now += 48 * HOUR
    bench.do(TimeOutRun("r1", NOON))
    (end,) = bench.ended
    assert (end.status, end.reason) == (JobStatus.EXPIRED, Reason.TIMEOUT)
    assert end.attempts[-1].status is AllocationStatus.EXPIRED


def test_a_timeout_that_was_meant_for_an_earlier_attempt_does_nothing() -> None:
    bench = Bench()
    run = placed(bench)
    bench.report(run, AllocationStatus.RUNNING)
    attempt = run.attempts[-1]
    bench.do(LoseAttempt("r1", 1, "a", attempt.fence, "gone"))
    bench.do(TimeOutRun("r1", NOON))
    bench.now += MINUTE
    again = bench.place(bench.live("r1"))
    bench.report(again, AllocationStatus.RUNNING)
    bench.do(TimeOutRun("r1", NOON))
    assert not bench.ended
    bench.do(TimeOutRun("r1", bench.now))
    assert bench.ended[0].status is JobStatus.EXPIRED


def test_a_callback_nobody_can_deliver_is_given_up_and_says_so() -> None:
    bench = Bench()
    bench.plan(spec="*/30 * * * * *", overlap=Overlap.SKIP, synchronous=False, **REST)
    bench.now += MINUTE
    bench.tick_all()
    (owing,) = [run for run in bench.runs if run.owes_callback]
    bench.do(TimeOutRun(owing.id, None))
    (end,) = bench.ended
    assert (end.status, end.reason) == (JobStatus.SKIPPED, Reason.OVERLAP)
    assert "callee was not told" in end.info
