"""The engine on etcd, without etcd: versions, endpoints, prefixes, failures, the search for a fence."""

import asyncio
from bisect import bisect_right

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobpool.model.errors import InvalidArgument, StoreFailed
from jobpool.store.engines.etcd.errors import Denied, NoSpace, TokenRefused, TooManyOps, Unreachable, judge
from jobpool.store.engines.etcd.fences import Held, decode_held, encode_restoring, find
from jobpool.store.engines.etcd.keys import keyspace
from jobpool.store.engines.etcd.opening import refuse_bad_versions
from jobpool.store.engines.etcd.settings import User, parse_endpoint
from jobpool.store.engines.etcd.versions import judge_version
from jobpool.store.engines.rules import encode_fence
from jobpool.store.port import Compacted, Fence
from jobpool.wire.etcd_pb2 import StatusResponse

Code = grpc.StatusCode


@pytest.mark.parametrize("text", ["3.4.23", "3.5.1", "3.5.16", "3.5.17", "2.3.8"])
def test_an_etcd_that_loses_data_is_refused_with_the_reason(text: str) -> None:
    assert "can lose" in judge_version(text).refusal
    with pytest.raises(StoreFailed, match=f"at http://a:1: etcd {text} is refused"):
        refuse_bad_versions({"http://a:1": StatusResponse(version=text)})


@pytest.mark.parametrize("text", ["3.5.18", "3.5.27"])
def test_an_etcd_with_stale_reads_is_warned_of(text: str) -> None:
    verdict = judge_version(text)
    assert (verdict.refusal, "stale" in verdict.warning) == ("", True)
    refuse_bad_versions({"http://a:1": StatusResponse(version=text)})


@pytest.mark.parametrize("text", ["3.5.28", "3.5.30", "3.6.0", "3.10.1-rc.0", "4.0.0"])
def test_a_good_etcd_is_taken(text: str) -> None:
    verdict = judge_version(text)
    assert (verdict.refusal, verdict.warning) == ("", "")


@pytest.mark.parametrize("text", ["", "cluster", "3.5"])
def test_what_is_no_version_is_refused(text: str) -> None:
    assert "wanted an etcd version" in judge_version(text).refusal


