"""The service as gRPC: grpclib handlers under our name and the original's, with health and reflection."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Protocol, TypeAlias, TypeVar, cast

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from grpclib.const import Cardinality, Handler
from grpclib.health.check import ServiceStatus
from grpclib.health.service import OVERALL, Health
from grpclib.reflection.service import ServerReflection
from grpclib.server import Stream

from jobpool.api.http2 import Methods
from jobpool.api.peers import Accept, peer_methods
from jobpool.api.service import METHODS, Call, Service, request_type, response_type
from jobpool.api.status import grpc_error
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.model.errors import DeadlineExceeded, InvalidArgument, JobpoolError, Unimplemented
from jobpool.wire import jobpool_pb2 as pb

SERVICE_NAMES = ("jobpool.v1.Schedule", "etcdserverpb.Schedule")

_TAKEN_WITHIN: Millis = 60 * SECOND
_ALL_WITHIN: Mapping[str, Millis] = {"SnapshotSave": 10 * MINUTE}
"""While a snapshot is read, the store's log on disk cannot shrink."""

T = TypeVar("T")
_Stream = Stream[Message, Message]
_Serve: TypeAlias = Callable[[_Stream], Awaitable[None]]


class _Servable(Protocol):
    def __mapping__(self) -> dict[str, Handler]: ...


class GrpcCalls:
    """Every gRPC method of the server by path; `peers` serves the streams of other servers, if there are to be any."""

    def __init__(self, service: Service, peers: Accept | None = None) -> None:
        self._service = service
        self._status = ServiceStatus()
        self._status.set(True)
        self.mapping = Methods({} if peers is None else peer_methods(peers))
        ours, original = (_Named(self._methods(name)) for name in SERVICE_NAMES)
        health = Health({OVERALL: [self._status], ours: [self._status], original: [self._status]})
        for servable in (original, *ServerReflection.extend([ours, health])):
            self.mapping.update(cast(_Servable, servable).__mapping__())
        self.mapping = Methods({path: method._replace(func=_ending(method.func)) for path, method in self.mapping.items()})

    def set_serving(self, serving: bool) -> None:
        self._status.set(serving)

    def _methods(self, service_name: str) -> dict[str, Handler]:
        return {f"/{service_name}/{name}": self._handler(method) for name, method in METHODS.items()}

    def _handler(self, method: MethodDescriptor) -> Handler:
        types = request_type(method.name), response_type(method.name)
        if method.client_streaming:
            return Handler(self._session, Cardinality.STREAM_STREAM, *types)
        if method.server_streaming:
            return Handler(self._streamed(method.name), Cardinality.UNARY_STREAM, *types)
        return Handler(self._unary(method.name), Cardinality.UNARY_UNARY, *types)

    def _unary(self, name: str) -> Callable[[_Stream], Awaitable[None]]:
        async def answer(stream: _Stream) -> None:
            try:
                request = await receive(stream)
                if request is None:
                    raise InvalidArgument("request", "wanted one message, found none")
                response = await self._service.call(name, request, _call(stream))
                await self._send(stream, response)
            except JobpoolError as error:
                raise grpc_error(error) from None

        return answer

    async def _send(self, stream: _Stream, response: Message) -> None:
        """Raises DeadlineExceeded for a caller that does not take it."""
        try:
            with self._service.outgoing.sending(response.ByteSize()):
                async with asyncio.timeout(_TAKEN_WITHIN / SECOND):
                    await stream.send_message(response)
        except TimeoutError:
            raise DeadlineExceeded(f"the answer was not taken within {_TAKEN_WITHIN // SECOND} s") from None

    async def _session(self, stream: Stream[pb.AgentMessage, pb.ServerMessage]) -> None:
        try:
            await self._service.session(_AgentStream(stream))
        except JobpoolError as error:
            raise grpc_error(error) from None

    def _streamed(self, name: str) -> Callable[[_Stream], Awaitable[None]]:
        longest = _ALL_WITHIN.get(name)

        async def answer(stream: _Stream) -> None:
            try:
                request = await receive(stream)
                if request is None:
                    raise InvalidArgument("request", "wanted one message, found none")
                async with asyncio.timeout(None if longest is None else longest / SECOND):
                    async with aclosing(self._service.stream(name, request, _call(stream))) as responses:
                        async for response in responses:
                            async with asyncio.timeout(_TAKEN_WITHIN / SECOND):
                                await stream.send_message(response)
            except TimeoutError:
                within = f"{_TAKEN_WITHIN // SECOND} s a message"
                within += "" if longest is None else f" and {longest // MINUTE} min in all"
                raise grpc_error(DeadlineExceeded(f"the answer was not taken within {within}")) from None
            except JobpoolError as error:
                raise grpc_error(error) from None

        return answer


def _ending(serve: _Serve) -> _Serve:
    """Whose caller is gone ends by its cancellation, whatever it raises as it is cancelled: nobody is there to be told.

    grpclib logs anything else as a failure, with a traceback.
    """

    async def ended(stream: _Stream) -> None:
        try:
            await serve(stream)
        except Exception:
            if _is_lost(stream):
                raise asyncio.CancelledError from None
            raise
        if _is_lost(stream):
            raise asyncio.CancelledError

    return ended


def _is_lost(stream: _Stream) -> bool:
    return stream._stream.wrapper is not None and bool(stream._stream.wrapper.cancelled)


class _Named:
    def __init__(self, methods: dict[str, Handler]) -> None:
        self._methods = methods

    def __mapping__(self) -> dict[str, Handler]:
        return self._methods


class _AgentStream:
    """A grpclib stream as the service's MessageStream."""

    def __init__(self, stream: Stream[pb.AgentMessage, pb.ServerMessage]) -> None:
        self._stream = stream
        self.call = _call(stream)

    async def recv(self) -> pb.AgentMessage | None:
        return await receive(self._stream)

    async def send(self, message: pb.ServerMessage) -> None:
        await self._stream.send_message(message)


async def receive(stream: Stream[T, Message] | Stream[T, pb.ServerMessage]) -> T | None:
    """The next message, None at the end of the stream. Raises JobpoolError for what is no message."""
    try:
        return await stream.recv_message()
    except DecodeError:
        raise InvalidArgument("request", "the bytes are no such message, or a string in it is not UTF-8") from None
    except NotImplementedError:
        raise Unimplemented("compressed messages are not taken") from None


def _call(stream: Stream[T, Message] | Stream[T, pb.ServerMessage]) -> Call:
    deadline = stream.deadline
    return Call(
        transport="grpc",
        peer=_address(stream.peer.addr()),
        metadata=cast(Mapping[str, str], stream.metadata or {}),
        timeout=None if deadline is None else int(deadline.time_remaining() * 1000),
    )


def _address(address: tuple[object, ...] | None) -> str:
    return f"{address[0]}:{address[1]}" if address else ""
