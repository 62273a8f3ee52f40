"""A data directory from a snapshot: whole, or refused; and a server that starts there knows where it comes from."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobpool.client.snapshots import keep_snapshot
from jobpool.model.errors import StoreFailed
from jobpool.model.restored import Restored
from jobpool.replica.replica import Replica
from jobpool.server.restore import restore
from jobpool.store.datadir import DataDir
from jobpool.store.engines.rules import encode_fence
from jobpool.store.engines.sqlite import SqliteStore
from jobpool.store.port import Fence, KeyValue, Put
from jobpool.store.snapshot import snapshot_pieces
from jobpool.testing.store import MemoryStore, pairs_of, write
from jobpool.wire.snapshot_file import SnapshotWriter

NOON = 1_760_011_200_000


async def a_snapshot(path: Path) -> MemoryStore:
    store = MemoryStore()
    await store.campaign("server")
    await write(store, *(Put(f"other/{at:04}", b"value") for at in range(500)))
    await keep_snapshot(snapshot_pieces(store, NOON), path)
    return store


async def replica_of(directory: Path) -> Replica:
    data_dir = DataDir.open(directory, "embedded")
    store = await SqliteStore.open(data_dir.database)
    replica = Replica(default_slots=1)
    try:
        await replica.restore(store)
        return replica
    finally:
        await store.close()
        data_dir.close()


async def test_everything_is_there_and_it_knows_that_it_was_restored(tmp_path: Path) -> None:
    source = await a_snapshot(tmp_path / "file")
    restoration = await restore(tmp_path / "file", tmp_path / "new", NOON + 5)
    replica = await replica_of(tmp_path / "new")
    assert replica.state.fence == restoration.fence
    assert (restoration.fence.incarnation, restoration.summary.n) == (2, 2)
    assert replica.state.restored == Restored(NOON + 5, NOON, 1, 1, 2)
    store = await SqliteStore.open(tmp_path / "new" / "store.db")
    found = [pair for pair in await pairs_of(await store.snapshot()) if pair.key.startswith("other/")]
    await store.close()
    assert found == [pair for pair in await pairs_of(await source.snapshot()) if pair.key.startswith("other/")]


async def test_the_servers_of_the_old_cluster_stay_behind(tmp_path: Path) -> None:
    """Neither may be taken for servers of the new one, nor prove that they are by the old secret."""
    source = await a_snapshot(tmp_path / "file")
    await write(source, Put("servers/1f", b"1"), Put("cluster/identity", b"2"), Put("serversx", b"3"))
    await keep_snapshot(snapshot_pieces(source, NOON), tmp_path / "file")
    await restore(tmp_path / "file", tmp_path / "new", NOON + 5)
    store = await SqliteStore.open(tmp_path / "new" / "store.db")
    keys = {pair.key for pair in await pairs_of(await store.snapshot()) if not pair.key.startswith("other/")}
    await store.close()
    assert keys == {"fence", "meta/restored", "serversx"}


async def test_a_restored_store_can_be_saved_and_restored_again(tmp_path: Path) -> None:
    await a_snapshot(tmp_path / "file")
    await restore(tmp_path / "file", tmp_path / "one", NOON + 5)
    store = await SqliteStore.open(tmp_path / "one" / "store.db")
    await keep_snapshot(snapshot_pieces(store, NOON + 7), tmp_path / "second")
    fence = await store.fence()
    await store.close()
    await restore(tmp_path / "second", tmp_path / "two", NOON + 9)
    replica = await replica_of(tmp_path / "two")
    assert replica.state.restored == Restored(NOON + 9, NOON + 7, 2, fence.term, fence.n)
    assert replica.state.era == 3


@pytest.mark.parametrize("cut", [0, 11, 500, -1])
async def test_a_damaged_file_is_refused_before_anything_is_made(tmp_path: Path, cut: int) -> None:
    await a_snapshot(tmp_path / "file")
    content = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(content[:cut])
    with pytest.raises(StoreFailed, match="cut short"):
        await restore(tmp_path / "file", tmp_path / "new", NOON)
    assert os.listdir(tmp_path) == ["file"]


async def test_a_trailer_that_is_not_of_its_content_is_refused(tmp_path: Path) -> None:
    writer, fence = SnapshotWriter(), encode_fence(Fence(1, 4, 7, "batch"))
    content = writer.head() + writer.chunk([("fence", fence)]) + writer.trailer(NOON, incarnation=1, term=4, n=8)
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(StoreFailed, match="its fence is not the one"):
        await restore(tmp_path / "file", tmp_path / "new", NOON)


async def test_a_restore_that_is_cut_short_is_no_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_snapshot(tmp_path / "file")

    async def stuck(self: SqliteStore, chunks: AsyncIterator[list[KeyValue]]) -> Fence:
        async for _ in chunks:
            raise asyncio.CancelledError
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(SqliteStore, "restore", stuck)
        with pytest.raises(asyncio.CancelledError):
            await restore(tmp_path / "file", tmp_path / "new", NOON)
    with pytest.raises(StoreFailed, match="cut short"):
        DataDir.open(tmp_path / "new", "embedded")
    await restore(tmp_path / "file", tmp_path / "new", NOON)
    assert (await replica_of(tmp_path / "new")).state.restored is not None


async def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    await a_snapshot(tmp_path / "file")
    data_dir = DataDir.open(tmp_path / "used", "embedded")
    with pytest.raises(StoreFailed, match="it is not empty"):
        await restore(tmp_path / "file", tmp_path / "used", NOON)
    data_dir.close()
