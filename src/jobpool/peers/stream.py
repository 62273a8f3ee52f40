"""What carries frames between two servers: a gRPC stream, or the simulation's network."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from jobpool.model.errors import Unavailable
from jobpool.model.server import ServerRecord

MAX_FRAME = 8 * 1024 * 1024
"""Bytes of one frame."""


class StreamBroken(Unavailable):
    """The stream is of no use any more."""


class FrameStream(Protocol):
    """Frames in order, each whole or not at all. One task sends and one receives, at the same time.

    Both raise JobpoolError: what the other end refused with when it said so, else StreamBroken.
    """

    async def send(self, data: bytes) -> None:
        """Send; waits while the other end does not take what was sent before."""
        ...

    async def recv(self, *, limit: int = MAX_FRAME) -> bytes | None:
        """The next frame; None once the other end has ended the stream in order.

        Raises ResourceExhausted for a frame of more than `limit` bytes, before it is in memory.
        """
        ...


Dial: TypeAlias = Callable[[ServerRecord], AbstractAsyncContextManager[FrameStream]]
"""Open a stream to a server; leaving the context ends it. Raises JobpoolError when there is no way to it."""
