"""Long reads: page by page at one revision, so that they show one instant, in chunks that hold nobody up."""

from collections.abc import AsyncIterator, Iterator

from jobpool.store.engines import rules
from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.keys import Keyspace
from jobpool.store.port import KeyValue
from jobpool.wire.etcd_pb2 import KeyValue as Pair
from jobpool.wire.etcd_pb2 import RangeRequest, RangeResponse

_FIRST_PAGE, _LARGEST_PAGE = 128, 8 * rules.CHUNK_KEYS
_PAGE_BYTES = 4 * rules.CHUNK_BYTES
"""etcd counts all that is left of a range for every page, so few large pages cost it less than many small ones."""


async def pages(
    client: EtcdClient, first: bytes, last: bytes, *, revision: int, limit: int | None = None, reverse: bool = False
) -> AsyncIterator[list[Pair]]:
    """The keys of [first, last) as of the revision, at most `limit`.

    Raises Compacted when the revision is no longer kept: the read took too long.
    """
    order = RangeRequest.DESCEND if reverse else RangeRequest.NONE
    size = _FIRST_PAGE
    while first < last and limit != 0:
        wanted = size if limit is None else min(size, limit)
        request = RangeRequest(
            key=first, range_end=last, limit=wanted, revision=revision, sort_order=order, sort_target=RangeRequest.KEY
        )
        answer = await client.range(request)
        found = list(answer.kvs)
        if found:
            yield found
        if not answer.more or not found:
            return
        limit = None if limit is None else limit - len(found)
        first, last = (first, found[-1].key) if reverse else (found[-1].key + b"\0", last)
        size = _next_size(size, answer)


def chunks(found: list[Pair], keys: Keyspace) -> Iterator[list[KeyValue]]:
    """The page as the port gives it: chunks of so many keys or bytes."""
    chunk: list[KeyValue] = []
    size = 0
    for pair in found:
        chunk.append(KeyValue(keys.text(pair.key), pair.value))
        size += len(pair.key) + len(pair.value)
        if len(chunk) >= rules.CHUNK_KEYS or size >= rules.CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _next_size(size: int, answer: RangeResponse) -> int:
    fitting = size * _PAGE_BYTES // max(1, answer.ByteSize())
    return max(1, min(size * 4, fitting, _LARGEST_PAGE))
