"""A store restored from another one in memory, as `jobpool snapshot restore` would make it."""

from jobpool.kit.pure.durations import Millis
from jobpool.store.snapshot import as_restored
from jobpool.testing.store import MemoryStore
from jobpool.wire.snapshot_file import Summary


async def restored_from(source: MemoryStore, *, taken_at: Millis, at: Millis) -> MemoryStore:
    """A new store with what `source` holds, of a snapshot taken and restored at these times."""
    fence = await source.fence()
    summary = Summary(
        keys=0,
        created_at=taken_at,
        incarnation=fence.incarnation,
        term=fence.term,
        n=fence.n,
        size=0,
        digest="",
    )
    store = MemoryStore()
    await store.restore(as_restored(await source.snapshot(), summary, at))
    return store
