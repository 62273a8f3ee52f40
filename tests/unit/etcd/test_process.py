"""Processes that do not outlive us, and end when they are told to or not."""

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from jobpool.etcd import guard
from jobpool.etcd.process import end, environment, spawn
from jobpool.model.errors import StoreFailed

WITHIN = 20.0


def guarded(parent: int, *command: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-I", "-S", guard.__file__, str(parent), *command]
    return subprocess.run(words, capture_output=True, text=True, timeout=WITHIN, check=False)


def test_the_program_takes_the_place_of_the_guard() -> None:
    done = guarded(os.getpid(), "/bin/sh", "-c", "echo $PPID")
    assert (done.returncode, done.stdout.strip()) == (0, str(os.getpid()))


def test_the_kernel_is_asked_to_kill_it_with_us() -> None:
    asked = "import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)"
    assert guarded(os.getpid(), sys.executable, "-c", asked).stdout.strip() == str(int(signal.SIGKILL))


def test_a_child_whose_parent_died_first_does_not_begin() -> None:
    done = guarded(os.getppid(), "/bin/sh", "-c", "echo it runs")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has ended before its child began" in done.stderr


async def test_what_it_prints_goes_to_a_file_and_it_has_its_own_session(tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.write_text("of the last time")
    process = await spawn(
        Path("/bin/sh"), ["-c", "pwd; echo problem >&2; ps -o sid= -p $$"], directory=tmp_path, output=output
    )
    async with asyncio.timeout(WITHIN):
        assert await process.wait() == 0
    assert output.read_text().split() == [str(tmp_path), "problem", str(process.pid)]


async def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match=r"cannot start /bin/sh: .*No such file or directory: '.*/missing/out'"):
        await spawn(Path("/bin/sh"), [], directory=tmp_path, output=tmp_path / "missing" / "out")


def test_nothing_of_our_environment_configures_etcd(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ETCD_NAME", "ETCDCTL_API", "NOTIFY_SOCKET", "KEPT_FOR_ETCD"):
        monkeypatch.setenv(name, "x")
    kept = environment()
    assert "KEPT_FOR_ETCD" in kept
    assert not {"ETCD_NAME", "ETCDCTL_API", "NOTIFY_SOCKET"} & kept.keys()


async def stubborn() -> asyncio.subprocess.Process:
    """A process that ignores SIGTERM, and says so first."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", "trap '' TERM; echo; exec cat", stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    return process


async def test_who_ends_when_asked_is_not_killed() -> None:
    process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE)
    await end(process, grace=20_000)
    assert process.returncode == -signal.SIGTERM
    await end(process, grace=20_000)


async def test_who_does_not_end_when_asked_is_killed() -> None:
    process = await stubborn()
    await end(process, grace=50)
    assert process.returncode == -signal.SIGKILL


async def test_who_is_being_ended_is_killed_when_we_cannot_wait() -> None:
    process = await stubborn()
    ending = asyncio.get_running_loop().create_task(end(process, grace=60_000))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    async with asyncio.timeout(WITHIN):
        assert await process.wait() == -signal.SIGKILL
