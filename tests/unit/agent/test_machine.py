"""What an agent's machine has: as psutil tells, within the limits of its control groups."""

import asyncio
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from jobpool.agent.machine import FIRST_LOOK, LOOK_EVERY, Cgroups, Gauge, Machine
from jobpool.agent.session import Mailbag
from jobpool.api.agent_words import resources_of
from jobpool.kit.pure.durations import SECOND
from jobpool.model.node import NOTHING_KNOWN, Resources
from jobpool.testing.clock import FakeClock, settle
from jobpool.wire.messages import resources_message

MIB = 1 << 20
ALLOWED = 1000 * len(os.sched_getaffinity(0))


class Watched(Mailbag):
    """Says when it was told of the machine: that is looked at in a thread."""

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Event()

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "resources" and hasattr(self, "told"):
            self.told.set()


class Groups:
    """Control groups as the kernel shows them, in a directory."""

    def __init__(self, path: Path, own: str = "0::/") -> None:
        self.root = path / "cgroup"
        self.root.mkdir()
        (self.root / "cgroup.controllers").write_text("cpu memory\n")
        self.proc = path / "self"
        self.proc.write_text(f"9:cpuset:/old\n{own}\n")

    def write(self, group: str = ".", **files: Any) -> None:
        (self.root / group).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (self.root / group / name.replace("_", ".")).write_text(f"{text}\n")

    @property
    def read(self) -> Cgroups:
        return Cgroups(self.root, self.proc)


def test_a_machine_without_limits_is_what_psutil_tells_of_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path, cgroups=Cgroups(tmp_path / "none", tmp_path / "none"))
    first, second = machine.look(0), machine.look(SECOND)
    assert first.millicpus == ALLOWED
    assert first.millicpus_used is None  # there was no look before
    assert second.millicpus == ALLOWED
    assert second.millicpus_used is not None
    assert 0 <= second.millicpus_used <= ALLOWED
    assert second.memory == psutil.virtual_memory().total
    assert second.memory_used is not None
    assert 0 < second.memory_used < second.memory
    assert second.disk == psutil.disk_usage(str(tmp_path)).total
    assert second.disk_free is not None
    assert 0 <= second.disk_free <= second.disk


def test_in_a_container_its_limits_count_and_what_is_used_below_them(tmp_path: Path) -> None:
    groups = Groups(tmp_path)
    groups.write(cpu_max="50000 100000", cpu_stat="usage_usec 1000000\nuser_usec 7")
    groups.write(memory_max=64 * MIB, memory_current=40 * MIB, memory_stat=f"anon 5\ninactive_file {10 * MIB}")
    machine = Machine(tmp_path, cgroups=groups.read)
    first = machine.look(10 * SECOND)
    assert (first.millicpus, first.millicpus_used) == (500, None)
    assert (first.memory, first.memory_used) == (64 * MIB, 30 * MIB)
    groups.write(cpu_stat="usage_usec 1250000")
    assert machine.look(11 * SECOND).millicpus_used == 250
    groups.write(cpu_stat="usage_usec 9000000")
    assert machine.look(12 * SECOND).millicpus_used == 500  # a burst is still no more than there is
    groups.write(cpu_stat="usage_usec 10")
    assert machine.look(13 * SECOND).millicpus_used == 0  # a counter that began anew


def test_of_the_groups_above_the_tightest_limit_counts(tmp_path: Path) -> None:
    groups = Groups(tmp_path, "0::/pool.slice/jobpool.service")
    groups.write("pool.slice", cpu_max="20000 100000", cpu_stat="usage_usec 0", memory_max=32 * MIB, memory_current=MIB)
    groups.write("pool.slice/jobpool.service", cpu_max="max 100000", memory_max=48 * MIB, memory_current=9)
    seen = Machine(tmp_path, cgroups=groups.read).look(0)
    assert (seen.millicpus, seen.memory, seen.memory_used) == (200, 32 * MIB, MIB)


