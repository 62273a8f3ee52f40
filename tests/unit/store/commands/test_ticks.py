"""What becomes of a plan's ticks: a run, a recorded skip, or a range of the ledger; each with the moved cursor."""

from itertools import pairwise

import pytest

from jobpool.kit.pure.durations import HOUR, MINUTE, SECOND
from jobpool.model.namespace import WhenFull
from jobpool.model.reasons import LedgerReason, Reason
from jobpool.model.run import tick_job_id
from jobpool.model.schedule import CatchUpMode, LedgerRange, Overlap
from jobpool.model.statuses import (
    AllocationStatus,
    DesiredStatus,
    EvaluationStatus,
    JobStatus,
    PlanStatus,
    Trigger,
)
from jobpool.store.commands import (
    CancelRun,
    CatchUpPatch,
    DecideTicks,
    ExpirePlan,
    GrantSlot,
    PeriodicPatch,
    StartRun,
)
from tests.unit.store.commands.bench import NOON, REST, Bench


def test_a_tick_becomes_a_run_with_a_slot_and_an_evaluation_in_the_same_commit() -> None:
    bench = Bench()
    bench.plan()
    bench.now = NOON + MINUTE
    n = bench.state.next_n
    assert bench.tick() is False
    (run,) = bench.runs
    assert bench.state.fence.n == n
    assert (run.scheduled_at, run.trigger, run.status) == (NOON + MINUTE, Trigger.SCHEDULE, JobStatus.PENDING)
    assert run.holds_slot
    assert run.evaluation is not None
    assert run.evaluation.status is EvaluationStatus.PENDING
    assert bench.cursor().next_due == NOON + 2 * MINUTE
    assert bench.cursor().last_job == run.id


@pytest.mark.invariant("C-3")
def test_the_run_of_a_tick_is_named_by_what_the_tick_is() -> None:
    bench = Bench()
    plan = bench.plan()
    bench.now += MINUTE
    bench.tick()
    assert bench.runs[0].id == tick_job_id("default", "p", plan.incarnation, NOON + MINUTE)
    names = {tick_job_id("default", "p", at, NOON + MINUTE) for at in (plan.incarnation, plan.incarnation + 1)}
    assert len(names) == 2


@pytest.mark.invariant("C-3")
def test_deciding_a_tick_twice_decides_it_once() -> None:
    bench = Bench()
    bench.plan()
    bench.now += MINUTE
    bench.batch(*[DecideTicks("default", "p")] * 3)
    n = bench.state.fence.n
    bench.tick()
    assert len(bench.runs) == 1
    assert bench.state.fence.n == n


@pytest.mark.invariant("C-2")
def test_plans_due_the_same_second_both_run_and_a_spec_with_two_times_runs_twice() -> None:
    bench = Bench()
    bench.plan("p", spec="0,30 * * * * *")
    bench.plan("q", spec="30 * * * * *")
    bench.now += MINUTE
    bench.tick_all("p")
    bench.tick_all("q")
    assert [(run.plan_id, run.scheduled_at - NOON) for run in sorted(bench.runs, key=lambda run: run.plan_id)] == [
        ("p", 30 * SECOND),
        ("p", MINUTE),
        ("q", 30 * SECOND),
    ]


@pytest.mark.invariant("C-1")
def test_what_does_not_fire_decides_nothing() -> None:
    bench = Bench()
    bench.plan("pending", status=PlanStatus.PENDING)
    bench.plan("stopped", stop=True)
    bench.plan("disabled", periodic=PeriodicPatch(spec="* * * * *", time_zone="UTC", enabled=False))
    bench.plan("manual", periodic=None)
    bench.now += HOUR
    for plan_id in ("pending", "stopped", "disabled", "manual", "nobody"):
        assert bench.tick(plan_id) is False
    assert not bench.runs
    assert not bench.ledger


# ---- overlap


@pytest.mark.invariant("C-6")
@pytest.mark.parametrize("stage", ["created", "placed", "running", "retry"])
def test_a_live_run_is_in_the_way_at_every_stage(stage: str) -> None:
    bench = Bench()
    bench.node()
    bench.plan(overlap=Overlap.SKIP)
    bench.now += MINUTE
    bench.tick()
    run = bench.runs[0]
    if stage != "created":
        run = bench.place(run)
    if stage == "running":
        bench.report(run, AllocationStatus.RUNNING)
    bench.now += MINUTE
    bench.tick()
    (skipped,) = bench.ended
    assert (skipped.status, skipped.reason) == (JobStatus.SKIPPED, Reason.OVERLAP)
    assert run.id in skipped.info
    assert not skipped.holds_slot
    assert len(bench.runs) == 1


