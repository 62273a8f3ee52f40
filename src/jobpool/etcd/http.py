"""Asks one question by HTTP, of etcd's own ports, and takes the answer, which is JSON in one line.

Etcd does not always close a connection to its peer port after the answer, though it is told to (seen with 3.5.30). So
the answer ends where its length says; without one, which HTTP/1.0 has for longer answers, with its line.
"""

import asyncio
import re
import ssl
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

Where: TypeAlias = tuple[str, int] | Path
"""A host and a port, or a socket of this machine."""

_MOST = 1024 * 1024
_STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})\b")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,7})\r\n", re.IGNORECASE)


class Answer(Struct, frozen=True):
    """`status` 0: what answered does not speak HTTP."""

    status: int
    body: bytes


async def get(where: Where, path: str, *, tls: ssl.SSLContext | None = None) -> Answer:
    """However long it takes. An answer of more than a MiB is cut there. Raises OSError, ssl.SSLError among it."""
    if isinstance(where, Path):
        reader, writer = await asyncio.open_unix_connection(where, limit=_MOST)
    else:
        reader, writer = await asyncio.open_connection(*where, ssl=tls, limit=_MOST)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        head = await _up_to(reader, b"\r\n\r\n")
        status = _STATUS.match(head)
        length = _LENGTH.search(head)
        body = await (_exactly(reader, int(length[1])) if length else _up_to(reader, b"\n"))
    finally:
        writer.close()
    return Answer(int(status[1]) if status else 0, body)


async def _up_to(reader: asyncio.StreamReader, end: bytes) -> bytes:
    try:
        return await reader.readuntil(end)
    except asyncio.IncompleteReadError as short:
        return short.partial
    except asyncio.LimitOverrunError as long:
        return await reader.read(long.consumed)


async def _exactly(reader: asyncio.StreamReader, length: int) -> bytes:
    try:
        return await reader.readexactly(min(length, _MOST))
    except asyncio.IncompleteReadError as short:
        return short.partial
