"""Whatever a client of etcd asks for, it is as if jobpool's keys were not there: neither seen nor changed."""

from collections.abc import Iterator
from itertools import product

import pytest
from google.protobuf.message import DecodeError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobpool.api.etcd.guard import Guard
from jobpool.api.etcd.ranges import Place, Reserved, after_prefix
from jobpool.api.etcd.split import judged, merged
from jobpool.api.etcd.watching import WatchFilter
from jobpool.model.errors import InvalidArgument, PermissionDenied
from jobpool.wire.etcd_pb2 import (
    Compare,
    DeleteRangeRequest,
    Event,
    KeyValue,
    PutRequest,
    RangeRequest,
    RequestOp,
    TxnRequest,
    WatchCreateRequest,
    WatchRequest,
    WatchResponse,
)
from tests.properties.etcd_twin import Twin, lies_in

OURS = Reserved(b"/j/", b"/j0")
OWN_LEASE = 7
GUARD = Guard(OURS, lambda: {OWN_LEASE})
LETTERS = (b"\0", b".", b"/", b"0", b"j", b"\xff")
UNIVERSE = [b"".join(letters) for size in range(1, 5) for letters in product(LETTERS, repeat=size)]
KEYS = st.sampled_from(
    [
        b"\0",
        b"/",
        b"/i",
        b"/j",
        b"/j.\xff",
        b"/j/",
        b"/j/\0",
        b"/j/a",
        b"/j/\xff",
        b"/j0",
        b"/j0\0",
        b"/j1",
        b"\xff\xff",
    ]
)
ENDS = st.one_of(KEYS, st.just(b""), st.just(b"\0"))
FOREIGN = KEYS.filter(lambda key: key not in OURS)

RANGES = st.builds(
    RangeRequest,
    key=KEYS,
    range_end=ENDS,
    limit=st.integers(-1, 5),
    sort_order=st.integers(0, 2),
    sort_target=st.integers(0, 4),
    keys_only=st.booleans(),
    count_only=st.booleans(),
    min_mod_revision=st.sampled_from([0, 0, 5]),
    max_mod_revision=st.sampled_from([0, 0, 9]),
)
PUTS = st.builds(PutRequest, key=KEYS, value=st.sampled_from([b"", b"x", b"y"]))
DELETES = st.builds(DeleteRangeRequest, key=KEYS, range_end=ENDS, prev_kv=st.booleans())
COMPARES = st.builds(
    Compare,
    key=FOREIGN,
    range_end=st.sampled_from([b"", b"", b"/j/"]),
    result=st.sampled_from([Compare.GREATER, Compare.LESS]),
    target=st.just(Compare.MOD),
    mod_revision=st.integers(0, 12),
)


def _operations(inner: st.SearchStrategy[TxnRequest]) -> st.SearchStrategy[RequestOp]:
    return st.one_of(
        st.builds(RequestOp, request_range=RANGES),
        st.builds(RequestOp, request_range=RANGES),
        st.builds(RequestOp, request_put=PUTS),
        st.builds(RequestOp, request_delete_range=DELETES),
        st.builds(RequestOp, request_txn=inner),
    )


def _transactions(inner: st.SearchStrategy[TxnRequest]) -> st.SearchStrategy[TxnRequest]:
    operations = st.lists(_operations(inner), max_size=3)
    return st.builds(TxnRequest, compare=st.lists(COMPARES, max_size=2), success=operations, failure=operations)


TRANSACTIONS = st.recursive(st.builds(TxnRequest), _transactions, max_leaves=4)


def pairs() -> st.SearchStrategy[list[KeyValue]]:
    """With values and revisions that differ, so that no order is left open."""
    numbers = st.permutations(range(1, 14))
    keys = st.lists(KEYS, unique=True, max_size=13)
    return st.builds(
        lambda names, order: [
            KeyValue(key=key, value=b"%02d" % (20 - at), create_revision=at, mod_revision=at, version=30 - at)
            for key, at in zip(names, order, strict=False)
        ],
        keys,
        numbers,
    )


@pytest.mark.parametrize("key", [*UNIVERSE[::37], b"", b"/j/", b"/j", b"/j0", b"/j/\xff"])
def test_a_range_is_placed_as_its_keys_lie(key: bytes) -> None:
    for end in (b"", b"\0", *UNIVERSE[::11], b"/j/", b"/j/\0", b"/j0", b"/j0\0"):
        inside = {one for one in UNIVERSE if lies_in(one, key, end)}
        ours = {one for one in inside if one in OURS}
        match OURS.place(key, end):
            case Place.OUTSIDE:
                assert not ours
            case Place.INSIDE:
                assert key in OURS
                assert ours == inside
            case Place.CROSSES:
                around = OURS.around(key, end)
                assert inside - ours == {one for one in UNIVERSE for part in around if lies_in(one, *part)}
                assert not any(OURS.place(*part) is not Place.OUTSIDE for part in around)


