"""What grpclib's connections lack: they fail in words, notice a machine that is gone, and bound what they take in."""

import asyncio
import errno
import socket
import ssl
import sys
from collections.abc import Callable

from grpclib.client import Channel, Handler
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.protocol import Buffer, H2Protocol
from msgspec import Struct

from jobpool.kit.effects.tls import NO_ADVICE, Advice, silent_end, tls_failure
from jobpool.kit.pure.durations import Millis


class SoundChannel(Channel):
    """A client's connection that fails with an OSError when the other end closes it as soon as it is made, and whose
    calls fail with the reason when it is lost: by TLS 1.3 a refusal comes after the handshake.

    A plain one would go on, and fail with an AttributeError for what closing has taken away; and lose the reason.
    """

    def __init__(
        self,
        host: str | None,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        config: Configuration | None = None,
        advice: Advice = NO_ADVICE,
    ) -> None:
        super().__init__(host, port, ssl=tls, config=config)
        self._advice = advice

    @property
    def refused(self) -> str:
        """Why TLS has ended the present connection before the other end took anything; empty when it has not."""
        return self._protocol.refused if isinstance(self._protocol, _Telling) else ""

    def _protocol_factory(self) -> H2Protocol:
        return _Telling(Handler(), self._config, self._h2_config, advice=self._advice)

    async def __connect__(self) -> H2Protocol:
        protocol = await super().__connect__()
        if protocol.processor.connection.is_closing():
            told = protocol.lost if isinstance(protocol, _Telling) else ""
            raise ConnectionResetError(errno.ECONNRESET, told or "the connection was closed as soon as it was made")
        return protocol


class Keepalive(Struct, frozen=True, kw_only=True):
    """A server that is silent for `every` ms of a call is asked whether it lives, and has `patience` ms to answer."""

    every: Millis
    patience: Millis


class LiveChannel(SoundChannel):
    """A client's connection that breaks when bytes stay unacknowledged for `dead_after` ms.

    The kernel alone would wait a quarter of an hour for a machine that is gone.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        dead_after: Millis,
        advice: Advice = NO_ADVICE,
        keepalive: Keepalive | None = None,
    ) -> None:
        super().__init__(host, port, tls=tls, config=_pinging(keepalive) if keepalive else None, advice=advice)
        self._dead_after = dead_after

    def _protocol_factory(self) -> H2Protocol:
        return _NoticesDeadPeers(
            Handler(), self._config, self._h2_config, advice=self._advice, dead_after=self._dead_after
        )


def _pinging(keepalive: Keepalive) -> Configuration:
    every = keepalive.every / 1000
    return Configuration(
        _keepalive_time=every,
        _keepalive_timeout=keepalive.patience / 1000,
        _http2_max_pings_without_data=0,
        _http2_min_sent_ping_interval_without_data=every / 2,
    )


class _Telling(H2Protocol):
    """Ends its calls with the reason for which the connection was lost; `lost` has it when there is more to say."""

    def __init__(self, handler: Handler, config: object, h2_config: object, *, advice: Advice) -> None:
        super().__init__(handler, config, h2_config)  # type: ignore[arg-type]
        self._advice = advice
        self._secure = self._heard = False
        self.lost = self.refused = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._secure = transport.get_extra_info("ssl_object") is not None
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        if isinstance(exc, ssl.SSLError):
            self.lost = tls_failure(exc, self._advice)
            self.refused = "" if self._heard else self.lost
        elif self._secure and not self._heard:
            self.lost = silent_end(self._advice)
        self.processor.close(reason=self.lost or "Connection lost")  # all that grpclib's own does, with our reason


class _NoticesDeadPeers(_Telling):
    def __init__(
        self, handler: Handler, config: object, h2_config: object, *, advice: Advice, dead_after: Millis
    ) -> None:
        super().__init__(handler, config, h2_config, advice=advice)
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


def connect_failure(error: OSError, advice: Advice = NO_ADVICE) -> str:
    """Why a connection failed, in words."""
    if isinstance(error, ssl.SSLError):
        return tls_failure(error, advice)
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return error.strerror or str(error) or type(error).__name__
