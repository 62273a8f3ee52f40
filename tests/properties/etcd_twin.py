"""A dumb etcd: keys in a dict, every request by the book, no guard."""

from jobpool.wire.etcd_pb2 import (
    Compare,
    DeleteRangeRequest,
    DeleteRangeResponse,
    KeyValue,
    PutRequest,
    PutResponse,
    RangeRequest,
    RangeResponse,
    RequestOp,
    ResponseOp,
    TxnRequest,
    TxnResponse,
)

_TARGETS = {
    RangeRequest.VERSION: lambda pair: pair.version,
    RangeRequest.CREATE: lambda pair: pair.create_revision,
    RangeRequest.MOD: lambda pair: pair.mod_revision,
    RangeRequest.VALUE: lambda pair: pair.value,
    RangeRequest.KEY: lambda pair: pair.key,
}


def lies_in(key: bytes, first: bytes, end: bytes) -> bool:
    """By etcd's reading of a range."""
    if not end:
        return key == first
    return key >= first and (end == b"\0" or key < end)


class Twin:
    def __init__(self, pairs: list[KeyValue], revision: int) -> None:
        self.pairs = {pair.key: pair for pair in pairs}
        self.revision = revision
        self._writing = revision + 1

    def txn(self, request: TxnRequest) -> TxnResponse:
        self._writing = self.revision + 1
        answer = self._txn(request)
        answer.header.revision = self.revision
        return answer

    def _txn(self, request: TxnRequest) -> TxnResponse:
        succeeded = all(self._holds(compare) for compare in request.compare)
        answers = [self._operation(one) for one in (request.success if succeeded else request.failure)]
        return TxnResponse(succeeded=succeeded, responses=answers)

    def _operation(self, asked: RequestOp) -> ResponseOp:
        match asked.WhichOneof("request"):
            case "request_range":
                return ResponseOp(response_range=self.range(asked.request_range))
            case "request_put":
                return ResponseOp(response_put=self.put(asked.request_put))
            case "request_delete_range":
                return ResponseOp(response_delete_range=self.delete(asked.request_delete_range))
            case _:
                return ResponseOp(response_txn=self._txn(asked.request_txn))

    def _holds(self, compare: Compare) -> bool:
        found = [pair for key, pair in self.pairs.items() if lies_in(key, compare.key, compare.range_end)]
        if not found and not compare.range_end:
            found = [KeyValue()]
        return all((pair.mod_revision > compare.mod_revision) == (compare.result == Compare.GREATER) for pair in found)

    def range(self, request: RangeRequest) -> RangeResponse:
        found = sorted((p for k, p in self.pairs.items() if lies_in(k, request.key, request.range_end)), key=_key)
        answer = RangeResponse(count=len(found))
        answer.header.revision = self.revision
        if request.count_only:
            return answer
        order, bounds = request.sort_order, (request.min_mod_revision, request.max_mod_revision)
        if request.limit > 0 and order == RangeRequest.NONE and not any(bounds):
            found = found[: request.limit + 1]
        if request.max_mod_revision:
            found = [pair for pair in found if pair.mod_revision <= request.max_mod_revision]
        found = [pair for pair in found if pair.mod_revision >= request.min_mod_revision]
        if request.sort_target != RangeRequest.KEY and order == RangeRequest.NONE:
            order = RangeRequest.ASCEND
        if order != RangeRequest.NONE:
            found.sort(key=_TARGETS[request.sort_target], reverse=order == RangeRequest.DESCEND)
        if 0 < request.limit < len(found):
            found, answer.more = found[: request.limit], True
        answer.kvs.extend(found)
        for pair in answer.kvs if request.keys_only else ():
            pair.value = b""
        return answer

    def put(self, request: PutRequest) -> PutResponse:
        self.revision = self._writing
        old = self.pairs.get(request.key, KeyValue(create_revision=self.revision))
        self.pairs[request.key] = KeyValue(
            key=request.key,
            value=request.value,
            create_revision=old.create_revision,
            mod_revision=self.revision,
            version=old.version + 1,
        )
        return PutResponse()

    def delete(self, request: DeleteRangeRequest) -> DeleteRangeResponse:
        gone = [self.pairs[key] for key in sorted(self.pairs) if lies_in(key, request.key, request.range_end)]
        for pair in gone:
            del self.pairs[pair.key]
        if gone:
            self.revision = self._writing
        return DeleteRangeResponse(deleted=len(gone), prev_kvs=gone if request.prev_kv else [])


def _key(pair: KeyValue) -> bytes:
    return pair.key
