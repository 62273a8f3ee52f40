"""Why a job runs, waits or has ended: each cause by the state that makes it."""

from typing import Any

import pytest
from msgspec.structs import replace

from jobpool.explain import Code, Explanation, Finding, Remedy, Verdict, explain_job
from jobpool.kit.pure.durations import HOUR, MINUTE, SECOND
from jobpool.model.namespace import WhenFull
from jobpool.model.pause import Pause
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.schedule import CatchUp, CatchUpMode, Overlap
from jobpool.model.statuses import AllocationStatus, JobStatus, NodeStatus
from jobpool.store.commands import (
    CancelRun,
    FailEvaluation,
    PeriodicPatch,
    RerunJob,
    RetryPatch,
    SetNodeStatus,
    StartRun,
    TimeOutRun,
)
from jobpool.store.commands.added import AddRun
from tests.unit.store.commands.bench import NOON, REST, Bench


def explained(bench: Bench, run: Run | None = None, *, leader: bool = True) -> Explanation:
    """Of that run, else of the one that lives, else of the last that ended."""
    run = run or (bench.runs[0] if bench.runs else bench.ended[-1])
    return explain_job(bench.state, run, now=bench.now, leader=leader)


def codes(found: Explanation) -> list[Code]:
    return [finding.code for finding in found.findings]


def blocking(found: Explanation) -> Finding:
    [finding] = [one for one in found.findings if one.blocks]
    return finding


def started(bench: Bench | None = None, **plan: Any) -> Bench:
    bench = bench or Bench()
    bench.plan(**plan)
    bench.do(StartRun("default", "p", "r1", created_by="ann"))
    return bench


def placed(**plan: Any) -> Bench:
    bench = Bench()
    bench.node()
    started(bench, **plan)
    bench.place(bench.live("r1"))
    return bench


def ended(status: AllocationStatus, reason: Reason = Reason.NONE, **fields: Any) -> Bench:
    bench = placed()
    bench.now += SECOND
    bench.report(bench.live("r1"), status, reason=reason, **fields)
    return bench


# ---- what started it


def test_a_tick_a_hand_and_a_rerun() -> None:
    bench = Bench()
    bench.node()
    bench.plan(periodic=PeriodicPatch(spec="* * * * *", time_zone="Asia/Tokyo"))
    bench.now += MINUTE
    bench.tick()
    [tick] = bench.runs
    bench.do(StartRun("default", "p", "r1"))
    bench.do(RerunJob(tick, "r2", created_by="bob"))
    causes = [explained(bench, run).findings[0] for run in (tick, bench.live("r1"), bench.live("r2"))]
    assert [cause.code for cause in causes] == [Code.BY_SCHEDULE, Code.BY_HAND, Code.BY_RERUN]
    assert [cause.text for cause in causes] == [
        "it is the tick of 2025-10-09 21:01:00+09:00",
        "somebody started it by hand at 2025-10-09 21:01:00+09:00",
        f"bob ran job {tick.id} again at 2025-10-09 21:01:00+09:00",
    ]
    assert dict(causes[2].facts) == {"trigger": "rerun", "created_by": "bob", "rerun_of": tick.id}


def test_a_tick_that_is_made_up_for() -> None:
    bench = Bench()
    bench.node()
    bench.plan()
    bench.now += HOUR
    bench.tick_all()
    assert codes(explained(bench)) == [Code.BY_CATCH_UP, Code.QUEUED]


# ---- waiting


def test_one_that_is_about_to_be_placed_is_queued() -> None:
    bench = started()
    bench.node()
    found = explained(bench)
    assert (found.verdict, codes(found)) == (Verdict.WAITING, [Code.BY_HAND, Code.QUEUED])


def test_no_agent_offers_its_executor() -> None:
    found = explained(started())
    finding = blocking(found)
    assert (found.verdict, finding.code, finding.remedy) == (Verdict.WAITING, Code.NO_EXECUTOR, Remedy.START_AGENT)


def test_all_nodes_are_full() -> None:
    bench = Bench()
    bench.node(capacity=1)
    started(bench)
    bench.place(bench.live("r1"))
    bench.do(StartRun("default", "p", "r2"))
    finding = blocking(explained(bench, bench.live("r2")))
    assert finding.code is Code.ALL_FULL
    assert finding.text == "node a, which alone offers executor noop, is full"


