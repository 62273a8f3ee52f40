"""A watch tells each event once, over lost connections too, and runs what it is told to."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from grpclib.const import Status
from grpclib.exceptions import StreamTerminatedError

from jobpool.client import Unreachable
from jobpool.client.etcd import Etcd
from jobpool.client.etcd_watch import Watch
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.pure.durations import Millis
from jobpool.wire import etcd_pb2 as pb
from tests.unit.cli.etcd.fake_etcd import HEADER, FakeEtcd, refusal
from tests.unit.cli.harness import Ctl


class Hasty(SystemClock):
    async def sleep(self, span: Millis) -> None:
        await super().sleep(0)


def event(revision: int, kind: str = "PUT") -> pb.Event:
    kv = pb.KeyValue(key=b"k", mod_revision=revision, value=str(revision).encode())
    return pb.Event(type=kind, kv=kv)


def told(*revisions: int) -> pb.WatchResponse:
    return pb.WatchResponse(header=HEADER, events=[event(revision) for revision in revisions])


CREATED = pb.WatchResponse(header=HEADER, created=True)
PROGRESS = pb.WatchResponse(header=HEADER)
COMPACTED = pb.WatchResponse(header=HEADER, canceled=True, compact_revision=9)
DENIED = pb.WatchResponse(header=HEADER, created=True, canceled=True, cancel_reason="etcdserver: permission denied")


class Script:
    """Each connection is told the next part, and broken off once the last of it is heard; not so the last one."""

    def __init__(self, *parts: list[pb.WatchResponse]) -> None:
        self._parts = list(parts)
        self._told = pb.WatchResponse()
        self._heard = asyncio.Event()
        self.created: list[pb.WatchCreateRequest] = []

    async def __call__(self, stream: Any) -> None:
        request = await stream.recv_message()
        self.created.append(request.create_request)
        self._heard.clear()
        for answer in self._parts.pop(0):
            self._told = answer
            await stream.send_message(answer)
        if self._parts:
            await self._heard.wait()
            raise refusal("etcdserver: server stopped", Status.UNAVAILABLE)
        with suppress(StreamTerminatedError):
            await stream.recv_message()

    async def heard(self, watch: Watch) -> list[pb.WatchResponse]:
        seen = []
        async for answer in watch.answers():
            seen.append(answer)
            if answer == self._told:
                self._heard.set()
        return seen


async def test_it_goes_on_where_it_was(etcd: FakeEtcd) -> None:
    script = Script([CREATED, told(5), told(6, 6)], [CREATED, PROGRESS], [CREATED, told(8), COMPACTED])
    etcd.streams["Watch"] = script
    async with Etcd([etcd.endpoint]) as client:
        seen = await script.heard(Watch(client, pb.WatchCreateRequest(key=b"k"), clock=Hasty()))
    assert [event.kv.mod_revision for one in seen for event in one.events] == [5, 6, 6, 8]
    assert [one.start_revision for one in script.created] == [0, 7, 7]
    assert seen[-1].compact_revision == 9


async def test_one_that_was_told_nothing_goes_on_from_where_it_began(etcd: FakeEtcd) -> None:
    script = Script([CREATED, PROGRESS], [CREATED, COMPACTED])
    etcd.streams["Watch"] = script
    async with Etcd([etcd.endpoint]) as client:
        assert len(await script.heard(Watch(client, pb.WatchCreateRequest(key=b"k"), clock=Hasty()))) == 2
    assert [one.start_revision for one in script.created] == [0, HEADER.revision + 1]


async def test_one_that_cannot_begin_fails(etcd: FakeEtcd) -> None:
    async with Etcd(["127.0.0.1:1"]) as client:
        with pytest.raises(Unreachable):
            await anext(Watch(client, pb.WatchCreateRequest(key=b"k"), clock=Hasty()).answers())


@pytest.mark.parametrize(
    ("last", "why"),
    [(COMPACTED, "etcdserver: mvcc: required revision has been compacted"), (DENIED, "etcdserver: permission denied")],
)
async def test_why_the_server_ends_it_is_told(ctl: Ctl, etcd: FakeEtcd, last: pb.WatchResponse, why: str) -> None:
    etcd.streams["Watch"] = Script([last] if last.created else [CREATED, last])
    outcome = await ctl("watch", "k")
    assert (outcome.code, outcome.err) == (5, f"Error: the watch was canceled by the server: {why}\n")


async def test_events_are_printed_as_etcdctl_does(ctl: Ctl, etcd: FakeEtcd) -> None:
    answer = pb.WatchResponse(header=HEADER, events=[event(5), event(6, "DELETE")])
    parts = [CREATED, answer, PROGRESS, COMPACTED]
    etcd.streams["Watch"] = Script(list(parts))
    assert (await ctl("watch", "k")).out == "PUT\nk\n5\nDELETE\nk\n6\nprogress notify: 3\n"
    etcd.streams["Watch"] = Script(list(parts))
    first, second, third = (await ctl("watch", "k", "-w", "json")).out.splitlines()
    header = '{"Header":{"cluster_id":1,"member_id":2,"revision":3,"raft_term":4},"Events":'
    rest = ',"CompactRevision":0,"Canceled":false,"Created":false}'
    assert first == (
        header
        + '[{"kv":{"key":"aw==","mod_revision":5,"value":"NQ=="}},'
        + '{"type":1,"kv":{"key":"aw==","mod_revision":6,"value":"Ng=="}}]'
        + rest
    )
    assert (second, third) == ("progress notify: 3", f"{header}[]{rest}")


async def test_a_command_that_fails_ends_it(ctl: Ctl, etcd: FakeEtcd) -> None:
    etcd.streams["Watch"] = Script([CREATED, told(5)])
    outcome = await ctl("watch", "k", "--", "false")
    assert outcome.code == 1
    assert outcome.err == "Error: command 'false' failed: exit status 1\n"
    etcd.streams["Watch"] = Script([CREATED, told(5)])
    assert "cannot run '/no/such'" in (await ctl("watch", "k", "--", "/no/such")).err


async def test_the_key_may_be_in_the_environment(ctl: Ctl, etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETCDCTL_WATCH_KEY", "a")
    assert (await ctl("watch", "b")).code == 128
    script = Script([CREATED, COMPACTED])
    etcd.streams["Watch"] = script
    await ctl("watch", "--rev", "2")
    assert script.created == [pb.WatchCreateRequest(key=b"a", start_revision=2)]