@given(st.binary(max_size=3), st.binary(max_size=5))
def test_the_end_of_a_prefix(prefix: bytes, key: bytes) -> None:
    assume(prefix)
    assert lies_in(key, prefix, after_prefix(prefix)) == key.startswith(prefix)


@settings(max_examples=400, deadline=None)
@given(pairs(), TRANSACTIONS)
def test_a_transaction_sees_and_changes_nothing_of_ours(stored: list[KeyValue], asked: TxnRequest) -> None:
    whole = Twin(stored, 20)
    without = Twin([pair for pair in stored if pair.key not in OURS], 20)
    ours = {key: pair.SerializeToString() for key, pair in whole.pairs.items() if key in OURS}
    try:
        sent, shape = judged(asked, GUARD)
    except PermissionDenied:
        assert any(True for _ in keys_of_ours(asked))
        return
    assert not any(True for _ in keys_of_ours(asked))
    answer, expected = merged(whole.txn(sent), shape), without.txn(asked)
    assert answer == expected
    assert {key: pair.SerializeToString() for key, pair in whole.pairs.items() if key in OURS} == ours
    assert {key: pair for key, pair in whole.pairs.items() if key not in OURS} == without.pairs


CROSSING = st.builds(
    lambda request, key, end: _over(request, key, end),
    RANGES,
    st.sampled_from([b"\0", b"/", b"/j", b"/j/a"]),
    st.sampled_from([b"\0", b"/j0\0", b"\xff"]),
)


def _over(request: RangeRequest, key: bytes, end: bytes) -> RangeRequest:
    request.key, request.range_end = key, end
    return request


@settings(max_examples=600, deadline=None)
@given(pairs().filter(lambda stored: len(stored) > 8), CROSSING)
def test_a_range_that_crosses_ours_is_answered_as_if_they_were_not_there(
    stored: list[KeyValue], asked: RangeRequest
) -> None:
    without = Twin([pair for pair in stored if pair.key not in OURS], 20)
    request = TxnRequest(success=[RequestOp(request_range=asked)])
    sent, shape = judged(request, GUARD)
    assert merged(Twin(stored, 20).txn(sent), shape) == without.txn(request)


@given(st.sampled_from([b"\0", b"/j", b"/j/", b"/j/a"]), st.sampled_from([b"\0", b"/j/\xff", b"/j0\0"]))
def test_a_comparison_that_reaches_ours_is_refused_wherever_it_stands(key: bytes, end: bytes) -> None:
    inner = TxnRequest(compare=[Compare(key=key, range_end=end)])
    nested = TxnRequest(failure=[RequestOp(request_txn=inner)])
    for request in (inner, nested, TxnRequest(success=[RequestOp(request_txn=nested)])):
        with pytest.raises(PermissionDenied):
            judged(request, GUARD)


def keys_of_ours(asked: TxnRequest) -> Iterator[bytes]:
    """First keys of operations that lie in our keys alone, and what cannot be split."""
    for operation in (*asked.success, *asked.failure):
        match operation.WhichOneof("request"):
            case "request_put":
                spans = [(operation.request_put.key, b"")]
            case "request_range":
                spans = [(operation.request_range.key, operation.request_range.range_end)]
            case "request_delete_range":
                spans = [(operation.request_delete_range.key, operation.request_delete_range.range_end)]
            case _:
                spans = []
                yield from keys_of_ours(operation.request_txn)
        yield from (key for key, end in spans if key in OURS and end != b"\0" and end <= OURS.last)


# ---- the bytes


def fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """(number, value) as they stand there; nothing is merged."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            assert tag & 7 == 2, "etcd's messages have varints and lengths only"
            size = varint()
            yield tag >> 3, data[at : at + size]
            at += size


def told_apart(data: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    """(kind, key, range_end) of every operation in a TxnRequest, by a parser of its own.

    Fails when something is given twice, so that it does not matter which is kept.
    """
    for number, value in fields(data):
        assert number in (1, 2, 3)
        assert isinstance(value, bytes)
        inner = list(fields(value))
        if number == 1:
            known = dict(inner)
            assert len(known) == len(inner)
            yield "compare", _bytes(known.get(3)), _bytes(known.get(64))
            continue
        assert len(inner) <= 1, "one operation in each"
        for kind, body in inner:
            assert isinstance(body, bytes)
            if kind == 4:
                yield from told_apart(body)
                continue
            known = dict(fields(body))
            assert len(known) == len(list(fields(body)))
            yield str(kind), _bytes(known.get(1)), b"" if kind == 2 else _bytes(known.get(2))


def _bytes(value: bytes | int | None) -> bytes:
    assert not isinstance(value, int)
    return value or b""


def chunk(number: int, body: bytes) -> bytes:
    return bytes([number << 3 | 2, len(body)]) + body


BODIES = st.one_of(
    st.builds(lambda key, end: chunk(1, key) + chunk(2, end), KEYS, ENDS),
    st.builds(lambda end, key: chunk(2, end) + chunk(1, key), ENDS, KEYS),
    st.builds(lambda a, b: chunk(1, a) + chunk(1, b), KEYS, KEYS),
    st.builds(lambda key: chunk(1, key) + chunk(2, b""), KEYS),
    st.builds(lambda key: chunk(1, key) + b"\x12\x00" + b"\x7a\x01x", KEYS),
    st.just(b""),
)
OPERATIONS = st.lists(st.tuples(st.integers(1, 6), BODIES), max_size=3).map(
    lambda parts: b"".join(chunk(number, body) for number, body in parts)
)
BYTES = st.lists(st.tuples(st.integers(1, 4), OPERATIONS), max_size=3).map(
    lambda parts: b"".join(chunk(number, body) for number, body in parts if len(body) < 128)
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(BYTES, BYTES.map(lambda inner: chunk(2, chunk(4, inner)) if len(inner) < 124 else inner)))
def test_what_is_sent_has_one_meaning_and_nothing_of_ours(data: bytes) -> None:
    try:
        asked = TxnRequest.FromString(data)
    except DecodeError:
        return
    asked.DiscardUnknownFields()
    try:
        sent, _ = judged(asked, GUARD)
    except (PermissionDenied, InvalidArgument):
        return
    for _, key, end in told_apart(sent.SerializeToString()):
        assert OURS.place(key, end) is Place.OUTSIDE


# ---- watches

EVENTS = st.lists(st.builds(lambda key: Event(kv=KeyValue(key=key)), KEYS), max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> list[WatchResponse]:
    """What etcd sends: batches of two watches, some in parts; notifications of progress; the end of a watch."""
    told: list[WatchResponse] = []
    for at in range(draw(st.integers(0, 6))):
        watch = draw(st.integers(0, 1))
        parts = draw(st.lists(EVENTS.filter(bool), max_size=3))
        for number, events in enumerate(parts):
            part = WatchResponse(watch_id=watch, events=events, fragment=number + 1 < len(parts))
            part.header.revision = at
            told.append(part)
        if not parts:
            told.append(WatchResponse(watch_id=watch, canceled=draw(st.booleans()), compact_revision=at % 2))
    return told


def batches(told: list[WatchResponse]) -> list[tuple[int, list[bytes], bool, int]]:
    """As a client puts the parts together."""
    whole: list[tuple[int, list[bytes], bool, int]] = []
    begun: dict[int, list[bytes]] = {}
    for response in told:
        keys = begun.pop(response.watch_id, [])
        keys += [event.kv.key for event in response.events]
        if response.fragment:
            begun[response.watch_id] = keys
        else:
            whole.append((response.watch_id, keys, response.canceled, response.compact_revision))
    assert not begun, "a batch was left without its last part"
    return whole


@given(answers())
def test_a_watch_is_told_all_but_ours(told: list[WatchResponse]) -> None:
    expected = [
        (watch, [key for key in keys if key not in OURS], canceled, compacted)
        for watch, keys, canceled, compacted in batches(told)
        if not keys or any(key not in OURS for key in keys)
    ]
    rules = WatchFilter(GUARD)
    shown = [one for response in told for one in rules.told(response)]
    assert batches(shown) == expected
    assert all(one.events or not one.fragment for one in shown)


@given(st.lists(st.one_of(KEYS, st.just(b"answered")), max_size=12))
def test_watches_are_answered_in_the_order_in_which_they_were_asked_for(steps: list[bytes]) -> None:
    rules = WatchFilter(GUARD)
    asked: list[bool] = []
    shown: list[bool] = []
    waiting = 0
    for step in [*steps, *[b"answered"] * len(steps)]:
        if step != b"answered":
            sent, due = rules.asked(WatchRequest(create_request=WatchCreateRequest(key=step)))
            asked.append(sent is None)
            waiting += sent is not None
        elif waiting:
            waiting -= 1
            due = rules.told(WatchResponse(created=True))
        else:
            due = []
        shown += [one.canceled for one in due]
    assert shown == asked
