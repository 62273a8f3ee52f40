"""The calls to etcd over a real port: gRPC with etcd's statuses, JSON as from etcd's own gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from grpclib.client import Channel, Stream, StreamStreamMethod, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from jobpool.api.etcd.calls import EtcdCalls
from jobpool.api.etcd.gateway import etcd_routes
from jobpool.api.etcd.grpc import EtcdMethods
from jobpool.api.etcd.methods import METHODS
from jobpool.api.etcd.passage import refused
from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.open_streams import MOST
from jobpool.api.rest import Gateway
from jobpool.api.service import Service
from jobpool.api.untaken import Untaken
from jobpool.wire import etcd_pb2 as etcd
from tests.unit.api.etcd.passages import FakePassage, FakeSite

pytestmark = pytest.mark.timeout(30)

MIB = 1024 * 1024
LIMIT = 3 * MIB


@pytest.fixture
async def passage() -> FakePassage:
    return FakePassage()


@pytest.fixture
async def untaken() -> Untaken:
    return Untaken(LIMIT)


@pytest.fixture
async def port(passage: FakePassage, untaken: Untaken) -> AsyncIterator[int]:
    service = Service({})
    calls = EtcdCalls(passage, FakeSite())
    gateway = Gateway(service, extra_routes=etcd_routes(calls, service.outgoing))
    others = EtcdMethods(calls, service.outgoing, untaken).mapping
    async with Listener(service, gateway, ListenerConfig(urls=("http://127.0.0.1:0",)), others=others) as listener:
        yield listener.addresses[0][1]


@pytest.fixture
async def channel(port: int) -> AsyncIterator[Channel]:
    channel = Channel("127.0.0.1", port)
    yield channel
    channel.close()


@pytest.fixture
async def http(port: int) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session


async def post(http: aiohttp.ClientSession, path: str, body: str, **headers: str) -> tuple[int, Any, bytes]:
    told = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    async with http.post(path, data=body, headers=told) as answer:
        text = await answer.read()
        return answer.status, None if text.count(b"\n") > 1 else await answer.json(), text


RANGE = UnaryUnaryMethod[etcd.RangeRequest, etcd.RangeResponse]


async def test_a_call_is_answered_in_bytes(passage: FakePassage, channel: Channel) -> None:
    found = etcd.RangeResponse(kvs=[etcd.KeyValue(key=b"\xff\x00", value=b"\xfe")], count=1)
    passage.answers["Range"] = found
    call = RANGE(channel, METHODS["Range"].path, etcd.RangeRequest, etcd.RangeResponse)
    assert await call(etcd.RangeRequest(key=b"\xff\x00")) == found


@pytest.mark.parametrize("code", [1, 2, 3, 5, 9, 11, 14, 16])
async def test_a_refusal_of_etcd_comes_through_as_it_is(passage: FakePassage, channel: Channel, code: int) -> None:
    passage.answers["Range"] = refused(code, "etcdserver: some words")
    call = RANGE(channel, METHODS["Range"].path, etcd.RangeRequest, etcd.RangeResponse)
    with pytest.raises(GRPCError) as caught:
        await call(etcd.RangeRequest(key=b"a"))
    assert (caught.value.status, caught.value.message, caught.value.details) == (
        Status(code),
        "etcdserver: some words",
        None,
    )


async def test_bytes_that_are_no_message_are_refused(passage: FakePassage, channel: Channel) -> None:
    """A name that is not UTF-8."""
    call = UnaryUnaryMethod(channel, METHODS["UserAdd"].path, etcd.PutRequest, etcd.AuthUserAddResponse)
    with pytest.raises(GRPCError) as caught:
        await call(etcd.PutRequest(key=b"\xff\xfe"))
    assert caught.value.status is Status.INVALID_ARGUMENT
    assert passage.asked == []


async def test_what_is_not_known_does_not_get_to_etcd(passage: FakePassage, channel: Channel) -> None:
    """A field of a number that is none of the request's."""
    call = UnaryUnaryMethod(channel, METHODS["Range"].path, etcd.Compare, etcd.RangeResponse)
    await call(etcd.Compare(range_end=b"\xff"))
    assert passage.asked == [("Range", etcd.RangeRequest())]