def test_it_waits_for_a_slot() -> None:
    bench = Bench(slots=1, when_full=WhenFull.WAIT)
    bench.node()
    started(bench)
    bench.now += SECOND
    bench.do(StartRun("default", "p", "r2"))
    finding = blocking(explained(bench, bench.live("r2")))
    assert (finding.code, finding.remedy, finding.since) == (Code.SLOT_WAIT, Remedy.NAMESPACE_UPDATE, NOON + SECOND)
    assert dict(finding.facts) == {"namespace": "default", "used": "1", "limit": "1", "waiting": "1"}


def test_it_waits_before_it_is_tried_again() -> None:
    bench = placed(retry=RetryPatch(attempts=2, backoff=MINUTE))
    bench.report(bench.live("r1"), AllocationStatus.FAILED, reason=Reason.EXIT_NONZERO, description="exit code 3")
    found = explained(bench)
    finding = blocking(found)
    assert (found.verdict, finding.code) == (Verdict.WAITING, Code.RETRY_WAIT)
    assert finding.until is not None
    assert finding.until > bench.now
    attempt = found.findings[-1]
    assert (attempt.code, dict(attempt.facts)["node"]) == (Code.ATTEMPT_ENDED, "a")
    assert attempt.text.endswith("ended failed at 2025-10-09 12:00:00+00:00: exit code 3")


def test_its_catch_up_rate_holds_it_back() -> None:
    bench = Bench()
    bench.node()
    bench.plan(catch_up=CatchUp(CatchUpMode.ALL, window=HOUR, rate_per_minute=1))
    bench.now += 5 * MINUTE
    bench.tick_all()
    finding = blocking(explained(bench, bench.runs[-1]))
    assert (finding.code, finding.until) == (Code.CATCH_UP_RATE, bench.now + 4 * MINUTE)


def test_nobody_could_deal_with_it() -> None:
    bench = started()
    bench.node()
    bench.do(FailEvaluation("r1", 1))
    assert blocking(explained(bench)).code is Code.FOLLOW_UP_WAIT
    while not bench.ended:
        bench.now += MINUTE
        bench.do(FailEvaluation("r1", len(bench.live("r1").evaluations)))
    found = explained(bench)
    assert (found.verdict, codes(found)) == (Verdict.ENDED, [Code.BY_HAND, Code.DELIVERY_LIMIT])


def test_a_record_without_an_evaluation_waits_for_one() -> None:
    bench = Bench()
    bench.node()
    bench.plan()
    bench.do(AddRun(job_id="mine", namespace="default", plan_id="p", status=JobStatus.PENDING))
    finding = blocking(explained(bench))
    assert (finding.code, finding.remedy) == (Code.NO_EVALUATION, Remedy.EVAL_ADD)


def test_the_cluster_stands_in_the_way() -> None:
    bench = started()
    bench.node()
    bench.state.pause = Pause(NOON, "bob")
    found = explained(bench, leader=False)
    assert codes(found) == [Code.NO_LEADER, Code.QUEUE_PAUSED, Code.BY_HAND]


def test_after_a_restore_nothing_starts_it() -> None:
    bench = started()
    bench.node()
    bench.state.fence = replace(bench.state.fence, incarnation=2)
    assert blocking(explained(bench)).code is Code.RESTORED


# ---- somebody has it


def test_it_is_sent_runs_and_ends() -> None:
    bench = placed(timeout=HOUR)
    found = explained(bench)
    assert (found.verdict, codes(found)) == (Verdict.STARTING, [Code.BY_HAND, Code.SENT])
    bench.now += 2 * SECOND
    bench.report(bench.live("r1"), AllocationStatus.RUNNING, started_at=bench.now)
    found = explained(bench)
    assert (found.verdict, codes(found)) == (Verdict.RUNNING, [Code.BY_HAND, Code.LATE, Code.RUNNING])
    assert found.findings[1].text == "it started 2s after it was due"
    assert (found.findings[2].since, found.findings[2].until) == (bench.now, bench.now + HOUR)
    bench.do(CancelRun("r1", "enough"))
    found = explained(bench)
    assert codes(found)[-1] is Code.CANCEL_REQUESTED
    assert found.findings[-1].text == "its end is asked for: enough"


def test_its_node_does_not_answer() -> None:
    bench = placed()
    bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    found = explained(bench)
    finding = blocking(found)
    assert (found.verdict, finding.code, finding.remedy) == (Verdict.UNKNOWN, Code.NODE_SILENT, Remedy.NODE_DELETE)
    assert "jobpoolctl node delete a --force" in finding.remedy_text
    del bench.state.nodes["a"]
    assert explained(bench).verdict is Verdict.UNKNOWN


