"""A snapshot put where a server goes on from it: a data directory, or an etcd that runs already.

Into etcd's own data directory it goes by a member that is alone for so long: the others join it afterwards, empty, and
get everything from it. So there is one place where the snapshot is read, and never two halves of it.
"""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from jobpool.etcd.config import MemberConfig
from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import Millis
from jobpool.server.config import ExternalEtcd, ServerConfig
from jobpool.server.engine import open_engine
from jobpool.store.datadir import DataDir
from jobpool.store.engines.etcd.engine import EtcdStore
from jobpool.store.engines.etcd.settings import User
from jobpool.store.engines.sqlite import SqliteStore
from jobpool.store.port import Fence, Store
from jobpool.store.snapshot import as_restored, check_snapshot, read_snapshot
from jobpool.wire.snapshot_file import Summary


class Restoration(Struct, frozen=True):
    """What was restored, and the fence that it begins with."""

    summary: Summary
    fence: Fence


async def restore_for(config: ServerConfig, snapshot: Path, clock: Clock) -> Restoration:
    """Put it where a server with this configuration begins: its data directory, or its external etcd.

    A data directory for a cluster then holds a member that is the only one; the others are to be added. Raises
    StoreFailed when the snapshot is damaged, where it should go is not empty, or cannot be used; InvalidArgument for a
    setting that is wrong. It can be run again after any failure.
    """
    match config.etcd:
        case None:
            return await restore(snapshot, Path(config.directory), clock.now())
        case ExternalEtcd() as etcd:
            return await _restore_external(etcd, config.etcd_user, snapshot, now=clock.now())
        case MemberConfig() as member:
            return await _restore_member(config, member, snapshot, clock=clock)


async def _restore_external(etcd: ExternalEtcd, user: User | None, snapshot: Path, *, now: Millis) -> Restoration:
    summary = await check_snapshot(snapshot)
    store = await EtcdStore.open(etcd.endpoints, prefix=etcd.prefix, tls=etcd.tls, user=user)
    try:
        return await _fill(store, snapshot, summary, now=now)
    finally:
        await store.close()


async def _restore_member(config: ServerConfig, member: MemberConfig, snapshot: Path, *, clock: Clock) -> Restoration:
    summary, now = await check_snapshot(snapshot), clock.now()
    alone = replace(
        member,
        initial_cluster=",".join(f"{member.name}={url}" for url in member.advertised),
        initial_cluster_state="new",
        # Members of the cluster that was, or of an earlier restore, must not take this for theirs.
        initial_cluster_token=f"{member.initial_cluster_token}-restored-{now}",
    )
    data_dir = DataDir.open_empty(Path(config.directory), "etcd")
    try:
        engine = await open_engine(replace(config, etcd=alone), data_dir, clock)
        try:
            restored = await _fill(engine.store, snapshot, summary, now=now)
        finally:
            await engine.close()
        data_dir.filled()
    finally:
        data_dir.close()
    return restored


async def _fill(store: Store, snapshot: Path, summary: Summary, *, now: Millis) -> Restoration:
    return Restoration(summary, await store.restore(as_restored(read_snapshot(snapshot), summary, now)))


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
            restored = await _fill(store, snapshot, summary, now=now)
        finally:
            await store.close()
        data_dir.filled()
    finally:
        data_dir.close()
    return restored
