"""What nobody needs goes by itself; what lives, and what may still be asked for, stays."""

from typing import Any

import pytest

from jobpool.kit.pure.durations import DAY, HOUR, MINUTE, SECOND, Millis
from jobpool.leader.collector import old_versions
from jobpool.leader.term import LeaderConfig
from jobpool.model.errors import StoreFailed, Unavailable
from jobpool.model.schedule import CatchUpMode, Overlap
from jobpool.model.statuses import AllocationStatus, NodeStatus
from jobpool.store.codec import decode
from jobpool.store.commands import (
    CancelRun,
    CatchUpPatch,
    DeletePlan,
    Mark,
    PlanPatch,
    SetNodeStatus,
    StartRun,
    SwitchPlan,
    UpdatePlan,
)
from jobpool.store.keyspace import Table
from jobpool.store.port import DeleteRange, KeyValue
from jobpool.store.records import Segment
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import MemoryStore

START = 1_760_011_200_000
EAGER = LeaderConfig(node_gc_threshold=1, job_gc_threshold=1, keep_runs=0, keep_versions=0)


class Memory:
    """History that knows the age of every segment."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.dropped = 0
        self.fails = False

    async def retention_cut(self, *, older_than: Millis, keep_runs: int) -> int | None:
        if self.fails:
            raise Unavailable("history is being rebuilt")
        pairs = await self._core.store.range("hist/", "hist0", limit=100_000)
        old = [pair for pair in pairs if _at(pair) < older_than]
        return int(old[-1].key.removeprefix("hist/")) if old else None

    def dropped_before(self, n: int) -> None:
        self.dropped = n


def _at(pair: KeyValue) -> Millis:
    segment = decode(Table.SEGMENT, pair.value)
    assert isinstance(segment, Segment)
    return segment.at


async def segments(core: Core) -> int:
    return len(await core.store.range("hist/", "hist0", limit=100_000))


@pytest.mark.invariant("G-4")
async def test_history_stays_as_long_as_it_should_and_no_longer() -> None:
    clock = FakeClock(START)
    async with running_core(MemoryStore(), clock, config=LeaderConfig(job_gc_threshold=90 * DAY)) as core:
        memory = core.retention = Memory(core)
        await core.add_node()
        await core.add_plan("p", spec="*/10 * * * * *")
        await core.advance(5 * MINUTE)
        await core.submit(SwitchPlan("default", "p", online=False))
        count = await segments(core)
        assert count >= 29
        clock.jump(90 * DAY - 5 * MINUTE)
        await core.advance(MINUTE)
        assert 0 < await segments(core) < count
        clock.jump(DAY)
        await core.advance(MINUTE)
        assert await segments(core) == 0
        assert memory.dropped > 0


@pytest.mark.invariant("G-1")
@pytest.mark.invariant("G-2")
async def test_no_threshold_touches_what_lives_or_makes_anything_run_again() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock, config=EAGER) as core:
        core.retention = Memory(core)
        await core.add_node()
        await core.add_plan("p", spec="*/10 * * * * *", parameters='{"result": "1"}')
        core.answers = None
        await core.advance(10 * SECOND)
        (live,) = core.state.runs.values()
        await core.submit(UpdatePlan("default", "p", PlanPatch(parameters='{"result": "2"}'), "UTC"))
        core.answers = AllocationStatus.COMPLETE
        await core.advance(5 * MINUTE)
        assert core.state.runs == {live.id: live}
        kept = core.state.plan_version("default", "p", live.plan_version)
        assert kept is not None
        assert kept.parameters == '{"result": "1"}'
        assert core.state.nodes["node-1"].status is NodeStatus.READY
        ticks = [run.scheduled_at for run in core.finished]
        assert len(ticks) == len(set(ticks)) == 30
        await core.submit(core.report(live, AllocationStatus.COMPLETE))
        await core.advance(2 * MINUTE)
        assert not core.state.versions
    async with running_core(store.reopened(), clock, config=EAGER) as core:
        await core.advance(10 * SECOND)
        assert len({run.scheduled_at for run in core.finished} & set(ticks)) == 0


@pytest.mark.invariant("G-1")
async def test_a_node_goes_when_it_has_been_down_for_long_and_holds_nothing() -> None:
    clock = FakeClock(START)
    async with running_core(MemoryStore(), clock) as core:
        await core.add_node("a")
        core.silent.add("a")
        await core.submit(SetNodeStatus("a", NodeStatus.DOWN))
        clock.jump(DAY - 2 * MINUTE)
        await core.advance(MINUTE)
        assert "a" in core.state.nodes
        await core.advance(2 * MINUTE)
        assert "a" not in core.state.nodes


async def test_idempotency_marks_go_after_a_day() -> None:
    clock = FakeClock(START)
    async with running_core(MemoryStore(), clock) as core:
        await core.add_node()
        await core.add_plan("p", spec="0 0 1 1 *")
        await core.submit(StartRun("default", "p", "r1", mark=Mark("key", "digest")))
        clock.jump(DAY - 2 * MINUTE)
        await core.advance(MINUTE)
        assert "key" in core.state.marks
        await core.advance(2 * MINUTE)
        assert not core.state.marks


async def test_the_ledger_goes_with_its_time_also_of_plans_that_tick_and_of_those_that_are_gone() -> None:
    clock = FakeClock(START)
    async with running_core(MemoryStore(), clock) as core:
        await core.add_node()
        for plan_id in ("p", "q"):
            none = CatchUpPatch(mode=CatchUpMode.NONE)
            await core.add_plan(plan_id, spec="0 * * * * *", catch_up=none)
        clock.jump(HOUR)
        await core.advance(3 * MINUTE)
        assert await ledger(core) == ["p", "q"]
        assert core.state.cursors["default", "p"].open_range is None  # it ticks again: this range is closed
        clock.jump(166 * HOUR)
        await core.advance(2 * MINUTE)
        assert await ledger(core) == ["p", "p", "q", "q"]
        clock.jump(3 * HOUR)
        await core.advance(2 * MINUTE)
        assert await ledger(core) == ["p", "p", "q", "q"]  # the oldest gone, another gap recorded
        await core.submit(SwitchPlan("default", "q", online=False))
        await core.submit(DeletePlan("default", "q"))
        assert await ledger(core) == ["p", "p"]


async def ledger(core: Core) -> list[str]:
    return [pair.key.split("/")[2] for pair in await core.store.range("ledger/", "ledger0", limit=100)]


async def test_a_history_that_does_not_answer_stops_nothing_else() -> None:
    clock = FakeClock(START)
    async with running_core(MemoryStore(), clock) as core:
        core.retention = memory = Memory(core)
        memory.fails = True
        await core.add_node()
        await core.add_plan("p", spec="0 0 1 1 *")
        await core.submit(StartRun("default", "p", "r1", mark=Mark("key", "digest")))
        clock.jump(2 * DAY)
        await core.advance(2 * MINUTE)
        assert not core.state.marks


class Grumpy(MemoryStore):
    async def compact(self, before: int) -> None:
        raise StoreFailed("cannot compact")


async def test_a_store_that_cannot_compact_costs_no_term() -> None:
    async with running_core(Grumpy(), FakeClock(START)) as core:
        await core.advance(5 * MINUTE)
        assert core.state.fence.term == 1
        assert core.leadership.leads


async def test_only_the_newest_versions_stay() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await core.add_plan("p", spec="0 0 1 1 *")
        for at in range(30):
            await core.submit(UpdatePlan("default", "p", PlanPatch(description=str(at)), "UTC"))
        assert len(old_versions(core.state, before=0, keep=20)) == 10
        await core.advance(2 * MINUTE)
        assert len(core.state.versions) == 20


@pytest.mark.invariant("G-4")
async def test_a_version_is_as_old_as_its_end_not_as_its_beginning() -> None:
    clock = FakeClock(START)
    async with running_core(MemoryStore(), clock, config=LeaderConfig(job_gc_threshold=7 * DAY)) as core:
        core.retention = Memory(core)
        await core.add_plan("p", spec="0 0 1 1 *")
        clock.jump(100 * DAY)
        await core.submit(UpdatePlan("default", "p", PlanPatch(description="new"), "UTC"))
        clock.jump(7 * DAY - 5 * MINUTE)
        await core.advance(2 * MINUTE)
        assert len(core.state.versions) == 1
        clock.jump(DAY)
        await core.advance(2 * MINUTE)
        assert not core.state.versions


@pytest.mark.invariant("G-3")
async def test_a_version_stays_while_a_run_owes_its_callee_word() -> None:
    """No agent is there to tell the callee of skipped ticks what became of them."""
    async with running_core(MemoryStore(), FakeClock(START), config=EAGER) as core:
        core.retention = Memory(core)
        where: dict[str, Any] = {
            "executor": "rest",
            "synchronous": False,
            "parameters": '{"url": "http://127.0.0.1:9/", "method": "post"}',
        }
        await core.add_plan("p", spec="*/10 * * * * *", overlap=Overlap.SKIP, **where)
        await core.advance(MINUTE)
        await core.submit(SwitchPlan("default", "p", online=False))
        (live,) = core.state.live_runs("default", "p")
        await core.submit(CancelRun(live))
        await core.submit(DeletePlan("default", "p"))
        await core.advance(2 * MINUTE)
        owing = list(core.state.runs.values())
        assert len(owing) >= 4
        assert all(core.state.plan_version("default", "p", run.plan_version) for run in owing)
        await core.advance(15 * MINUTE)
        assert not core.state.runs
        assert not core.state.versions


async def test_history_that_is_gone_from_the_store_is_dropped_from_the_read_models_too() -> None:
    """An engine that has run out of space makes room by itself, and tells nobody."""

    class Untold:
        cut: int | None = 7

        async def retention_cut(self, *, older_than: Millis, keep_runs: int) -> int | None:
            return self.cut

        def dropped_before(self, n: int) -> None:
            self.cut = None if n > 7 else 7

    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock) as core:
        untold = core.retention = Untold()
        steps = store.watch(await store.fence())
        await core.advance(MINUTE + SECOND)
        assert untold.cut is None
        (dropped,) = (await anext(steps)).ops
        assert dropped == DeleteRange("hist/", f"hist/{8:020}")