@pytest.mark.invariant("C-6")
def test_manual_and_waiting_runs_are_in_the_way_and_an_ended_one_is_not() -> None:
    bench = Bench(slots=1, when_full=WhenFull.WAIT)
    bench.plan("other")
    bench.do(StartRun("default", "other", "o1"))
    bench.plan(overlap=Overlap.SKIP)
    bench.do(StartRun("default", "p", "m1"))
    assert not bench.live("m1").holds_slot
    bench.now += MINUTE
    bench.tick()
    assert [run.status for run in bench.ended] == [JobStatus.SKIPPED]
    bench.do(CancelRun("m1"))
    bench.now += MINUTE
    bench.tick()
    assert [run.scheduled_at for run in bench.runs if run.plan_id == "p"] == [NOON + 2 * MINUTE]


@pytest.mark.invariant("C-6")
def test_of_several_ticks_decided_at_once_the_first_is_in_the_way_of_the_others() -> None:
    bench = Bench()
    bench.plan(spec="*/10 * * * * *", overlap=Overlap.SKIP)
    bench.now += 30 * SECOND
    bench.tick_all()
    (first,) = bench.runs
    assert first.scheduled_at == NOON + 10 * SECOND
    assert [run.scheduled_at - NOON for run in bench.ended] == [20 * SECOND, 30 * SECOND]
    assert all(first.id in run.info for run in bench.ended)


# ---- slots


@pytest.mark.invariant("P-2")
def test_a_tick_without_a_slot_fails_or_waits_as_its_namespace_says() -> None:
    for when_full, ended, waiting in ((WhenFull.FAIL, 1, 0), (WhenFull.WAIT, 0, 1)):
        bench = Bench(slots=1, when_full=when_full)
        bench.plan(spec="*/10 * * * * *")
        bench.now += 20 * SECOND
        bench.tick_all()
        assert bench.state.slots_used("default") == 1
        assert [(run.status, run.reason) for run in bench.ended] == [(JobStatus.FAILED, Reason.NO_SLOT)] * ended
        assert [run.reason for run in bench.runs if not run.holds_slot] == [Reason.NO_SLOT] * waiting


def test_a_waiting_run_takes_the_slot_that_another_leaves() -> None:
    bench = Bench(slots=1, when_full=WhenFull.WAIT)
    bench.plan(spec="*/10 * * * * *")
    bench.now += 20 * SECOND
    bench.tick_all()
    first, second = bench.runs
    assert bench.do(GrantSlot(second.id)) is False
    bench.do(CancelRun(first.id))
    assert bench.do(GrantSlot(second.id)) is True
    assert bench.do(GrantSlot(second.id)) is False
    granted = bench.live(second.id)
    assert granted.holds_slot
    assert granted.reason is Reason.NONE
    assert granted.evaluation is not None
    assert granted.evaluation.status is EvaluationStatus.PENDING


@pytest.mark.invariant("P-2")
def test_two_plans_in_one_commit_share_the_slots_that_are_left() -> None:
    bench = Bench(slots=1)
    bench.plan("p")
    bench.plan("q")
    bench.now += MINUTE
    bench.batch(DecideTicks("default", "p"), DecideTicks("default", "q"))
    assert bench.state.slots_used("default") == 1
    assert len(bench.ended) == 1


# ---- callbacks of what did not run


def test_the_callee_of_an_asynchronous_tick_is_told_that_it_did_not_run() -> None:
    bench = Bench(slots=1)
    bench.node()
    bench.plan(spec="*/10 * * * * *", overlap=Overlap.SKIP, synchronous=False, **REST)
    bench.plan("q", spec="5/10 * * * * *", synchronous=False, **REST)
    bench.now += 20 * SECOND
    bench.tick_all()
    bench.tick_all("q")
    owing = [run for run in bench.runs if run.owes_callback]
    assert [(run.plan_id, run.status) for run in owing] == [
        ("q", JobStatus.FAILED),
        ("q", JobStatus.FAILED),
        ("p", JobStatus.SKIPPED),
    ]
    assert not bench.ended
    desired = {run.status: bench.place(run).attempts[-1].desired for run in owing}
    assert desired == {JobStatus.SKIPPED: DesiredStatus.SKIP, JobStatus.FAILED: DesiredStatus.FAIL}
    for run in owing:
        bench.report(bench.live(run.id), AllocationStatus.COMPLETE)
    assert [run.status for run in bench.ended] == [run.status for run in owing]
    assert bench.state.slots_used("default") == 1


