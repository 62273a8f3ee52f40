"""A drained node is emptied at its deadline, run by run, and a crash half-way forgets none."""

from typing import Any

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.leader.drains import drain_commands, due_of
from jobpool.model.node import Drain
from jobpool.model.schedule import Overlap
from jobpool.model.statuses import AllocationStatus, DesiredStatus, JobStatus, NodeStatus
from jobpool.store.commands import (
    AddNamespace,
    CancelDrain,
    FinishDrain,
    MoveAttempt,
    RemoveNode,
    SetNodeStatus,
    StartDrain,
    StartRun,
)
from jobpool.store.port import Put
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import MemoryStore
from tests.unit.store.commands.bench import Bench

START = 1_760_011_200_000


async def occupied(core: Core, runs: int, **fields: Any) -> None:
    """Node `a` has so many runs that do not end; `b` is free."""
    core.answers = None
    await core.add_node("a", capacity=500)
    await core.add_plan("p", spec="0 0 1 1 *", **fields)
    for at in range(runs):
        await core.submit(StartRun("default", "p", f"r{at:04}", ignore_overlap=True))
    await core.advance(SECOND)
    assert core.state.node_load("a") == runs
    await core.add_node("b", capacity=500)


def is_draining(core: Core) -> bool:
    return core.state.nodes["a"].drain is not None


@pytest.mark.invariant("D-1")
async def test_the_drain_is_one_commit_and_each_run_has_its_own_command() -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock(START), slots=1000) as core:
        await occupied(core, 450)
        n = core.replica.n
        await core.through(core.submit(StartDrain("a", MINUTE)))
        asked = next(step for step in store.steps if step.fence.n > n)
        assert [op.key for op in asked.ops if isinstance(op, Put)] == ["nodes/a"]
        await core.advance(59 * SECOND)
        assert (core.state.node_load("a"), core.state.node_load("b")) == (450, 0)
        await core.advance(5 * SECOND)
        assert (core.state.node_load("a"), core.state.node_load("b")) == (0, 450)
        assert {run.losses for run in core.state.runs.values()} == {0}
        assert core.state.nodes["a"].drain is None


@pytest.mark.invariant("D-1")
@pytest.mark.parametrize("after", range(1, 5))
async def test_a_crash_half_way_loses_nothing(after: int) -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock, slots=1000) as core:
        await occupied(core, 450)
        before = core.replica.n
        core.replica.listen(lambda folded: store.hold_commits() if folded.n >= before + after else None)
        await core.through(core.submit(StartDrain("a", 0)))
        await core.advance(100)
    store = store.reopened()
    async with running_core(store, clock, slots=1000, answers=None) as core:
        await core.advance(10 * SECOND)
        assert core.state.node_load("a") == 0
        assert core.state.nodes["a"].drain is None
        assert not core.state.nodes["a"].eligible
        assert {run.attempts[-1].node_id for run in core.state.runs.values()} == {"b"}
        assert {len(run.attempts) for run in core.state.runs.values()} == {2}
        assert len(core.state.runs) == 450


async def test_a_new_leader_does_not_lengthen_it() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock) as core:
        await occupied(core, 2)
        await core.through(core.submit(StartDrain("a", MINUTE)))
        deadline = clock.now() + MINUTE
    clock.jump(50 * SECOND)
    async with running_core(store.reopened(), clock, answers=None) as core:
        await core.advance(deadline - clock.now() - SECOND)
        assert core.state.node_load("a") == 2
        await core.advance(2 * SECOND)
        assert core.state.node_load("a") == 0


async def test_it_ends_early_when_the_runs_do() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await occupied(core, 2)
        await core.submit(StartDrain("a", None))
        for job_id in ("r0000", "r0001"):
            assert core.state.nodes["a"].drain is not None
            await core.submit(core.report(core.state.runs[job_id], AllocationStatus.COMPLETE))
        await core.advance(SECOND)
        assert core.state.nodes["a"].drain is None
        assert {run.status for run in core.finished} == {JobStatus.COMPLETE}


@pytest.mark.invariant("D-1")
async def test_a_node_that_goes_away_does_not_wedge_it() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await occupied(core, 2)
        core.silent.add("a")
        await core.submit(StartDrain("a", MINUTE))
        await core.submit(SetNodeStatus("a", NodeStatus.DOWN, "gone"))
        await core.advance(SECOND)
        assert core.state.nodes["a"].drain is None
        await core.submit(StartDrain("a", MINUTE))
        await core.submit(RemoveNode("a"))
        await core.advance(2 * MINUTE)
        await core.submit(AddNamespace("still-leading"))


