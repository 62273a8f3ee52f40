"""What a fallen node had is ended or placed anew, run by run, and a crash half-way forgets none."""

from typing import Any

import pytest
from msgspec.structs import replace

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.model.reasons import Reason
from jobpool.model.schedule import Delivery, Overlap
from jobpool.model.statuses import AllocationStatus, JobStatus, NodeStatus
from jobpool.replica.state import Folded
from jobpool.store.commands import AddNamespace, SetNodeStatus, StartRun, releases
from jobpool.store.commands.unreachable import SILENT
from jobpool.store.port import Put
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import MemoryStore, write
from tests.unit.store.commands.bench import Bench

START = 1_760_011_200_000


async def occupied(core: Core, runs: int, **fields: Any) -> None:
    """Node `a` has so many runs and does not answer; `b` is free."""
    core.answers = None
    await core.add_node("a", capacity=500)
    await core.add_plan("p", spec="0 0 1 1 *", **fields)
    for at in range(runs):
        await core.submit(StartRun("default", "p", f"r{at:04}"))
    await core.advance(SECOND)
    assert core.state.node_load("a") == runs
    await core.add_node("b")
    core.silent.add("a")


@pytest.mark.invariant("H-3")
async def test_the_fall_is_one_commit_and_each_run_has_its_own_command() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock, slots=1000) as core:
        await occupied(core, 450)
        n = core.replica.n
        await core.through(core.submit(SetNodeStatus("a", NodeStatus.DOWN, "gone")))
        fall = next(step for step in store.steps if step.fence.n > n)
        assert [op.key for op in fall.ops if isinstance(op, Put)] == ["nodes/a"]
        await core.advance(5 * SECOND)
        assert core.state.node_load("a") == 0
        assert core.state.node_load("b") == 256  # its capacity
        assert {run.losses for run in core.state.runs.values()} == {1}
        assert {run.attempts[0].description for run in core.state.runs.values()} == {SILENT}


@pytest.mark.invariant("H-3")
@pytest.mark.parametrize("after", range(1, 5))
async def test_a_crash_half_way_loses_nothing(after: int) -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock, slots=1000) as core:
        await occupied(core, 450)
        before = core.replica.n
        core.replica.listen(lambda folded: store.hold_commits() if folded.n >= before + after else None)
        task = core.leadership.reign.committer.submit(SetNodeStatus("a", NodeStatus.DOWN, "gone"))
        await core.through(task)
        await core.advance(100)
    store = store.reopened()
    async with running_core(store, clock, slots=1000, silent=["a"]) as core:
        await core.advance(10 * SECOND)
        assert core.state.node_load("a") == 0
        assert len(core.finished) == 450
        assert {(run.status, run.losses) for run in core.finished} == {(JobStatus.COMPLETE, 1)}


async def test_a_run_that_may_not_be_repeated_fails_and_frees_its_slot() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await occupied(core, 2, delivery=Delivery.AT_MOST_ONCE)
        await core.submit(SetNodeStatus("a", NodeStatus.DOWN, "gone"))
        await core.advance(SECOND)
        assert [(run.status, run.reason) for run in core.finished] == [(JobStatus.FAILED, Reason.NODE_LOST)] * 2
        assert core.state.slots_used("default") == 0


async def test_a_result_that_comes_too_late_is_stale() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await occupied(core, 1)
        late = core.report(core.state.runs["r0000"], AllocationStatus.FAILED)
        await core.submit(SetNodeStatus("a", NodeStatus.DOWN, "gone"))
        await core.advance(SECOND)
        assert await core.submit(late) == "stale"
        assert core.state.runs["r0000"].attempts[-1].node_id == "b"


async def test_a_release_that_is_refused_is_made_again() -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock(START)) as core:
        await occupied(core, 1)
        await core.submit(SetNodeStatus("a", NodeStatus.DOWN, "gone"))
        for _ in range(4):
            store.fail_next_commit("refuse")
        await settle()
        assert core.state.node_load("a") == 1
        await core.advance(10 * SECOND)
        assert core.state.node_load("a") == 0


