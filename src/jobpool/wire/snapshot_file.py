"""Snapshots as bytes: what every engine writes and reads alike, in a file and on the wire.

A magic and a format, then chunks (length, CRC-32, msgpack of [key, value] pairs), then a length and a CRC of 0 and the
trailer: count of keys, time, incarnation, term and n, and the SHA-256 of all bytes before it. Numbers are big-endian.
"""

import hashlib
from collections.abc import Iterator, Sequence
from struct import Struct as Layout
from typing import TypeAlias
from zlib import crc32

import msgspec
from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.kit.pure.garbled import GARBLED
from jobpool.model.errors import StoreFailed

Pair: TypeAlias = tuple[str, bytes]

_MAGIC = b"jobpool\n"
_FORMAT = 1
_HEAD = Layout(">8sI")
_CHUNK = Layout(">II")
_NUMBERS = Layout(">QQQQQ")
_DIGEST = 32
_LARGEST_CHUNK = 256 * 1024 * 1024
"""A length beyond this is damage: a chunk holds about a megabyte, or one value."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Pair])


class Summary(Struct, frozen=True, kw_only=True):
    """What a snapshot's trailer says. `digest` is the SHA-256, in hex, of all of its `size` bytes but the last 32."""

    format: int = _FORMAT
    keys: int
    created_at: Millis
    incarnation: int
    term: int
    n: int
    size: int
    digest: str


class SnapshotWriter:
    """The bytes of one snapshot: `head`, then each `chunk`, then the `trailer`."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._keys = 0

    def head(self) -> bytes:
        return self._counted(_HEAD.pack(_MAGIC, _FORMAT))

    def chunk(self, pairs: Sequence[Pair]) -> bytes:
        """At least one pair."""
        self._keys += len(pairs)
        data = _encoder.encode(pairs)
        return self._counted(_CHUNK.pack(len(data), crc32(data)) + data)

    def trailer(self, created_at: Millis, *, incarnation: int, term: int, n: int) -> bytes:
        numbers = _CHUNK.pack(0, 0) + _NUMBERS.pack(self._keys, created_at, incarnation, term, n)
        return self._counted(numbers) + self._digest.digest()

    def _counted(self, data: bytes) -> bytes:
        self._digest.update(data)
        return data


class SnapshotReader:
    """Checks a snapshot as it comes, in pieces of any size. `name` is how errors call it.

    `feed` and `summary` raise StoreFailed, which says where, for what is damaged.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._digest = hashlib.sha256()
        self._pending = bytearray()
        self._at = 0
        self._keys = 0
        self._checksum = 0
        self._wanted = _HEAD.size
        self._take = self._head
        self._summary: Summary | None = None

    def feed(self, data: bytes) -> Iterator[list[Pair]]:
        """The chunks that are whole by now. Only `summary` proves that nothing is missing."""
        self._pending += data
        while self._summary is None and len(self._pending) >= self._wanted:
            part = bytes(self._pending[: self._wanted])
            del self._pending[: self._wanted]
            self._at += len(part)
            found = self._take(part)
            if found is not None:
                yield found

    def summary(self) -> Summary:
        """What the trailer says, once everything was fed."""
        if self._summary is None:
            raise self._damaged(f"cut short, wanted {self._wanted - len(self._pending)} bytes more")
        if self._pending:
            raise self._damaged("something follows the end")
        return self._summary

    def _head(self, part: bytes) -> list[Pair] | None:
        magic, version = _HEAD.unpack(part)
        if magic != _MAGIC:
            raise StoreFailed(f"{self._name} is not a snapshot of jobpool")
        if version != _FORMAT:
            raise StoreFailed(f"{self._name} has snapshot format {version}, this version reads format {_FORMAT}")
        self._digest.update(part)
        self._take, self._wanted = self._size, _CHUNK.size
        return None

    def _size(self, part: bytes) -> list[Pair] | None:
        size, self._checksum = _CHUNK.unpack(part)
        self._digest.update(part)
        if size == 0 and self._checksum == 0:
            self._take, self._wanted = self._trailer, _NUMBERS.size + _DIGEST
        elif 0 < size <= _LARGEST_CHUNK:
            self._take, self._wanted = self._chunk, size
        else:
            raise self._damaged(f"a chunk of {size} bytes")
        return None

    def _chunk(self, part: bytes) -> list[Pair] | None:
        if crc32(part) != self._checksum:
            raise self._damaged("a chunk does not match its checksum")
        self._digest.update(part)
        try:
            pairs = _decoder.decode(part)
        except GARBLED as error:
            raise self._damaged(str(error)) from error
        self._keys += len(pairs)
        self._take, self._wanted = self._size, _CHUNK.size
        return pairs

    def _trailer(self, part: bytes) -> list[Pair] | None:
        self._digest.update(part[: _NUMBERS.size])
        keys, created_at, incarnation, term, n = _NUMBERS.unpack(part[: _NUMBERS.size])
        if part[_NUMBERS.size :] != self._digest.digest():
            raise self._damaged("the content does not match its SHA-256")
        if keys != self._keys:
            raise self._damaged(f"wanted {keys} keys, found {self._keys}")
        self._summary = Summary(
            keys=keys,
            created_at=created_at,
            incarnation=incarnation,
            term=term,
            n=n,
            size=self._at,
            digest=self._digest.hexdigest(),
        )
        return None

    def _damaged(self, what: str) -> StoreFailed:
        return StoreFailed(f"the snapshot {self._name} is damaged before byte {self._at}: {what}")
