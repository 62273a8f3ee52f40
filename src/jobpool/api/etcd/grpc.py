"""etcd's methods as gRPC: grpclib handlers under etcd's own names. Statuses and texts are etcd's, without details."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeAlias, cast

from google.protobuf.message import Message
from grpclib.const import Cardinality, Handler, Status
from grpclib.server import Stream
from msgspec import Struct

from jobpool.api.etcd.calls import Calls
from jobpool.api.etcd.methods import METHODS, Method
from jobpool.api.etcd.passage import Caller
from jobpool.api.grpc import receive
from jobpool.api.outgoing import Outgoing
from jobpool.api.status import grpc_error
from jobpool.api.untaken import Untaken, forgetful
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import DeadlineExceeded, InvalidArgument, JobpoolError

_TAKEN_WITHIN: Millis = 60 * SECOND
_READS = frozenset({"Range", "Txn"})
"""What may bring much: not answered while too many answers wait to be taken."""

_Stream: TypeAlias = Stream[Message, Message]
_Serve: TypeAlias = Callable[[_Stream], Awaitable[None]]


class Raw(Struct, frozen=True):
    """A message that is encoded already, as grpclib wants it."""

    data: bytes

    def SerializeToString(self) -> bytes:
        return self.data


class EtcdMethods:
    """The handlers by path."""

    def __init__(self, calls: Calls, outgoing: Outgoing, untaken: Untaken | None = None) -> None:
        """`untaken`: the answers of streams. They are not among the outgoing, which hold up those who read."""
        self._calls = calls
        self._outgoing = outgoing
        self._untaken = untaken or Untaken()
        self.mapping = {method.path: self._handler(method) for method in METHODS.values()}

    def _handler(self, method: Method) -> Handler:
        raw = cast(type[Message], Raw)
        if method.asks_more:
            return Handler(self._conversation(method.name), Cardinality.STREAM_STREAM, method.request, raw)
        if method.answers_more:
            return Handler(self._answers(method.name), Cardinality.UNARY_STREAM, method.request, raw)
        return Handler(self._unary(method.name), Cardinality.UNARY_UNARY, method.request, raw)

    def _unary(self, name: str) -> _Serve:
        async def serve(stream: _Stream) -> None:
            request = await _one(stream)
            if name in _READS:
                self._outgoing.admit()
            await self._send(stream, await self._calls.call(name, request, caller_of(stream)))

        return _told(serve)

    def _answers(self, name: str) -> _Serve:
        async def serve(stream: _Stream) -> None:
            request = await _one(stream)
            async with aclosing(self._calls.answers(name, request, caller_of(stream))) as answers:
                async for answer in answers:
                    async with self._untaken.handing(len(answer)):
                        await stream.send_message(cast(Message, Raw(answer)))

        return _told(serve)

    def _conversation(self, name: str) -> _Serve:
        async def serve(stream: _Stream) -> None:
            one_at_a_time = asyncio.Lock()

            async def give(answer: bytes) -> None:
                async with self._untaken.handing(len(answer)), one_at_a_time:
                    await stream.send_message(cast(Message, Raw(answer)))

            async def take() -> Message | None:
                return await _next(stream)

            await self._calls.converse(name, take, give, caller_of(stream))

        return _told(serve)

    async def _send(self, stream: _Stream, answer: bytes) -> None:
        try:
            with self._outgoing.sending(len(answer)):
                async with asyncio.timeout(_TAKEN_WITHIN / SECOND):
                    await stream.send_message(cast(Message, Raw(answer)))
        except TimeoutError:
            raise DeadlineExceeded(f"the answer was not taken within {_TAKEN_WITHIN // SECOND} s") from None


def caller_of(stream: _Stream) -> Caller:
    address = stream.peer.addr()
    deadline = stream.deadline
    return Caller(
        peer=f"{address[0]}:{address[1]}" if address else "",
        metadata={name: value for name, value in (stream.metadata or {}).items() if isinstance(value, str)},
        timeout=None if deadline is None else int(deadline.time_remaining() * 1000),
    )


async def _next(stream: _Stream) -> Message | None:
    """The next request without what is not known. Raises JobpoolError for what is none."""
    request = await receive(stream)
    if request is not None:
        request.DiscardUnknownFields()
    return request


async def _one(stream: _Stream) -> Message:
    request = await _next(stream)
    if request is None:
        raise InvalidArgument("request", "wanted one message, found none")
    return request


def _told(serve: _Serve) -> _Serve:
    async def told(stream: _Stream) -> None:
        try:
            await serve(stream)
            return
        except JobpoolError as error:
            refusal = grpc_error(forgetful(error))
        await stream.send_trailing_metadata(status=Status(refusal.status), status_message=refusal.message)

    return told