async def test_a_watch_runs_both_ways(passage: FakePassage, channel: Channel) -> None:
    method = StreamStreamMethod(channel, METHODS["Watch"].path, etcd.WatchRequest, etcd.WatchResponse)
    create = etcd.WatchRequest(create_request=etcd.WatchCreateRequest(key=b"/j/a"))

    async def talk() -> None:
        async with method.open() as stream:
            await stream.send_message(create)
            assert (await _next(stream)).canceled
            passage.streams[0].answer(etcd.WatchResponse(watch_id=4, events=[etcd.Event(kv=etcd.KeyValue(key=b"a"))]))
            assert (await _next(stream)).watch_id == 4
            passage.closing.set()
            await stream.recv_message()

    with pytest.raises(GRPCError, match="server stopped"):
        await talk()


WATCH = StreamStreamMethod[etcd.WatchRequest, etcd.WatchResponse]
BEGIN = etcd.WatchRequest(create_request=etcd.WatchCreateRequest(key=b"a"))


def _watch(channel: Channel) -> WATCH:
    return WATCH(channel, METHODS["Watch"].path, etcd.WatchRequest, etcd.WatchResponse)


async def test_who_does_not_read_is_ended_before_much_is_held(
    passage: FakePassage, untaken: Untaken, port: int, channel: Channel
) -> None:
    """The oldest of those that wait; who reads is served meanwhile."""
    silent = Channel("127.0.0.1", port, config=Configuration(http2_connection_window_size=2**16 - 1))
    large = etcd.WatchResponse(events=[etcd.Event(kv=etcd.KeyValue(key=b"a", value=b"x" * MIB))])
    async with AsyncExitStack() as stack:
        stack.callback(silent.close)
        waiting = [await _watch(silent).open().__aenter__() for _ in range(8)]
        for at, call in enumerate(waiting):
            await call.send_request()
            await passage.open(at + 1)
            passage.streams[at].answer(large)
        for ended in passage.streams[:6]:
            await ended.gone.wait()
        assert [stream.closed for stream in passage.streams] == [True] * 6 + [False] * 2
        assert MIB < untaken.held <= LIMIT
        reader = await stack.enter_async_context(_watch(channel).open())
        await reader.send_request()
        await passage.open(9)
        passage.streams[8].answer(large)
        assert await _next(reader) == large
        await reader.cancel()


async def test_streams_are_so_many_and_no_more(passage: FakePassage, port: int) -> None:
    """One connection carries a hundred; the next call is refused in words, and one that ends makes place."""
    async with AsyncExitStack() as stack:
        calls = []
        for at in range(MOST):
            if at % 64 == 0:
                stack.callback((channel := Channel("127.0.0.1", port)).close)
            calls.append(await stack.enter_async_context(_watch(channel).open()))
            await calls[-1].send_message(BEGIN)
            await passage.open(at + 1)
        with pytest.raises(GRPCError, match=f"{MOST} streams are open") as caught:
            await _asked(channel)
        assert caught.value.status is Status.RESOURCE_EXHAUSTED
        await calls[0].cancel()
        await passage.streams[0].gone.wait()
        asking = asyncio.get_running_loop().create_task(_asked(channel))
        await passage.open(MOST + 1)
        passage.streams[-1].answer(etcd.WatchResponse(created=True))
        assert (await asking).created
        for call in calls[1:]:
            await call.cancel()


async def _asked(channel: Channel) -> etcd.WatchResponse:
    async with _watch(channel).open() as stream:
        await stream.send_message(BEGIN)
        found = await _next(stream)
        await stream.cancel()
        return found


async def _next(stream: Stream[etcd.WatchRequest, etcd.WatchResponse]) -> etcd.WatchResponse:
    found = await stream.recv_message()
    assert found is not None
    return found


async def test_a_snapshot_comes_in_pieces(passage: FakePassage, channel: Channel) -> None:
    method = UnaryStreamMethod(channel, METHODS["Snapshot"].path, etcd.SnapshotRequest, etcd.SnapshotResponse)
    async with method.open() as stream:
        await stream.send_message(etcd.SnapshotRequest(), end=True)
        await passage.opened.wait()
        for blob in (b"x", b"y"):
            passage.streams[0].answer(etcd.SnapshotResponse(blob=blob))
        passage.streams[0].answer(None)
        assert [piece.blob async for piece in stream] == [b"x", b"y"]


