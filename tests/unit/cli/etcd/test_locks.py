"""A lock hangs on a lease: when that is lost it is said, and in the end it is revoked."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from jobpool.wire import etcd_pb2 as pb
from tests.unit.cli.etcd.fake_etcd import HEADER, FakeEtcd
from tests.unit.cli.harness import Ctl


class Locks:
    """Keeps the lease alive until `ends` is set; the lock is had at once unless it is `held` by another."""

    def __init__(self, etcd: FakeEtcd, *, held: bool = False) -> None:
        self.ends = asyncio.Event()
        self._held = held
        self._etcd = etcd
        etcd.answers["LeaseGrant"] = pb.LeaseGrantResponse(header=HEADER, ID=7, TTL=10)
        etcd.answers["LeaseRevoke"] = pb.LeaseRevokeResponse(header=HEADER)
        etcd.answers["Unlock"] = pb.UnlockResponse(header=HEADER)
        etcd.streams["LeaseKeepAlive"] = self.keep
        etcd.streams["Lock"] = self.lock

    async def keep(self, stream: Any) -> None:
        await stream.recv_message()
        await self.ends.wait()
        await stream.send_message(pb.LeaseKeepAliveResponse(header=HEADER, ID=7))

    async def lock(self, stream: Any) -> None:
        request = await stream.recv_message()
        assert request == pb.LockRequest(name=b"m", lease=7)
        if self._held:
            self.ends.set()
            await asyncio.Event().wait()
        await stream.send_message(pb.LockResponse(header=HEADER, key=b"m/7"))

    @property
    def done(self) -> list[str]:
        return [type(one).__name__ for one in self._etcd.asked]


async def test_the_command_has_the_lock_and_its_exit_code_is_ours(
    ctl: Ctl, etcd: FakeEtcd, capfd: pytest.CaptureFixture[str]
) -> None:
    locks = Locks(etcd)
    outcome = await ctl("lock", "m", "--", "sh", "-c", 'echo "$ETCD_LOCK_KEY $ETCD_LOCK_REV"; exit 7')
    assert (outcome.code, outcome.err) == (7, "Error: exit status 7\n")
    assert capfd.readouterr().out == "m/7 3\n"
    assert locks.done == ["LeaseGrantRequest", "UnlockRequest", "LeaseRevokeRequest"]


async def test_a_lease_that_is_lost_while_waiting_ends_it(ctl: Ctl, etcd: FakeEtcd) -> None:
    locks = Locks(etcd, held=True)
    outcome = await ctl("lock", "m", "--", "echo", "never")
    assert (outcome.code, outcome.err) == (1, "Error: session expired while waiting\n")
    assert locks.done == ["LeaseGrantRequest", "LeaseRevokeRequest"]


async def test_a_lock_that_is_lost_while_the_command_runs_is_told(ctl: Ctl, etcd: FakeEtcd, tmp_path: Path) -> None:
    locks = Locks(etcd)
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    words = ("sh", "-c", 'echo >"$0"; sleep 1', str(begun))

    async def lose() -> None:
        await asyncio.to_thread(begun.read_text)
        locks.ends.set()

    outcome, _ = await asyncio.gather(ctl("lock", "m", "--", *words), lose())
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        "the lock is lost while sh runs: its lease has expired",
        "Error: session expired: the lock is no longer ours",
    ]
    assert locks.done == ["LeaseGrantRequest", "LeaseRevokeRequest"]
