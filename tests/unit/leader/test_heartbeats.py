"""A silent node is marked down in time; a node that speaks costs the store nothing."""

import asyncio

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.leader.heartbeats import SILENT, Silence
from jobpool.leader.term import LeaderConfig
from jobpool.model.errors import Unavailable
from jobpool.model.statuses import NodeStatus
from jobpool.store.commands import RegisterNode, SetNodeStatus, StartRun
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import SERVER, Core, running_core
from jobpool.testing.store import MemoryStore

CONFIG = LeaderConfig(min_heartbeat_ttl=10 * SECOND, heartbeat_grace=10 * SECOND, failover_heartbeat_ttl=120 * SECOND)


def status(core: Core, node_id: str) -> NodeStatus:
    return core.state.nodes[node_id].status


@pytest.mark.invariant("H-4")
async def test_heartbeats_write_nothing() -> None:
    store, clock = MemoryStore(), FakeClock()
    async with running_core(store, clock, config=CONFIG) as core:
        for at in range(10):
            await core.add_node(f"n{at}")
        n = core.replica.n
        await core.advance(10 * MINUTE)
        assert core.replica.n == n
        assert {node.status for node in core.state.nodes.values()} == {NodeStatus.READY}


@pytest.mark.invariant("H-3")
async def test_a_silent_node_is_down_after_its_time_and_no_other() -> None:
    clock = FakeClock()
    async with running_core(MemoryStore(), clock, config=CONFIG) as core:
        for node_id in "abc":
            await core.add_node(node_id)
        await core.advance(MINUTE)
        core.silent.add("b")
        await core.advance(20 * SECOND)
        assert [status(core, node_id) for node_id in "abc"] == ["ready", "down", "ready"]
        assert core.state.nodes["b"].status_description == SILENT


@pytest.mark.invariant("H-3")
async def test_the_runs_of_a_silent_node_go_on_elsewhere() -> None:
    async with running_core(MemoryStore(), FakeClock(), config=CONFIG) as core:
        await core.add_node("a")
        await core.add_plan("p", spec="0 0 1 1 *")
        core.silent.add("a")
        await core.submit(StartRun("default", "p", "r1"))
        await core.add_node("b")
        await core.advance(30 * SECOND)
        (run,) = core.finished
        assert [attempt.node_id for attempt in run.attempts] == ["a", "b"]


@pytest.mark.invariant("H-5")
async def test_a_node_that_comes_back_is_watched_again() -> None:
    async with running_core(MemoryStore(), FakeClock(), config=CONFIG) as core:
        await core.add_node("a")
        core.silent.add("a")
        await core.advance(30 * SECOND)
        await core.submit(SetNodeStatus("a", NodeStatus.READY))
        assert status(core, "a") is NodeStatus.DOWN
        await core.submit(RegisterNode(core.state.nodes["a"], SERVER))
        assert status(core, "a") is NodeStatus.INITIALIZING
        await core.revive_node("a")
        await core.advance(MINUTE)
        assert status(core, "a") is NodeStatus.READY
        core.silent.add("a")
        await core.advance(30 * SECOND)
        assert status(core, "a") is NodeStatus.DOWN


@pytest.mark.invariant("H-3")
async def test_a_node_whose_agent_is_gone_again_before_it_was_heard_is_down_in_time() -> None:
    async with running_core(MemoryStore(), FakeClock(), config=CONFIG) as core:
        await core.add_node("a")
        core.silent.add("a")
        await core.advance(30 * SECOND)
        await core.submit(RegisterNode(core.state.nodes["a"], SERVER))
        assert status(core, "a") is NodeStatus.INITIALIZING
        await core.advance(30 * SECOND)
        assert status(core, "a") is NodeStatus.DOWN


async def test_a_new_leader_gives_every_node_the_failover_time() -> None:
    store, clock = MemoryStore(), FakeClock()
    async with running_core(store, clock, config=CONFIG) as core:
        await core.add_node("a")
        await core.add_node("b")
    async with running_core(store.reopened(), clock, config=CONFIG, silent=["a"]) as core:
        await core.advance(120 * SECOND - 1)
        assert status(core, "a") is NodeStatus.READY
        await core.advance(1)
        assert status(core, "a") is NodeStatus.DOWN
        assert status(core, "b") is NodeStatus.READY


