"""When plans are decided: at their ticks, at their ends, and again when a decision could not be made."""

import asyncio

import pytest
from msgspec.structs import replace

from jobpool.kit.pure.durations import HOUR, MINUTE, SECOND
from jobpool.leader.periodic import DueTimes
from jobpool.model.plan import Paused, Plan
from jobpool.model.schedule import CatchUpMode, Cursor, LedgerRange, Periodic
from jobpool.model.statuses import JobStatus, PlanStatus
from jobpool.store.codec import decode, encode
from jobpool.store.commands import (
    AddNamespace,
    CatchUpPatch,
    DeletePlan,
    PeriodicPatch,
    PlanPatch,
    StartRun,
    SwitchPlan,
    UpdatePlan,
)
from jobpool.store.commands.plan_rules import blank_plan
from jobpool.store.keyspace import Table
from jobpool.store.port import Put
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import Fault, MemoryStore, write

START = 1_760_011_200_000
KEY = ("default", "p")


def ticks(core: Core, plan_id: str = "p") -> list[int]:
    """Scheduled times of the ended runs, in seconds since the start."""
    return sorted((run.scheduled_at - START) // SECOND for run in core.finished if run.plan_id == plan_id)


def fires(end_time: int | None = None) -> Plan:
    plan = blank_plan("default", "p", version=1, now=0)
    return replace(plan, status=PlanStatus.RUNNING, periodic=Periodic("* * * * *", "UTC", end_time=end_time))


# ---- the deciding half


@pytest.mark.invariant("C-1")
def test_only_a_plan_that_fires_is_tracked() -> None:
    due = DueTimes()
    plan = fires()
    due.track(KEY, plan, Cursor(1, 100))
    assert due.next_due() == 100
    for other in (None, replace(plan, stop=True), replace(plan, status=PlanStatus.DEAD), replace(plan, periodic=None)):
        due.track(KEY, other, Cursor(1, 100))
        assert due.next_due() is None
        due.track(KEY, plan, Cursor(1, 100))
    assert due.take(99, 10) == []
    assert due.take(100, 10) == [KEY]
    assert len(due) == 0


@pytest.mark.invariant("C-2")
def test_a_plan_without_a_next_tick_is_due_at_its_end_or_never() -> None:
    due = DueTimes()
    due.track(KEY, fires(), Cursor(1, None))
    assert due.next_due() is None
    due.track(KEY, fires(end_time=500), Cursor(1, None))
    assert due.next_due() == 501


@pytest.mark.invariant("C-1")
def test_a_paused_plan_is_due_when_its_pause_runs_out_or_never() -> None:
    due = DueTimes()
    due.track(KEY, replace(fires(), paused=Paused(50, "ann")), Cursor(1, 100))
    assert due.next_due() is None
    for plan in (fires(), fires(end_time=80), replace(fires(), status=PlanStatus.DEAD)):
        due.track(KEY, replace(plan, paused=Paused(50, "ann", until=700)), Cursor(1, 100))
        assert due.next_due() == 700
    due.track(KEY, fires(), Cursor(1, 100))
    assert due.next_due() == 100


def test_a_decision_that_failed_is_repeated_unless_the_plan_came_back() -> None:
    due = DueTimes()
    due.again(KEY, 50)
    assert due.next_due() == 50
    due.track(KEY, fires(), Cursor(1, 100))
    due.again(KEY, 60)
    assert due.next_due() == 100


# ---- in a term


@pytest.mark.invariant("C-2")
async def test_every_tick_runs_once() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await core.add_node()
        await core.add_plan("p", spec="*/10 * * * * *")
        await core.add_plan("q", spec="0,30 * * * * *")
        await core.advance(MINUTE)
        assert ticks(core) == [10, 20, 30, 40, 50, 60]
        assert ticks(core, "q") == [30, 60]
        assert {run.status for run in core.finished} == {JobStatus.COMPLETE}
        assert {run.lateness for run in core.finished} == {0}


@pytest.mark.invariant("C-1")
async def test_what_is_removed_disabled_or_moved_before_it_is_due_does_not_run() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await core.add_node()
        for plan_id in ("gone", "off", "moved"):
            await core.add_plan(plan_id, spec="*/10 * * * * *")
        await core.advance(5 * SECOND)
        await core.submit(SwitchPlan("default", "gone", online=False))
        await core.submit(DeletePlan("default", "gone"))
        await core.submit(SwitchPlan("default", "off", online=False))
        patch = PlanPatch(periodic=PeriodicPatch(spec="0 * * * * *"))
        await core.submit(UpdatePlan("default", "moved", patch, "UTC"))
        await core.advance(MINUTE)
        assert [ticks(core, plan_id) for plan_id in ("gone", "off", "moved")] == [[], [], [60]]


@pytest.mark.invariant("C-8")
async def test_a_manual_run_moves_no_tick() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await core.add_node()
        await core.add_plan("p", spec="0 * * * * *")
        await core.advance(30 * SECOND)
        await core.submit(StartRun("default", "p", "m1"))
        await core.submit(StartRun("default", "p", "m2"))
        await core.advance(MINUTE)
        assert [run.id for run in core.finished[:2]] == ["m1", "m2"]
        assert [run.scheduled_at - START for run in core.finished[2:]] == [MINUTE]


@pytest.mark.invariant("C-5")
@pytest.mark.parametrize("kind", ["refuse", "lost", "landed-but-unknown", "delayed"])
async def test_a_tick_whose_commit_fails_is_decided_in_the_end(kind: Fault) -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock(START)) as core:
        await core.add_node()
        await core.add_plan("p", spec="*/10 * * * * *")
        for _ in range(3):
            store.fail_next_commit(kind)
        await core.advance(25 * SECOND)
        assert ticks(core) == [10, 20]
        assert store.release_delayed() == 0