def test_its_callee_has_it() -> None:
    bench = placed(**REST)
    bench.report(bench.live("r1"), AllocationStatus.RUNNING, accepted=True, started_at=bench.now)
    found = explained(bench)
    assert (found.verdict, codes(found)) == (Verdict.RUNNING, [Code.BY_HAND, Code.ACCEPTED_BY_CALLEE])
    assert found.findings[1].until == bench.now + 48 * HOUR


# ---- the end


def test_the_end_of_a_good_run_needs_nothing() -> None:
    found = explained(ended(AllocationStatus.COMPLETE))
    assert (found.verdict, codes(found)) == (Verdict.ENDED, [Code.BY_HAND, Code.ENDED])
    assert found.findings[1].text == "it ended complete at 2025-10-09 12:00:01+00:00"
    assert found.findings[1].remedy is Remedy.NONE


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        (Reason.EXIT_NONZERO, Remedy.JOB_LOGS),
        (Reason.HTTP_STATUS, Remedy.JOB_LOGS),
        (Reason.REQUEST_FAILED, Remedy.JOB_RERUN),
        (Reason.BAD_PARAMETERS, Remedy.JOB_RERUN),
    ],
)
def test_the_end_of_a_failed_run_says_why_and_what_to_look_at(reason: Reason, remedy: Remedy) -> None:
    bench = ended(AllocationStatus.FAILED, reason, description="so it goes")
    end = explained(bench).findings[1]
    assert (end.code, end.remedy, dict(end.facts)["reason"]) == (Code.ENDED, remedy, reason)
    assert end.text.endswith(": so it goes")
    assert "jobpoolctl job rerun r1" in end.remedy_text


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason])
def test_every_reason_is_told_in_words(reason: Reason) -> None:
    bench = ended(AllocationStatus.FAILED, Reason.EXIT_NONZERO)
    run = replace(bench.ended[-1], reason=reason, info="")
    end = explained(bench, run).findings[1]
    waits = (Reason.NO_NODE, Reason.RETRY_WAIT, Reason.CATCH_UP_RATE, Reason.OVERLAP)
    assert (": " in end.text) is (reason not in waits)


def test_an_exit_code_is_said_once() -> None:
    bench = ended(AllocationStatus.FAILED, Reason.EXIT_NONZERO)
    run = replace(bench.ended[-1], info="exit code 7", exit_code=7)
    assert explained(bench, run).findings[1].text.endswith(": its program ended with exit code 7")


def test_a_skipped_tick_names_what_was_in_its_way() -> None:
    bench = Bench()
    bench.node()
    started(bench, overlap=Overlap.SKIP)
    bench.now += MINUTE
    bench.tick()
    [skipped] = bench.ended
    found = explained(bench, skipped)
    assert (found.verdict, codes(found)) == (Verdict.ENDED, [Code.BY_SCHEDULE, Code.SKIPPED_OVERLAP])
    end = found.findings[1]
    assert end.text == "it was skipped: job r1 of its plan was live when it was due"
    assert dict(end.facts)["job"] == "r1"


def test_a_tick_without_a_slot() -> None:
    bench = started(Bench(slots=1))
    bench.now += MINUTE
    bench.tick()
    [failed] = bench.ended
    assert codes(explained(bench, failed)) == [Code.BY_SCHEDULE, Code.NO_SLOT]


def test_a_callee_that_is_still_to_be_told() -> None:
    bench = started(Bench(slots=1), **REST)
    bench.now += MINUTE
    bench.tick()
    [owed] = [run for run in bench.runs if run.ended]
    assert codes(explained(bench, owed)) == [Code.BY_SCHEDULE, Code.NO_SLOT, Code.CALLBACK_OWED]


def test_the_end_by_timeout() -> None:
    bench = placed()
    bench.report(bench.live("r1"), AllocationStatus.RUNNING, started_at=bench.now)
    bench.do(TimeOutRun("r1", bench.now))
    end = explained(bench).findings[1]
    assert "it took longer than its timeout" in end.text


def test_a_job_whose_plan_is_another_by_now_is_told_in_the_zone_of_then() -> None:
    bench = Bench()
    bench.node()
    bench.plan(periodic=PeriodicPatch(spec="* * * * *", time_zone="Asia/Tokyo"))
    bench.do(StartRun("default", "p", "r1"))
    bench.update(periodic=PeriodicPatch(spec="* * * * *", time_zone="UTC"))
    assert explained(bench).findings[0].text.endswith("+09:00")


def test_every_code_of_jobs_is_made_here() -> None:
    """What no test above makes would be found by nobody."""
    import pathlib

    told = "".join(path.read_text() for path in pathlib.Path(__file__).parent.glob("test_*.py"))
    assert [code.name for code in Code if f"Code.{code.name}" not in told] == []
