"""One HTTP/2 connection: grpclib's protocol, held to our limits and able to end without cutting calls.

grpclib takes a message of any size, ends the connection at frames it does not know and cancels every call when it
closes. Here a message is bounded, unknown frames are ignored, a peer that begins calls only to take them back is cut
off, and a draining connection finishes what it has begun.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from grpclib.config import Configuration
from grpclib.const import Cardinality, Status
from grpclib.const import Handler as MethodHandler
from grpclib.encoding.proto import ProtoCodec, ProtoStatusDetailsCodec
from grpclib.events import _DispatchServerEvents
from grpclib.exceptions import GRPCError
from grpclib.protocol import H2Protocol
from grpclib.protocol import Stream as H2Stream
from grpclib.server import Handler, Stream
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.events import AlternativeServiceAvailable, StreamReset, UnknownFrameReceived

from jobpool.api.connections import Connections
from jobpool.kit.effects.channel import BoundedBuffer

MAX_MESSAGE = 1_572_864 + 512 * 1024
"""Bytes of one inbound message."""

_MAX_FRAME = 32 * 1024
"""Bytes of an unfinished frame. The limit we announce is 16 KiB, but h2 looks at it only when the frame is complete."""

_MAX_SENT_FRAME = 32 * 1024
"""Bytes of a frame of ours, however large the peer would take them: every call that waits for the transport writes one
when it is its turn, and together they would be taken for a flood."""

_MAX_UNSENT = 8 * 1024 * 1024
"""Answers wait for the transport, so only a peer that floods us with control frames and reads nothing gets here."""

_SLICE = 16 * 1024
"""Bytes that are taken in before a look at what they brought: a read can hold thousands of calls."""

_RESETS = 200
"""Calls that a peer may take back at once. A call costs its peer forty bytes and us a millisecond (CVE-2023-44487)."""

_RESETS_A_SECOND = 100

_LINGER_SECONDS = 0.1
"""Between the last answer of a draining connection and its end: a grpclib client drops answers it has received but
not yet read when the goodbye arrives with them."""


async def _absent(stream: Stream[Message, Message]) -> None:
    raise GRPCError(Status.UNIMPLEMENTED, "this server has no such method")


class Methods(dict[str, MethodHandler]):
    """Handlers by path. What is not there is refused as a call: grpclib's own refusal has no content type, so that
    clients in Go take it for no gRPC at all."""

    _ABSENT = MethodHandler(_absent, Cardinality.UNARY_UNARY, Empty, Empty)

    def get(self, path: str, default: object = None) -> MethodHandler:
        return super().get(path, self._ABSENT)


class Http2(H2Protocol):
    """A connection of gRPC calls."""

    def __init__(self, methods: Mapping[str, MethodHandler], connections: Connections) -> None:
        self._calls = _Calls(methods)
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._resets: float = _RESETS
        self._reset_at = asyncio.get_running_loop().time()
        h2_config = H2Configuration(
            client_side=False,
            header_encoding="latin-1",
            validate_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_inbound_headers=False,
            normalize_outbound_headers=False,
        )
        super().__init__(self._calls, Configuration().__for_server__(), h2_config)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        super().connection_made(cast(asyncio.BaseTransport, _Outlet(self._transport)))
        for event in (UnknownFrameReceived, AlternativeServiceAvailable):
            self.processor.processors[event] = _ignore
        self.processor.processors[StreamReset] = self._take_back

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        for at in range(0, len(data), _SLICE):
            super().data_received(data[at : at + _SLICE])
            sent = self.connection._connection
            sent.max_outbound_frame_size = min(sent.max_outbound_frame_size, _MAX_SENT_FRAME)
            if self._overflows(transport) or self._resets < 0:
                transport.abort()
            if transport.is_closing():
                return

    def _take_back(self, event: StreamReset) -> None:
        now = asyncio.get_running_loop().time()
        self._resets = min(_RESETS, self._resets + (now - self._reset_at) * _RESETS_A_SECOND) - 1
        self._reset_at = now
        self.processor.process_stream_reset(event)

    def _overflows(self, transport: asyncio.Transport) -> bool:
        unparsed = len(self.connection._connection.incoming_buffer._data)
        return unparsed > _MAX_FRAME or transport.get_write_buffer_size() > _MAX_UNSENT

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._connections.discard(self)

    def drain(self) -> None:
        """Take no further calls; close when those in progress have ended."""
        self._calls.drain(self._say_goodbye)

    def abort(self) -> None:
        """Close now; calls in progress are cancelled."""
        if self._transport is not None:
            self._transport.abort()

    def running(self) -> set[asyncio.Task[None]]:
        """The calls in progress, the cancelled included."""
        return self._calls.running()

    def _say_goodbye(self) -> None:
        if not self.connection.is_closing():
            self.connection._connection.close_connection()
            self.connection.flush()
            self.connection.close()


class _Outlet:
    """A transport as grpclib uses it. What is written after its end goes nowhere, as in asyncio; uvloop's raises, and
    a call has a moment to answer between the end of its transport and its own cancellation."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.is_closing = transport.is_closing
        self.close = transport.close
        self.get_extra_info = transport.get_extra_info

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


class _Calls(Handler):
    """The calls of one connection, each a task.

    Binary metadata is left out: no call uses it, and grpclib answers nothing at all when it is not base64.
    """

    def __init__(self, methods: Mapping[str, MethodHandler]) -> None:
        super().__init__(cast(dict[str, MethodHandler], methods), ProtoCodec(), ProtoStatusDetailsCodec(), _DISPATCH)
        self._in_progress = 0
        self._when_idle: Callable[[], None] | None = None

    def accept(self, stream: H2Stream, headers: list[tuple[str, str]], release_stream: Callable[[], object]) -> None:
        if self._when_idle is not None or not _has_pseudo_headers(headers):
            stream.reset_nowait(ErrorCodes.REFUSED_STREAM if self._when_idle else ErrorCodes.PROTOCOL_ERROR)
            release_stream()
            return
        assert stream.id is not None
        stream.buffer = BoundedBuffer(partial(stream.connection.ack, stream.id), limit=MAX_MESSAGE)
        super().accept(stream, [header for header in headers if not header[0].endswith("-bin")], release_stream)
        self._in_progress += 1
        self._tasks[stream].add_done_callback(self._ended)

    def drain(self, when_idle: Callable[[], None]) -> None:
        self._when_idle = when_idle
        if not self._in_progress:
            when_idle()

    def running(self) -> set[asyncio.Task[None]]:
        return {task for task in (*self._tasks.values(), *self._cancelled) if not task.done()}

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_progress -= 1
        if self._when_idle is not None and not self._in_progress:
            task.get_loop().call_later(_LINGER_SECONDS, self._when_idle)


_DISPATCH = _DispatchServerEvents()


def _has_pseudo_headers(headers: list[tuple[str, str]]) -> bool:
    return {":method", ":path"} <= {name for name, _ in headers}


def _ignore(event: object) -> None:
    """Frames of extensions that we do not speak."""