def test_a_callback_is_tried_three_times() -> None:
    bench = Bench()
    bench.node()
    bench.plan(spec="*/10 * * * * *", overlap=Overlap.SKIP, synchronous=False, **REST)
    bench.now += 20 * SECOND
    bench.tick_all()
    (owing,) = [run for run in bench.runs if run.owes_callback]
    for attempt in (1, 2, 3):
        assert bench.live(owing.id).owes_callback
        bench.report(bench.place(bench.live(owing.id)), AllocationStatus.FAILED)
        assert (owing.id in bench.state.runs) == (attempt < 3)
    (ended,) = bench.ended
    assert (ended.status, ended.reason, len(ended.attempts)) == (JobStatus.SKIPPED, Reason.OVERLAP, 3)


# ---- catch-up


def late(mode: CatchUpMode, *, minutes: int = 60, slots: int = 100, **settings: int | None) -> Bench:
    """A plan of every minute that nobody decided for a while."""
    bench = Bench(slots=slots)
    bench.plan(catch_up=CatchUpPatch(mode=mode, **settings))  # type: ignore[arg-type]
    bench.now = NOON + minutes * MINUTE
    return bench


@pytest.mark.invariant("C-4")
def test_none_runs_nothing_after_an_outage_and_what_is_on_time_again() -> None:
    bench = late(CatchUpMode.NONE)
    bench.tick_all()
    assert not bench.runs
    bench.now += 2 * MINUTE
    bench.tick_all()
    assert [(run.scheduled_at - NOON, run.trigger) for run in bench.runs] == [
        (61 * MINUTE, Trigger.SCHEDULE),
        (62 * MINUTE, Trigger.SCHEDULE),
    ]
    assert bench.ranges() == [LedgerRange(LedgerReason.MISSED_WINDOW, NOON + MINUTE, NOON + 60 * MINUTE, 60)]


@pytest.mark.invariant("C-4")
def test_latest_runs_the_newest_of_its_window() -> None:
    bench = late(CatchUpMode.LATEST, window=10 * MINUTE)
    bench.tick_all()
    assert [(run.scheduled_at - NOON, run.trigger) for run in bench.runs] == [(60 * MINUTE, Trigger.CATCH_UP)]
    assert bench.ranges() == [
        LedgerRange(LedgerReason.MISSED_WINDOW, NOON + MINUTE, NOON + 49 * MINUTE, 49),
        LedgerRange(LedgerReason.COALESCED, NOON + 50 * MINUTE, NOON + 59 * MINUTE, 10),
    ]


@pytest.mark.invariant("C-4")
@pytest.mark.parametrize("overlap", [Overlap.ALLOW, Overlap.SKIP])
def test_a_plan_of_every_five_seconds_starts_once_after_75_seconds(overlap: Overlap) -> None:
    bench = Bench()
    bench.plan(spec="@every 5s", overlap=overlap)
    bench.now += 80 * SECOND
    bench.tick_all()
    assert [(run.scheduled_at - NOON, run.trigger) for run in bench.runs] == [(80 * SECOND, Trigger.CATCH_UP)]
    assert not bench.ended
    assert bench.ranges() == [LedgerRange(LedgerReason.MISSED_WINDOW, NOON + 5 * SECOND, NOON + 75 * SECOND, 15)]


@pytest.mark.invariant("C-4")
def test_all_runs_at_most_max_runs_and_goes_on_in_bounded_steps() -> None:
    bench = late(CatchUpMode.ALL, minutes=600, window=HOUR * 24, max_runs=120, slots=1000)
    steps = 1
    while bench.tick():
        steps += 1
    runs = bench.runs
    assert steps == 3
    assert [run.scheduled_at - NOON for run in runs] == [at * MINUTE for at in range(481, 601)]
    assert bench.ranges() == [LedgerRange(LedgerReason.COALESCED, NOON + MINUTE, NOON + 480 * MINUTE, 480)]


def test_late_ticks_wait_for_a_slot_where_one_on_time_fails() -> None:
    bench = late(CatchUpMode.ALL, minutes=5, window=HOUR, slots=2)
    bench.tick_all()
    assert [(run.scheduled_at - NOON, run.holds_slot) for run in bench.runs] == [
        (MINUTE, True),
        (2 * MINUTE, True),
        (3 * MINUTE, False),
        (4 * MINUTE, False),
        (5 * MINUTE, False),
    ]
    assert not bench.ended
    bench.now += MINUTE
    bench.tick_all()
    assert [(run.scheduled_at - NOON, run.reason) for run in bench.ended] == [(6 * MINUTE, Reason.NO_SLOT)]


def test_a_rate_spreads_late_runs_and_those_that_wait_hold_no_slot() -> None:
    bench = late(CatchUpMode.ALL, minutes=8, window=HOUR, rate_per_minute=2, slots=4)
    bench.tick_all()
    late_runs = bench.runs
    assert {run.trigger for run in late_runs} == {Trigger.CATCH_UP}
    starts = [run.evaluations[0].not_before - bench.now for run in late_runs]
    assert starts == [at * 30 * SECOND for at in range(8)]
    assert [run.holds_slot for run in late_runs] == [True] + [False] * 7
    assert {run.reason for run in late_runs[1:]} == {Reason.CATCH_UP_RATE}
    assert not bench.ended
    assert bench.do(GrantSlot(late_runs[1].id)) is False  # not yet
    bench.now += 30 * SECOND
    assert bench.do(GrantSlot(late_runs[1].id)) is True


