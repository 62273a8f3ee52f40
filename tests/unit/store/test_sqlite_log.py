"""The write-ahead log after a death: what a crash may leave is opened, what only damage leaves is refused."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobpool.model.errors import StoreFailed
from jobpool.store.engines.sqlite import SqliteStore
from jobpool.store.port import Put
from jobpool.testing.store import pairs_of, write

pytestmark = pytest.mark.timeout(60)
FRAME = 24 + 4096
COMMITS = 20


async def written(path: Path, commits: int = COMMITS) -> None:
    """A store whose process died: `commits` of three rows each are in the log, none in the file."""
    living = path.with_name("living")
    living.mkdir(exist_ok=True)
    store = await SqliteStore.open(living / path.name)
    for at in range(commits):
        await write(store, *(Put(f"k/{at:03}/{row}", bytes([at]) * 3000) for row in range(3)))
    for name in (path.name, log_of(path).name):
        shutil.copy(living / name, path.with_name(name))
    await store.close()


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def spoil(path: Path, at: int, count: int = 1) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + count] = bytes(byte ^ 0x10 for byte in content[at : at + count])
    path.write_bytes(content)


def commits_of(log: Path) -> Iterator[int]:
    """Where the last frame of each commit begins."""
    content = log.read_bytes()
    return (at for at in range(32, len(content), FRAME) if content[at + 4 : at + 8] != bytes(4))


async def kept(path: Path) -> int:
    store = await SqliteStore.open(path)
    found = await pairs_of(await store.snapshot())
    await store.close()
    return sum(pair.key.startswith("k/") for pair in found)


async def test_all_of_a_sound_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await written(path)
    assert await kept(path) == 3 * COMMITS


@pytest.mark.parametrize("where", [5, 30, 32, 36, 42, 50, 2000, 32 + FRAME + 17, 32 + 5 * FRAME + 4000])
async def test_a_log_damaged_before_its_last_commit_is_refused_each_time(tmp_path: Path, where: int) -> None:
    path = tmp_path / "store.db"
    await written(path)
    spoil(log_of(path), where)
    before = log_of(path).read_bytes()
    for _ in range(2):
        with pytest.raises(StoreFailed, match="commits that can no longer be read") as failure:
            await SqliteStore.open(path)
        assert str(log_of(path)) in failure.value.reason
    assert log_of(path).read_bytes() == before


async def test_cut_as_advised_it_opens_with_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await written(path)
    tenth = list(commits_of(log_of(path)))[9]
    spoil(log_of(path), tenth + FRAME + 100)
    with pytest.raises(StoreFailed, match=f"cut the file to {tenth + FRAME} bytes"):
        await SqliteStore.open(path)
    content = log_of(path).read_bytes()
    log_of(path).write_bytes(content[: tenth + FRAME])
    assert await kept(path) < 3 * COMMITS


@pytest.mark.parametrize("torn", [1, 23, 25, FRAME, FRAME + 7])
async def test_a_last_commit_torn_by_a_crash_is_forgotten(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "store.db"
    await written(path)
    content = log_of(path).read_bytes()
    log_of(path).write_bytes(content[:-torn])
    assert await kept(path) == 3 * (COMMITS - 1)


async def test_a_last_commit_with_a_hole_is_forgotten(tmp_path: Path) -> None:
    """Its later pages were on the disk before its first."""
    path = tmp_path / "store.db"
    await written(path)
    before, _ = list(commits_of(log_of(path)))[-2:]
    spoil(log_of(path), before + FRAME, FRAME - 24)
    assert await kept(path) == 3 * (COMMITS - 1)


async def test_frames_of_before_the_log_began_again_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path)
    for at in range(COMMITS):
        await write(store, Put(f"k/{at:03}", b"old" * 1000))
    checkpoint = sqlite3.connect(path)
    checkpoint.execute("PRAGMA wal_checkpoint(PASSIVE)")
    await write(store, Put("k/new", b"new"))
    log = log_of(path)
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    shutil.copy(log, log_of(copy))
    checkpoint.close()
    await store.close()
    assert len(list(commits_of(log_of(copy)))) >= COMMITS  # the new commit covers few of the old
    assert await kept(copy) == COMMITS + 1


async def test_a_log_without_its_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await written(path)
    path.unlink()
    with pytest.raises(StoreFailed, match="is gone"):
        await SqliteStore.open(path)
    assert log_of(path).stat().st_size > 0
    assert not path.exists()
