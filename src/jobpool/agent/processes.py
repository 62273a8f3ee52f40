"""Processes that may not be our children: who they are, whether they live, and waiting for their end."""

import asyncio
import os
import signal
from contextlib import suppress
from functools import cache
from pathlib import Path

from msgspec import Struct

_LOOK_EVERY = 0.5
"""Seconds; only where the kernel has no pidfd (before 5.3)."""


class Birth(Struct, frozen=True):
    """One process of one boot: a pid alone may be someone else's by now. `started` in clock ticks since the boot."""

    pid: int
    started: int
    boot: str


@cache
def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def birth_of(pid: int) -> Birth | None:
    """The process that has this pid now."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return Birth(pid, int(text.rpartition(")")[2].split()[19]), boot_id())


def reap(child: int) -> None:
    """Take the exit status of a child that has ended, so that it does not stay as a zombie."""
    with suppress(ChildProcessError):
        os.waitpid(child, os.WNOHANG)


def send_signal(process: Birth, number: signal.Signals) -> bool:
    """Whether it still was there to get it."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        if birth_of(process.pid) != process:
            return False
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, number)
        return True
    finally:
        os.close(descriptor)


def kill_group(leader: Birth) -> None:
    """KILL what is left of the group that it led; it may have ended itself. A pid in use by another is spared."""
    if leader.boot == boot_id() and birth_of(leader.pid) in (None, leader):
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)


async def wait_gone(pid: int, process: Birth | None) -> None:
    """Until it has ended (a child may remain to be reaped). With `process`, only if the pid is still its own."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except OSError:
        await _look_until_gone(pid, process)
        return
    try:
        if process is None or birth_of(pid) == process:
            await _readable(descriptor)
    finally:
        os.close(descriptor)


async def _readable(descriptor: int) -> None:
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


async def _look_until_gone(pid: int, process: Birth | None) -> None:
    process = process or birth_of(pid)
    while process is not None and birth_of(pid) == process and not _zombie(pid):  # noqa: ASYNC110 — nothing to wait for
        await asyncio.sleep(_LOOK_EVERY)


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
