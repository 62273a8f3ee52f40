"""Stored values: what is damaged is told so, whatever the damage is."""

import pytest

from jobpool.model.errors import StoreFailed
from jobpool.model.server import ServerRecord
from jobpool.store.codec import CorruptRecord, decode, encode
from jobpool.store.engines.rules import decode_fence, encode_fence
from jobpool.store.keyspace import Table
from jobpool.store.port import Fence

RECORD = ServerRecord("a", "name", "http://a", "1", 0)
SERVER = encode(RECORD)
FENCE = encode_fence(Fence(7, 3, 4, "batch"))
DAMAGES = [b"", b"\x02", b"\x01", b"\x01\xc1", b"\x01\x91\xa2\xff\xfe", b"\x01" + b"\x91" * 5000]


@pytest.mark.parametrize("value", [*DAMAGES, SERVER.replace(b"name", b"n\xffme"), SERVER[:-1], SERVER + b"x"])
def test_a_damaged_record_is_told_so(value: bytes) -> None:
    assert decode(Table.SERVER, SERVER) == RECORD
    with pytest.raises(CorruptRecord, match="a stored server record cannot be read"):
        decode(Table.SERVER, value)


@pytest.mark.parametrize("value", [*DAMAGES, FENCE.replace(b"batch", b"b\xfftch"), FENCE[:-1], FENCE + b"x"])
def test_a_damaged_fence_is_told_so(value: bytes) -> None:
    with pytest.raises(StoreFailed, match="the stored fence"):
        decode_fence(value)
