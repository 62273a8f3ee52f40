"""The SQLite file: what it refuses to open, what damage it notices, what a slow reader may cost."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from jobpool.model.errors import FailedPrecondition, StoreFailed
from jobpool.store.engines import sqlite_file
from jobpool.store.engines.ring import RingLimits
from jobpool.store.engines.sqlite import SqliteStore, SqliteTuning
from jobpool.store.engines.sqlite_operations import EmbeddedOperations
from jobpool.store.port import Compacted, DataDirMismatch, DeleteRange, Fenced, OutcomeUnknown, Put
from jobpool.testing.store import following, pairs_of, write

MARKED = b"a value that is easy to find"


async def filled(path: Path, rows: int = 3000) -> None:
    store = await SqliteStore.open(path)
    for start in range(0, rows, 500):
        await write(store, *(Put(f"k/{at:06}", MARKED * 4) for at in range(start, start + 500)))
    await store.close()


async def read_all(path: Path) -> int:
    store = await SqliteStore.open(path)
    try:
        return len(await pairs_of(await store.snapshot()))
    finally:
        await store.close()


def overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: overwrite(path, 0, b"\0" * 100),
        lambda path: overwrite(path, 0, b"not a database at all " * 300),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: overwrite(path, 3 * 4096, bytes(4096)),
        lambda path: overwrite(path, 5 * 4096, b"\xff" * 512),
    ],
    ids=["no-header", "text", "half", "a-page", "zeroes", "ones"],
)
async def test_a_damaged_file_is_not_opened(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    path = tmp_path / "store.db"
    await filled(path)
    spoil(path)
    with pytest.raises(StoreFailed, match=str(path)) as failure:
        await read_all(path)
    assert "damaged" in failure.value.message


@pytest.mark.parametrize("bit", [0, 7])
async def test_a_flipped_bit_in_a_value_is_noticed(tmp_path: Path, bit: int) -> None:
    path = tmp_path / "store.db"
    await filled(path)
    content = path.read_bytes()
    at = content.rindex(MARKED)
    overwrite(path, at, bytes([content[at] ^ (1 << bit)]))
    store = await SqliteStore.open(path)  # the pages are sound, the value is not
    with pytest.raises(StoreFailed, match="checksum"):
        await pairs_of(await store.snapshot())
    await store.close()


async def test_damage_in_a_file_too_large_to_check_shows_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    await filled(path)
    overwrite(path, 40 * 4096, b"\xff" * 4096)
    monkeypatch.setattr(sqlite_file, "_CHECKED_WHOLE", 0)
    with pytest.raises(StoreFailed, match="damaged"):
        await read_all(path)


async def test_a_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DataDirMismatch, match="another program"):
        await SqliteStore.open(path)
    assert path.read_bytes() == before


async def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await filled(path, 500)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(DataDirMismatch, match="format 2"):
        await SqliteStore.open(path)


async def test_a_missing_fence_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await filled(path, 500)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM kv WHERE k = 'fence'")
    connection.close()
    with pytest.raises(StoreFailed, match="no fence"):
        await SqliteStore.open(path)


@pytest.mark.parametrize("path", ["no/such/directory/store.db", "."])
async def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path, path: str) -> None:
    with pytest.raises(StoreFailed, match="unable to open database file"):
        await SqliteStore.open(tmp_path / path)


async def test_two_stores_on_one_file_are_fenced_from_each_other(tmp_path: Path) -> None:
    one, two = await SqliteStore.open(tmp_path / "store.db"), await SqliteStore.open(tmp_path / "store.db")
    first = await one.campaign("one")
    second = await two.campaign("two")
    assert (second.term, second.n) == (first.term + 1, first.n + 1)
    with pytest.raises(Fenced):
        await one.commit(following(first, Put("a", b"1")))
    await one.close()
    await write(two, Put("a", b"2"))
    await two.close()


async def test_a_file_that_another_process_is_writing_is_a_definite_failure(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed, match="locked") as failure:
        await write(store, Put("a", b"1"))
    assert not isinstance(failure.value, OutcomeUnknown)
    other.close()
    await write(store, Put("a", b"1"))
    await store.close()


async def test_a_read_under_which_too_much_is_written_fails_and_frees_the_log(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path, SqliteTuning(read_lag=8 * 1024 * 1024))
    for part in "kl":
        await write(store, *(Put(f"{part}/{at:04}", bytes(400)) for at in range(1000)))
    _, slow = await store.load(("k/", "l/"))
    await anext(slow)
    for _ in range(4):
        await write(store, *(Put(f"k/{at:04}", bytes(400)) for at in range(1000)))
    with pytest.raises(StoreFailed, match="took too long"):
        await pairs_of(slow)
    _, again = await store.load(("k/", "l/"))
    assert len(await pairs_of(again)) == 2000
    for _ in range(40):
        await write(store, *(Put(f"k/{at:04}", bytes(400)) for at in range(1000)))
    assert path.with_name("store.db-wal").stat().st_size < 16 * 1024 * 1024
    await store.close()


async def test_closing_ends_a_read_that_goes_on(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    for part in "kl":
        await write(store, *(Put(f"{part}/{at:04}", b"") for at in range(1000)))
    _, chunks = await store.load(("k/", "l/"))
    await anext(chunks)
    await store.close()
    with pytest.raises(StoreFailed, match="closed"):
        await pairs_of(chunks)


async def test_a_watcher_that_falls_out_of_the_ring_is_told_and_others_go_on(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", SqliteTuning(ring=RingLimits(steps=3)))
    start = await store.fence()
    slow, quick = store.watch(start), store.watch(start)
    for _ in range(5):
        fence = await write(store, Put("a", b"1"))
        assert (await anext(quick)).fence == fence
    with pytest.raises(Compacted):
        await anext(slow)
    await store.close()


async def test_a_commit_cancelled_while_a_range_is_deleted_is_undone_or_done(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    for turns in range(6):
        await write(store, *(Put(f"k/{at:04}", b"v") for at in range(1000)))
        fence = await store.fence()
        task = asyncio.get_running_loop().create_task(store.commit(following(fence, DeleteRange("k/", "k0"))))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        left = len(await store.range("k/", "k0", limit=5000))
        assert left == (1000 if await store.fence() == fence else 0)
    await store.close()


async def test_the_file_does_not_grow_when_rows_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path)
    for at in range(40):
        await write(store, *(Put(f"k/{at:02}/{row:03}", bytes(400)) for row in range(500)))
        await write(store, DeleteRange(f"k/{at:02}/", f"k/{at:02}0"))
    await store.close()
    assert path.stat().st_size < 4 * 1024 * 1024
    assert not path.with_name("store.db-wal").exists()


async def test_defragmenting_gives_back_what_is_free_and_nothing_else(tmp_path: Path) -> None:
    await filled(tmp_path / "db", rows=3000)
    store = await SqliteStore.open(tmp_path / "db")
    operations = EmbeddedOperations(store, server_id="1f", name="one")
    await write(store, DeleteRange("k/000500", "k/9"))
    kept, fence = await pairs_of(await store.snapshot()), await store.fence()
    before, hashed = (await operations.status()).space, await operations.hash_keys(0)
    reading = await store.snapshot()
    first = await anext(reading)
    await operations.defragment()
    assert [*first, *[pair async for chunk in reading for pair in chunk]] == kept
    assert await operations.hash_keys(fence.n) == hashed
    await operations.defragment()  # now that nobody reads
    after = (await operations.status()).space
    assert after.in_use <= after.size < before.size // 2
    await write(store, Put("later", b""))
    await store.close()
    store = await SqliteStore.open(tmp_path / "db")
    assert [pair for pair in await pairs_of(await store.snapshot()) if pair.key not in ("later", "fence")] == [
        pair for pair in kept if pair.key != "fence"
    ]
    await store.close()


async def test_the_hash_tells_any_two_contents_apart(tmp_path: Path) -> None:
    hashes = set()
    for name, pair in (("a", Put("k", b"1")), ("b", Put("k", b"2")), ("c", Put("k1", b""))):
        store = await SqliteStore.open(tmp_path / name)
        await write(store, pair)
        found = await EmbeddedOperations(store, server_id="1f", name="one").hash_keys(0)
        assert found.revision == found.compact_revision == 1
        hashes.add(found.value)
        await store.close()
    assert len(hashes) == 3


async def test_what_the_embedded_engine_has_not_is_said_with_what_to_do(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "db")
    operations = EmbeddedOperations(store, server_id="1f", name="one")
    assert [member.name for member in await operations.members()] == ["one"]
    assert await operations.alarms() == []
    for change in (
        operations.add_member(["http://a:1"], learner=True),
        operations.remove_member("1f"),
        operations.update_member("1f", []),
        operations.promote_member("1f"),
        operations.move_raft_leader([]),
    ):
        with pytest.raises(FailedPrecondition, match="From one to three"):
            await change
    with pytest.raises(FailedPrecondition, match="only its newest revision, 0"):
        await operations.hash_keys(7)
    await store.close()
