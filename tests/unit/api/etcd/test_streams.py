"""Calls with a stream: both ways are pumped, and the end of any of the three ends it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest
from google.protobuf.message import Message

from jobpool.api.etcd.calls import EtcdCalls
from jobpool.api.etcd.passage import refused
from jobpool.model.errors import Code, JobpoolError, PermissionDenied
from jobpool.wire import etcd_pb2 as etcd
from tests.unit.api.etcd.passages import LOCAL, REMOTE, FakePassage, FakeSite


class Talk:
    """A call in progress: what the caller says, and what it is told."""

    def __init__(self, passage: FakePassage, name: str) -> None:
        self._said: asyncio.Queue[Message | None] = asyncio.Queue()
        self.told: asyncio.Queue[bytes] = asyncio.Queue()
        calls = EtcdCalls(passage, FakeSite())
        self.task = asyncio.get_running_loop().create_task(
            calls.converse(name, self._said.get, self.told.put, LOCAL), name=name
        )

    def say(self, request: Message | None) -> None:
        self._said.put_nowait(request)


@pytest.fixture
async def passage() -> FakePassage:
    return FakePassage()


@pytest.fixture
async def watch(passage: FakePassage) -> AsyncIterator[Talk]:
    talk = Talk(passage, "Watch")
    await passage.opened.wait()
    yield talk
    talk.task.cancel()
    await asyncio.gather(talk.task, return_exceptions=True)


def creating(key: bytes, end: bytes = b"") -> etcd.WatchRequest:
    return etcd.WatchRequest(create_request=etcd.WatchCreateRequest(key=key, range_end=end))


def events(*keys: bytes) -> etcd.WatchResponse:
    return etcd.WatchResponse(events=[etcd.Event(kv=etcd.KeyValue(key=key)) for key in keys])


def keys(data: bytes) -> Sequence[bytes]:
    return [event.kv.key for event in etcd.WatchResponse.FromString(data).events]


async def test_events_of_ours_are_left_out(passage: FakePassage, watch: Talk) -> None:
    (stream,) = passage.streams
    watch.say(creating(b"\0", b"\0"))
    stream.answer(etcd.WatchResponse(created=True))
    stream.answer(events(b"/j/a"))
    stream.answer(events(b"a", b"/j/a", b"z"))
    assert etcd.WatchResponse.FromString(await watch.told.get()).created
    assert keys(await watch.told.get()) == [b"a", b"z"]
    assert stream.sent == [creating(b"\0", b"\0").SerializeToString()]


async def test_a_watch_of_ours_is_refused_without_ending_the_others(passage: FakePassage, watch: Talk) -> None:
    (stream,) = passage.streams
    watch.say(creating(b"/j/", b"/j0"))
    refusal = etcd.WatchResponse.FromString(await watch.told.get())
    assert (refusal.created, refusal.canceled, refusal.watch_id) == (True, True, -1)
    assert "jobpool's own" in refusal.cancel_reason
    assert refusal.HasField("header"), "clients in Go do not look before they read it"
    stream.answer(events(b"a"))
    assert keys(await watch.told.get()) == [b"a"]
    assert stream.sent == []


async def test_a_caller_that_asks_nothing_more_gets_the_rest(passage: FakePassage, watch: Talk) -> None:
    (stream,) = passage.streams
    watch.say(None)
    await stream.ended.wait()
    stream.answer(events(b"a"))
    stream.answer(None)
    await watch.task
    assert keys(watch.told.get_nowait()) == [b"a"]
    assert stream.closed


async def test_the_end_at_etcd_ends_the_call(passage: FakePassage, watch: Talk) -> None:
    (stream,) = passage.streams
    stream.answer(refused(Code.UNAVAILABLE, "etcdserver: no leader"))
    with pytest.raises(JobpoolError, match="no leader"):
        await watch.task
    assert stream.closed


async def test_the_end_of_the_server_ends_the_call(passage: FakePassage, watch: Talk) -> None:
    passage.closing.set()
    with pytest.raises(JobpoolError, match="server stopped") as caught:
        await watch.task
    assert caught.value.code is Code.UNAVAILABLE


async def test_a_lease_of_ours_is_not_kept_alive(passage: FakePassage) -> None:
    talk = Talk(passage, "LeaseKeepAlive")
    talk.say(etcd.LeaseKeepAliveRequest(ID=6))
    talk.say(etcd.LeaseKeepAliveRequest(ID=7))
    with pytest.raises(PermissionDenied):
        await talk.task
    assert passage.streams[0].sent == [etcd.LeaseKeepAliveRequest(ID=6).SerializeToString()]


async def test_snapshots_are_for_administrators(passage: FakePassage) -> None:
    site = FakeSite()
    calls = EtcdCalls(passage, site)
    with pytest.raises(PermissionDenied, match="save a snapshot"):
        await anext(calls.answers("Snapshot", etcd.SnapshotRequest(), REMOTE))
    assert passage.streams == []
    for allowed, caller in ((True, REMOTE), (False, LOCAL)):
        passage.opened.clear()
        site.allows_remote_snapshots = allowed
        async with aclosing(calls.answers("Snapshot", etcd.SnapshotRequest(), caller)) as answers:
            reading = asyncio.get_running_loop().create_task(anext(answers))
            await passage.opened.wait()
            passage.streams[-1].answer(etcd.SnapshotResponse(blob=b"x"))
            assert etcd.SnapshotResponse.FromString(await reading).blob == b"x"
        assert passage.streams[-1].closed


async def test_an_election_of_ours_is_not_observed(passage: FakePassage) -> None:
    calls = EtcdCalls(passage, FakeSite())
    with pytest.raises(PermissionDenied):
        await anext(calls.answers("Observe", etcd.LeaderRequest(name=b"/j"), LOCAL))
