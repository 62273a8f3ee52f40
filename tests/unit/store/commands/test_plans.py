"""What edits of a plan do to its fields, its cursor and its due ticks."""

from typing import Any

import pytest
from msgspec.structs import replace

from jobpool.kit.pure.durations import HOUR, MINUTE, SECOND
from jobpool.model.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from jobpool.model.namespace import WhenFull
from jobpool.model.plan import Plan
from jobpool.model.reasons import LedgerReason, Reason
from jobpool.model.schedule import CatchUp, CatchUpMode, DstOverlap, LedgerRange, Overlap, Retry
from jobpool.model.statuses import AllocationStatus, JobStatus, PlanStatus
from jobpool.store.change import Change
from jobpool.store.commands import (
    AddPlan,
    CatchUpPatch,
    DecideTicks,
    DeletePlan,
    DropVersions,
    DstPatch,
    PeriodicPatch,
    PlanPatch,
    RetryPatch,
    StartRun,
    StillCatchingUp,
    SwitchPlan,
    UpdatePlan,
)
from jobpool.store.keyspace import Table
from jobpool.store.port import Fence
from tests.unit.store.commands.bench import NOON, REST, Bench, plan_patch


def offline(bench: Bench, plan_id: str = "p") -> None:
    bench.do(SwitchPlan("default", plan_id, online=False))


def online(bench: Bench, plan_id: str = "p") -> None:
    bench.do(SwitchPlan("default", plan_id, online=True))


# ---- fields


def test_an_update_leaves_alone_what_it_does_not_name() -> None:
    bench = Bench()
    before = bench.plan(synchronous=True, overlap=Overlap.SKIP, priority=90, timeout=MINUTE, **REST)
    after = bench.update(description="new words")
    assert (after.synchronous, after.overlap, after.priority, after.timeout) == (True, Overlap.SKIP, 90, MINUTE)
    assert (after.description, after.periodic, after.incarnation) == ("new words", before.periodic, before.incarnation)
    assert after.version > before.version


def test_parts_are_laid_over_parts() -> None:
    bench = Bench()
    bench.plan(retry=RetryPatch(attempts=3, backoff=SECOND), catch_up=CatchUpPatch(mode=CatchUpMode.ALL, max_runs=7))
    plan = bench.update(
        retry=RetryPatch(backoff=2 * SECOND), catch_up=CatchUpPatch(max_runs=8), dst=DstPatch(overlap=DstOverlap.BOTH)
    )
    assert (plan.retry.attempts, plan.retry.backoff) == (3, 2 * SECOND)
    assert (plan.catch_up.mode, plan.catch_up.max_runs) == (CatchUpMode.ALL, 8)
    assert plan.dst.overlap is DstOverlap.BOTH


def test_clearing_a_part_or_a_field_gives_the_default_back() -> None:
    bench = Bench()
    bench.plan(retry=RetryPatch(attempts=3), catch_up=CatchUpPatch(max_runs=7), timeout=MINUTE, description="words")
    plan = bench.update(retry=None, catch_up=None, timeout=None, description="", periodic=PeriodicPatch(end_time=None))
    assert (plan.retry, plan.catch_up, plan.timeout, plan.description) == (Retry(), CatchUp(), None, "")
    assert bench.update(periodic=None).periodic is None
    assert bench.cursor().next_due is None


def test_an_update_that_changes_nothing_writes_nothing() -> None:
    bench = Bench()
    plan = bench.plan()
    n = bench.state.fence.n
    assert bench.update(name=plan.name, priority=plan.priority) == plan
    assert bench.state.fence.n == n


