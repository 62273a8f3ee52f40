"""Watches: every step after a fence, once and in order, or the word that some are gone."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jobpool.model.errors import StoreFailed
from jobpool.store.port import Compacted, Delete, DeleteRange, Fence, Op, Put, Step, Store
from jobpool.testing.engines import Engine
from jobpool.testing.store import following, write


async def take(steps: AsyncIterator[Step], count: int) -> list[Step]:
    return [await anext(steps) for _ in range(count)]


async def test_one_step_per_commit_with_all_that_it_changed(store: Store) -> None:
    start = await store.fence()
    changes: tuple[tuple[Op, ...], ...] = ((Put("a", b"1"), Put("b", b"")), (), (Delete("a"), DeleteRange("b", "c")))
    fences = [await write(store, *ops) for ops in changes]
    steps = await take(store.watch(start), 3)
    assert [step.fence for step in steps] == fences
    assert [set(map(repr, step.ops)) for step in steps] == [set(map(repr, ops)) for ops in changes]


@pytest.mark.parametrize("point", range(5))
async def test_a_watch_begins_after_any_fence(store: Store, point: int) -> None:
    fences = [await store.fence()]
    fences += [await write(store, Put(f"k{at}", b"")) for at in range(5)]
    seen = await take(store.watch(fences[point]), 5 - point)
    assert [step.fence for step in seen] == fences[point + 1 :]


async def test_a_watch_waits_for_what_comes(store: Store) -> None:
    steps = store.watch(await store.fence())
    arriving = asyncio.get_running_loop().create_task(take(steps, 2))
    await asyncio.sleep(0)
    assert not arriving.done()
    fences = [await write(store, Put("a", b"1")), await write(store, Put("a", b"2"))]
    assert [step.fence for step in await arriving] == fences


async def test_every_watcher_sees_every_step(store: Store) -> None:
    start = await store.fence()
    watchers = [asyncio.get_running_loop().create_task(take(store.watch(start), 20)) for _ in range(20)]
    fences = [await write(store, Put("a", str(at).encode())) for at in range(20)]
    for watcher in watchers:
        assert [step.fence for step in await watcher] == fences


async def test_refused_and_repeated_transactions_are_no_steps(store: Store) -> None:
    start = await store.fence()
    first = following(start, Put("a", b"1"))
    await store.commit(first)
    await store.commit(first)
    with pytest.raises(StoreFailed):
        await store.commit(following(start, Put("a", b"2"), batch="late"))
    last = await write(store, Put("a", b"3"))
    assert [step.fence for step in await take(store.watch(start), 2)] == [first.leaves, last]


async def test_a_campaign_is_a_step_without_operations(store: Store) -> None:
    start = await store.fence()
    fence = await store.campaign("server-1")
    assert await take(store.watch(start), 1) == [Step(fence, ())]


async def test_a_watch_and_a_load_meet_without_a_gap(store: Store) -> None:
    await write(store, Put("a", b"1"))
    fence, chunks = await store.load(("a",))
    last = await write(store, Put("a", b"2"))
    assert [[pair.value for pair in chunk] async for chunk in chunks] == [[b"1"]]
    assert await take(store.watch(fence), 1) == [Step(last, (Put("a", b"2"),))]


async def test_what_was_compacted_is_refused_and_the_rest_is_served(store: Store) -> None:
    start = await store.fence()
    fences = [await write(store, Put("a", str(at).encode())) for at in range(6)]  # n 1 … 6
    await store.compact(4)
    with pytest.raises(Compacted):
        await anext(store.watch(start))
    with pytest.raises(Compacted):
        await anext(store.watch(fences[1]))
    assert [step.fence.n for step in await take(store.watch(fences[2]), 3)] == [4, 5, 6]


async def test_a_watcher_that_stands_behind_a_compaction_is_told(store: Store) -> None:
    steps = store.watch(await store.fence())
    fences = [await write(store, Put("a", str(at).encode())) for at in range(4)]
    assert (await anext(steps)).fence == fences[0]
    await store.compact(4)
    with pytest.raises(Compacted):
        await anext(steps)


async def test_compacting_all_leaves_a_store_that_goes_on(store: Store) -> None:
    fence = await write(store, Put("a", b"1"))
    await store.compact(1_000_000)
    steps = store.watch(fence)
    last = await write(store, Put("a", b"2"))
    assert (await anext(steps)).fence == last


@pytest.mark.parametrize("after", [Fence(1, 0, 1, "another"), Fence(1, 7, 1, "batch-1"), Fence(2, 0, 1, "batch-1")])
async def test_a_fence_that_never_was_cannot_be_watched_from(store: Store, after: Fence) -> None:
    await write(store, Put("a", b"1"))
    await write(store, Put("a", b"2"))
    with pytest.raises(Compacted):
        await anext(store.watch(after))


async def test_a_reopened_store_is_watched_from_its_fence(engine: Engine) -> None:
    store = await engine.open()
    fence = await write(store, Put("a", b"1"))
    await store.close()
    again = await engine.open()
    steps = again.watch(fence)
    last = await write(again, Put("a", b"2"))
    assert await take(steps, 1) == [Step(last, (Put("a", b"2"),))]


async def test_closing_ends_a_waiting_watch(engine: Engine) -> None:
    store = await engine.open()
    waiting = asyncio.get_running_loop().create_task(take(store.watch(await store.fence()), 1))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(StoreFailed, match="closed"):
        await waiting


async def test_an_abandoned_watch_holds_nothing_up(store: Store) -> None:
    start = await store.fence()
    idle = store.watch(start)
    for at in range(50):
        await write(store, Put("a", str(at).encode()))
    assert (await anext(idle)).fence.n == 1
