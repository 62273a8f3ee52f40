"""A snapshot of either engine goes on in an etcd: one that runs, or the member of a server that begins anew."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from jobpool.client.snapshots import keep_snapshot
from jobpool.kit.effects.clock import SystemClock
from jobpool.model.errors import StoreFailed
from jobpool.server.config import ServerConfig
from jobpool.server.engine import Engine, open_engine
from jobpool.server.load import load
from jobpool.server.restore import restore_for
from jobpool.store.datadir import DataDir
from jobpool.store.engines.sqlite import SqliteStore
from jobpool.store.port import Put, Store
from jobpool.store.snapshot import snapshot_pieces
from jobpool.testing.etcd import EtcdMember
from jobpool.testing.ports import free_port
from jobpool.testing.store import pairs_of, write
from tests.e2e.etcd.stores import Opener

Opens = Callable[[ServerConfig], Awaitable[Engine]]

NOON = 1_760_011_200_000
KEPT = {"plans/default/p", *(f"hist/{at:020}" for at in range(300))}
OF_THE_OLD_CLUSTER = {"servers/abc", "cluster/identity"}


async def saved(store: Store, path: Path) -> Path:
    """A snapshot of what a server may have; the store is closed."""
    for key in sorted(KEPT | OF_THE_OLD_CLUSTER):
        await write(store, Put(key, b"value of " + key.encode()))
    await keep_snapshot(snapshot_pieces(store, NOON), path)
    await store.close()
    return path


@pytest.fixture
async def embedded(tmp_path: Path) -> Path:
    return await saved(await SqliteStore.open(tmp_path / "old.db"), tmp_path / "embedded.snapshot")


def configured(**keys: str) -> ServerConfig:
    return load({key.replace("_", "-"): value for key, value in keys.items()}, {}, {})


async def keys_of(store: Store) -> set[str]:
    pairs = await pairs_of(await store.snapshot())
    assert all(pair.value == b"value of " + pair.key.encode() for pair in pairs if pair.key in KEPT)
    return {pair.key for pair in pairs}


async def test_into_an_etcd_that_runs(shared: EtcdMember, opener: Opener, embedded: Path) -> None:
    config = configured(etcd_endpoints=shared.endpoint, etcd_prefix=opener.prefix)
    restored = await restore_for(config, embedded, SystemClock())
    store = await opener(shared.endpoint)
    assert await store.fence() == restored.fence
    assert await keys_of(store) == KEPT | {"fence", "meta/restored"}
    with pytest.raises(StoreFailed, match="not empty"):
        await restore_for(config, embedded, SystemClock())


async def test_from_etcd_to_a_data_directory(shared: EtcdMember, opener: Opener, tmp_path: Path) -> None:
    snapshot = await saved(await opener(shared.endpoint), tmp_path / "etcd.snapshot")
    await restore_for(configured(data_dir=str(tmp_path / "new")), snapshot, SystemClock())
    store = await SqliteStore.open(tmp_path / "new" / "store.db")
    assert await keys_of(store) == KEPT | {"fence", "meta/restored"}
    await store.close()


# ---- a server's own member


@pytest.fixture
def three(tmp_path: Path) -> Callable[[int], ServerConfig]:
    """The configurations of three servers of one cluster."""
    peers = [f"http://127.0.0.1:{free_port()}" for _ in range(3)]
    cluster = ",".join(f"server{at}={url}" for at, url in enumerate(peers, 1))

    def of(at: int, **more: str) -> ServerConfig:
        keys: Mapping[str, str] = {
            "name": f"server{at}",
            "data_dir": str(tmp_path / f"server{at}"),
            "listen_client_urls": f"http://127.0.0.1:{free_port()}",
            "listen_peer_urls": peers[at - 1],
            "initial_advertise_peer_urls": peers[at - 1],
            "initial_cluster": cluster,
            "etcd_binary": os.environ["JOBPOOL_TEST_ETCD"],
        }
        return configured(**{**keys, **more})

    return of


@pytest.fixture
async def opened() -> AsyncIterator[Opens]:
    """Opens engines, as servers do, that are closed in the end."""
    engines: list[Engine] = []
    directories: list[DataDir] = []

    async def start(config: ServerConfig) -> Engine:
        directories.append(DataDir.open(Path(config.directory), "etcd"))
        engines.append(await open_engine(config, directories[-1], SystemClock()))
        return engines[-1]

    yield start
    for engine in reversed(engines):
        await engine.close()
    for directory in directories:
        directory.close()


async def test_into_a_server_from_which_the_cluster_grows(
    three: Callable[..., ServerConfig], opened: Opens, embedded: Path
) -> None:
    restored = await restore_for(three(1), embedded, SystemClock())
    first = await opened(three(1))
    assert await first.store.fence() == restored.fence
    assert [member.name for member in await first.operations.members()] == ["server1"]
    assert await keys_of(first.store) == KEPT | {"fence", "meta/restored"}
    joining = three(2, initial_cluster_state="existing")
    peers = {part.split("=")[0]: part.split("=")[1] for part in joining.etcd.initial_cluster.split(",")}  # type: ignore[union-attr]
    await first.operations.add_member([peers["server2"]], learner=False)
    both = ",".join(f"{name}={url}" for name, url in peers.items() if name != "server3")
    second = await opened(three(2, initial_cluster_state="existing", initial_cluster=both))
    assert await second.store.fence() == restored.fence
    assert {member.name for member in await second.operations.members()} == {"server1", "server2"}


async def test_a_directory_that_was_used_is_refused(
    three: Callable[..., ServerConfig], embedded: Path, tmp_path: Path
) -> None:
    (tmp_path / "server1").mkdir()
    (tmp_path / "server1" / "etcd").mkdir()
    with pytest.raises(StoreFailed, match="not empty"):
        await restore_for(three(1), embedded, SystemClock())


async def test_a_restore_that_failed_is_begun_anew(
    three: Callable[..., ServerConfig], opened: Opens, embedded: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.snapshot"
    half(embedded, cut)
    killed(tmp_path / "server1")
    with pytest.raises(StoreFailed, match="cut short"):
        DataDir.open(tmp_path / "server1", "etcd")
    with pytest.raises(StoreFailed):
        await restore_for(three(1), cut, SystemClock())
    await restore_for(three(1), embedded, SystemClock())
    assert await keys_of((await opened(three(1))).store) == KEPT | {"fence", "meta/restored"}


def half(snapshot: Path, to: Path) -> None:
    whole = snapshot.read_bytes()
    to.write_bytes(whole[: len(whole) // 2])


def killed(directory: Path) -> None:
    """What a restore that was killed leaves."""
    (directory / "etcd" / "member").mkdir(parents=True)
    (directory / "etcd.lock").touch()
    (directory / "restoring").touch()
