"""The whole core under a random life: nothing is lost, doubled, stuck or beyond a limit, whatever happens and fails.

A failing seed is in the test's name; run it alone to see the same history again.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from jobpool.kit.pure.durations import SECOND
from jobpool.leader.term import LeaderConfig
from jobpool.model.statuses import DesiredStatus, JobStatus
from jobpool.replica.replica import Replica
from jobpool.store.commands.reports import DRAINED
from jobpool.store.commands.unreachable import SILENT
from jobpool.testing.audit import Audit, same_state
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import running_core
from jobpool.testing.store import MemoryStore
from tests.properties.core_driver import ALONE, PLANS, Driver

SLOTS = 8
CONFIG = LeaderConfig(failover_heartbeat_ttl=20 * SECOND)


async def lived(
    seed: int,
    *,
    seconds: int,
    faults: bool,
    evaluators: int,
    plans: Mapping[tuple[str, str], dict[str, Any]] = PLANS,
    pausing: bool = False,
) -> tuple[MemoryStore, FakeClock, Driver]:
    """A history that ended in peace, its invariants checked along the way and its replica compared."""
    store, clock = MemoryStore(), FakeClock()
    async with running_core(store, clock, config=CONFIG, slots=SLOTS, evaluators=evaluators, seed=seed) as core:
        driver = Driver(core, store, clock, seed, plans=plans, pausing=pausing)
        await driver.set_up()
        await driver.live(seconds, faults=faults)
        await driver.calm_down()
        audit = Audit(store.steps, slots=SLOTS)
        assert audit.check_ticks(clock.now()) > seconds
        audit.check_finished()
        check_overlap(audit, driver)
        same_state(audit.state, core.state)
        restored = Replica(default_slots=SLOTS)
        await restored.restore(store)
        same_state(restored.state, core.state)
        stats = core.leadership.reign.queues.broker_stats()
        assert (stats.tracked, core.leadership.reign.queues.blocked_stats().blocked) == (0, 0)
    return store, clock, driver


def check_overlap(audit: Audit, driver: Driver) -> None:
    """No two attempts of a plan that forbids overlap were open at once, and none was given up while it might work."""
    assert driver.doubled == []
    alone = [
        run for run in audit.ended.values() if run.plan_key in driver.alone and run.status is not JobStatus.SKIPPED
    ]
    attempts = [it for run in alone for it in run.attempts if not it.desired or it.desired is DesiredStatus.STOP]
    assert {it.description for it in attempts}.isdisjoint({SILENT, DRAINED})


@pytest.mark.invariant("P-2")
@pytest.mark.invariant("P-9")
@pytest.mark.invariant("P-10")
@pytest.mark.invariant("L-2")
@pytest.mark.invariant("L-6")
@pytest.mark.invariant("W-2")
@pytest.mark.parametrize("seed", range(25))
async def test_a_life_with_faults(seed: int) -> None:
    await lived(seed, seconds=40, faults=True, evaluators=1 + seed % 4)


@pytest.mark.invariant("C-1")
@pytest.mark.parametrize("seed", range(400, 412))
async def test_a_life_whose_plans_are_paused_and_resumed(seed: int) -> None:
    """Every tick under a pause is decided once too: the audit counts the ledger's ranges."""
    await lived(seed, seconds=40, faults=seed % 2 == 0, evaluators=2, pausing=True)


@pytest.mark.invariant("C-6")
@pytest.mark.invariant("H-8")
@pytest.mark.parametrize("seed", range(200, 216))
async def test_a_life_whose_plans_forbid_overlap_and_whose_nodes_come_and_go(seed: int) -> None:
    _, _, driver = await lived(seed, seconds=60, faults=seed % 2 == 0, evaluators=2, plans=ALONE)
    assert driver.held


@pytest.mark.parametrize("seed", range(100, 108))
async def test_a_life_without_faults(seed: int) -> None:
    await lived(seed, seconds=60, faults=False, evaluators=2)
