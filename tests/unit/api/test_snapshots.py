"""Snapshots over gRPC: who may have one, that it is whole, one at a time, and the end of callers that do not read."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.service import Call, Service
from jobpool.api.snapshots import Snapshots, is_local
from jobpool.client import Client
from jobpool.client.snapshots import keep_snapshot
from jobpool.kit.effects.clock import SystemClock
from jobpool.model.errors import (
    DeadlineExceeded,
    JobpoolError,
    PermissionDenied,
    ResourceExhausted,
    StoreFailed,
    Unimplemented,
)
from jobpool.store.port import KeyValue, Limits, Put
from jobpool.store.snapshot import read_snapshot
from jobpool.testing.clock import FakeClock
from jobpool.testing.store import MemoryStore, pairs_of, write
from jobpool.wire import jobpool_pb2 as pb

LOCAL = Call(transport="grpc", peer="127.0.0.1:4711")
REQUEST = pb.SnapshotSaveRequest()
MIB = 1024 * 1024


@asynccontextmanager
async def served(store: MemoryStore | None) -> AsyncIterator[str]:
    """A listener that gives snapshots of a store, at this endpoint."""
    streams = {"SnapshotSave": Snapshots(store, SystemClock(), allow_remote=False).save} if store is not None else {}
    service = Service({}, streams=streams)
    config = ListenerConfig(urls=("http://127.0.0.1:0",))
    async with Listener(service, Gateway(service), config) as listener:
        yield f"127.0.0.1:{listener.addresses[0][1]}"


async def filled(size: int) -> MemoryStore:
    """A store with so many MiB."""
    store = MemoryStore(Limits(max_bytes=2 * MIB))
    for at in range(size):
        await write(store, Put(f"k/{at:04}", bytes(MIB)))
    return store


@pytest.mark.parametrize("size", [0, 12])
async def test_a_snapshot_arrives_whole(tmp_path: Path, size: int) -> None:
    store = await filled(size)
    async with served(store) as endpoint, Client([endpoint]) as client:
        summary = await keep_snapshot(client.snapshot_save(), tmp_path / "backup")
    assert (summary.keys, summary.n) == (size + 1, size)
    assert await pairs_of(read_snapshot(tmp_path / "backup")) == await pairs_of(await store.snapshot())


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        ("127.0.0.1:4711", True),
        ("127.9.9.9:1", True),
        ("::1:4711", True),
        ("::ffff:127.0.0.1:4711", True),
        ("::ffff:10.0.0.1:4711", False),
        ("fe80::1%eth0:4711", False),
        ("10.0.0.1:4711", False),
        ("", False),
        ("localhost:1", False),
    ],
)
async def test_only_this_machine_may_have_one(peer: str, local: bool) -> None:
    assert is_local(peer) is local
    call = Call(transport="grpc", peer=peer)
    closed = Snapshots(MemoryStore(), FakeClock(), allow_remote=False)
    if not local:
        with pytest.raises(PermissionDenied, match="allow-remote-snapshot"):
            await anext(closed.save(REQUEST, call))
    assert (await anext(Snapshots(MemoryStore(), FakeClock(), allow_remote=True).save(REQUEST, call))).data


async def test_one_at_a_time() -> None:
    snapshots = Snapshots(await filled(2), FakeClock(), allow_remote=False)
    async with aclosing(snapshots.save(REQUEST, LOCAL)) as first:
        await anext(first)
        with pytest.raises(ResourceExhausted, match="another snapshot"):
            await anext(snapshots.save(REQUEST, LOCAL))
    assert [piece async for piece in snapshots.save(REQUEST, LOCAL)], "one that was given up is in nobody's way"


async def test_a_server_without_snapshots_says_so(tmp_path: Path) -> None:
    async with served(None) as endpoint, Client([endpoint]) as client:
        with pytest.raises(Unimplemented, match="SnapshotSave"):
            await keep_snapshot(client.snapshot_save(), tmp_path / "backup")
    assert os.listdir(tmp_path) == []


class Breaking(MemoryStore):
    """A store that breaks in the middle of its snapshot."""

    failure: Exception = StoreFailed("the disk is gone")

    async def snapshot(self) -> AsyncIterator[list[KeyValue]]:
        return self._broken()

    async def _broken(self) -> AsyncIterator[list[KeyValue]]:
        yield [KeyValue("a", bytes(MIB))]
        raise self.failure


async def test_a_store_that_breaks_leaves_no_file(tmp_path: Path) -> None:
    async with served(Breaking()) as endpoint, Client([endpoint]) as client:
        with pytest.raises(JobpoolError, match="the disk is gone"):
            await keep_snapshot(client.snapshot_save(), tmp_path / "backup")
    assert os.listdir(tmp_path) == []


async def test_what_nobody_foresaw_gives_nothing_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Breaking()
    store.failure = KeyError("a secret of the inside")
    async with served(store) as endpoint, Client([endpoint]) as client:
        with pytest.raises(JobpoolError, match="internal error") as failure:
            await keep_snapshot(client.snapshot_save(), tmp_path / "backup")
    assert "secret" not in str(failure.value)
    assert "Traceback" in capsys.readouterr().out


async def test_a_caller_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("jobpool.api.grpc._TAKEN_WITHIN", 50)
    store = await filled(24)
    async with served(store) as endpoint, Client([endpoint]) as client, aclosing(client.snapshot_save()) as pieces:
        await anext(pieces)
        await _freed(endpoint)
        with pytest.raises(DeadlineExceeded, match="was not taken"):
            _ = [piece async for piece in pieces]


async def _freed(endpoint: str) -> None:
    """Until the server serves somebody else, because it has given the slow one up."""
    async with asyncio.timeout(20):
        while True:
            try:
                async with Client([endpoint]) as client, aclosing(client.snapshot_save()) as pieces:
                    await anext(pieces)
                return
            except ResourceExhausted:
                await asyncio.sleep(0.01)
