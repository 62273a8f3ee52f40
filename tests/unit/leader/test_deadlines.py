"""Runs that take longer than they may end as expired: an accepted one at once, another after a grace."""

from typing import Any

import pytest
from msgspec.structs import replace

from jobpool.kit.pure.durations import HOUR, MINUTE, SECOND, Millis
from jobpool.leader.deadlines import deadline_of
from jobpool.leader.term import LeaderConfig
from jobpool.model.reasons import Reason
from jobpool.model.schedule import Overlap
from jobpool.model.statuses import AllocationStatus, JobStatus, NodeStatus
from jobpool.store.commands import RetryPatch, SetNodeStatus, StartRun
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import MemoryStore
from tests.unit.store.commands.bench import REST, Bench

GRACE = LeaderConfig().timeout_grace


async def running(core: Core, **fields: Any) -> None:
    core.answers = None
    await core.add_node("a", executors=("noop", "rest"))
    await core.add_plan("p", spec="0 0 1 1 *", timeout=MINUTE, **fields)
    await core.submit(StartRun("default", "p", "r1"))
    await core.advance(0)


async def report(core: Core, *, accepted: bool = False) -> None:
    command = core.report(core.state.runs["r1"], AllocationStatus.RUNNING)
    await core.submit(replace(command, accepted=accepted))


async def test_an_agent_that_does_not_speak_has_a_grace() -> None:
    async with running_core(MemoryStore(), FakeClock()) as core:
        await running(core)
        await report(core)
        await core.advance(MINUTE + GRACE - 1)
        assert not core.finished
        await core.advance(1)
        assert [(run.status, run.reason) for run in core.finished] == [(JobStatus.EXPIRED, Reason.TIMEOUT)]
        assert core.state.node_load("a") == 0


async def test_an_accepted_run_expires_to_the_millisecond() -> None:
    async with running_core(MemoryStore(), FakeClock()) as core:
        await running(core, synchronous=False, **REST)
        await report(core, accepted=True)
        await core.advance(MINUTE - 1)
        assert not core.finished
        await core.advance(1)
        assert core.finished[0].status is JobStatus.EXPIRED
        assert core.state.slots_used("default") == 0


async def test_a_run_that_waits_to_be_tried_again_does_not_expire() -> None:
    async with running_core(MemoryStore(), FakeClock()) as core:
        await running(core, retry=RetryPatch(attempts=1, backoff=HOUR))
        await report(core)
        await core.submit(core.report(core.state.runs["r1"], AllocationStatus.FAILED))
        await core.advance(10 * MINUTE)
        assert not core.finished


@pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR])
async def test_a_wall_clock_that_jumps_neither_ends_a_run_nor_lets_it_live(jump: Millis) -> None:
    clock = FakeClock()
    async with running_core(MemoryStore(), clock) as core:
        await running(core, synchronous=False, **REST)
        await report(core, accepted=True)
        clock.jump(jump)
        await core.advance(MINUTE - 1)
        assert not core.finished
        await core.advance(1)
        assert core.finished[0].status is JobStatus.EXPIRED


async def test_a_run_that_starts_after_a_jump_has_its_own_time() -> None:
    clock = FakeClock()
    async with running_core(MemoryStore(), clock) as core:
        clock.jump(HOUR)
        await running(core, synchronous=False, **REST)
        await report(core, accepted=True)
        await core.advance(MINUTE - 1)
        assert not core.finished
        await core.advance(1)
        assert core.finished[0].status is JobStatus.EXPIRED


async def test_deadlines_survive_a_new_leader() -> None:
    store, clock = MemoryStore(), FakeClock()
    async with running_core(store, clock) as core:
        await running(core, synchronous=False, **REST)
        await report(core, accepted=True)
    async with running_core(store.reopened(), clock) as core:
        await core.advance(MINUTE)
        assert core.finished[0].status is JobStatus.EXPIRED


async def test_a_timeout_that_cannot_be_stored_is_stored_later() -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock()) as core:
        await running(core, synchronous=False, **REST)
        await report(core, accepted=True)
        store.fail_next_commit("refuse")
        store.fail_next_commit("refuse")
        await core.advance(MINUTE)
        assert not core.finished
        await core.advance(2 * SECOND)
        assert core.finished[0].status is JobStatus.EXPIRED


async def test_a_callback_nobody_delivers_is_given_up_after_ten_minutes() -> None:
    async with running_core(MemoryStore(), FakeClock()) as core:
        await core.add_plan("p", spec="* * * * *", overlap=Overlap.SKIP, synchronous=False, **REST)
        await core.advance(3 * MINUTE)
        owing = [run for run in core.state.runs.values() if run.owes_callback]
        assert owing
        await core.advance(10 * MINUTE)
        assert {run.id for run in owing} <= {run.id for run in core.finished}
        assert {run.status for run in core.finished} == {JobStatus.SKIPPED}


def test_only_a_started_run_has_a_deadline() -> None:
    bench = Bench()
    bench.node()
    bench.plan(timeout=MINUTE)
    bench.do(StartRun("default", "p", "r1"))
    assert deadline_of(bench.live("r1"), GRACE) is None
    run = bench.place(bench.live("r1"))
    assert deadline_of(run, GRACE) is None
    bench.report(run, AllocationStatus.RUNNING)
    assert deadline_of(bench.live("r1"), GRACE) == bench.now + MINUTE + GRACE


SHELL: dict[str, Any] = {"executor": "shell", "parameters": '{"command": "true", "kill_after": "5m"}'}


@pytest.mark.parametrize(("overlap", "longer"), [(Overlap.SKIP, 5 * MINUTE), (Overlap.ALLOW, 0)])
async def test_a_command_that_must_not_overlap_has_the_time_that_it_may_take_to_stop(
    overlap: Overlap, longer: Millis
) -> None:
    async with running_core(MemoryStore(), FakeClock()) as core:
        core.answers = None
        await core.add_node("a", executors=("shell",))
        await core.add_plan("p", spec="0 0 1 1 *", timeout=MINUTE, overlap=overlap, **SHELL)
        await core.submit(StartRun("default", "p", "r1"))
        await core.advance(0)
        await report(core)
        await core.advance(MINUTE + GRACE + longer - 1)
        assert not core.finished
        await core.advance(1)
        assert [run.status for run in core.finished] == [JobStatus.EXPIRED]


async def test_a_run_on_a_node_out_of_reach_expires_where_it_is() -> None:
    async with running_core(MemoryStore(), FakeClock()) as core:
        await running(core, overlap=Overlap.SKIP)
        await report(core)
        core.silent.add("a")
        await core.submit(SetNodeStatus("a", NodeStatus.DOWN))
        await core.advance(SECOND)
        assert core.state.runs["r1"].status is JobStatus.UNKNOWN
        await core.advance(MINUTE + GRACE)
        assert [(run.status, len(run.attempts)) for run in core.finished] == [(JobStatus.EXPIRED, 1)]
        assert core.state.node_load("a") == 0


async def test_a_run_out_of_reach_whose_start_nobody_told_does_not_expire() -> None:
    """Its agent may have begun it at any time, or not at all."""
    async with running_core(MemoryStore(), FakeClock()) as core:
        await running(core, overlap=Overlap.SKIP)
        core.silent.add("a")
        await core.submit(SetNodeStatus("a", NodeStatus.DOWN))
        await core.advance(HOUR)
        assert core.state.runs["r1"].status is JobStatus.UNKNOWN
