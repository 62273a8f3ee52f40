"""One endpoint's connection: opened once, opened again when the certificate files change."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar, cast

import grpc
from google.protobuf.message import Message
from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import StoreFailed
from jobpool.store.engines.etcd.errors import Unreachable, explain
from jobpool.store.engines.etcd.settings import Endpoint, Tls
from jobpool.wire.etcd_pb2 import WatchRequest, WatchResponse

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)

Metadata: TypeAlias = tuple[tuple[str, str], ...]
WatchCall: TypeAlias = "grpc.aio.StreamStreamCall[WatchRequest, WatchResponse]"
_Signature: TypeAlias = tuple[tuple[int, int, int], ...]

_WATCH = "/etcdserverpb.Watch/Watch"

_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a channel opened again shall not find the old connection
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),  # the time one attempt to connect may take
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.keepalive_time_ms", 10_000),  # etcd cuts who asks more often than every 5 s
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.max_pings_without_data", 0),
)


class Method(Struct, Generic[Q, R], frozen=True):
    """A call with one request and one answer."""

    path: str
    answer: type[R]


class Link:
    """One endpoint."""

    def __init__(self, endpoint: Endpoint, tls: Tls | None, *, max_answer: int = -1, looks_ahead: bool = True) -> None:
        """`max_answer`: bytes of one message that are taken in; -1 = any number.

        `looks_ahead`: whether more than 64 KiB may come in on a call before anybody asks for them.
        """
        self.endpoint = endpoint
        self._options = (
            *_OPTIONS,
            ("grpc.max_receive_message_length", max_answer),
            ("grpc.http2.bdp_probe", int(looks_ahead)),
        )
        self._tls = tls or Tls()
        self._channel: grpc.aio.Channel | None = None
        self._signature: _Signature = ()
        self._calls: dict[str, grpc.aio.UnaryUnaryMultiCallable[Message, Message]] = {}
        self._retired: set[asyncio.Task[None]] = set()

    async def call(self, method: Method[Q, R], request: Q, *, timeout: Millis, metadata: Metadata = ()) -> R:
        """The answer within `timeout`. Raises what `errors.judge` makes of a failure."""
        call = self._multicallable(method)
        try:
            return cast("R", await call(request, timeout=timeout / 1000, metadata=metadata))
        except grpc.aio.AioRpcError as error:
            raise explain(error, f"at {self.endpoint}") from error
        except asyncio.CancelledError:
            raise_if_cancelled()
            raise Unreachable(f"etcd at {self.endpoint}: the connection was closed") from None

    def watch(self, metadata: Metadata) -> WatchCall:
        """A stream on which watches can be asked for. It has no deadline: whoever reads it keeps one."""
        stream = self.channel().stream_stream(
            _WATCH, request_serializer=WatchRequest.SerializeToString, response_deserializer=WatchResponse.FromString
        )
        return cast("WatchCall", stream(metadata=metadata))

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
        for task in list(self._retired):
            task.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)

    def _multicallable(self, method: Method[Q, R]) -> "grpc.aio.UnaryUnaryMultiCallable[Message, Message]":
        channel = self.channel()
        known = self._calls.get(method.path)
        if known is None:
            known = self._calls[method.path] = channel.unary_unary(
                method.path,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=method.answer.FromString,
            )
        return known

    def channel(self) -> grpc.aio.Channel:
        """The connection, for a call. Raises StoreFailed for a certificate file that cannot be read."""
        if self._channel is not None and not self.endpoint.secure:
            return self._channel
        try:
            signature = self._sign()
            if self._channel is not None and signature == self._signature:
                return self._channel
            opened = self._open()
        except StoreFailed:
            if self._channel is None:
                raise
            return self._channel  # the files are just being replaced
        if self._channel is not None:
            self._retire(self._channel)
        self._channel, self._signature = opened, signature
        self._calls.clear()
        return opened

    def _open(self) -> grpc.aio.Channel:
        target = self.endpoint.target
        if not self.endpoint.secure:
            return grpc.aio.insecure_channel(target, options=self._options)
        tls = self._tls
        credentials = grpc.ssl_channel_credentials(_read(tls.ca), _read(tls.key), _read(tls.cert))
        return grpc.aio.secure_channel(target, credentials, options=self._options)

    def _sign(self) -> _Signature:
        """What tells the certificate files from their later versions."""
        if not self.endpoint.secure:
            return ()
        return tuple(_stamp(path) for path in (self._tls.ca, self._tls.cert, self._tls.key) if path is not None)

    def _retire(self, channel: grpc.aio.Channel) -> None:
        """Calls that go on may end; watches begin again on the new channel."""
        task = asyncio.get_running_loop().create_task(channel.close(grace=2.0))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)


def raise_if_cancelled() -> None:
    """For whoever caught CancelledError: grpcio raises it too when a channel is closed under a call."""
    task = asyncio.current_task()
    if task is None or task.cancelling():
        raise asyncio.CancelledError


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise StoreFailed(f"cannot read the certificate file {path}: {error.strerror}") from error
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreFailed(f"cannot read the certificate file {path}: {error.strerror}") from error
