"""What this machine has for the agent and its runs, and how busy it is, within the limits of its container.

psutil tells of the whole machine. In a container with limits (cgroup v2) that would be somebody else's: there the
tightest limit on the way up counts, and what is used below it.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
from msgspec import Struct

from jobpool.agent.session import Mailbag
from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.node import MOST_BYTES, Resources

FIRST_LOOK: Millis = SECOND
LOOK_EVERY: Millis = 5 * SECOND
N = TypeVar("N", int, float)
_UNREADABLE = (OSError, ValueError, LookupError, psutil.Error)


class Cgroups(Struct, frozen=True):
    """Where the kernel shows the control groups of this process."""

    root: Path = Path("/sys/fs/cgroup")
    own: Path = Path("/proc/self/cgroup")

    def chain(self) -> list[Path]:
        """The directories of this process's group and those above it, the innermost first; without cgroup v2, none."""
        try:
            lines = os.fsdecode(self.own.read_bytes()).splitlines()
        except OSError:
            return []
        paths = [Path(line[3:].lstrip("/")) for line in lines if line.startswith("0::")]
        if not paths or not (self.root / "cgroup.controllers").exists():
            return []
        # Of a group that is not below what is mounted here nothing can be said but by its root.
        below = paths[0] if ".." not in paths[0].parts else Path()
        return [self.root / place for place in (below, *below.parents)] if below.parts else [self.root]


class Machine:
    """`look` tells how busy it was since the look before, so the first one does not know that of processors."""

    def __init__(self, data_dir: Path, *, cgroups: Cgroups | None = None) -> None:
        self._data_dir = data_dir
        self._groups = (cgroups or Cgroups()).chain()
        self._times: dict[int, tuple[float, float]] = {}
        self._usage: tuple[Path, int, Millis] | None = None

    def look(self, now: Millis) -> Resources:
        """`now` by the monotonic clock. What cannot be read is not known."""
        cpus, cpus_used = self._processors(now)
        memory, memory_used = self._memory()
        disk, disk_free = self._disk()
        return Resources(_thousandths(cpus), _thousandths(cpus_used), memory, memory_used, disk, disk_free)

    # ---- processors

    def _processors(self, now: Millis) -> tuple[float | None, float | None]:
        allowed = _processors_allowed()
        limits = [(limit, group) for group in self._groups if (limit := _cpu_limit(group)) is not None]
        limit, group = min(limits, default=(None, None))
        if limit is not None and group is not None and (not allowed or limit < len(allowed)):
            return limit, _at_most(limit, self._used_below(group, now))
        return float(len(allowed)) or None, self._busy(allowed)

    def _used_below(self, group: Path, now: Millis) -> float | None:
        """Processors that were busy in the group since it was looked at last."""
        used = _number_of(group / "cpu.stat", "usage_usec")
        before, self._usage = self._usage, None if used is None else (group, used, now)
        if used is None or before is None or before[0] != group or now <= before[2]:
            return None
        return max(0.0, (used - before[1]) / 1000 / (now - before[2]))

    def _busy(self, allowed: frozenset[int]) -> float | None:
        try:
            times = dict(enumerate(psutil.cpu_times(percpu=True)))
        except _UNREADABLE:
            return None
        if not allowed <= times.keys():
            return None
        before, self._times = self._times, {}
        for at in allowed:
            idle = times[at].idle + getattr(times[at], "iowait", 0.0)
            self._times[at] = (idle, sum(times[at]) - getattr(times[at], "guest", 0.0))  # user time has it already
        return sum(_share(before[at], self._times[at]) for at in allowed) if before.keys() == allowed else None

    # ---- memory and disk

    def _memory(self) -> tuple[int | None, int | None]:
        total, used = None, None
        with suppress(*_UNREADABLE):
            whole = psutil.virtual_memory()
            total, used = whole.total, whole.total - whole.available
        for group in self._groups:
            limit = _limit_in(group / "memory.max")
            if limit is not None and (total is None or limit < total):
                total, used = limit, _at_most(limit, _memory_used(group))
        return total, used

    def _disk(self) -> tuple[int | None, int | None]:
        try:
            disk = psutil.disk_usage(str(self._data_dir))
        except _UNREADABLE:
            return None, None
        if disk.total > MOST_BYTES:
            return None, None  # a file system that grows as it is filled
        return disk.total, disk.free


class Gauge:
    """A service: looks at the machine every few seconds, beside the loop. What it last saw is in the mailbag.

    Beats take what is there: a disk that hangs makes news rare, and no heartbeat late.
    """

    def __init__(self, look: Callable[[Millis], Resources], mailbag: Mailbag, clock: Clock) -> None:
        self._look = look
        self._mailbag = mailbag
        self._clock = clock

    async def run(self) -> None:
        rest = FIRST_LOOK
        while True:
            await self._clock.sleep(rest)
            self._mailbag.resources = await asyncio.to_thread(self._look, self._clock.monotonic())
            rest = LOOK_EVERY


def _thousandths(cpus: float | None) -> int | None:
    return None if cpus is None else round(cpus * 1000)


def _processors_allowed() -> frozenset[int]:
    """Those that this process may run on; empty = not known."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 0))


def _cpu_limit(group: Path) -> float | None:
    """Processors' worth of time: `cpu.max` has microseconds of each period, or `max`."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (group / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    return None


def _share(before: tuple[float, float], now: tuple[float, float]) -> float:
    """Of the time between, how much was not idle: 0 to 1."""
    idle, whole = now[0] - before[0], now[1] - before[1]
    return min(1.0, max(0.0, 1 - idle / whole)) if whole > 0 else 0.0


def _memory_used(group: Path) -> int | None:
    """Without the pages of files that nobody has touched for a while: the kernel gives these away first."""
    with suppress(OSError, ValueError):
        used = int((group / "memory.current").read_text())
        return max(0, used - (_number_of(group / "memory.stat", "inactive_file") or 0))
    return None


def _limit_in(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text())  # `max` is no number
    return None


def _number_of(path: Path, key: str) -> int | None:
    """From a file of lines `key number`."""
    with suppress(OSError, ValueError):
        return next((int(line) for name, line in _pairs(path) if name == key), None)
    return None


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text().splitlines():
        name, _, value = line.partition(" ")
        yield name, value


def _at_most(limit: N, used: N | None) -> N | None:
    return None if used is None else min(limit, used)
