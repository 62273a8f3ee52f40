"""Snapshots as files that every engine writes and reads alike.

A magic and a format, then chunks (length, CRC-32, msgpack of [key, value] pairs), then a trailer: a length of 0, the
count of keys and the SHA-256 of all chunks. Numbers are big-endian. A file that is cut short or damaged is refused.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from struct import Struct as Layout
from typing import BinaryIO
from zlib import crc32

import msgspec

from jobpool.model.errors import StoreFailed
from jobpool.store.files import discard, explained, keep, open_aside
from jobpool.store.port import KeyValue, Store

_MAGIC = b"jobpool\n"
_FORMAT = 1
_HEAD = Layout(">8sI")
_CHUNK = Layout(">II")
_TRAILER = Layout(">Q32s")
_LARGEST_CHUNK = 256 * 1024 * 1024
"""A length beyond this is damage: a chunk holds about a megabyte, or one value."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[tuple[str, bytes]])


async def write_snapshot(store: Store, path: Path) -> int:
    """Save the whole store as of one fence; `path` appears, or is replaced, only when all of it is durable.

    Returns how many keys it holds. Raises StoreFailed.
    """
    with explained(path, "write the snapshot"):
        file = open_aside(path)
        try:
            count = await _write(store, file)
            await asyncio.to_thread(keep, file, path)
        finally:
            discard(file, path)
    return count


async def _write(store: Store, file: BinaryIO) -> int:
    digest = hashlib.sha256()
    count = 0
    file.write(_HEAD.pack(_MAGIC, _FORMAT))
    async for chunk in await store.snapshot():
        data = _encoder.encode([(pair.key, pair.value) for pair in chunk])
        digest.update(data)
        count += len(chunk)
        file.write(_CHUNK.pack(len(data), crc32(data)))
        file.write(data)
    file.write(_CHUNK.pack(0, 0))
    file.write(_TRAILER.pack(count, digest.digest()))
    return count


async def read_snapshot(path: Path) -> AsyncIterator[list[KeyValue]]:
    """The keys of a snapshot, chunk by chunk.

    Raises StoreFailed, which says where, when the file is damaged; the end of the iteration proves that it is whole.
    """
    with explained(path, "read the snapshot"):
        file = path.open("rb")
    with file:
        reading = _Reading(file, path)
        reading.head()
        while (chunk := reading.chunk()) is not None:
            yield chunk
            await asyncio.sleep(0)
        reading.trailer()


class _Reading:
    """A snapshot that is being read and checked."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._digest = hashlib.sha256()
        self._count = 0

    def head(self) -> None:
        magic, version = _HEAD.unpack(self._take(_HEAD.size))
        if magic != _MAGIC:
            raise StoreFailed(f"{self._path} is not a snapshot of jobpool")
        if version != _FORMAT:
            raise StoreFailed(f"{self._path} has snapshot format {version}, this version reads format {_FORMAT}")

    def chunk(self) -> list[KeyValue] | None:
        """The next chunk; None before the trailer."""
        size, checksum = _CHUNK.unpack(self._take(_CHUNK.size))
        if size == 0 and checksum == 0:
            return None
        if not 0 < size <= _LARGEST_CHUNK:
            raise self._damaged(f"a chunk of {size} bytes")
        data = self._take(size)
        if crc32(data) != checksum:
            raise self._damaged("a chunk does not match its checksum")
        self._digest.update(data)
        try:
            pairs = _decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise self._damaged(str(error)) from error
        self._count += len(pairs)
        return [KeyValue(key, value) for key, value in pairs]

    def trailer(self) -> None:
        count, digest = _TRAILER.unpack(self._take(_TRAILER.size))
        if count != self._count:
            raise self._damaged(f"wanted {count} keys, found {self._count}")
        if digest != self._digest.digest():
            raise self._damaged("the content does not match its SHA-256")
        if self._file.read(1):
            raise self._damaged("something follows the end")

    def _take(self, size: int) -> bytes:
        with explained(self._path, "read the snapshot"):
            data = self._file.read(size)
        if len(data) < size:
            raise self._damaged(f"cut short, wanted {size - len(data)} bytes more")
        return data

    def _damaged(self, what: str) -> StoreFailed:
        return StoreFailed(f"the snapshot {self._path} is damaged before byte {self._file.tell()}: {what}")
