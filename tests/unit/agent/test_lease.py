"""The lease changes as long as the agent lives, whatever the disk and the clock do."""

import asyncio
import os
from pathlib import Path

import pytest

from jobpool.agent.lease import Lease, Renewal
from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.testing.clock import FakeClock


async def test_it_is_another_text_well_before_a_watcher_looks_again(tmp_path: Path) -> None:
    clock, lease = FakeClock(), Lease(tmp_path / "lease")
    renewal = Renewal(lease, clock)
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(renewal.run())
        await clock.advance(1)
        seen = {lease.path.read_text()}
        for _ in range(10):
            await clock.advance(lease.look_every - SECOND)
            text = lease.path.read_text()
            assert text not in seen
            seen.add(text)
        keeping.cancel()
    assert lease.look_every * 4 == lease.patience == MINUTE


def test_the_next_agent_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    lease, texts = Lease(tmp_path / "lease"), []
    for _ in range(3):
        Renewal(lease, FakeClock()).renew()
        texts.append(lease.path.read_text())
    assert texts == sorted(set(texts))


@pytest.mark.parametrize("text", ["", "not a number\n", "\udcff"])
def test_a_damaged_file_is_written_anew(tmp_path: Path, text: str) -> None:
    lease = Lease(tmp_path / "lease")
    lease.path.write_text(text, errors="surrogateescape")
    Renewal(lease, FakeClock()).renew()
    assert int(lease.path.read_text().splitlines()[0]) == 1


def test_it_is_written_in_place_for_a_full_disk_has_room_for_nothing_else(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "lease")
    renewal = Renewal(lease, FakeClock())
    renewal.renew()
    before = os.stat(lease.path)
    renewal.renew()
    after = os.stat(lease.path)
    assert (before.st_ino, before.st_size, after.st_size) == (after.st_ino, 21, 21)


def test_a_disk_that_refuses_is_told_once_and_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lease = Lease(tmp_path / "gone" / "lease")
    renewal = Renewal(lease, FakeClock())
    for _ in range(3):
        renewal.renew()
    assert capsys.readouterr().out.count("lease_failed") == 1
    lease.path.parent.mkdir()
    renewal.renew()
    assert lease.path.exists()
