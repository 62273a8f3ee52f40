"""Snapshot files: whole or refused, with the place of the damage."""

import hashlib
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobpool.client.snapshots import keep_snapshot
from jobpool.model.errors import FailedPrecondition, StoreFailed
from jobpool.model.server import Cluster
from jobpool.store.codec import decode, encode
from jobpool.store.keyspace import Table
from jobpool.store.port import KeyValue, Limits, Put
from jobpool.store.snapshot import PIECE, as_restored, check_snapshot, read_snapshot, snapshot_pieces
from jobpool.testing.store import MemoryStore, pairs_of, write
from jobpool.wire.snapshot_file import Summary

NOON = 1_760_011_200_000


async def save(store: MemoryStore, path: Path) -> Summary:
    return await keep_snapshot(snapshot_pieces(store, NOON), path)


async def saved(path: Path, rows: int = 30) -> MemoryStore:
    store = MemoryStore()
    for start in range(0, rows, 1000):
        await write(store, *(Put(f"k/{at:05}", b"value") for at in range(start, min(rows, start + 1000))))
    await save(store, path)
    return store


async def test_a_snapshot_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    store = await saved(path, 2500)
    assert await pairs_of(read_snapshot(path)) == await pairs_of(await store.snapshot())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["backup"]


async def test_an_empty_store_has_a_snapshot_too(tmp_path: Path) -> None:
    assert (await save(MemoryStore(), tmp_path / "backup")).keys == 1  # the fence
    assert [pair.key for pair in await pairs_of(read_snapshot(tmp_path / "backup"))] == ["fence"]


async def test_neither_the_servers_nor_their_secret_are_in_a_backup(tmp_path: Path) -> None:
    """Whoever finds one is not to pass for a server of the cluster that it was taken from."""
    store, secret = MemoryStore(), b"what the servers prove to each other"
    await write(store, Put("cluster/identity", secret), Put("servers/1f", b"a server"), Put("serversx", b"else"))
    summary = await save(store, tmp_path / "backup")
    assert secret not in (tmp_path / "backup").read_bytes()
    assert [pair.key for pair in await pairs_of(read_snapshot(tmp_path / "backup"))] == ["fence", "serversx"]
    assert summary.keys == 2
    restored = [pair.key for pair in await pairs_of(as_restored(await store.snapshot(), summary, NOON))]
    assert restored == ["fence", "serversx", "meta/restored"]


async def test_a_backup_keeps_the_id_of_the_cluster_without_its_secret(tmp_path: Path) -> None:
    """Agents of a restored cluster know it by that."""
    store, secret = MemoryStore(), b"what the servers prove to each other"
    await write(store, Put("cluster/identity", encode(Cluster(0xA1, secret))))
    summary = await save(store, tmp_path / "backup")
    assert secret not in (tmp_path / "backup").read_bytes()
    for pairs in (
        await pairs_of(read_snapshot(tmp_path / "backup")),
        await pairs_of(as_restored(await store.snapshot(), summary, NOON)),
        await pairs_of(as_restored(read_snapshot(tmp_path / "backup"), summary, NOON)),
    ):
        [kept] = [decode(Table.CLUSTER, pair.value) for pair in pairs if pair.key == "cluster/identity"]
        assert kept == Cluster(0xA1, b"")


async def test_every_cut_is_noticed(tmp_path: Path) -> None:
    path, cut = tmp_path / "backup", tmp_path / "cut"
    await saved(path)
    content = path.read_bytes()
    for size in range(len(content)):
        cut.write_bytes(content[:size])
        with pytest.raises(StoreFailed, match="cut short"):
            await pairs_of(read_snapshot(cut))


async def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path, spoilt = tmp_path / "backup", tmp_path / "spoilt"
    await saved(path)
    content = bytearray(path.read_bytes())
    for at in range(len(content)):
        content[at] ^= 1 << (at % 8)
        spoilt.write_bytes(content)
        with pytest.raises(StoreFailed, match=str(spoilt)):
            await pairs_of(read_snapshot(spoilt))
        content[at] ^= 1 << (at % 8)


async def test_what_follows_the_end_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    await saved(path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(StoreFailed, match="something follows the end"):
        await pairs_of(read_snapshot(path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"SQLite format 3\0" * 8, "not a snapshot of jobpool"),
        (b"jobpool\n\0\0\0\x02" + bytes(60), "snapshot format 2"),
        (b"jobpool\n\0\0\0\x01\xff\xff\xff\xff" + bytes(60), "a chunk of 4294967295 bytes"),
        (b"", "cut short"),
    ],
)
async def test_what_is_no_snapshot_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(StoreFailed, match=reason):
        await pairs_of(read_snapshot(tmp_path / "file"))


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="No such file"):
        await pairs_of(read_snapshot(tmp_path / "none"))


@pytest.mark.parametrize("place", ["none/backup", "directory"])
async def test_a_place_that_takes_no_file_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(FailedPrecondition, match="cannot write the snapshot"):
        await save(MemoryStore(), tmp_path / place)
    assert os.listdir(tmp_path) == ["directory"]


class Breaking(MemoryStore):
    """A store that breaks in the middle of its snapshot."""

    async def snapshot(self) -> AsyncIterator[list[KeyValue]]:
        return self._broken()

    async def _broken(self) -> AsyncIterator[list[KeyValue]]:
        yield [KeyValue("a", b"1")]
        raise StoreFailed("the disk is gone")


async def test_a_failed_snapshot_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    await saved(path)
    before = path.read_bytes()
    with pytest.raises(StoreFailed, match="the disk is gone"):
        await save(Breaking(), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["backup"]


async def test_a_summary_says_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    store = MemoryStore()
    await store.campaign("server")
    await write(store, Put("a", b"1"))
    summary = await save(store, path)
    content = path.read_bytes()
    assert await check_snapshot(path) == summary
    assert (summary.keys, summary.created_at, summary.size) == (2, NOON, len(content))
    assert (summary.incarnation, summary.term, summary.n) == (1, 1, 2)
    assert hashlib.sha256(content[:-32]).hexdigest() == summary.digest == content[-32:].hex()


async def test_pieces_are_small_whatever_a_value_is() -> None:
    store = MemoryStore(Limits(max_bytes=8 * PIECE))
    await write(store, Put("large", bytes(3 * PIECE)))
    sizes = [len(piece) async for piece in snapshot_pieces(store, NOON)]
    assert max(sizes) == PIECE
    assert sum(sizes) > 3 * PIECE