@pytest.mark.parametrize("own", ["0::/", "0::/../elsewhere", "0::/not/mounted/here"])
def test_of_a_group_that_is_not_mounted_here_the_root_is_looked_at(tmp_path: Path, own: str) -> None:
    groups = Groups(tmp_path, own)
    groups.write(cpu_max="20000 100000", cpu_stat="usage_usec 0")
    assert Machine(tmp_path, cgroups=groups.read).look(0).millicpus == 200


def test_a_group_may_have_any_name(tmp_path: Path) -> None:
    groups, name = Groups(tmp_path), b"caf\xe9.service"
    groups.proc.write_bytes(b"0::/" + name + b"\n")
    groups.write(os.fsdecode(name), cpu_max="20000 100000")
    assert Machine(tmp_path, cgroups=groups.read).look(0).millicpus == 200


@pytest.mark.parametrize(
    "files",
    [
        {"cpu_max": "max 100000", "memory_max": "max"},
        {"cpu_max": "99999999 1000", "memory_max": 1 << 60},
        {"cpu_max": "", "memory_max": ""},
        {"cpu_max": "garbage 7", "memory_max": "garbage"},
        {"cpu_max": "7 0", "memory_max": 1 << 60},
        {"cpu_max": "7"},
    ],
)
def test_what_limits_nothing_or_cannot_be_read_is_no_limit(tmp_path: Path, files: dict[str, Any]) -> None:
    groups = Groups(tmp_path)
    groups.write(**files)
    seen = Machine(tmp_path, cgroups=groups.read).look(0)
    assert (seen.millicpus, seen.memory) == (ALLOWED, psutil.virtual_memory().total)


def test_a_limit_without_figures_of_use_is_told_alone(tmp_path: Path) -> None:
    groups = Groups(tmp_path)
    groups.write(cpu_max="10000 100000", memory_max=MIB)
    machine = Machine(tmp_path, cgroups=groups.read)
    machine.look(0)
    seen = machine.look(SECOND)
    assert (seen.millicpus, seen.millicpus_used, seen.memory, seen.memory_used) == (100, None, MIB, None)


def test_a_file_system_without_an_end_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of clouds say 8 EiB or more, which a server refuses, and which may be more than can be told."""
    whole = psutil.disk_usage(str(tmp_path))
    monkeypatch.setattr(psutil, "disk_usage", lambda _: whole._replace(total=1 << 64, free=(1 << 64) - 7))
    seen = Machine(tmp_path).look(0)
    assert (seen.disk, seen.disk_free) == (None, None)
    assert resources_of(resources_message(seen)) == seen


def test_what_psutil_does_not_find_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes for granted which lines there are under /proc; a sandbox may show others."""

    def gone() -> None:
        raise KeyError(b"MemTotal:")

    monkeypatch.setattr(psutil, "virtual_memory", gone)
    seen = Machine(tmp_path, cgroups=Cgroups(tmp_path / "none", tmp_path / "none")).look(0)
    assert (seen.memory, seen.memory_used, seen.millicpus) == (None, None, ALLOWED)


def test_a_directory_that_is_gone_tells_nothing_of_its_disk(tmp_path: Path) -> None:
    seen = Machine(tmp_path / "gone").look(0)
    assert (seen.disk, seen.disk_free) == (None, None)
    assert seen.millicpus == ALLOWED


async def test_the_gauge_looks_every_few_seconds_and_leaves_what_it_saw_for_beats() -> None:
    clock, mailbag = FakeClock(), Watched()
    seen: list[int] = []

    def look(now: int) -> Resources:
        seen.append(now)
        return Resources(millicpus=len(seen))

    running = asyncio.get_running_loop().create_task(Gauge(look, mailbag, clock).run())
    await settle()
    assert mailbag.resources is NOTHING_KNOWN
    for turn, span in enumerate((FIRST_LOOK, LOOK_EVERY, LOOK_EVERY), 1):
        await clock.advance(span)
        await mailbag.told.wait()
        mailbag.told.clear()
        assert mailbag.resources == Resources(millicpus=turn)
    assert seen[2] - seen[1] == LOOK_EVERY
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
