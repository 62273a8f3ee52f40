"""Snapshots between stores and bytes: one to be sent piece by piece, one read back from its file."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from pathlib import Path

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import StoreFailed
from jobpool.model.restored import Restored
from jobpool.model.server import Cluster
from jobpool.store.codec import CorruptRecord, decode, encode
from jobpool.store.engines.rules import fence_in
from jobpool.store.files import explained
from jobpool.store.keyspace import FOLDERS, IDENTITY, RESTORED, Table, key_of
from jobpool.store.port import Fence, KeyValue, Store
from jobpool.wire.snapshot_file import SnapshotReader, SnapshotWriter, Summary

PIECE = 1024 * 1024
_OF_THE_CLUSTER = (FOLDERS[Table.SERVER], FOLDERS[Table.CLUSTER])
"""The servers, and the secret by which they know each other: a backup is to give nobody a place among them."""
_IDENTITY = key_of(Table.CLUSTER, IDENTITY)


async def snapshot_pieces(store: Store, created_at: Millis) -> AsyncGenerator[bytes, None]:
    """The whole store as of one fence, as a snapshot's bytes, at most 1 MiB at a time; without servers and secret.

    Raises StoreFailed.
    """
    writer, fence = SnapshotWriter(), None
    yield writer.head()
    async for chunk in await store.snapshot():
        fence = fence_in(chunk) or fence
        pairs = [(pair.key, pair.value) for pair in _without_cluster(chunk)]
        data = writer.chunk(pairs) if pairs else b""
        for at in range(0, len(data), PIECE):
            yield data[at : at + PIECE]
    if fence is None:
        raise StoreFailed("the store holds no fence: no snapshot can be made of it")
    yield writer.trailer(created_at, incarnation=fence.incarnation, term=fence.term, n=fence.n)


async def read_snapshot(path: Path) -> AsyncIterator[list[KeyValue]]:
    """The keys of a snapshot, chunk by chunk.

    Raises StoreFailed, which says where, when the file is damaged; the end of the iteration proves that it is whole.
    """
    reader = SnapshotReader(str(path))
    async for chunk in _read(path, reader):
        yield chunk
    reader.summary()


async def check_snapshot(path: Path) -> Summary:
    """Read all of it. Raises StoreFailed, which says where, when the file is damaged or holds no fence."""
    reader, fence = SnapshotReader(str(path)), Fence(0, 0, 0, "")
    async for chunk in _read(path, reader):
        fence = fence_in(chunk) or fence
    summary = reader.summary()
    if (fence.incarnation, fence.term, fence.n) != (summary.incarnation, summary.term, summary.n):
        raise StoreFailed(f"the snapshot {path} is damaged: its fence is not the one that it was taken at")
    return summary


async def as_restored(
    chunks: AsyncIterator[list[KeyValue]], summary: Summary, at: Millis
) -> AsyncIterator[list[KeyValue]]:
    """A snapshot's keys, and the record by which the store will know that it was restored at that time.

    Without the servers and the secret of the cluster that it was taken from, but under its id: agents know it by that.
    """
    key = key_of(Table.META, RESTORED)
    async for chunk in chunks:
        yield [pair for pair in _without_cluster(chunk) if not pair.key.startswith(key)]
    record = Restored(at, summary.created_at, summary.incarnation, summary.term, summary.n)
    yield [KeyValue(key, encode(record))]


def _without_cluster(chunk: Iterable[KeyValue]) -> Iterator[KeyValue]:
    for pair in chunk:
        if pair.key == _IDENTITY and (cluster_id := _cluster_id(pair.value)):
            yield KeyValue(pair.key, encode(Cluster(cluster_id, b"")))
        elif not pair.key.startswith(_OF_THE_CLUSTER):
            yield pair


def _cluster_id(value: bytes) -> int:
    """0 for what cannot be read: no backup fails by that."""
    try:
        cluster = decode(Table.CLUSTER, value)
    except CorruptRecord:
        return 0
    return cluster.id if isinstance(cluster, Cluster) else 0


async def _read(path: Path, reader: SnapshotReader) -> AsyncIterator[list[KeyValue]]:
    with explained(path, "read the snapshot"):
        file = path.open("rb")
    with file:
        while True:
            with explained(path, "read the snapshot"):
                data = file.read(PIECE)
            if not data:
                return
            for chunk in reader.feed(data):
                yield [KeyValue(key, value) for key, value in chunk]
                await asyncio.sleep(0)
