"""The port's values as etcd's messages, and back: transactions, and the steps that a watch tells."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from jobpool.model.errors import StoreFailed
from jobpool.store.engines import rules
from jobpool.store.engines.etcd.etcd_pb2 import (
    Compare,
    DeleteRangeRequest,
    Event,
    PutRequest,
    RangeRequest,
    RequestOp,
    TxnRequest,
    TxnResponse,
)
from jobpool.store.engines.etcd.fences import Held, decode_held
from jobpool.store.engines.etcd.keys import Keyspace
from jobpool.store.port import Compacted, Delete, DeleteRange, Op, Put, Step, Transaction

EXTRA_OPS = 2
"""Operations that a transaction needs beside its own: the fence, and the ranges that it deletes."""

_encoder = msgspec.msgpack.Encoder()
_ranges = msgspec.msgpack.Decoder(tuple[tuple[str, str], ...])


def put(key: bytes, value: bytes) -> RequestOp:
    return RequestOp(request_put=PutRequest(key=key, value=value))


def delete(first: bytes, last: bytes = b"") -> RequestOp:
    """One key, or those of [first, last)."""
    return RequestOp(request_delete_range=DeleteRangeRequest(key=first, range_end=last))


def read(key: bytes) -> RequestOp:
    return RequestOp(request_range=RangeRequest(key=key))


def value_is(key: bytes, value: bytes) -> Compare:
    return Compare(result=Compare.EQUAL, target=Compare.VALUE, key=key, value=value)


def unmoved(key: bytes, revision: int) -> Compare:
    """The key was last put at this revision; 0 = it does not exist."""
    return Compare(result=Compare.EQUAL, target=Compare.MOD, key=key, mod_revision=revision)


def none_in(first: bytes, last: bytes) -> Compare:
    """No key of [first, last) exists."""
    return Compare(result=Compare.EQUAL, target=Compare.CREATE, key=first, range_end=last, create_revision=0)


def request_of(transaction: Transaction, keys: Keyspace) -> TxnRequest:
    """Done when the expected fence is in force; otherwise the answer holds the one that is."""
    spans = [(op.first, op.last) for op in transaction.ops if isinstance(op, DeleteRange) and op.first < op.last]
    ops = [_request_op(op, keys) for op in transaction.ops if not isinstance(op, DeleteRange)]
    ops += [delete(keys.key(first), keys.key(last)) for first, last in spans]
    if spans:
        ops.append(put(keys.ranges, _encoder.encode(spans)))
    ops.append(put(keys.fence, rules.encode_fence(transaction.leaves)))
    expects = value_is(keys.fence, rules.encode_fence(transaction.expects))
    return TxnRequest(compare=[expects], success=ops, failure=[read(keys.fence)])


def _request_op(op: Put | Delete, keys: Keyspace) -> RequestOp:
    return put(keys.key(op.key), op.value) if isinstance(op, Put) else delete(keys.key(op.key))


def held_in(response: TxnResponse) -> Held | None:
    """The fence that the answer holds. Raises StoreFailed when it cannot be read."""
    for answer in response.responses:
        for pair in answer.response_range.kvs:
            return decode_held(pair.value, pair.mod_revision)
    return None


def steps_of(events: Iterable[Event], keys: Keyspace) -> Iterator[Step]:
    """One step per revision. What others write under the prefix is none.

    Raises Compacted when a restore began: what follows has no steps.
    """
    for _, group in groupby(events, key=lambda event: event.kv.mod_revision):
        step = _step(list(group), keys)
        if step is not None:
            yield step


def _step(events: Sequence[Event], keys: Keyspace) -> Step | None:
    held: Held | None = None
    spans: tuple[tuple[str, str], ...] = ()
    others: list[Event] = []
    for event in events:
        if event.kv.key == keys.fence and event.type == Event.PUT:
            held = decode_held(event.kv.value, event.kv.mod_revision)
        elif event.kv.key == keys.ranges and event.type == Event.PUT:
            spans = _decode_spans(event.kv.value)
        elif event.kv.key < keys.texts_end:
            others.append(event)
    if held is None:
        return None
    if held.restoring:
        raise Compacted("a restore began: load again")
    ops = [_op(event, keys) for event in others]
    ranges: list[Op] = [DeleteRange(first, last) for first, last in spans]
    return Step(held.fence, (*ranges, *(op for op in ops if isinstance(op, Put) or not _covered(op.key, spans))))


def _op(event: Event, keys: Keyspace) -> Put | Delete:
    key = keys.text(event.kv.key)
    return Put(key, event.kv.value) if event.type == Event.PUT else Delete(key)


def _covered(key: str, spans: Sequence[tuple[str, str]]) -> bool:
    return any(first <= key < last for first, last in spans)


def _decode_spans(value: bytes) -> tuple[tuple[str, str], ...]:
    try:
        return _ranges.decode(value)
    except msgspec.MsgspecError as error:
        raise StoreFailed(f"the deleted ranges cannot be read: {error}") from error
