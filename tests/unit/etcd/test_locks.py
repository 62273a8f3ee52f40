"""One supervisor and one etcd on a directory."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobpool.etcd.locks import await_free, held, holder_of
from jobpool.store.port import DataDirLocked
from jobpool.testing.clock import FakeClock, settle


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "db"
    path.touch()
    return path


@pytest.fixture
def used(database: Path) -> Iterator[int]:
    """A lock on the database, as etcd holds it."""
    descriptor = os.open(database, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield descriptor
    os.close(descriptor)


def test_a_second_supervisor_is_refused_with_the_first_ones_pid(tmp_path: Path) -> None:
    with (
        held(tmp_path / "lock"),
        pytest.raises(DataDirLocked, match=f"process {os.getpid()} already runs an etcd member in {tmp_path}"),
        held(tmp_path / "lock"),
    ):
        pass


def test_the_lock_is_given_back(tmp_path: Path) -> None:
    for _ in range(2):
        with held(tmp_path / "lock"):
            pass


async def test_a_database_that_nobody_uses_is_free(tmp_path: Path, database: Path) -> None:
    await await_free(database, clock=FakeClock())
    await await_free(tmp_path / "missing", clock=FakeClock())


@pytest.mark.usefixtures("used")
async def test_an_etcd_that_stays_is_told_by_its_pid(database: Path) -> None:
    clock = FakeClock()
    waiting = asyncio.get_running_loop().create_task(await_free(database, clock=clock))
    await clock.advance(1_900)
    assert not waiting.done()
    await clock.advance(200)
    with pytest.raises(DataDirLocked, match=rf"process {os.getpid()}, an etcd .* uses {database}: end it \(kill \d+\)"):
        await waiting


async def test_an_etcd_that_is_about_to_end_is_waited_for(database: Path, used: int) -> None:
    clock = FakeClock()
    waiting = asyncio.get_running_loop().create_task(await_free(database, clock=clock))
    await clock.advance(1_000)
    fcntl.flock(used, fcntl.LOCK_UN)
    await clock.advance(100)
    await settle()
    await waiting


def test_nobody_holds_what_is_not_locked(tmp_path: Path, database: Path) -> None:
    assert holder_of(database) is None
    assert holder_of(tmp_path / "missing") is None
