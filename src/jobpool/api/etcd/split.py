"""Transactions as they may be sent: judged to the last nested one, ranges that cross our keys split in two.

What was split is put together again in the answer, so that to its caller there are no keys of ours. Both halves are
operations of one transaction, hence of one revision. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from jobpool.api.etcd.guard import Guard
from jobpool.model.errors import InvalidArgument
from jobpool.wire.etcd_pb2 import (
    DeleteRangeRequest,
    DeleteRangeResponse,
    KeyValue,
    RangeRequest,
    RangeResponse,
    RequestOp,
    ResponseOp,
    TxnRequest,
    TxnResponse,
)

MAX_DEPTH = 8
"""Transactions in transactions."""
MAX_OPERATIONS = 128
"""etcd's own number. Members are started with a far larger one for jobpool's transactions, and build answers whole."""
_MOST = 2**63 - 1

Part: TypeAlias = "RangeRequest | DeleteRangeRequest | Shape | None"
"""What became of one operation: it was split (as it was asked), it is a transaction, or it is as it was."""


class Shape(Struct, frozen=True):
    """How the answer to a transaction is to be put together."""

    success: tuple[Part, ...]
    failure: tuple[Part, ...]

    @property
    def plain(self) -> bool:
        """The answer is right as it comes."""
        return not any(self._differs(part) for part in (*self.success, *self.failure))

    @staticmethod
    def _differs(part: Part) -> bool:
        return part is not None and not (isinstance(part, Shape) and part.plain)


def operations(request: TxnRequest) -> int:
    """How many etcd counts: the longest of its three lists, and of each transaction in it likewise."""
    inner = [one.request_txn for one in (*request.success, *request.failure) if one.HasField("request_txn")]
    longest = max(len(request.compare), len(request.success), len(request.failure))
    return longest + sum(operations(one) for one in inner)


def judged(request: TxnRequest, guard: Guard, depth: int = 1) -> tuple[TxnRequest, Shape]:
    """The transaction that may be sent. Raises PermissionDenied, or InvalidArgument for one that is nested too deeply.

    A comparison over a range that crosses our keys is refused: split, it could hold where it did not.
    """
    if depth > MAX_DEPTH:
        raise InvalidArgument("txn", f"wanted transactions nested at most {MAX_DEPTH} deep, found more")
    for compare in request.compare:
        guard.whole(compare.key, compare.range_end)
    success, succeeds = _operations(request.success, guard, depth)
    failure, fails = _operations(request.failure, guard, depth)
    return TxnRequest(compare=request.compare, success=success, failure=failure), Shape(succeeds, fails)


def _operations(asked: Iterable[RequestOp], guard: Guard, depth: int) -> tuple[list[RequestOp], tuple[Part, ...]]:
    made: list[RequestOp] = []
    parts: list[Part] = []
    for operation in asked:
        sent, part = _operation(operation, guard, depth)
        made += sent
        parts.append(part)
    return made, tuple(parts)


def _operation(asked: RequestOp, guard: Guard, depth: int) -> tuple[list[RequestOp], Part]:
    match asked.WhichOneof("request"):
        case "request_range":
            ranges = ranges_for(asked.request_range, guard)
            return [RequestOp(request_range=one) for one in ranges], asked.request_range if len(ranges) > 1 else None
        case "request_delete_range":
            deletes = deletes_for(asked.request_delete_range, guard)
            split = asked.request_delete_range if len(deletes) > 1 else None
            return [RequestOp(request_delete_range=one) for one in deletes], split
        case "request_put":
            guard.key(asked.request_put.key)
            guard.lease(asked.request_put.lease)
            return [asked], None
        case "request_txn":
            inner, shape = judged(asked.request_txn, guard, depth + 1)
            return [RequestOp(request_txn=inner)], shape
        case _:
            return [asked], None


def ranges_for(request: RangeRequest, guard: Guard) -> list[RangeRequest]:
    """The one or two requests that stand for this one."""
    spans = guard.parts(request.key, request.range_end)
    halves = [_half(request, key, end) for key, end in spans]
    if len(halves) > 1:
        for half in halves:
            _widen(half)
    return halves


def _half(request: RangeRequest, key: bytes, range_end: bytes) -> RangeRequest:
    half = RangeRequest()
    half.CopyFrom(request)
    half.key, half.range_end = key, range_end
    return half


def _widen(half: RangeRequest) -> None:
    """Let it bring what is needed to sort and to cut the two together as etcd would have."""
    if half.sort_target == RangeRequest.VALUE:
        half.keys_only = False
    if _cuts_first(half):
        half.sort_target = RangeRequest.KEY
        half.limit = min(half.limit + 1, _MOST)


def _cuts_first(request: RangeRequest) -> bool:
    """Without an order etcd takes one key more than the limit, in the order of keys, and sorts only those."""
    bounds = (
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    )
    sorts = request.sort_target != RangeRequest.KEY and request.sort_order == RangeRequest.NONE
    return sorts and request.limit > 0 and not any(bounds)


def deletes_for(request: DeleteRangeRequest, guard: Guard) -> list[DeleteRangeRequest]:
    """The one or two requests that stand for this one."""
    spans = guard.parts(request.key, request.range_end)
    return [DeleteRangeRequest(key=key, range_end=end, prev_kv=request.prev_kv) for key, end in spans]


def merged(response: TxnResponse, shape: Shape) -> TxnResponse:
    """The answer to the transaction as it was asked."""
    whole = TxnResponse(succeeded=response.succeeded)
    if response.HasField("header"):
        whole.header.CopyFrom(response.header)
    answers = iter(response.responses)
    for part in shape.success if response.succeeded else shape.failure:
        whole.responses.append(_answer(answers, part))
    return whole


def _answer(answers: Iterator[ResponseOp], part: Part) -> ResponseOp:
    first = next(answers)
    match part:
        case RangeRequest():
            halves = [first.response_range, next(answers).response_range]
            return ResponseOp(response_range=merged_ranges(part, halves))
        case DeleteRangeRequest():
            deleted = [first.response_delete_range, next(answers).response_delete_range]
            return ResponseOp(response_delete_range=merged_deletes(deleted))
        case Shape():
            return ResponseOp(response_txn=merged(first.response_txn, part))
        case None:
            return first


def merged_ranges(request: RangeRequest, halves: Sequence[RangeResponse]) -> RangeResponse:
    """What etcd would answer to the request if our keys were not there."""
    kvs = _sorted(request, [pair for half in halves for pair in half.kvs])
    more = any(half.more for half in halves)
    if 0 < request.limit < len(kvs):
        kvs, more = kvs[: request.limit], True
    if request.keys_only:
        for pair in kvs:
            pair.ClearField("value")
    whole = RangeResponse(kvs=kvs, more=more, count=sum(half.count for half in halves))
    if halves[0].HasField("header"):
        whole.header.CopyFrom(halves[0].header)
    return whole


def _sorted(request: RangeRequest, kvs: list[KeyValue]) -> list[KeyValue]:
    if _cuts_first(request):
        kvs = kvs[: request.limit + 1]
    target, order = request.sort_target, request.sort_order
    if target == RangeRequest.KEY and order != RangeRequest.DESCEND:
        return kvs
    return sorted(kvs, key=lambda pair: _value(pair, target), reverse=order == RangeRequest.DESCEND)


def _value(pair: KeyValue, target: int) -> int | bytes:
    match target:
        case RangeRequest.VERSION:
            return pair.version
        case RangeRequest.CREATE:
            return pair.create_revision
        case RangeRequest.MOD:
            return pair.mod_revision
        case RangeRequest.VALUE:
            return pair.value
        case _:
            return pair.key


def merged_deletes(halves: Sequence[DeleteRangeResponse]) -> DeleteRangeResponse:
    whole = DeleteRangeResponse(deleted=sum(half.deleted for half in halves))
    whole.prev_kvs.extend(pair for half in halves for pair in half.prev_kvs)
    if halves[0].HasField("header"):
        whole.header.CopyFrom(halves[0].header)
    return whole
