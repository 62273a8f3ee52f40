"""What every engine must agree on: the fence's bytes, what a transaction may be, which fence comes next."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

from msgspec.msgpack import Decoder, Encoder

from jobpool.kit.pure.garbled import GARBLED
from jobpool.model.errors import Code, StoreFailed
from jobpool.store.port import Delete, DeleteRange, Fence, KeyValue, Limits, Op, Put, Transaction

FENCE_KEY = "fence"
INITIAL_FENCE = Fence(1, 0, 0, "")
"""What a new engine holds."""

TERMS_APART = 1000
"""A restore goes so many terms on: the log that it leaves may have begun some since the snapshot."""

CHUNK_KEYS = 1000
CHUNK_BYTES = 1024 * 1024
"""A chunk of a read ends at whichever comes first, so that no step of a long read holds the loop up."""

Span: TypeAlias = tuple[str, str | None]
"""Keys of [first, last); without a last, to the end."""

_VERSION = b"\x01"
_encoder = Encoder()
_decoder = Decoder(Fence)


class BadTransaction(StoreFailed):
    """The transaction breaks the rules of the port; nothing of it was stored."""

    code = Code.INVALID_ARGUMENT


def encode_fence(fence: Fence) -> bytes:
    return _VERSION + _encoder.encode(fence)


def decode_fence(value: bytes) -> Fence:
    """Raises StoreFailed."""
    if value[:1] != _VERSION:
        raise StoreFailed(f"the stored fence has the unknown version {value[:1].hex() or 'none'}")
    try:
        return _decoder.decode(value[1:])
    except GARBLED as error:
        raise StoreFailed(f"the stored fence cannot be read: {error}") from error


def payload(ops: Iterable[Op]) -> int:
    """Bytes of the keys and values that the operations carry."""
    size = 0
    for op in ops:
        if isinstance(op, Put):
            size += len(op.key) + len(op.value)
        else:
            size += len(op.key) if isinstance(op, Delete) else len(op.first) + len(op.last)
    return size


def check(transaction: Transaction, limits: Limits) -> None:
    """Refuse what no engine may take. Raises BadTransaction, which names the part at fault.

    `limits.max_bytes` counts the values.
    """
    _check_fences(transaction.expects, transaction.leaves)
    ops = transaction.ops
    if len(ops) > limits.max_ops:
        raise BadTransaction(f"wanted at most {limits.max_ops} operations, found {len(ops)}", field="ops")
    size = sum(len(op.value) for op in ops if isinstance(op, Put))
    if size > limits.max_bytes:
        raise BadTransaction(f"wanted at most {limits.max_bytes} bytes of values, found {size}", field="ops")
    _check_keys(ops)


def _check_fences(expects: Fence, leaves: Fence) -> None:
    if leaves.n != expects.n + 1:
        raise BadTransaction(f"wanted {expects.n + 1}, found {leaves.n}", field="leaves.n")
    if leaves.incarnation != expects.incarnation:
        raise BadTransaction(f"wanted {expects.incarnation}, found {leaves.incarnation}", field="leaves.incarnation")
    if leaves.term < expects.term:
        raise BadTransaction(f"wanted at least {expects.term}, found {leaves.term}", field="leaves.term")


def _check_keys(ops: Sequence[Op]) -> None:
    keys = sorted(op.key for op in ops if not isinstance(op, DeleteRange))
    spans = sorted((op.first, op.last) for op in ops if isinstance(op, DeleteRange) and op.first < op.last)
    if len(set(keys)) != len(keys):
        twice = next(one for one, next_one in pairwise(keys) if one == next_one)
        raise BadTransaction(f"wanted one operation per key, found two on {twice!r}", field="ops")
    for key in keys:
        _check_text(key)
    if FENCE_KEY in keys:
        raise BadTransaction(f"the key {FENCE_KEY!r} belongs to the engine", field="ops")
    if spans:
        _check_spans(spans, keys)


def _check_text(key: str) -> None:
    if key.isascii():
        return
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise BadTransaction(f"wanted text for a key, found {key!r}", field="ops") from error


def _check_spans(spans: Sequence[tuple[str, str]], keys: Sequence[str]) -> None:
    for first, last in spans:
        _check_text(first)
        _check_text(last)
        for key in (FENCE_KEY, *keys):
            if first <= key < last:
                raise BadTransaction(f"a range is deleted that holds {key!r}, which another owns", field="ops")
    for one, other in pairwise(spans):
        if other[0] < one[1]:
            raise BadTransaction(f"the deleted ranges from {one[0]!r} and {other[0]!r} overlap", field="ops")


def span_of(prefix: str) -> Span:
    """The keys that begin with the prefix."""
    for at in range(len(prefix) - 1, -1, -1):
        following = ord(prefix[at]) + 1
        if following <= 0x10FFFF:
            # Surrogates are no text: after U+D7FF comes U+E000.
            return prefix, prefix[:at] + chr(0xE000 if following == 0xD800 else following)
    return prefix, None


def campaign(fence: Fence, server_id: str) -> Transaction:
    """The transaction by which a server takes the lead under that fence."""
    term = fence.term + 1
    return Transaction(fence, Fence(fence.incarnation, term, fence.n + 1, f"campaign/{server_id}/{term}"), ())


def restored(own: Fence, found: Fence) -> Fence:
    """The fence after a restore: above both the engine's own and the snapshot's in every number."""
    incarnation = max(own.incarnation, found.incarnation) + 1
    return Fence(
        incarnation, max(own.term, found.term) + TERMS_APART, max(own.n, found.n) + 1, f"restore/{incarnation}"
    )


def fence_in(chunk: Iterable[KeyValue]) -> Fence | None:
    """The fence, when it is in this chunk of a snapshot. Raises StoreFailed when it cannot be read."""
    for pair in chunk:
        if pair.key == FENCE_KEY:
            return decode_fence(pair.value)
    return None
