"""Survivors: the runs of a snapshot are waited for as long as agents may take to come back, then ended, once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.leader.survivors import lost_survivors
from jobpool.leader.term import LeaderConfig
from jobpool.model.run import Run
from jobpool.model.statuses import JobStatus
from jobpool.store.commands import EndSurvivor, StartRun, VouchAttempt
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import Core, running_core
from jobpool.testing.restored import restored_from
from jobpool.testing.store import MemoryStore

START = 1_760_011_200_000
CONFIG = LeaderConfig(failover_heartbeat_ttl=30 * SECOND)


async def past(*, placed: int, waiting: int) -> MemoryStore:
    """A store with so many runs on node `a`, and so many that no node takes, restored a minute later."""
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock, slots=1000, silent=["a"]) as core:
        await core.add_node("a", capacity=placed)
        await core.add_plan("p", spec="* * * * *")
        for at in range(placed + waiting):
            await core.submit(StartRun("default", "p", f"r{at:03}"))
        await core.advance(SECOND)
        assert core.state.node_load("a") == placed
    return await restored_from(store.reopened(), taken_at=START + SECOND, at=START + MINUTE)


@asynccontextmanager
async def leading(store: MemoryStore, *, at: int = START + MINUTE) -> AsyncIterator[Core]:
    async with running_core(store, FakeClock(at), config=CONFIG, slots=1000, silent=["a"]) as core:
        core.answers = None
        yield core


def lost(core: Core) -> list[str]:
    assert {(run.status, run.reason) for run in core.finished} <= {(JobStatus.FAILED, "node_lost")}
    return sorted(run.id for run in core.finished)


async def test_those_that_no_agent_has_end_at_once_and_the_others_in_time() -> None:
    async with leading(await past(placed=2, waiting=1)) as core:
        await core.advance(SECOND)
        assert lost(core) == ["r002"]
        await core.advance(CONFIG.failover_heartbeat_ttl - 2 * SECOND)
        assert lost(core) == ["r002"]
        await core.advance(2 * SECOND)
        assert lost(core) == ["r000", "r001", "r002"]


async def test_what_its_agent_has_goes_on() -> None:
    async with leading(await past(placed=2, waiting=0)) as core:
        run = core.state.runs["r000"]
        await core.through(core.submit(VouchAttempt(run.id, 1, "a", run.attempts[0].fence)))
        await core.through(core.revive_node("a"))
        await core.advance(10 * MINUTE)
        assert lost(core) == ["r001"]
        assert core.state.runs["r000"].vouched


async def test_many_end_in_steps() -> None:
    async with leading(await past(placed=1, waiting=450)) as core:
        await core.advance(SECOND)
        assert len(core.finished) == 450
        assert core.state.slots_used("default") == 1


async def test_a_store_that_refuses_only_delays_it() -> None:
    store = await past(placed=1, waiting=1)
    async with leading(store) as core:
        await core.advance(CONFIG.failover_heartbeat_ttl - 10)
        assert lost(core) == ["r001"]
        for _ in range(4):
            store.fail_next_commit("refuse")
        await core.advance(500)
        assert lost(core) == ["r001"]
        await core.advance(10 * SECOND)
        assert lost(core) == ["r000", "r001"]


@pytest.mark.invariant("L-3")
async def test_nothing_is_marked_later_by_the_next_leader() -> None:
    store = await past(placed=1, waiting=0)
    async with leading(store) as core:
        await core.advance(SECOND)
        marked = core.state.restored
    store = store.reopened()
    async with leading(store, at=START + 2 * MINUTE) as core:
        await core.advance(SECOND)
        assert core.state.restored == marked
        assert [run.scheduled_at for run in core.state.runs.values() if run.trigger == "schedule"] == [
            START + 2 * MINUTE
        ]
        await core.advance(CONFIG.failover_heartbeat_ttl)
        assert lost(core) == ["r000"]


async def test_a_store_that_was_never_restored_has_none() -> None:
    async with running_core(MemoryStore(), FakeClock(START), config=CONFIG) as core:
        n = core.replica.n
        await core.advance(2 * MINUTE)
        assert core.replica.n == n


async def test_only_what_is_of_the_snapshot_is_given_up() -> None:
    async with leading(await past(placed=1, waiting=1)) as core:
        ids = ["r000", "r001", "gone"]
        assert lost_survivors(core.state, ids, waited=True, limit=1) == [EndSurvivor("r000", True)]
        await core.advance(SECOND)
        await core.through(core.submit(StartRun("default", "p", "new")))
        assert lost_survivors(core.state, [*ids, "new"], waited=False, limit=9) == []
        fresh: Run = core.state.runs["new"]
        assert fresh.era == 2