@pytest.mark.parametrize(
    ("text", "tls", "wanted"),
    [
        ("http://127.0.0.1:2379", False, "http://127.0.0.1:2379"),
        ("http://127.0.0.1:2379", True, "http://127.0.0.1:2379"),
        ("https://etcd-0.etcd.svc:2379/", False, "https://etcd-0.etcd.svc:2379"),
        ("etcd:2379", False, "http://etcd:2379"),
        (" etcd:2379 ", True, "https://etcd:2379"),
        ("[::1]:2379", False, "http://[::1]:2379"),
        ("unix:///a b/etcd", True, "unix:///a b/etcd"),
    ],
)
def test_endpoints(text: str, tls: bool, wanted: str) -> None:
    assert str(parse_endpoint(text, tls=tls)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        *("", "etcd", "http://", "ftp://a:1", "http://a", "http://a:b", "a:70000", "http://a:1/x", "http://u:p@a:1"),
        *("unix://", "unix://a/b", "unix:a"),
    ],
)
def test_bad_endpoints_are_shown(text: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        parse_endpoint(text, tls=False)
    assert refusal.value.field == "etcd-endpoints"
    assert repr(text) in refusal.value.reason


def test_a_password_is_not_printed() -> None:
    assert "secret" not in repr(User("jobpool", "secret"))


@pytest.mark.parametrize("prefix", ["", "/", "a/", "/a", "/jobpool/v1", "/a\n/", "/\ud800/"])
def test_a_prefix_that_could_meet_another_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        keyspace(prefix)
    assert refusal.value.field == "prefix"


@given(text=st.text())
def test_every_text_lies_below_what_the_engine_adds(text: str) -> None:
    keys = keyspace("/jobpool/v1/")
    key = keys.key(text)
    assert keys.first <= key < keys.texts_end <= keys.ranges < keys.last
    assert keys.text(key) == text


def test_what_is_no_text_is_no_key() -> None:
    with pytest.raises(InvalidArgument, match="wanted text"):
        keyspace("/a/").key("a\ud800")


def test_a_foreign_key_is_told() -> None:
    keys = keyspace("/a/")
    with pytest.raises(StoreFailed, match="not one of jobpool's"):
        keys.text(b"/a/\xc3\x28")


@pytest.mark.parametrize(
    ("code", "details", "wanted", "advice"),
    [
        (Code.UNAVAILABLE, "failed to connect", Unreachable, ""),
        (Code.UNAVAILABLE, "etcdserver: leader changed", Unreachable, ""),
        (Code.DEADLINE_EXCEEDED, "Deadline Exceeded", Unreachable, ""),
        (Code.CANCELLED, "cancelled", Unreachable, ""),
        (Code.UNKNOWN, "stream removed", Unreachable, ""),
        (Code.INTERNAL, "received RST_STREAM", Unreachable, ""),
        (Code.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", NoSpace, "alarm disarm"),
        (Code.RESOURCE_EXHAUSTED, "etcdserver: too many requests", StoreFailed, ""),
        (Code.INVALID_ARGUMENT, "etcdserver: request is too large", StoreFailed, "--max-request-bytes"),
        (Code.RESOURCE_EXHAUSTED, "trying to send message larger than max", StoreFailed, "--max-request-bytes"),
        (Code.INVALID_ARGUMENT, "etcdserver: too many operations in txn request", TooManyOps, ""),
        (Code.PERMISSION_DENIED, "etcdserver: permission denied", Denied, "role"),
        (Code.UNAUTHENTICATED, "etcdserver: invalid auth token", TokenRefused, ""),
        (Code.INVALID_ARGUMENT, "etcdserver: revision of auth store is old", TokenRefused, ""),
        (Code.INVALID_ARGUMENT, "etcdserver: user name is empty", TokenRefused, "wants a user"),
        (Code.INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user ID", StoreFailed, "password is wrong"),
        (Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", Compacted, ""),
        (None, "etcdserver: permission denied", Denied, "role"),
        (None, "etcdserver: no leader", Unreachable, ""),
        (None, "etcdserver: invalid auth token", TokenRefused, ""),
    ],
)
def test_what_a_failure_means(code: Code | None, details: str, wanted: type[StoreFailed], advice: str) -> None:
    failure = judge(code, details, "at http://a:1")
    assert type(failure) is wanted
    assert details in failure.reason
    assert "http://a:1" in failure.reason
    assert advice in failure.reason


def test_the_mark_of_a_restore_is_told_from_a_fence() -> None:
    fence = Fence(2, 3, 4, "x")
    assert decode_held(encode_fence(fence), 9) == Held(fence, 9)
    marked = decode_held(encode_restoring(fence), 9)
    assert marked == Held(fence, 9, restoring=True)
    assert decode_held(encode_fence(fence), 9).sound() == fence
    with pytest.raises(StoreFailed, match="not finished"):
        marked.sound()


def held_since(history: list[Held], revision: int) -> Held | None:
    """What was in force at the revision, looked up in all there ever was."""
    at = bisect_right([held.revision for held in history], revision)
    return history[at - 1] if at else None


@given(
    gaps=st.lists(st.tuples(st.sampled_from([1, 1, 2, 3, 40]), st.booleans()), min_size=1, max_size=40),
    compacted=st.sampled_from([0, 0, 5, 30, 300]),
)
def test_the_search_finds_what_a_walk_finds(gaps: list[tuple[int, bool]], compacted: int) -> None:
    """`gaps`: how far the revision moved before each change of the fence; True = a mark, which keeps n."""
    history: list[Held] = []
    n = revision = 0
    for gap, restoring in gaps:
        revision += gap
        n += not restoring
        history.append(Held(Fence(1, 1, n, ""), revision, restoring))
    asked: list[int] = []

    async def held_at(revision: int) -> Held | None:
        asked.append(revision)
        return held_since(history, revision) if revision > compacted else None

    ends = [held.revision for held in history[1:]]
    kept = [held for held, end in zip(history, ends, strict=False) if end > compacted + 1] + history[-1:]
    for wanted in range(-1, n + 2):
        walked = [held for held in kept if held.fence.n == wanted and not held.restoring]
        if history[-1].restoring and wanted == n:
            walked = []
        asked.clear()
        assert asyncio.run(find(wanted, history[-1], held_at)) == (walked[0] if walked else None)
        assert len(asked) <= 14


async def test_without_foreign_keys_the_first_guess_is_right() -> None:
    history = [Held(Fence(1, 1, n, ""), n + 1) for n in range(1000)]
    asked: list[int] = []

    async def held_at(revision: int) -> Held | None:
        asked.append(revision)
        return held_since(history, revision)

    assert await find(17, history[-1], held_at) == history[17]
    assert asked == [18]
