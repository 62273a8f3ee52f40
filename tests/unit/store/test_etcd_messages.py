"""What is sent to etcd for a transaction, and the steps that are made of what its watch tells."""

import pytest

from jobpool.model.errors import StoreFailed
from jobpool.store.engines import rules
from jobpool.store.engines.etcd.fences import encode_restoring
from jobpool.store.engines.etcd.keys import keyspace
from jobpool.store.engines.etcd.messages import request_of, steps_of
from jobpool.store.port import Compacted, Delete, DeleteRange, Fence, Op, Put, Step, Transaction
from jobpool.wire.etcd_pb2 import Compare, Event, KeyValue, RequestOp, TxnRequest

KEYS = keyspace("/p/")
FENCES = [Fence(1, 1, n, f"batch-{n}") for n in range(5)]


def transaction(n: int, *ops: Op) -> Transaction:
    return Transaction(FENCES[n - 1], FENCES[n], ops)


def events_of(request: TxnRequest, revision: int, kept: dict[bytes, bytes]) -> list[Event]:
    """What a watch tells of the transaction, done on these keys."""
    events: list[Event] = []
    for op in request.success:
        if op.HasField("request_put"):
            kept[op.request_put.key] = op.request_put.value
            pair = KeyValue(key=op.request_put.key, value=op.request_put.value, mod_revision=revision)
            events.append(Event(type=Event.PUT, kv=pair))
        else:
            gone = [key for key in sorted(kept) if in_range(op, key)]
            events += [deleted(key, revision) for key in gone]
            for key in gone:
                del kept[key]
    return events


def in_range(op: RequestOp, key: bytes) -> bool:
    wanted = op.request_delete_range
    return wanted.key <= key < wanted.range_end if wanted.range_end else key == wanted.key


def deleted(key: bytes, revision: int) -> Event:
    return Event(type=Event.DELETE, kv=KeyValue(key=key, mod_revision=revision))


def written(key: bytes, value: bytes, revision: int) -> Event:
    return Event(type=Event.PUT, kv=KeyValue(key=key, value=value, mod_revision=revision))


def test_a_transaction_compares_the_whole_fence_and_reads_it_when_refused() -> None:
    request = request_of(transaction(1, Put("a", b"1")), KEYS)
    (compare,) = request.compare
    assert (compare.target, compare.result, compare.key) == (Compare.VALUE, Compare.EQUAL, b"/p/fence")
    assert compare.value == rules.encode_fence(FENCES[0])
    assert request.success[-1].request_put.value == rules.encode_fence(FENCES[1])
    assert [op.request_range.key for op in request.failure] == [b"/p/fence"]


def test_steps_hold_what_the_transactions_did() -> None:
    done = [
        transaction(1, Put("a", b"1"), Put("b/1", b"2"), Put("b/2", b"")),
        transaction(2),
        transaction(3, Delete("a"), DeleteRange("b/", "b0"), DeleteRange("z", "a"), Put("c", b"3")),
        transaction(4, Delete("c")),
    ]
    kept: dict[bytes, bytes] = {}
    events = [event for at, one in enumerate(done) for event in events_of(request_of(one, KEYS), 10 + 3 * at, kept)]
    steps = list(steps_of(events, KEYS))
    assert [step.fence for step in steps] == FENCES[1:]
    assert set(steps[0].ops) == set(done[0].ops)
    assert steps[1] == Step(FENCES[2], ())
    assert set(steps[2].ops) == {Delete("a"), DeleteRange("b/", "b0"), Put("c", b"3")}
    assert steps[3].ops == (Delete("c"),)


def test_what_others_write_under_the_prefix_is_no_step() -> None:
    fence = written(KEYS.fence, rules.encode_fence(FENCES[1]), 7)
    events = [written(b"/p/a", b"x", 5), deleted(b"/p/b", 6), written(b"/p/a", b"1", 7), fence, deleted(KEYS.fence, 8)]
    assert list(steps_of(events, KEYS)) == [Step(FENCES[1], (Put("a", b"1"),))]


def test_a_restore_ends_the_steps() -> None:
    events = [
        written(KEYS.fence, rules.encode_fence(FENCES[1]), 7),
        written(KEYS.fence, encode_restoring(FENCES[1]), 8),
        written(b"/p/a", b"1", 9),
    ]
    steps = steps_of(events, KEYS)
    assert next(steps).fence == FENCES[1]
    with pytest.raises(Compacted):
        next(steps)


@pytest.mark.parametrize("key", [KEYS.fence, KEYS.ranges])
def test_what_cannot_be_read_is_told(key: bytes) -> None:
    with pytest.raises(StoreFailed, match=r"fence|ranges"):
        list(steps_of([written(key, b"\xc1", 7)], KEYS))