def test_priority_zero_is_the_default() -> None:
    assert Bench().plan(priority=0).priority == 50


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"priority": 201}, "priority"),
        ({"priority": -1}, "priority"),
        ({"name": ""}, "name"),
        ({"type": "batch"}, "type"),
        ({"type": ""}, "type"),
        ({"name": "x" * 257}, "name"),
        ({"description": "a\x00b"}, "description"),
        ({"timeout": 10}, "timeout"),
        ({"retry": RetryPatch(attempts=101)}, "retry.attempts"),
        ({"retry": RetryPatch(on=("rain",))}, "retry.on"),
        ({"catch_up": CatchUpPatch(max_runs=0)}, "catch_up.max_runs"),
        ({"catch_up": CatchUpPatch(window=-1)}, "catch_up.window"),
        ({"periodic": PeriodicPatch(spec="61 * * * *")}, "periodic.spec"),
        ({"periodic": PeriodicPatch(spec="* * * * *", time_zone="Mars/Base")}, "periodic.time_zone"),
        ({"periodic": PeriodicPatch(start_time=2, end_time=1)}, "periodic.end_time"),
        ({"periodic": PeriodicPatch(end_time=NOON - 1)}, "periodic.end_time"),
        ({"periodic": PeriodicPatch(spec="@at 2020-01-01T00:00:00Z")}, "periodic.spec"),
        ({"parameters": "not json"}, "parameters"),
        ({"strategy": "gut-feeling"}, "strategy"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_stored(fields: dict[str, Any], field: str) -> None:
    bench = Bench()
    before = bench.plan()
    n = bench.state.fence.n
    with pytest.raises(InvalidArgument) as refusal:
        bench.update(**fields)
    assert refusal.value.field == field
    assert bench.present() == before
    assert bench.state.fence.n == n


def test_a_periodic_block_needs_a_schedule() -> None:
    with pytest.raises(InvalidArgument) as refusal:
        Bench().plan(periodic=PeriodicPatch(time_zone="UTC"))
    assert refusal.value.field == "periodic.spec"


def test_what_is_missing_or_there_already_is_named() -> None:
    bench = Bench()
    bench.plan()
    with pytest.raises(AlreadyExists):
        bench.plan()
    with pytest.raises(NotFound, match="namespace 'nowhere'"):
        bench.do(AddPlan("nowhere", "p", plan_patch(), "UTC"))
    with pytest.raises(NotFound, match="plan 'default/q'"):
        bench.update("q", name="x")
    with pytest.raises(NotFound):
        bench.do(DeletePlan("default", "q"))


# ---- the cursor


@pytest.mark.invariant("C-1")
@pytest.mark.parametrize("fields", [{"description": "x"}, {"priority": 7}, {"overlap": Overlap.SKIP}, {"retry": None}])
def test_an_edit_that_is_not_about_time_moves_no_tick(fields: dict[str, Any]) -> None:
    bench = Bench()
    bench.plan(spec="0 0 13 * * *", retry=RetryPatch(attempts=1))
    bench.now += 10 * MINUTE
    bench.update(**fields)
    assert bench.cursor().next_due == NOON + HOUR


@pytest.mark.invariant("C-2")
def test_a_new_timetable_starts_after_now() -> None:
    bench = Bench()
    bench.plan(spec="0 0 * * * *")
    bench.now = NOON + 10 * MINUTE
    bench.update(periodic=PeriodicPatch(spec="0 */5 * * * *"))
    assert bench.cursor().next_due == NOON + 15 * MINUTE
    bench.update(periodic=PeriodicPatch(start_time=NOON - HOUR))
    assert bench.cursor().next_due == NOON + 15 * MINUTE
    bench.update(periodic=PeriodicPatch(start_time=NOON + HOUR))
    assert bench.cursor().next_due == NOON + HOUR


def test_an_edit_first_decides_what_was_due_by_the_old_definition() -> None:
    bench = Bench()
    old = bench.plan(spec="*/10 * * * * *", parameters='{"result": "old"}')
    bench.now += 30 * SECOND
    new = bench.update(periodic=PeriodicPatch(spec="0 * * * * *"), parameters='{"result": "new"}')
    assert [run.scheduled_at - NOON for run in bench.runs] == [10 * SECOND, 20 * SECOND, 30 * SECOND]
    assert {run.plan_version for run in bench.runs} == {old.version}
    assert bench.cursor().last_job == bench.runs[-1].id
    assert bench.cursor().next_due == NOON + MINUTE
    bench.now = NOON + MINUTE
    bench.tick_all()
    assert bench.runs[-1].plan_version == new.version


def test_an_edit_at_the_instant_of_a_tick_neither_loses_nor_doubles_it() -> None:
    bench = Bench()
    bench.plan(spec="0 * * * * *")
    bench.now = NOON + MINUTE
    bench.batch(
        UpdatePlan("default", "p", PlanPatch(periodic=PeriodicPatch(spec="*/30 * * * * *")), "UTC"),
        DecideTicks("default", "p"),
    )
    assert [run.scheduled_at for run in bench.runs] == [NOON + MINUTE]
    assert bench.cursor().next_due == NOON + MINUTE + 30 * SECOND


@pytest.mark.invariant("C-9")
def test_an_edit_after_the_clock_went_back_runs_no_tick_again() -> None:
    bench = Bench()
    bench.node()
    bench.plan(spec="*/10 * * * * *")
    bench.now = NOON + 20 * SECOND
    bench.tick_all()
    for run in bench.runs[:1]:
        bench.report(bench.place(run), AllocationStatus.COMPLETE)
    bench.now = NOON + 5 * SECOND
    bench.update(periodic=PeriodicPatch(spec="*/5 * * * * *"))
    bench.now = NOON + 20 * SECOND
    bench.tick_all()
    ran = sorted(run.scheduled_at - NOON for run in (*bench.runs, *bench.ended))
    assert ran == [10 * SECOND, 15 * SECOND, 20 * SECOND]


def test_an_edit_waits_until_a_long_gap_is_decided() -> None:
    bench = Bench(slots=1000)
    bench.plan(spec="* * * * * *", catch_up=CatchUpPatch(mode=CatchUpMode.ALL, window=HOUR))
    bench.now += 5 * MINUTE
    with pytest.raises(StillCatchingUp):
        bench.update(description="x")
    bench.tick_all()
    bench.update(description="x")
    assert len(bench.runs) == 300


# ---- online, offline


@pytest.mark.invariant("C-1")
def test_offline_decides_what_is_due_and_online_fires_nothing_of_the_past() -> None:
    bench = Bench()
    bench.plan(spec="0 * * * * *", catch_up=CatchUpPatch(mode=CatchUpMode.ALL, window=HOUR))
    bench.now = NOON + MINUTE
    offline(bench)
    plan = bench.present()
    assert (plan.status, plan.stop, plan.fires) == (PlanStatus.DEAD, True, False)
    assert [run.scheduled_at for run in bench.runs] == [NOON + MINUTE]
    bench.now = NOON + 30 * MINUTE + 1
    assert bench.tick() is False
    online(bench)
    assert bench.present().fires
    assert bench.cursor().next_due == NOON + 31 * MINUTE
    bench.now = NOON + 31 * MINUTE
    bench.tick_all()
    assert [run.scheduled_at - NOON for run in bench.runs] == [MINUTE, 31 * MINUTE]


def test_switching_to_what_is_so_is_refused() -> None:
    bench = Bench()
    bench.plan()
    with pytest.raises(FailedPrecondition, match="already online"):
        online(bench)
    offline(bench)
    with pytest.raises(FailedPrecondition, match="already offline"):
        offline(bench)


def test_a_status_in_an_update_enables_unless_the_same_update_says_otherwise() -> None:
    bench = Bench()
    bench.plan(status=PlanStatus.DEAD, stop=True, periodic=PeriodicPatch(spec="* * * * *", enabled=False))
    quiet = bench.update(status=PlanStatus.RUNNING, periodic=PeriodicPatch(enabled=False))
    assert not quiet.fires
    assert not quiet.stop
    offline(bench)
    assert bench.update(status=PlanStatus.RUNNING).fires


def test_what_runs_goes_on_when_its_plan_is_taken_offline() -> None:
    bench = Bench()
    bench.node()
    bench.plan()
    bench.now += MINUTE
    bench.tick()
    run = bench.place(bench.runs[0])
    offline(bench)
    bench.report(run, AllocationStatus.COMPLETE)
    assert [ended.status for ended in bench.ended] == [JobStatus.COMPLETE]


# ---- versions and deletion


def test_only_a_plan_that_is_not_running_can_be_deleted() -> None:
    bench = Bench()
    bench.plan()
    with pytest.raises(FailedPrecondition, match="offline"):
        bench.do(DeletePlan("default", "p"))
    offline(bench)
    bench.do(DeletePlan("default", "p"))
    assert ("default", "p") not in bench.state.plans
    assert ("default", "p") not in bench.state.cursors


def test_runs_outlive_their_plan_with_its_parameters_and_retries() -> None:
    bench = Bench()
    bench.node()
    bench.plan(parameters='{"result": "mine"}', retry=RetryPatch(attempts=1, backoff=SECOND))
    bench.now += MINUTE
    bench.tick()
    run = bench.place(bench.runs[0])
    offline(bench)
    bench.do(DeletePlan("default", "p"))
    kept = bench.state.plan_version("default", "p", run.plan_version)
    assert kept is not None
    assert kept.parameters == '{"result": "mine"}'
    bench.report(run, AllocationStatus.FAILED, reason=Reason.EXIT_NONZERO)
    again = bench.live(run.id)
    assert (again.status, again.retries) == (JobStatus.PENDING, 1)
    bench.do(DropVersions((("default", "p", run.plan_version),)))
    assert bench.state.plan_version("default", "p", run.plan_version) is not None
    bench.report(bench.place(again), AllocationStatus.COMPLETE)
    bench.do(DropVersions((("default", "p", run.plan_version),)))
    assert bench.state.plan_version("default", "p", run.plan_version) is None


@pytest.mark.invariant("C-3")
def test_a_plan_added_again_is_another_one() -> None:
    bench = Bench()
    first = bench.plan()
    bench.now += MINUTE
    bench.tick()
    offline(bench)
    bench.do(DeletePlan("default", "p"))
    second = bench.plan()
    assert second.incarnation > first.incarnation
    assert bench.cursor().next_due == NOON + 2 * MINUTE
    bench.now = NOON + 2 * MINUTE
    bench.tick()
    assert [run.incarnation for run in bench.runs] == [first.incarnation, second.incarnation]


def test_two_edits_in_one_commit_are_two_versions() -> None:
    bench = Bench()
    bench.plan(parameters='{"result": "0"}')
    one, two = (PlanPatch(parameters=f'{{"result": "{word}"}}') for word in "12")
    bench.batch(
        UpdatePlan("default", "p", one, "UTC"),
        StartRun("default", "p", "between"),
        UpdatePlan("default", "p", two, "UTC"),
    )
    started_with = bench.state.plan_version("default", "p", bench.live("between").plan_version)
    assert started_with is not None
    assert started_with.parameters == '{"result": "1"}'
    assert bench.present().parameters == '{"result": "2"}'


# ---- a plan whose stored schedule cannot be read any more


def unreadable(bench: Bench) -> Plan:
    """The plan as a version with another grammar would have stored it."""
    plan = bench.present()
    assert plan.periodic is not None
    broken = replace(plan, periodic=replace(plan.periodic, spec="every full moon"))
    bench.state.fold(Fence(1, 1, bench.state.next_n, "x"), [Change(Table.PLAN, broken.key, broken)])
    return broken


@pytest.mark.invariant("L-4")
def test_a_schedule_that_cannot_be_read_is_refused_by_name_and_can_be_replaced() -> None:
    bench = Bench()
    bench.plan(spec="0 * * * * *")
    unreadable(bench)
    bench.now = NOON + 3 * MINUTE
    with pytest.raises(InvalidArgument):
        bench.tick()
    bench.update(periodic=PeriodicPatch(spec="0 * * * * *"))
    assert bench.ranges() == [LedgerRange(LedgerReason.SUPERSEDED_BY_EDIT, NOON + MINUTE, NOON + 3 * MINUTE, None)]
    assert bench.cursor().next_due == NOON + 4 * MINUTE
    assert not bench.runs


def test_the_time_zone_is_the_plans_or_the_namespaces_or_the_servers() -> None:
    bench = Bench(when_full=WhenFull.FAIL)
    plan = bench.do(AddPlan("default", "q", plan_patch(periodic=PeriodicPatch(spec="* * * * *")), "Asia/Shanghai"))
    assert plan.periodic is not None
    assert plan.periodic.time_zone == "Asia/Shanghai"
