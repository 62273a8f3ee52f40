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
from jobpool.api.language import wants_chinese
from jobpool.api.peers import Accept, peer_methods
from jobpool.api.request_ids import HEADER as REQUEST_ID
from jobpool.api.request_ids import RequestIds
from jobpool.api.service import METHODS, Call, Service, request_type, response_type
from jobpool.api.status import grpc_error
from jobpool.api.untaken import forgetful
from jobpool.kit.effects.logging import logged_with
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
    """Every gRPC method of the server by path; `peers` serves the streams of other servers, if there are to be any.

    `others` are methods beside the API.
    """

    def __init__(
        self,
        service: Service,
        peers: Accept | None = None,
        *,
        ids: RequestIds | None = None,
        others: Mapping[str, Handler] | None = None,
    ) -> None:
        self._service = service
        self._ids = ids or RequestIds()
        self._status = ServiceStatus()
        self._status.set(True)
        self.mapping = Methods({} if peers is None else peer_methods(peers))
        ours, original = (_Named(self._methods(name)) for name in SERVICE_NAMES)
        health = Health({OVERALL: [self._status], ours: [self._status], original: [self._status]})
        for servable in (original, *ServerReflection.extend([ours, health])):
            self.mapping.update(cast(_Servable, servable).__mapping__())
        self.mapping.update(others or {})
        self.mapping = Methods(
            {path: method._replace(func=_ending(method.func)) for path, method in self.mapping.items()}
        )

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
            call = self._call(stream)
            with logged_with(request_id=call.request_id):
                try:
                    request = await receive(stream)
                    if request is None:
                        raise InvalidArgument("request", "wanted one message, found none")
                    response = await self._service.call(name, request, call)
                    await self._send(stream, response, call)
                except JobpoolError as error:
                    await _refuse(stream, error, call)

        return answer

    async def _send(self, stream: _Stream, response: Message, call: Call) -> None:
        """Raises DeadlineExceeded for a caller that does not take it."""
        try:
            with self._service.outgoing.sending(response.ByteSize()):
                async with asyncio.timeout(_TAKEN_WITHIN / SECOND):
                    await stream.send_initial_metadata(metadata={REQUEST_ID: call.request_id})
                    await stream.send_message(response)
        except TimeoutError:
            raise DeadlineExceeded(f"the answer was not taken within {_TAKEN_WITHIN // SECOND} s") from None

    async def _session(self, stream: Stream[pb.AgentMessage, pb.ServerMessage]) -> None:
        try:
            await self._service.session(_AgentStream(stream, self._call(stream)))
        except JobpoolError as error:
            raise grpc_error(error) from None

    def _streamed(self, name: str) -> Callable[[_Stream], Awaitable[None]]:
        longest = _ALL_WITHIN.get(name)

        async def answer(stream: _Stream) -> None:
            call = self._call(stream)
            with logged_with(request_id=call.request_id):
                refusal: JobpoolError
                try:
                    async with asyncio.timeout(None if longest is None else longest / SECOND):
                        await self._send_all(name, stream, call)
                    return
                except TimeoutError:
                    within = f"{_TAKEN_WITHIN // SECOND} s a message"
                    within += "" if longest is None else f" and {longest // MINUTE} min in all"
                    refusal = DeadlineExceeded(f"the answer was not taken within {within}")
                except JobpoolError as error:
                    refusal = forgetful(error)
                await _refuse(stream, refusal, call)

        return answer

    async def _send_all(self, name: str, stream: _Stream, call: Call) -> None:
        request = await receive(stream)
        if request is None:
            raise InvalidArgument("request", "wanted one message, found none")
        async with aclosing(self._service.stream(name, request, call)) as responses:
            async for response in responses:
                async with (
                    self._service.untaken.handing(response.ByteSize(), within=None),
                    asyncio.timeout(_TAKEN_WITHIN / SECOND),
                ):
                    await stream.send_message(response)

    def _call(self, stream: Stream[T, Message] | Stream[T, pb.ServerMessage]) -> Call:
        deadline = stream.deadline
        return Call(
            transport="grpc",
            peer=_address(stream.peer.addr()),
            metadata=self._ids.named(cast(Mapping[str, str], stream.metadata or {})),
            timeout=None if deadline is None else int(deadline.time_remaining() * 1000),
        )


async def _refuse(stream: _Stream, error: JobpoolError, call: Call) -> None:
    """In trailers, with nothing before them if nothing was sent yet: only then do clients retry by themselves."""
    refusal = grpc_error(error, zh=wants_chinese(call.language))
    await stream.send_trailing_metadata(
        status=refusal.status,
        status_message=refusal.message,
        status_details=refusal.details,
        metadata={REQUEST_ID: call.request_id},
    )


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

    def __init__(self, stream: Stream[pb.AgentMessage, pb.ServerMessage], call: Call) -> None:
        self._stream = stream
        self.call = call

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


def _address(address: tuple[object, ...] | None) -> str:
    return f"{address[0]}:{address[1]}" if address else ""
