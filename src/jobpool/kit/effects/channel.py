"""What grpclib's connections lack: they fail in words, notice a machine that is gone, and bound what they take in."""

import asyncio
import errno
import socket
import ssl
import sys
from collections.abc import Callable

from grpclib.client import Channel, Handler
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.protocol import Buffer, H2Protocol

from jobpool.kit.pure.durations import Millis


class SoundChannel(Channel):
    """A client's connection that fails with an OSError when the other end closes it as soon as it is made.

    A plain one would go on, and fail with an AttributeError for what closing has taken away.
    """

    async def __connect__(self) -> H2Protocol:
        protocol = await super().__connect__()
        if protocol.processor.connection.is_closing():
            raise ConnectionResetError(errno.ECONNRESET, "the connection was closed as soon as it was made")
        return protocol


class LiveChannel(SoundChannel):
    """A client's connection that breaks when bytes stay unacknowledged for `dead_after` ms.

    The kernel alone would wait a quarter of an hour for a machine that is gone.
    """

    def __init__(self, host: str, port: int, *, tls: ssl.SSLContext | None, dead_after: Millis) -> None:
        super().__init__(host, port, ssl=tls)
        self._dead_after = dead_after

    def _protocol_factory(self) -> H2Protocol:
        return _NoticesDeadPeers(Handler(), self._config, self._h2_config, dead_after=self._dead_after)


class _NoticesDeadPeers(H2Protocol):
    def __init__(self, handler: Handler, config: object, h2_config: object, *, dead_after: Millis) -> None:
        super().__init__(handler, config, h2_config)  # type: ignore[arg-type]
        self._dead_after = dead_after

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connected: socket.socket | None = transport.get_extra_info("socket")
        if sys.platform == "linux" and connected is not None:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._dead_after)
        super().connection_made(transport)


class BoundedBuffer(Buffer):
    """Bytes of one stream. Refuses to collect a message of more than `limit` bytes, and one that ends early."""

    def __init__(self, ack: Callable[[int], None], *, limit: int) -> None:
        super().__init__(ack)
        self.limit = limit

    async def read(self, size: int) -> bytes:
        if size > self.limit:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, f"wanted a message of at most {self.limit} bytes, found {size}")
        try:
            return await super().read(size)
        except AssertionError:
            raise GRPCError(Status.INVALID_ARGUMENT, "the message ends before its length says") from None


def connect_failure(error: OSError) -> str:
    """Why a connection failed, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS handshake: {error.reason or error}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return error.strerror or str(error) or type(error).__name__
