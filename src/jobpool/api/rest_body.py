"""Reading a request's body without letting it cost more than it may, and answering one that was not read.

A client that is still sending when the connection closes often never sees the answer. So an answer to an unread body
goes out at once and says that the connection will close, and what still comes is thrown away for a short while.
"""

import asyncio
from collections.abc import Mapping

import msgspec
from starlette.types import Receive, Send

from jobpool.api.http_errors import TooSlow
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument, TooLarge

PIECE = 64 * 1024
"""Bytes of an answer that are handed to the connection at once; the next wait until it has room."""
_NOT_MODIFIED = 304
"""Its length would be that of what the client has."""


class BodyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one body may cost."""

    size: int = 1_572_864
    """Bytes."""
    time: Millis = 30 * SECOND
    """Until its last byte."""
    discard_size: int = 16 * 1024 * 1024
    """Bytes thrown away after a refusal, so that the client gets to read it."""
    discard_time: Millis = 2 * SECOND


class Answer(msgspec.Struct, frozen=True):
    """An HTTP response that is whole before it is sent."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = "application/json"


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class Body:
    """The body of one request."""

    def __init__(self, headers: Mapping[str, str], receive: Receive, limits: BodyLimits) -> None:
        self._length = headers.get("content-length", "")
        self._chunked = "transfer-encoding" in headers
        self._receive = receive
        self._limits = limits
        self.unread = self._chunked or self._length not in ("", "0")
        """There is, or may be, a body that was not read to its end."""

    async def read(self) -> bytes:
        """All of it. Raises TooLarge, TooSlow, ClientGone."""
        if not self.unread:
            return b""
        if self._length and int(self._length) > self._limits.size:
            raise self._too_large(f"{self._length[:20]} bytes")
        try:
            async with asyncio.timeout(self._limits.time / SECOND):
                return await self._collect()
        except TimeoutError:
            raise TooSlow(f"body: wanted all of it within {self._limits.time // SECOND} s") from None

    async def _collect(self) -> bytes:
        parts, size = [], 0
        while self.unread:
            part = await self._next()
            size += len(part)
            if size > self._limits.size:
                raise self._too_large("more")
            parts.append(part)
        return b"".join(parts)

    async def discard(self) -> None:
        """Throw away what still comes, within bounds."""
        size = 0
        try:
            async with asyncio.timeout(self._limits.discard_time / SECOND):
                while self.unread and size < self._limits.discard_size:
                    size += len(await self._next())
        except (TimeoutError, ClientGone):
            return

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGone
        self.unread = bool(message.get("more_body", False))
        part: bytes = message.get("body", b"")
        return part

    def _too_large(self, found: str) -> TooLarge:
        return TooLarge(f"wanted at most {self._limits.size} bytes, found {found}", field="body")


async def send_answer(send: Send, answer: Answer, body: Body) -> None:
    """Send, piece by piece as the client takes it; a request's body that was not read ends the connection."""
    headers = [
        (b"content-type", answer.media_type.encode("latin-1")),
        *(() if answer.status == _NOT_MODIFIED else ((b"content-length", b"%d" % len(answer.body)),)),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers),
    ]
    if body.unread:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    rest = answer.body
    if body.unread:
        await send({"type": "http.response.body", "body": rest, "more_body": True})
        await body.discard()
        rest = b""
    for at in range(0, len(rest) - PIECE, PIECE):
        await send({"type": "http.response.body", "body": rest[at : at + PIECE], "more_body": True})
    await send({"type": "http.response.body", "body": rest[_last_piece(len(rest)) :]})


def _last_piece(size: int) -> int:
    """Where the last of the pieces begins."""
    return (size - 1) // PIECE * PIECE if size else 0


def refuse_body(body: Body) -> None:
    """Raises InvalidArgument when a call that takes none was sent a body: what is in it would be lost."""
    if body.unread:
        raise InvalidArgument("body", "this call takes no body; give its fields in the query")
