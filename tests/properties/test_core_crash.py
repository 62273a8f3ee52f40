"""The leader is killed after every single commit of a busy history, and another one goes on from there.

Whatever the point and however long nobody led: every due tick has exactly one decision, every run ends once, and the
slots in use are exactly those of live runs.
"""

from collections.abc import Iterable

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.leader.term import LeaderConfig
from jobpool.model.node import Node
from jobpool.model.statuses import NodeStatus
from jobpool.store.commands import RegisterNode, SetNodeStatus
from jobpool.store.engines.rules import INITIAL_FENCE
from jobpool.store.port import Step, Transaction
from jobpool.testing.audit import Audit, same_state
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import SERVER, Core, running_core
from jobpool.testing.store import MemoryStore
from tests.properties.core_driver import Driver

SLOTS = 8
CONFIG = LeaderConfig(failover_heartbeat_ttl=20 * SECOND)
AWAY: tuple[Millis, ...] = (0, 10 * SECOND, 10 * MINUTE)


async def record(seed: int, *, seconds: int) -> tuple[list[Step], list[Millis]]:
    """The steps of a busy history, and when each was made; it ends in the middle of everything."""
    store, clock = MemoryStore(), FakeClock()
    async with running_core(store, clock, config=CONFIG, slots=SLOTS, evaluators=2, seed=seed) as core:
        driver = Driver(core, store, clock, seed, pausing=True)
        await driver.set_up()
        await driver.live(seconds)
        steps = store.steps
        await driver.calm_down()
    return steps, [driver.times.get(step.fence.n, FakeClock().now()) for step in steps]


async def store_of(steps: Iterable[Step]) -> MemoryStore:
    """A store that has lived through these steps and no further."""
    store, fence = MemoryStore(), INITIAL_FENCE
    for step in steps:
        await store.commit(Transaction(fence, step.fence, step.ops))
        fence = step.fence
    return store


async def go_on(steps: list[Step], now: Millis, *, seed: int) -> int:
    """A new leader over the store as it was; returns how many ticks were decided in all."""
    store, clock = await store_of(steps), FakeClock(now)
    before = Audit(steps, slots=SLOTS)
    async with running_core(store, clock, config=CONFIG, slots=SLOTS, evaluators=2, seed=seed) as core:
        driver = Driver(core, store, clock, seed)
        await core.through(a_node_is_there(core))
        await clock.advance(5 * SECOND)
        slots = sum(run.holds_slot for run in core.state.runs.values())
        assert sum(core.state.slots_used(name) for name in core.state.namespaces) == slots
        await driver.calm_down()
        audit = Audit(store.steps, slots=SLOTS)
        same_state(audit.state, core.state)
        audit.check_finished()
        for job_id, run in before.born.items():
            assert audit.born[job_id].scheduled_at == run.scheduled_at
        for job_id, run in before.ended.items():
            assert audit.ended[job_id] == run, "what had ended has changed"
        return audit.check_ticks(clock.now())


async def a_node_is_there(core: Core) -> None:
    node = Node("spare", "spare", "0", NodeStatus.INITIALIZING, 0, 0, capacity=8, executors=("noop", "rest"))
    await core.submit(RegisterNode(node, SERVER))
    await core.submit(SetNodeStatus("spare", NodeStatus.READY))


@pytest.mark.invariant("A-1")
@pytest.mark.invariant("C-4")
@pytest.mark.invariant("L-3")
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_crash_after_every_commit(seed: int) -> None:
    steps, times = await record(seed, seconds=30)
    assert len(steps) > 60
    for n in range(1, len(steps) + 1):
        away = AWAY[(n + seed) % len(AWAY)]
        try:
            await go_on(steps[:n], times[n - 1] + away, seed=seed)
        except BaseException as failure:
            failure.add_note(f"seed {seed}, crash after n {n}, away for {away} ms")
            raise


@pytest.mark.invariant("C-4")
@pytest.mark.parametrize("away", AWAY)
async def test_a_gap_is_decided_whole(away: Millis) -> None:
    """The same crash, however long nobody led: more time only means more ticks."""
    steps, times = await record(3, seconds=10)
    decided = await go_on(steps, times[-1] + away, seed=3)
    assert decided >= away // SECOND