@pytest.mark.invariant("C-9")
async def test_a_clock_that_goes_back_while_a_tick_is_decided_stops_no_plan() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock) as core:
        await core.add_node()
        await core.add_plan("p", spec="*/10 * * * * *")
        store.hold_commits()
        asked = asyncio.get_running_loop().create_task(core.submit(AddNamespace("other")))
        await core.advance(10 * SECOND)  # the tick's command waits behind the commit in flight
        clock.jump(-5 * SECOND)
        store.release_commits()
        await asked
        await settle()
        assert ticks(core) == []  # it is not due any more
        await core.advance(25 * SECOND)
        assert ticks(core) == [10, 20, 30]


@pytest.mark.invariant("C-4")
async def test_a_jump_of_the_clock_is_an_absence() -> None:
    clock = FakeClock(START)
    async with running_core(MemoryStore(), clock) as core:
        await core.add_node()
        await core.add_plan("p", spec="0 * * * * *")
        clock.jump(HOUR)
        await core.advance(2 * MINUTE)
        assert ticks(core) == [61 * 60, 62 * 60]
        (entry,) = await core.store.range("ledger/", "ledger0", limit=100)
        missed = decode(Table.LEDGER, entry.value)
        assert isinstance(missed, LedgerRange)
        assert (missed.first - START, missed.count) == (MINUTE, 60)


@pytest.mark.invariant("L-4")
async def test_one_unreadable_schedule_stops_no_other_plan() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock) as core:
        await core.add_node()
        await core.add_plan("bad", spec="*/10 * * * * *")
        await core.add_plan("p", spec="*/10 * * * * *")
        bad = core.state.plans["default", "bad"]
    assert bad.periodic is not None
    store = store.reopened()
    await write(store, Put("plans/default/bad", encode(replace(bad, periodic=replace(bad.periodic, spec="full moon")))))
    async with running_core(store, clock) as core:
        await core.advance(30 * SECOND)
        assert ticks(core) == [10, 20, 30]
        await core.submit(UpdatePlan("default", "bad", PlanPatch(periodic=PeriodicPatch(spec="*/10 * * * * *")), "UTC"))
        await core.advance(20 * SECOND)
        assert ticks(core, "bad") == [40, 50]


async def test_a_plan_dies_at_its_end() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await core.add_node()
        end = START + 25 * SECOND
        await core.add_plan("p", spec="x", periodic=PeriodicPatch(spec="*/10 * * * * *", time_zone="UTC", end_time=end))
        await core.advance(MINUTE)
        plan = core.state.plans[KEY]
        assert ticks(core) == [10, 20]
        assert (plan.status, plan.updated_at) == (PlanStatus.DEAD, end + 1)
        assert "end time" in plan.status_reason


async def test_a_long_gap_is_decided_in_steps_without_an_end_to_other_plans() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock, slots=1000) as core:
        await core.add_node(capacity=1000)
        await core.add_plan("p", spec="*/5 * * * * *", catch_up=CatchUpPatch(CatchUpMode.ALL, HOUR, 1000))
        await core.add_plan("q", spec="0 * * * * *")
        clock.jump(20 * MINUTE)
        await core.advance(5 * SECOND + 100)
        assert ticks(core) == list(range(5, 20 * 60 + 6, 5))
        assert ticks(core, "q")[-1] == 20 * 60
