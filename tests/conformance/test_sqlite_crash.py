"""The embedded engine when its process is killed or its disk fails: what was acknowledged is there, the rest is told.

Run as a process, this file is the writer that is killed or whose disk fails: `write FILE` commits for ever and prints n
after each answer; `full FILE FILLER` and `limited FILE` run into a disk that is full and one that refuses writes, go on
once it is repaired, and print `survived` and how the failure was told.
"""

import asyncio
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import jobpool
from jobpool.model.errors import StoreFailed
from jobpool.store.engines.sqlite import SqliteStore
from jobpool.store.port import Delete, Fence, OutcomeUnknown, Put, Transaction
from jobpool.testing.store import following
from jobpool.testing.store import write as write_one

OPS = 40
VALUE = bytes(range(256)) * 4
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(jobpool.__file__).parents[1])}
COMMAND = (sys.executable, __file__)


def numbered(fence: Fence) -> Transaction:
    """The transaction after that fence: rows of its own, one that every transaction overwrites, one taken back."""
    n = fence.n + 1
    puts = (Put(f"rows/{n:08}/{at:02}", VALUE) for at in range(OPS))
    return following(fence, *puts, Put("last", str(n).encode()), Delete(f"rows/{n - 1:08}/00"))


async def check(store: SqliteStore) -> int:
    """Every transaction up to the fence is there, whole; returns its n."""
    fence = await store.fence()
    if not fence.n:
        return 0
    wanted = [(n, at) for n in range(1, fence.n + 1) for at in range(OPS) if at or n == fence.n]
    found = await store.range("rows/", "rows0", limit=1_000_000)
    assert [pair.key for pair in found] == [f"rows/{n:08}/{at:02}" for n, at in wanted]
    assert all(pair.value == VALUE for pair in found)
    (last,) = await store.range("last", "last\0", limit=1)
    assert int(last.value) == fence.n
    return fence.n


async def write(path: Path) -> None:
    store = await SqliteStore.open(path)
    while True:
        transaction = numbered(await store.fence())
        await store.commit(transaction)
        print(transaction.leaves.n, flush=True)


async def fail_and_go_on(path: Path, repair: Callable[[], None]) -> None:
    store = await SqliteStore.open(path)
    steps = store.watch(await store.fence())
    acknowledged = await store.fence()
    failure: StoreFailed | None = None
    while failure is None:
        transaction = numbered(acknowledged)
        try:
            await store.commit(transaction)
            acknowledged = transaction.leaves
        except StoreFailed as error:
            failure = error
    assert await store.fence() == acknowledged
    assert await check(store) == acknowledged.n
    repair()
    await store.commit(transaction)
    for n in range(1, transaction.leaves.n + 1):
        assert (await anext(steps)).fence.n == n
    await store.close()
    store = await SqliteStore.open(path)
    assert await check(store) == transaction.leaves.n
    await store.close()
    print("survived", "unknown" if isinstance(failure, OutcomeUnknown) else "definite", failure)


def full(path: Path, filler: Path) -> None:
    asyncio.run(fail_and_go_on(path, filler.unlink))


def limited(path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, hard))
    asyncio.run(fail_and_go_on(path, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))))


def run(*command: str) -> str:
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def can_have_namespaces() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run((unshare, "-rm", "true"), capture_output=True).returncode == 0


def killed_after(path: Path, acknowledgements: int) -> int:
    """Start a writer, kill it after so many answers; the n of the last answer it gave."""
    with subprocess.Popen((*COMMAND, "write", path), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(acknowledgements)]
        writer.kill()
        lines += writer.stdout.readlines()
    whole = [line for line in lines if line.endswith("\n")]
    return int(whole[-1])


async def test_killed_at_any_moment_no_acknowledged_commit_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    for round_number in range(10):
        acknowledged = await asyncio.to_thread(killed_after, path, 1 + 7 * round_number)
        store = await SqliteStore.open(path)
        durable = await check(store)
        assert acknowledged <= durable <= acknowledged + 1
        await store.close()


@pytest.mark.skipif(not can_have_namespaces(), reason="a small file system needs a mount namespace")
def test_a_full_disk_is_told_and_survived() -> None:
    script = (
        "mount -t tmpfs -o size=3m tmpfs /mnt && head -c 1m /dev/zero > /mnt/filler && "
        f'exec "{sys.executable}" "{__file__}" full /mnt/store.db /mnt/filler'
    )
    told = run("unshare", "-rm", "sh", "-c", script)
    assert told.startswith("survived definite")
    assert "SQLITE_FULL" in told


def test_a_disk_that_refuses_writes_leaves_the_outcome_open(tmp_path: Path) -> None:
    told = run(*COMMAND, "limited", str(tmp_path / "store.db"))
    assert told.startswith("survived unknown")
    assert "SQLITE_IOERR_WRITE" in told


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes the sync fail")
async def test_a_failed_sync_acknowledges_nothing(tmp_path: Path) -> None:
    """One fdatasync fails with EIO: that commit's outcome is unknown, and the process can be started again."""
    path = tmp_path / "store.db"
    command = ("strace", "-f", "-o", os.devnull, "-e", "inject=fdatasync,fsync:error=EIO:when=12", *COMMAND)
    done = await asyncio.to_thread(
        subprocess.run, (*command, "write", path), env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )
    if "Operation not permitted" in done.stderr and not done.stdout:
        pytest.skip("strace may not trace here")
    assert done.returncode != 0
    assert "OutcomeUnknown" in done.stderr
    assert "SQLITE_IOERR_FSYNC" in done.stderr
    store = await SqliteStore.open(path)
    assert await check(store) in (len(done.stdout.split()), len(done.stdout.split()) + 1)
    await write_one(store, Put("again", b"1"))
    await store.close()


if __name__ == "__main__":
    verb, *paths = sys.argv[1:]
    files = [Path(path) for path in paths]
    if verb == "write":
        asyncio.run(write(files[0]))
    elif verb == "full":
        full(files[0], files[1])
    else:
        limited(files[0])
