"""History is fed by the fold itself, and loses nothing when the replica is loaded anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from jobpool.history.process import HistoryProcess
from jobpool.history.queries import JobFilter, ListJobs
from jobpool.history.source import segments_in
from jobpool.server.feed import HistoryFeed
from jobpool.store.commands import DropHistory
from tests.unit.api.nouns import SECOND, World, world_of


@asynccontextmanager
async def fed(world: World, path: Path) -> AsyncIterator[tuple[HistoryProcess, HistoryFeed]]:
    """A history that stands where the replica stands, and its feed."""
    history = HistoryProcess(path / "history.db", segments_in(world.store), clock=world.clock)
    feed = HistoryFeed(history, world.core.replica)
    await world.core.replica.restore(world.store)
    await feed.forget_dropped(world.store)
    task = world.spawn(history.run())
    try:
        yield history, feed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def finished(world: World, count: int) -> list[str]:
    jobs = []
    for _ in range(count):
        job = (await world.run_plan()).id
        await world.finish(job)
        await world.clock.advance(SECOND)
        jobs.append(job)
    return jobs


async def found(history: HistoryProcess) -> list[str]:
    page = await history.query(ListJobs(JobFilter(), 0, 100))
    assert page.total == len(page.runs)
    return [run.id for run in reversed(page.runs)]


async def until_found(history: HistoryProcess, jobs: list[str]) -> None:
    """The read model removes in small steps between questions."""
    async with asyncio.timeout(30):
        while await found(history) != jobs:
            pass


async def test_what_ended_before_and_after_is_found(tmp_path: Path) -> None:
    async with world_of() as world:
        await world.add_plan()
        before = await finished(world, 3)
        async with fed(world, tmp_path) as (history, _):
            assert await found(history) == before
            after = await finished(world, 3)
            assert await found(history) == before + after


async def test_what_the_store_dropped_unheard_goes_too(tmp_path: Path) -> None:
    async with world_of() as world:
        await world.add_plan()
        old = await finished(world, 2)
        n = world.n
        new = await finished(world, 2)
        async with fed(world, tmp_path) as (history, _):
            assert await found(history) == old + new
        await world.core.submit(DropHistory(n))  # while no feed listens
        async with fed(world, tmp_path) as (history, _):
            await until_found(history, new)


async def test_the_collector_is_answered_by_the_read_model(tmp_path: Path) -> None:
    async with world_of() as world:
        await world.add_plan()
        jobs = await finished(world, 4)
        async with fed(world, tmp_path) as (history, feed):
            assert await feed.retention_cut(older_than=0, keep_runs=10) is None
            cut = await feed.retention_cut(older_than=0, keep_runs=1)
            assert cut is not None
            await world.core.submit(DropHistory(cut))
            feed.dropped_before(cut + 1)
            await until_found(history, jobs[-1:])


async def test_a_replica_loaded_anew_leaves_no_gap(tmp_path: Path) -> None:
    """What became durable without being folded is read from the store."""
    async with world_of() as world:
        await world.add_plan()
        async with fed(world, tmp_path) as (history, _):
            before = await finished(world, 2)
            assert await found(history) == before
            await world.core.replica.restore(world.store)
            after = await finished(world, 2)
            assert await found(history) == before + after
