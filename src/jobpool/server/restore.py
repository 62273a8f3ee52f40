"""A data directory filled from a snapshot, for a server that goes on from there."""

from pathlib import Path

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.store.datadir import DataDir
from jobpool.store.engines.sqlite import SqliteStore
from jobpool.store.port import Fence
from jobpool.store.snapshot import as_restored, check_snapshot, read_snapshot
from jobpool.wire.snapshot_file import Summary


class Restoration(Struct, frozen=True):
    """What was restored, and the fence that it begins with."""

    summary: Summary
    fence: Fence


async def restore(snapshot: Path, directory: Path, now: Millis) -> Restoration:
    """Fill an empty or new directory; a server that starts there knows that it was restored.

    The snapshot is checked to its end before the directory is touched. Raises StoreFailed when it is damaged, or the
    directory is not empty or cannot be used; a directory that was filled in part is refused until this succeeds.
    """
    summary = await check_snapshot(snapshot)
    data_dir = DataDir.open_empty(directory, "embedded")
    try:
        store = await SqliteStore.open(data_dir.database)
        try:
            fence = await store.restore(as_restored(read_snapshot(snapshot), summary, now))
        finally:
            await store.close()
        data_dir.filled()
    finally:
        data_dir.close()
    return Restoration(summary, fence)
