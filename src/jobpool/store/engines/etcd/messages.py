"""The port's values as etcd's messages, and back: transactions, and the steps that a watch tells."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from jobpool.model.errors import StoreFailed
from jobpool.store.engines import rules
from jobpool.store.engines.etcd.fences import Held, decode_held
from jobpool.store.engines.etcd.keys import Keyspace
from jobpool.store.port import Compacted, Delete, DeleteRange, Op, Put, Step, Transaction
from jobpool.wire.etcd_pb2 import (
    Compare,
    DeleteRangeRequest,
    Event,
    KeyValue,
    PutRequest,
    RangeRequest,
    RequestOp,
    TxnRequest,
    TxnResponse,
)

EXTRA_OPS = 2
"""Operations that a transaction needs beside its own: the fence, and the ranges that it deletes."""

_PUT = Event.PUT
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
    expects = value_is(keys.fence, rules.encode_fence(transaction.expects))
    request = TxnRequest(compare=[expects], failure=[read(keys.fence)])
    spans: list[tuple[str, str]] = []
    for op in transaction.ops:  # filled in place: a message made on its own costs four times as much
        if isinstance(op, Put):
            wanted = request.success.add().request_put
            wanted.key, wanted.value = keys.key(op.key), op.value
        elif isinstance(op, Delete):
            request.success.add().request_delete_range.key = keys.key(op.key)
        elif op.first < op.last:
            spans.append((op.first, op.last))
    request.success.extend(delete(keys.key(first), keys.key(last)) for first, last in spans)
    if spans:
        request.success.append(put(keys.ranges, _encoder.encode(spans)))
    request.success.append(put(keys.fence, rules.encode_fence(transaction.leaves)))
    return request


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
    told = [(event.kv, event.type) for event in events]
    for _, group in groupby(told, key=lambda pair: pair[0].mod_revision):
        step = _step(group, keys)
        if step is not None:
            yield step


def _step(events: Iterable[tuple[KeyValue, Event.EventType]], keys: Keyspace) -> Step | None:
    held: Held | None = None
    spans: tuple[tuple[str, str], ...] = ()
    ops: list[Put | Delete] = []
    for pair, kind in events:
        key = pair.key
        if kind != _PUT:
            if key < keys.texts_end:
                ops.append(Delete(keys.text(key)))
        elif key == keys.fence:
            held = decode_held(pair.value, pair.mod_revision)
        elif key < keys.texts_end:
            ops.append(Put(keys.text(key), pair.value))
        elif key == keys.ranges:
            spans = _decode_spans(pair.value)
    if held is None:
        return None
    if held.restoring:
        raise Compacted("a restore began: load again")
    if not spans:
        return Step(held.fence, tuple(ops))
    ranges: list[Op] = [DeleteRange(first, last) for first, last in spans]
    return Step(held.fence, (*ranges, *(op for op in ops if isinstance(op, Put) or not _covered(op.key, spans))))


def _covered(key: str, spans: Sequence[tuple[str, str]]) -> bool:
    return any(first <= key < last for first, last in spans)


def _decode_spans(value: bytes) -> tuple[tuple[str, str], ...]:
    try:
        return _ranges.decode(value)
    except msgspec.MsgspecError as error:
        raise StoreFailed(f"the deleted ranges cannot be read: {error}") from error
