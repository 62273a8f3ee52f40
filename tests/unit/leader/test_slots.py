"""Who waits for a slot gets one as soon as there is one, in order, and never one too many."""

from itertools import pairwise

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.leader.slots import SlotWaiters
from jobpool.model.namespace import WhenFull
from jobpool.model.run import Run
from jobpool.model.schedule import CatchUpMode
from jobpool.model.statuses import AllocationStatus
from jobpool.store.commands import (
    CancelRun,
    CatchUpPatch,
    NamespaceSettings,
    PlanPatch,
    StartRun,
    UpdateNamespace,
    UpdatePlan,
)
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import Fault, MemoryStore
from tests.unit.store.commands.bench import Bench

START = 1_760_011_200_000


async def crowded(core: Core, *, limit: int = 1) -> None:
    """A namespace that lets its runs wait, and a plan to start them by hand; nothing ends by itself."""
    core.answers = None
    await core.submit(UpdateNamespace("default", NamespaceSettings(limit, WhenFull.WAIT)))
    await core.add_node()
    await core.add_plan("p", spec="0 0 1 1 *")


async def start(core: Core, *job_ids: str) -> None:
    for job_id in job_ids:
        await core.submit(StartRun("default", "p", job_id))


async def complete(core: Core, job_id: str) -> None:
    await core.submit(core.report(core.state.runs[job_id], AllocationStatus.COMPLETE))
    await settle()


def holding(core: Core) -> list[str]:
    return sorted(run.id for run in core.state.runs.values() if run.holds_slot)


@pytest.mark.invariant("P-2")
async def test_the_oldest_of_the_best_priority_comes_first() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await crowded(core)
        await start(core, "r0")
        await core.advance(1)
        await start(core, "r1")
        await core.advance(1)
        await start(core, "r2")
        await core.submit(UpdatePlan("default", "p", PlanPatch(priority=90), "UTC"))
        await start(core, "r3")
        order = []
        for _ in range(4):
            (holder,) = holding(core)
            order.append(holder)
            await complete(core, holder)
        assert order == ["r0", "r3", "r1", "r2"]
        assert not core.state.runs


async def test_a_higher_limit_and_a_cancel_let_the_next_ones_in() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await crowded(core)
        await start(core, "r0", "r1", "r2", "r3", "r4")
        assert holding(core) == ["r0"]
        await core.submit(UpdateNamespace("default", NamespaceSettings(job_parallelism_limit=3)))
        await settle()
        assert holding(core) == ["r0", "r1", "r2"]
        await core.submit(CancelRun("r3"))  # it waits: nobody's slot is freed
        await complete(core, "r1")
        assert holding(core) == ["r0", "r2", "r4"]


async def test_a_run_that_ends_without_an_allocation_frees_its_slot() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        core.answers = None
        await core.submit(UpdateNamespace("default", NamespaceSettings(1, WhenFull.WAIT)))
        await core.add_plan("p", spec="0 0 1 1 *")  # there is no node: nothing is ever placed
        await start(core, "r0", "r1")
        assert not core.state.runs["r0"].attempts
        await core.submit(CancelRun("r0"))
        await settle()
        assert holding(core) == ["r1"]


async def test_waiters_survive_a_new_leader() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock) as core:
        await crowded(core)
        await start(core, "r0", "r1", "r2")
    async with running_core(store.reopened(), clock) as core:
        await core.advance(10 * SECOND)
        assert [run.id for run in core.finished] == ["r0", "r1", "r2"]


@pytest.mark.parametrize("kind", ["refuse", "lost"])
async def test_a_grant_that_fails_is_made_again(kind: Fault) -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock) as core:
        await crowded(core)
        await start(core, "r0", "r1")
        report = core.report(core.state.runs["r0"], AllocationStatus.COMPLETE)
        await core.submit(report)
        store.fail_next_commit(kind)
        store.fail_next_commit(kind)
        await core.advance(5 * SECOND)
        assert holding(core) == ["r1"]


async def test_a_run_held_back_by_its_rate_leaves_the_slots_to_others() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock, slots=2) as core:
        await core.add_node()
        catch_up = CatchUpPatch(CatchUpMode.ALL, 60 * MINUTE, 100, 6)
        await core.add_plan("p", spec="0 * * * * *", catch_up=catch_up)
        clock.jump(5 * MINUTE)
        await core.advance(MINUTE)
        late = [run for run in core.state.runs.values() if run.plan_id == "p"]
        assert late
        assert not holding(core)
        await core.advance(MINUTE)
        runs = sorted((run for run in core.finished if run.trigger == "catch-up"), key=lambda run: run.scheduled_at)
        starts = [run.attempts[0].created_at for run in runs]
        assert [later - one for one, later in pairwise(starts)] == [10 * SECOND] * (len(runs) - 1)
        assert len(runs) == 6


# ---- the deciding half


def waiting(job_id: str, *, priority: int = 50) -> Run:
    bench = Bench()
    bench.plan(priority=priority)
    bench.do(StartRun("default", "p", job_id))
    return bench.live(job_id)


def test_a_run_is_taken_once_and_comes_back_only_when_added() -> None:
    waiters = SlotWaiters()
    run = waiting("r1")
    waiters.add(run)
    waiters.add(run)
    assert waiters.take("default", 5) == ["r1"]
    assert waiters.take("default", 5) == []
    waiters.add(run)
    waiters.discard("r1")
    waiters.add(run)
    assert waiters.take("default", 5) == ["r1"]
    assert waiters.take("default", 5) == []
    assert (len(waiters), waiters.namespaces()) == (0, [])
