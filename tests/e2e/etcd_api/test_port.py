"""What a client can send that etcdctl does not, and what it must not miss; with an etcd that is looked at beside it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import cast

import grpc
import pytest

from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.messages import put
from jobpool.store.engines.etcd.settings import Timeouts
from jobpool.wire import etcd_pb2 as etcd
from tests.e2e.etcd_api.conftest import Served
from tests.e2e.etcd_api.etcdctl import WITHIN

OURS = b"/jobpool/v1/"
FENCE = OURS + b"fence"
TXN, LOCK, LEADER = "/etcdserverpb.KV/Txn", "/v3lockpb.Lock/Lock", "/v3electionpb.Election/Leader"
_OF_OURS, _OF_THEIRS = 20_000, 50


def chunk(number: int, body: bytes) -> bytes:
    """A field of bytes, as protobuf spells it."""
    return bytes([number << 3 | 2, len(body)]) + body


@pytest.fixture
async def port(apart: Served) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(apart.server.url.removeprefix("http://")) as channel:
        yield channel


HARMLESS = chunk(1, chunk(1, b"a"))
SECRET = chunk(1, chunk(1, FENCE))


@pytest.mark.parametrize(
    "request_",
    [
        chunk(2, HARMLESS + SECRET),
        chunk(2, SECRET + HARMLESS),
        chunk(2, chunk(4, chunk(2, SECRET))),
        chunk(2, chunk(4, b"") + chunk(4, chunk(2, SECRET))),
        chunk(3, chunk(4, chunk(3, SECRET))),
        chunk(2, chunk(1, chunk(1, OURS) + chunk(2, b""))),
        chunk(2, chunk(1, chunk(1, b"a") + chunk(1, FENCE))),
    ],
)
async def test_bytes_with_two_meanings_do_not_get_at_ours(port: grpc.aio.Channel, request_: bytes) -> None:
    code, answer = await outcome(port, TXN, request_)
    assert code in (grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED)
    assert OURS not in answer


def call(port: grpc.aio.Channel, path: str) -> "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]":
    """A method over bytes."""
    return port.unary_unary(path)


async def outcome(port: grpc.aio.Channel, path: str, request: bytes) -> tuple[grpc.StatusCode, bytes]:
    try:
        return grpc.StatusCode.OK, await call(port, path)(request, timeout=WITHIN)
    except grpc.aio.AioRpcError as refusal:
        return refusal.code(), b""


@pytest.mark.parametrize("name", [b"/jobpool/v1", b"/jobpool", b"", b"/jobpool/v1/plans"])
async def test_locks_and_elections_of_ours_are_refused(port: grpc.aio.Channel, name: bytes) -> None:
    for path in (LOCK, LEADER):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(port, path)(etcd.LockRequest(name=name).SerializeToString(), timeout=WITHIN)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_watch_misses_nothing_among_many_of_ours(apart: Served) -> None:
    """A watch that begins long ago catches up in batches, most of which hold nothing for it."""
    assert apart.direct is not None
    first = apart.direct.json("put", "theirs", "first")["header"]["revision"]
    client = EtcdClient([apart.endpoint], tls=None, user=None, timeouts=Timeouts(write=30_000))
    try:
        every = _OF_OURS // _OF_THEIRS
        for number in range(_OF_THEIRS):
            ours = [etcd.TxnRequest(success=[put(OURS + b"\xffnoise", b"%d" % one)]) for one in range(every)]
            await asyncio.gather(*(client.write(one) for one in ours))
            await client.write(etcd.TxnRequest(success=[put(b"theirs", b"%d" % number)]))
    finally:
        await client.close()
    watch = apart.etcdctl.start("watch", "", "--prefix", "--rev", str(first + 1))
    try:
        assert watch.stdout is not None
        for number in range(_OF_THEIRS):
            lines = [(await asyncio.to_thread(watch.stdout.readline)).strip() for _ in range(3)]
            assert lines == ["PUT", "theirs", str(number)]
    finally:
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=WITHIN)


async def test_what_waits_does_not_hold_up_the_end_of_the_server(apart: Served, port: grpc.aio.Channel) -> None:
    held = await call(port, LOCK)(etcd.LockRequest(name=b"mutex").SerializeToString(), timeout=WITHIN)
    assert etcd.LockResponse.FromString(held).key
    waiting = call(port, LOCK)(etcd.LockRequest(name=b"mutex").SerializeToString())
    watches: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = port.stream_stream("/etcdserverpb.Watch/Watch")
    watch = watches()
    create = etcd.WatchRequest(create_request=etcd.WatchCreateRequest(key=b"a"))
    await watch.write(create.SerializeToString())
    assert etcd.WatchResponse.FromString(cast(bytes, await watch.read())).created
    assert await asyncio.to_thread(apart.server.terminate) == 0
    for end in (waiting, watch.read()):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await end
        assert (caught.value.code(), caught.value.details()) == (
            grpc.StatusCode.UNAVAILABLE,
            "etcdserver: server stopped",
        )
    assert "calls_cut" not in apart.server.text()