@pytest.mark.invariant("L-4")
async def test_the_runs_of_a_node_whose_record_cannot_be_read_are_not_stuck() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock) as core:
        await occupied(core, 1)
    store = store.reopened()
    await write(store, Put("nodes/a", b"\x01broken"))
    async with running_core(store, clock, silent=["a"]) as core:
        assert core.replica.broken == ["nodes/a"]
        await core.advance(SECOND)
        assert [run.attempts[-1].node_id for run in core.finished] == ["b"]
        await core.submit(AddNamespace("still-leading"))


# ---- plans that forbid overlap


async def held(core: Core, runs: int) -> None:
    """Node `a` has so many runs of a plan that forbids overlap, and is down."""
    core.answers = None
    await core.add_node("a", capacity=500)
    await core.add_plan("p", spec="0 0 1 1 *", overlap=Overlap.SKIP)
    for at in range(runs):
        await core.submit(StartRun("default", "p", f"r{at:04}", ignore_overlap=True))
    await core.advance(SECOND)
    await core.add_node("b", capacity=500)
    core.silent.add("a")
    await core.through(core.submit(SetNodeStatus("a", NodeStatus.DOWN, "gone")))


@pytest.mark.invariant("C-6")
async def test_what_must_not_overlap_is_held_once_and_then_left_alone() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock, slots=1000) as core:
        await held(core, 450)
        await core.advance(10 * SECOND)
        assert (core.state.node_load("a"), core.state.node_load("b")) == (450, 0)
        assert {(run.status, run.losses) for run in core.state.runs.values()} == {(JobStatus.UNKNOWN, 0)}
        n = core.replica.n
        await core.advance(10 * MINUTE)
        assert core.replica.n == n
    async with running_core(store.reopened(), clock, slots=1000, silent=["a"]) as core:  # a new leader
        await core.advance(10 * MINUTE)
        assert {run.status for run in core.state.runs.values()} == {JobStatus.UNKNOWN}
        await core.through(core.revive_node("a", empty=True))
        await core.advance(10 * SECOND)
        assert len(core.finished) == 450
        assert {(run.status, run.losses) for run in core.finished} == {(JobStatus.COMPLETE, 1)}


@pytest.mark.parametrize("after", range(1, 5))
async def test_a_crash_half_way_holds_the_rest(after: int) -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock, slots=1000) as core:
        fallen: list[int] = []

        def note(folded: Folded) -> None:
            fallen.extend(folded.n for _, node in folded.nodes if node is not None and node.status is NodeStatus.DOWN)
            if fallen and folded.n >= fallen[0] + after - 1:
                store.hold_commits()

        core.replica.listen(note)
        await held(core, 450)
        await core.advance(100)
    async with running_core(store.reopened(), clock, slots=1000, silent=["a"]) as core:
        await core.advance(10 * SECOND)
        assert {run.status for run in core.state.runs.values()} == {JobStatus.UNKNOWN}
        assert len(core.state.runs) == 450


@pytest.mark.invariant("H-8")
async def test_what_is_held_goes_on_when_its_agent_is_back() -> None:
    async with running_core(MemoryStore(), FakeClock(START)) as core:
        await held(core, 2)
        await core.advance(SECOND)
        core.answers = AllocationStatus.COMPLETE
        await core.through(core.revive_node("a"))
        await core.advance(SECOND)
        assert [(run.status, run.attempts[0].node_id, len(run.attempts)) for run in core.finished] == [
            (JobStatus.COMPLETE, "a", 1)
        ] * 2
        assert core.state.slots_used("default") == 0


def test_only_a_node_that_is_down_loses_its_runs() -> None:
    bench = Bench()
    bench.node()
    bench.plan()
    bench.do(StartRun("default", "p", "r1"))
    run = bench.place(bench.live("r1"))
    assert releases(bench.state, "a", 10) == []
    bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    (command,) = releases(bench.state, "a", 10)
    assert (command.job_id, command.fence) == ("r1", run.attempts[-1].fence)
    bench.state.nodes["a"] = replace(bench.state.nodes["a"], status=NodeStatus.INITIALIZING)
    assert releases(bench.state, "a", 10) == []