@pytest.mark.invariant("D-1")
async def test_what_must_not_overlap_is_stopped_before_it_is_placed_elsewhere() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await occupied(core, 1, overlap=Overlap.SKIP)
        core.obedient = False
        await core.through(core.submit(StartDrain("a", MINUTE)))
        await core.advance(61 * SECOND)
        run = core.state.runs["r0000"]
        assert (run.attempts[-1].desired, core.state.node_load("a")) == (DesiredStatus.STOP, 1)
        n = core.replica.n
        await core.advance(10 * MINUTE)
        assert core.replica.n == n  # nothing spins on it, and the drain is not over
        await core.submit(core.report(run, AllocationStatus.CANCELLED))
        await core.advance(SECOND)
        assert [it.node_id for it in core.state.runs["r0000"].attempts] == ["a", "b"]
        assert core.state.nodes["a"].drain is None


@pytest.mark.invariant("D-1")
@pytest.mark.parametrize("empty", [True, False])
async def test_a_drain_of_a_node_out_of_reach_is_over_when_its_agent_has_spoken(empty: bool) -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock) as core:
        await occupied(core, 2, overlap=Overlap.SKIP)
        core.silent.add("a")
        await core.submit(StartDrain("a", MINUTE))
        await core.submit(SetNodeStatus("a", NodeStatus.DOWN, "gone"))
        await core.advance(2 * MINUTE)
        assert {it.status for it in core.state.runs.values()} == {JobStatus.UNKNOWN}
        assert {it.attempts[0].desired for it in core.state.runs.values()} == {DesiredStatus.STOP}
    async with running_core(store.reopened(), clock, silent=["a"], answers=None) as core:
        await core.advance(MINUTE)
        assert is_draining(core)
        await core.through(core.revive_node("a", empty=empty))
        await core.advance(SECOND)
        assert not is_draining(core)
        assert {it.attempts[-1].node_id for it in core.state.runs.values()} == {"b"}
        assert {it.losses for it in core.state.runs.values()} == {int(empty)}


@pytest.mark.invariant("D-2")
async def test_plans_of_one_name_in_two_namespaces_are_both_moved() -> None:
    async with running_core(MemoryStore(), FakeClock(START), answers=None) as core:
        await core.submit(AddNamespace("other"))
        await core.add_node("a")
        for namespace in ("default", "other"):
            await core.add_plan("p", spec="*/2 * * * * *", namespace=namespace)
        await core.advance(5 * SECOND)
        before = {run.id: run for run in core.state.runs.values()}
        assert {run.namespace for run in before.values()} == {"default", "other"}
        assert len({(run.plan_id, run.scheduled_at) for run in before.values()}) < len(before), (
            "ticks of one name and time"
        )
        await core.add_node("b")
        await core.submit(StartDrain("a", 0))
        await core.advance(SECOND)
        moved = [core.state.runs[job_id] for job_id in before]
        assert {(len(run.attempts), run.open_attempt and run.open_attempt.node_id) for run in moved} == {(2, "b")}
        assert core.state.nodes["a"].drain is None


@pytest.mark.invariant("D-3")
async def test_a_drain_that_is_cancelled_in_time_moves_nothing() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await occupied(core, 2)
        await core.submit(StartDrain("a", MINUTE))
        await core.advance(30 * SECOND)
        await core.submit(CancelDrain("a", eligible=True))
        await core.advance(2 * MINUTE)
        assert core.state.node_load("a") == 2
        assert {len(run.attempts) for run in core.state.runs.values()} == {1}


async def test_what_is_refused_is_tried_again() -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock(START)) as core:
        await occupied(core, 1)
        await core.submit(StartDrain("a", 0))
        for _ in range(4):
            store.fail_next_commit("refuse")
        await settle()
        assert core.state.node_load("a") == 1
        await core.advance(10 * SECOND)
        assert core.state.node_load("a") == 0
        assert core.state.nodes["a"].drain is None


def test_the_steps() -> None:
    bench = Bench()
    bench.node()
    bench.plan()
    bench.do(StartRun("default", "p", "r1"))
    run = bench.place(bench.live("r1"))
    assert drain_commands("a", bench.state, bench.now) == drain_commands("x", bench.state, bench.now) == []
    begun = bench.now
    bench.do(StartDrain("a", None))
    assert bench.state.nodes["a"].drain == Drain(begun, runs=1)
    assert due_of(bench.state.nodes["a"], bench.state) is None
    assert drain_commands("a", bench.state, bench.now) == []
    bench.do(StartDrain("a", 1000))
    assert bench.state.nodes["a"].drain == Drain(begun, bench.now + 1000, runs=1)
    assert due_of(bench.state.nodes["a"], bench.state) == bench.now + 1000
    assert drain_commands("a", bench.state, bench.now + 999) == []
    assert drain_commands("a", bench.state, bench.now + 1000) == [MoveAttempt("r1", "a", run.attempts[-1].fence)]
    bench.report(run, AllocationStatus.COMPLETE)
    assert drain_commands("a", bench.state, bench.now) == [FinishDrain("a")]