async def test_json(passage: FakePassage, http: aiohttp.ClientSession) -> None:
    passage.answers["Range"] = etcd.RangeResponse(kvs=[etcd.KeyValue(key=b"a", mod_revision=2**40)], count=1)
    status, _, text = await post(http, "/v3/kv/range", '{"key":"YQ","range_end":"YgA=","sort_order":"DESCEND"}')
    assert (status, text) == (200, b'{"kvs":[{"key":"YQ==","mod_revision":"1099511627776"}],"count":"1"}')
    request = etcd.RangeRequest(key=b"a", range_end=b"b\0", sort_order=etcd.RangeRequest.DESCEND)
    assert passage.asked == [("Range", request)]


def _nested(depth: int) -> str:
    return '{"success":[{"request_txn":' * (depth - 1) + "{}" + "}]}" * (depth - 1)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v3/kv/range", '{"kee":"YQ"}', 400, "kee"),
        ("/v3/kv/range", '{"key":5}', 400, "key"),
        ("/v3/kv/range", "[]", 400, "body"),
        ("/v3/kv/range?key=YQ", "{}", 400, "query"),
        ("/v3/kv/range", '{"key":"L2ovYQ=="}', 403, "jobpool's own"),
        ("/v3/kv/txn", '{"failure":[{"request_txn":{"success":[{"request_range":{"key":"L2ovYQ=="}}]}}]}', 403, "own"),
        ("/v3/kv/txn", _nested(9), 400, "nested at most 8 deep"),
        ("/v3/kv/txn", _nested(90), 400, "nested"),
        *(("/v3/kv/txn", _nested(depth), 400, "nested") for depth in range(100, 400, 20)),
        ("/v3/kv/txn", _nested(9_000), 400, "nested"),
        ("/v3/kv/compaction", '{"revision":"99"}', 409, "server of jobpool"),
        ("/v3/kv/put", '{"key":"eA=="}', 409, "etcdserver: lease"),
        ("/v3/lock/lock", "{}", 404, "nothing is served"),
    ],
)
async def test_refusals_in_json(
    passage: FakePassage, http: aiohttp.ClientSession, path: str, body: str, status: int, words: str
) -> None:
    passage.answers["Put"] = refused(9, "etcdserver: lease")
    found, told, _ = await post(http, path, body)
    assert found == status
    assert words in told["error"]
    assert told["message"] == told["error"]


async def test_other_verbs_and_types_are_refused(http: aiohttp.ClientSession) -> None:
    async with http.get("/v3/kv/range") as answer:
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert (await post(http, "/v3/kv/range", "{}", Content_Type="text/plain"))[0] == 415
    assert (await post(http, "/v3/kv/range", "{}", Host="elsewhere.example"))[0] == 421


async def test_a_lease_is_kept_alive_once(passage: FakePassage, http: aiohttp.ClientSession) -> None:
    asking = post(http, "/v3/lease/keepalive", '{"ID":"6"}')
    answered = await _while(asking, passage, [etcd.LeaseKeepAliveResponse(ID=6, TTL=60), None])
    assert answered == (200, {"result": {"ID": "6", "TTL": "60"}}, b'{"result":{"ID":"6","TTL":"60"}}\n')
    assert passage.streams[0].sent == [etcd.LeaseKeepAliveRequest(ID=6).SerializeToString()]


async def test_a_snapshot_is_a_line_for_each_piece(passage: FakePassage, http: aiohttp.ClientSession) -> None:
    pieces = [etcd.SnapshotResponse(blob=b"x", remaining_bytes=1), etcd.SnapshotResponse(blob=b"y")]
    asking = post(http, "/v3/maintenance/snapshot", "{}")
    status, _, text = await _while(asking, passage, [*pieces, refused(14, "etcdserver: gone")])
    lines = (
        b'{"result":{"remaining_bytes":"1","blob":"eA=="}}\n{"result":{"blob":"eQ=="}}\n'
        b'{"error":{"grpc_code":14,"message":"etcdserver: gone"}}\n'
    )
    assert (status, text) == (200, lines)


async def _while(asking: Any, passage: FakePassage, answers: list[Any]) -> Any:
    """What is answered to a call whose stream at etcd answers so."""
    task = asyncio.get_running_loop().create_task(asking)
    await passage.opened.wait()
    for answer in answers:
        passage.streams[0].answer(answer)
    return await task
