"""Taking the lead, and beginning anew from a snapshot: both fence out whoever wrote before."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobpool.client.snapshots import keep_snapshot
from jobpool.model.errors import StoreFailed
from jobpool.store.engines.rules import FENCE_KEY, encode_fence
from jobpool.store.port import Compacted, Delete, Fence, Fenced, KeyValue, Put, Step, Store
from jobpool.store.snapshot import read_snapshot, snapshot_pieces
from jobpool.testing.engines import Engine
from jobpool.testing.store import following, pairs_of, write


async def chunks_of(*chunks: list[KeyValue]) -> AsyncIterator[list[KeyValue]]:
    for chunk in chunks:
        yield chunk
        await asyncio.sleep(0)


async def test_a_campaign_begins_the_next_term(store: Store) -> None:
    before = await write(store, Put("a", b"1"))
    fence = await store.campaign("server-1")
    assert (fence.incarnation, fence.term, fence.n) == (before.incarnation, before.term + 1, before.n + 1)
    assert await store.fence() == fence
    again = await store.campaign("server-1")
    assert (again.term, again.n) == (fence.term + 1, fence.n + 1)


async def test_the_old_leader_is_fenced_out(store: Store) -> None:
    old = await store.campaign("server-1")
    new = await store.campaign("server-2")
    with pytest.raises(Fenced) as refusal:
        await store.commit(following(old, Put("a", b"old")))
    assert refusal.value.actual == new
    await store.commit(following(new, Put("a", b"new")))
    assert await store.range("a", "b", limit=1) == [KeyValue("a", b"new")]


@pytest.mark.parametrize("ids", [("server-1", "server-2"), ("server-1", "server-1")], ids=["two", "one-twice"])
async def test_campaigns_at_once_give_one_leader_per_term(store: Store, ids: tuple[str, ...]) -> None:
    start = await store.fence()
    outcomes = await asyncio.gather(*(store.campaign(name) for name in ids), return_exceptions=True)
    won = [outcome for outcome in outcomes if isinstance(outcome, Fence)]
    assert all(isinstance(outcome, Fence | Fenced) for outcome in outcomes)
    assert len({fence.term for fence in won}) == len(won) >= 1
    assert max(won, key=lambda fence: fence.n) == await store.fence()
    assert (await store.fence()).n == start.n + len(won)


async def test_a_campaign_and_a_commit_at_once_are_ordered(store: Store) -> None:
    """Whichever comes first: the fence tells, and the loser stored nothing."""
    old = await store.campaign("server-1")
    mine = following(old, Put("a", b"1"))
    committed, won = await asyncio.gather(store.commit(mine), store.campaign("server-2"), return_exceptions=True)
    found = await store.range("a", "b", limit=1)
    assert bool(found) == (committed is None)
    assert isinstance(committed, Fenced) or isinstance(won, Fenced | Fence)
    assert await store.fence() == (won if isinstance(won, Fence) else mine.leaves)


async def test_a_snapshot_restores_on_any_engine(engine: Engine, other_engine: Engine, tmp_path: Path) -> None:
    source, path = await engine.open(), tmp_path / "backup"
    await source.campaign("server-1")
    for part in "klm":
        await write(source, *(Put(f"{part}/{at}", f"{part}{at}".encode()) for at in range(900)))
    await write(source, Delete("k/0"), Put("empty", b""), Put("中/😀", bytes(range(256))))
    saved = await pairs_of(await source.snapshot())
    assert (await keep_snapshot(snapshot_pieces(source, 5), path)).keys == len(saved)

    target = await other_engine.open("restored")
    before, own = await source.fence(), await target.fence()
    fence = await target.restore(read_snapshot(path))
    assert fence.incarnation > max(before.incarnation, own.incarnation)
    assert fence.term > before.term
    assert fence.n > before.n
    assert await target.fence() == fence
    found = await pairs_of(await target.snapshot())
    assert [pair for pair in found if pair.key != FENCE_KEY] == [pair for pair in saved if pair.key != FENCE_KEY]

    with pytest.raises(Fenced):
        await target.commit(following(before, Put("a", b"stale")))
    with pytest.raises(Compacted):
        await anext(target.watch(before))
    steps = target.watch(fence)
    last = await write(target, Put("a", b"1"))
    assert (await anext(steps)).fence == last
    await target.close()
    assert await (await other_engine.open("restored")).fence() == last


async def test_a_restore_goes_above_the_fence_of_the_engine_it_fills(store: Store) -> None:
    for _ in range(5):
        own = await store.campaign("server-1")
    found = Fence(1, 2, 3, "x")
    fence = await store.restore(chunks_of([KeyValue("a", b"1"), KeyValue(FENCE_KEY, encode_fence(found))]))
    assert (fence.incarnation, fence.term > own.term, fence.n > own.n) == (2, True, True)


async def test_a_watch_of_the_old_incarnation_ends(store: Store) -> None:
    watched = store.watch(await store.fence())

    async def next_step() -> Step:
        return await anext(watched)

    waiting = asyncio.get_running_loop().create_task(next_step())
    await asyncio.sleep(0)
    await store.restore(chunks_of([KeyValue(FENCE_KEY, encode_fence(Fence(1, 2, 3, "x")))]))
    with pytest.raises(Compacted):
        await waiting


async def test_a_store_that_is_not_empty_is_not_restored_into(store: Store) -> None:
    fence = await write(store, Put("a", b"mine"))
    with pytest.raises(StoreFailed, match="not empty"):
        await store.restore(chunks_of([KeyValue(FENCE_KEY, encode_fence(Fence(1, 9, 9, "x"))), KeyValue("b", b"1")]))
    assert await store.fence() == fence
    assert [pair.key for pair in await pairs_of(await store.snapshot())] == ["a", FENCE_KEY]


async def broken() -> AsyncIterator[list[KeyValue]]:
    yield [KeyValue(FENCE_KEY, encode_fence(Fence(1, 9, 9, "x"))), KeyValue("a", b"1")]
    raise StoreFailed("the snapshot is damaged")


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        (lambda: chunks_of([KeyValue("a", b"1")]), "no fence"),
        (lambda: chunks_of(), "no fence"),
        (lambda: chunks_of([KeyValue("a", b"1"), KeyValue(FENCE_KEY, b"\x01what")]), "fence cannot be read"),
        (lambda: chunks_of([KeyValue("a", b"1"), KeyValue(FENCE_KEY, b"\x07")]), "unknown version 07"),
        (broken, "damaged"),
    ],
    ids=["no-fence", "nothing", "bad-fence", "newer-fence", "damaged-half-way"],
)
async def test_a_failed_restore_leaves_the_store_as_it_was(store: Store, chunks: object, reason: str) -> None:
    assert callable(chunks)
    before = await store.fence()
    with pytest.raises(StoreFailed, match=reason):
        await store.restore(chunks())
    assert await store.fence() == before
    assert [pair.key for pair in await pairs_of(await store.snapshot())] == [FENCE_KEY]
    await write(store, Put("a", b"1"))
