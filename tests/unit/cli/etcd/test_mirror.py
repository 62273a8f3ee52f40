"""A mirror copies everything as of one revision, then each change, in transactions that etcd takes."""

import pytest
from google.protobuf.message import Message

from jobpool.cli.etcd.mirror import MOST_BYTES, MOST_OPERATIONS
from jobpool.wire import etcd_pb2 as pb
from tests.unit.cli.etcd.fake_etcd import HEADER, FakeEtcd, serving
from tests.unit.cli.etcd.test_watch import COMPACTED, CREATED, Script
from tests.unit.cli.harness import Ctl

PREFIX = ("--prefix", "p/")


class Keys:
    """Answers ranges of so many keys; `size` of each value."""

    def __init__(self, count: int, size: int = 1) -> None:
        self.kvs = [pb.KeyValue(key=f"p/{number:05d}".encode(), value=b"v" * size) for number in range(count)]
        self.revisions: list[int] = []

    def __call__(self, request: Message) -> pb.RangeResponse:
        assert isinstance(request, pb.RangeRequest)
        self.revisions.append(request.revision)
        inside = [kv for kv in self.kvs if request.key <= kv.key < request.range_end]
        return pb.RangeResponse(header=HEADER, kvs=inside[: request.limit], more=len(inside) > request.limit)


async def mirrored(ctl: Ctl, etcd: FakeEtcd, *words: str) -> list[pb.TxnRequest]:
    async with serving(FakeEtcd()) as sink:
        sink.answers["Txn"] = pb.TxnResponse(header=HEADER, succeeded=True)
        outcome = await ctl("make-mirror", sink.endpoint, *words)
        assert outcome.code == 1
        assert outcome.err == "Error: the source ended the watch: what comes next was compacted: start again\n"
        return [one for one in sink.asked if isinstance(one, pb.TxnRequest)]


def written(requests: list[pb.TxnRequest]) -> list[tuple[str, bytes]]:
    return [
        (str(op.WhichOneof("request")), op.request_put.key or op.request_delete_range.key)
        for one in requests
        for op in one.success
    ]


async def test_all_pages_are_of_one_revision(ctl: Ctl, etcd: FakeEtcd) -> None:
    keys = Keys(2100)
    etcd.answers["Range"] = keys
    etcd.streams["Watch"] = Script([CREATED, COMPACTED])
    requests = await mirrored(ctl, etcd, *PREFIX)
    assert [key for _, key in written(requests)] == [kv.key for kv in keys.kvs]
    assert keys.revisions == [0, HEADER.revision, HEADER.revision]
    assert max(len(one.success) for one in requests) == MOST_OPERATIONS


async def test_large_values_are_few_in_a_transaction(ctl: Ctl, etcd: FakeEtcd) -> None:
    etcd.answers["Range"] = Keys(4, size=MOST_BYTES // 2)
    etcd.streams["Watch"] = Script([CREATED, COMPACTED])
    assert [len(one.success) for one in await mirrored(ctl, etcd, *PREFIX)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("words", "moved"), [((), b"p/k"), (("--dest-prefix", "q/"), b"q/k"), (("--no-dest-prefix",), b"k")]
)
async def test_changes_follow_with_their_prefix(ctl: Ctl, etcd: FakeEtcd, words: tuple[str, ...], moved: bytes) -> None:
    etcd.answers["Range"] = Keys(0)
    kinds = [pb.Event.PUT, pb.Event.PUT, pb.Event.DELETE]
    events = [
        pb.Event(type=kind, kv=pb.KeyValue(key=b"p/k", mod_revision=revision))
        for kind, revision in zip(kinds, (5, 6, 6), strict=True)
    ]
    script = Script([CREATED, pb.WatchResponse(header=HEADER, events=events), COMPACTED])
    etcd.streams["Watch"] = script
    requests = await mirrored(ctl, etcd, *PREFIX, *words)
    assert [len(one.success) for one in requests] == [1, 2]
    assert written(requests) == [
        ("request_put", moved),
        ("request_put", moved),
        ("request_delete_range", moved),
    ]
    assert script.created[0].start_revision == HEADER.revision + 1