async def test_a_node_heard_once_by_a_new_leader_is_down_in_its_own_time() -> None:
    """The nearest deadline was the failover time; the beat brings an earlier one."""
    store, clock = MemoryStore(), FakeClock()
    async with running_core(store, clock, config=CONFIG) as core:
        await core.add_node("a")
    async with running_core(store.reopened(), clock, config=CONFIG, silent=["a"]) as core:
        core.leadership.reign.heartbeats.beat("a", CONFIG.min_heartbeat_ttl)
        await core.advance(20 * SECOND)
        assert status(core, "a") is NodeStatus.DOWN


async def test_a_jump_of_the_wall_clock_silences_nobody() -> None:
    clock = FakeClock()
    async with running_core(MemoryStore(), clock, config=CONFIG) as core:
        await core.add_node("a")
        clock.jump(24 * 60 * MINUTE)
        await core.advance(MINUTE)
        assert status(core, "a") is NodeStatus.READY


async def test_a_fall_that_could_not_be_stored_is_stored_later() -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock(), config=CONFIG) as core:
        await core.add_node("a")
        core.silent.add("a")
        store.fail_next_commit("refuse")
        store.fail_next_commit("refuse")
        await core.advance(30 * SECOND)
        assert status(core, "a") is NodeStatus.READY
        await core.advance(20 * SECOND)
        assert status(core, "a") is NodeStatus.DOWN


@pytest.mark.invariant("H-2")
async def test_who_does_not_lead_any_more_counts_nobodys_silence() -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock(), config=CONFIG) as core:
        await core.add_node("a")
        core.silent.add("a")
        heartbeats = core.leadership.reign.heartbeats
        await core.leadership.hand_over()
        for call in (lambda: heartbeats.beat("a", 10 * SECOND), lambda: heartbeats.ttl_of("a")):
            with pytest.raises(Unavailable, match="does not lead"):
                call()
        steps = len(store.steps)
        await core.advance(10 * MINUTE)
        assert status(core, "a") is NodeStatus.READY
        assert len(store.steps) == steps


async def test_an_agent_that_came_anew_is_not_down_for_the_silence_before() -> None:
    """The verdict was on its way when it registered."""
    store = MemoryStore()
    async with running_core(store, FakeClock(), config=CONFIG) as core:
        await core.add_node("a")
        core.silent.add("a")
        await core.advance(30 * SECOND - 1)
        store.hold_commits()
        back = asyncio.get_running_loop().create_task(core.submit(RegisterNode(core.state.nodes["a"], SERVER)))
        await core.advance(SECOND)
        store.release_commits()
        await core.advance(SECOND)
        assert back.done()
        assert status(core, "a") is NodeStatus.INITIALIZING


# ---- the deciding half


def test_times_to_live_keep_a_fleet_below_fifty_beats_a_second() -> None:
    silence = Silence(CONFIG)
    assert 10 * SECOND <= silence.ttl_of(0.5) <= 20 * SECOND
    for at in range(5000):
        silence.beat(f"n{at}", 10 * SECOND, 0)
    assert silence.ttl_of(0.0) == 100 * SECOND
    assert silence.ttl_of(0.5) == 150 * SECOND


def test_a_deadline_is_the_time_to_live_and_the_grace() -> None:
    silence = Silence(CONFIG)
    ttl = silence.ttl_of(0.3)
    silence.beat("a", ttl, 1000)
    assert silence.next_due() == 1000 + ttl + CONFIG.heartbeat_grace
    assert silence.expire(1000 + ttl + CONFIG.heartbeat_grace - 1) == []
    assert silence.expire(1000 + ttl + CONFIG.heartbeat_grace) == ["a"]
    silence.beat("a", ttl, 0)
    silence.forget("a")
    assert (len(silence), silence.next_due()) == (0, None)