def test_a_rate_holds_from_one_decision_to_the_next() -> None:
    bench = late(CatchUpMode.ALL, minutes=120, window=HOUR * 24, rate_per_minute=60, slots=1000)
    bench.tick_all()
    starts = [run.evaluations[0].not_before for run in bench.runs]
    assert len(starts) == 120
    assert [later - one for one, later in pairwise(starts)] == [SECOND] * 119


def test_a_range_grows_in_place_until_a_tick_runs() -> None:
    bench = Bench()
    bench.plan(spec="0 0 * * * *", catch_up=CatchUpPatch(mode=CatchUpMode.NONE))
    bench.now = NOON + 3 * HOUR + 2 * MINUTE
    bench.tick_all()
    bench.now = NOON + 5 * HOUR + 2 * MINUTE
    bench.tick_all()
    assert bench.ranges() == [LedgerRange(LedgerReason.MISSED_WINDOW, NOON + HOUR, NOON + 5 * HOUR, 5)]
    bench.now = NOON + 6 * HOUR
    bench.tick_all()
    bench.now = NOON + 8 * HOUR + 2 * MINUTE
    bench.tick_all()
    assert [(entry.first - NOON, entry.count) for entry in bench.ranges()] == [(HOUR, 5), (7 * HOUR, 2)]
    assert [run.scheduled_at - NOON for run in bench.runs] == [6 * HOUR]


@pytest.mark.invariant("C-9")
def test_a_clock_that_goes_back_repeats_no_tick() -> None:
    bench = Bench()
    bench.plan()
    bench.now = NOON + 5 * MINUTE
    bench.tick_all()
    known = {run.id for run in bench.runs}
    bench.now = NOON
    bench.tick_all()
    bench.now = NOON + 5 * MINUTE
    bench.tick_all()
    assert {run.id for run in bench.runs} == known


# ---- the end of a plan


def test_an_instant_runs_once_and_the_plan_is_dead_with_a_reason() -> None:
    bench = Bench()
    bench.plan(spec="@at 2025-10-09T12:00:30Z")
    bench.now += 30 * SECOND
    assert bench.tick() is False
    plan = bench.present()
    assert (plan.status, plan.status_reason) == (PlanStatus.DEAD, "the schedule has no further tick")
    assert [run.scheduled_at for run in bench.runs] == [NOON + 30 * SECOND]
    assert bench.cursor().next_due is None


def test_start_and_end_bound_the_ticks_and_the_end_makes_the_plan_dead() -> None:
    bench = Bench()
    bounds = PeriodicPatch(
        spec="* * * * *", time_zone="UTC", start_time=NOON + 3 * MINUTE, end_time=NOON + 5 * MINUTE + 1
    )
    bench.plan(periodic=bounds)
    for _ in range(8):
        bench.now += MINUTE
        bench.tick_all()
        bench.do(ExpirePlan("default", "p"))
    assert [run.scheduled_at - NOON for run in bench.runs] == [at * MINUTE for at in (3, 4, 5)]
    plan = bench.present()
    assert (plan.status, plan.status_reason) == (PlanStatus.DEAD, "the plan's end time has passed")
    assert plan.updated_at == NOON + 6 * MINUTE


def test_a_plan_does_not_expire_before_its_last_tick_is_decided() -> None:
    bench = Bench()
    bench.plan(periodic=PeriodicPatch(spec="* * * * *", time_zone="UTC", end_time=NOON + MINUTE))
    bench.now = NOON + 5 * MINUTE
    bench.do(ExpirePlan("default", "p"))
    assert bench.present().status is PlanStatus.RUNNING
    bench.tick_all()
    bench.do(ExpirePlan("default", "p"))
    assert bench.present().status is PlanStatus.DEAD
    assert bench.ranges() == [LedgerRange(LedgerReason.MISSED_WINDOW, NOON + MINUTE, NOON + MINUTE, 1)]


def test_a_plan_without_further_ticks_keeps_the_parameters_of_its_runs() -> None:
    bench = Bench()
    bench.plan(spec="@at 2025-10-09T12:00:30Z", parameters='{"result": "3"}')
    bench.now += 30 * SECOND
    bench.tick()
    run = bench.runs[0]
    version = bench.state.plan_version("default", "p", run.plan_version)
    assert version is not None
    assert version.parameters == '{"result": "3"}'
