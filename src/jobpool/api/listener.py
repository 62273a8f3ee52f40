"""One port for gRPC and REST: each connection is given to the protocol it speaks.

Its first bytes tell HTTP/2 from HTTP/1.1, in clear and under TLS alike (where ALPN has told the client what it may
speak). The transport then belongs to that protocol alone, so nothing is copied and back-pressure reaches the peer in
both directions.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit

import msgspec
from grpclib.const import Handler

from jobpool.api.connections import Connections
from jobpool.api.grpc import GrpcCalls
from jobpool.api.http1 import Http1, http_config
from jobpool.api.http2 import Http2
from jobpool.api.peers import Accept
from jobpool.api.rest import Gateway
from jobpool.api.secure import SecureServer, start_secure_server
from jobpool.api.service import Service
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.seldom import Seldom
from jobpool.kit.effects.tls import Advice, tls_failure
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument, Unavailable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_BACKLOG = 1024
_CANCEL_SECONDS = 5
_ADVICE = Advice(
    theirs="see client-transport-security: trusted-ca-file here, the certificate that is shown there",
    ours="see client-transport-security: cert-file here, the authority that is trusted there",
)


class ListenerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to listen."""

    urls: tuple[str, ...]
    """`http://127.0.0.1:2379`, `https://[::]:2379`; port 0 takes a free one."""
    max_connections: int = 10_000
    """One more is closed at once."""
    head_timeout: Millis = 10 * SECOND
    """From the opening of a connection to its protocol's first bytes, and for the head of each HTTP request."""
    take_timeout: Millis = 30 * SECOND
    """How long an HTTP client may leave an answer in our hands without taking any of it."""


class Listener:
    """Serves the gRPC calls and the REST gateway of a service. Use it as `async with`, or `start` and `close`."""

    def __init__(
        self,
        service: Service,
        gateway: Gateway,
        config: ListenerConfig,
        *,
        tls: ssl.SSLContext | None = None,
        peers: Accept | None = None,
        others: Mapping[str, Handler] | None = None,
    ) -> None:
        """`peers` serves the streams of other servers, `others` are gRPC methods beside the API.

        Raises InvalidArgument for a URL that is none, or an https URL without `tls`.
        """
        self._binds = [_parse(url, tls) for url in config.urls]
        if not self._binds:
            raise InvalidArgument("listen-client-urls", "wanted at least one URL, found none")
        self._config = config
        self._grpc = GrpcCalls(service, peers, others=others)
        self._http = http_config(gateway)
        self._connections = Connections(config.max_connections)
        self._servers: list[asyncio.Server | SecureServer] = []
        self._seldom = Seldom(SystemClock())
        self._log = get_logger("listener")

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """(address, port) of every listening socket, with the ports that were taken for 0."""
        return tuple(
            (name[0], name[1]) for server in self._servers for name in (s.getsockname() for s in server.sockets)
        )

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    async def start(self) -> None:
        """Listen. Raises Unavailable, which names the URL, when an address cannot be had; then none is kept."""
        try:
            for bind in self._binds:
                self._servers.append(await self._listen(bind))
        except Unavailable:
            await self.close(0)
            raise

    async def close(self, grace: Millis) -> None:
        """Stop accepting, let what is in progress end within `grace` milliseconds, then cut the rest."""
        self._grpc.set_serving(False)
        for server in self._servers:
            server.close()
            if isinstance(server, SecureServer):
                await server.wait_closed()
        self._connections.drain()
        try:
            async with asyncio.timeout(grace / SECOND):
                await self._connections.wait_empty()
        except TimeoutError:
            await self._cut()
        self._servers.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(0)

    async def _listen(self, bind: "_Bind") -> asyncio.Server | SecureServer:
        loop = asyncio.get_running_loop()
        try:
            if bind.tls is None:
                return await loop.create_server(self._accept, bind.host, bind.port, backlog=_BACKLOG)
            return await start_secure_server(
                self._accept,
                bind.host,
                bind.port,
                bind.tls,
                backlog=_BACKLOG,
                limit=self._config.max_connections,
                failed=self._handshake_failed,
            )
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Unavailable(f"cannot listen on {bind.url}: {reason}") from error

    def _accept(self) -> asyncio.Protocol:
        return Sniff(self._connections, self._http2, self._http1, timeout=self._config.head_timeout)

    def _handshake_failed(self, address: str, error: ssl.SSLError) -> None:
        why = tls_failure(error, _ADVICE)
        if times := self._seldom.times(f"{address} {why}"):
            self._log.warning("a TLS connection failed", event_name="tls_refused", peer=address, error=why, times=times)

    def _http2(self) -> Http2:
        return Http2(self._grpc.mapping, self._connections)

    def _http1(self) -> Http1:
        return Http1(
            self._http,
            self._connections,
            head_timeout=self._config.head_timeout,
            take_timeout=self._config.take_timeout,
        )

    async def _cut(self) -> None:
        tasks = self._connections.abort()
        if tasks:
            self._log.info("cut the calls still in progress", event_name="calls_cut", calls=len(tasks))
            await asyncio.wait(tasks, timeout=_CANCEL_SECONDS)
        await self._connections.wait_empty()


class Sniff(asyncio.Protocol):
    """A connection that has not yet shown what it speaks."""

    def __init__(
        self,
        connections: Connections,
        http2: Callable[[], asyncio.Protocol],
        http1: Callable[[], asyncio.Protocol],
        *,
        timeout: Millis,
    ) -> None:
        self._connections = connections
        self._http2 = http2
        self._http1 = http1
        self._timeout = timeout
        self._seen = b""
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(self._timeout / SECOND, self._transport.abort)
        if self._connections.full:
            self._transport.abort()
            return
        self._connections.add(self)
        _keep_alive(self._transport)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if self._seen.startswith(PREFACE):
            self._hand_over(self._http2())
        elif not PREFACE.startswith(self._seen):
            self._hand_over(self._http1())

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._connections.discard(self)

    def drain(self) -> None:
        """It has asked for nothing yet."""
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def running(self) -> set[asyncio.Task[None]]:
        return set()

    def _hand_over(self, protocol: asyncio.Protocol) -> None:
        self._timer.cancel()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        self._connections.discard(self)
        protocol.data_received(self._seen)


class _Bind(msgspec.Struct, frozen=True):
    url: str
    host: str
    port: int
    tls: ssl.SSLContext | None


def _parse(url: str, tls: ssl.SSLContext | None) -> _Bind:
    field = "listen-client-urls"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidArgument(field, f"{url!r} is no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not host or port is None or parts.path not in ("", "/"):
        raise InvalidArgument(field, f"wanted a URL such as http://127.0.0.1:2379, found {url!r}")
    if parts.query or parts.fragment or parts.username:
        raise InvalidArgument(field, f"wanted a URL of scheme, host and port only, found {url!r}")
    if parts.scheme == "https" and tls is None:
        raise InvalidArgument(field, f"{url!r} needs cert-file and key-file")
    return _Bind(url, host, port, tls if parts.scheme == "https" else None)


def _keep_alive(transport: asyncio.Transport) -> None:
    """A peer that vanished without a word is noticed in the end."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
