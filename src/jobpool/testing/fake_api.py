"""A gRPC server with scripted answers, for tests of clients: real sockets, real status details, no engine behind."""

import asyncio
import socket
import ssl
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self, TypeAlias

from google.protobuf.message import Message
from grpclib.const import Cardinality, Handler
from grpclib.protocol import H2Protocol
from grpclib.server import Server, Stream

from jobpool.api.status import grpc_error
from jobpool.model.errors import JobpoolError
from jobpool.wire import jobpool_pb2 as pb

SERVICE = pb.DESCRIPTOR.services_by_name["Schedule"]

Answer: TypeAlias = Message | JobpoolError | Callable[[Message], Awaitable[Message]]
"""What a call gets: a message, an error, or what a coroutine makes of the request."""


Said: TypeAlias = Message | JobpoolError | None
"""Part of a stream: a message, the error that ends it, or nothing more while the caller is there."""


class _Server(Server):
    """A server that can hang up on everyone, as a killed process does."""

    def __init__(self, handlers: list["FakeApi"]) -> None:
        super().__init__(handlers)
        self._protocols: list[H2Protocol] = []

    def _protocol_factory(self) -> H2Protocol:
        self._protocols.append(super()._protocol_factory())
        return self._protocols[-1]

    def hang_up(self) -> None:
        for protocol in self._protocols:
            if hasattr(protocol, "connection"):  # not so when TLS was refused
                protocol.connection.close()


class FakeApi:
    """Serves the service on 127.0.0.1, but for streams of requests. Unscripted calls answer an empty message or stream.

    `port` 0 takes a free one. `requests` lists all that came, as (call, request), in order, and `metadata` what was
    beside each.
    """

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[tuple[str, Message]] = []
        self.metadata: list[dict[str, str]] = []
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        self._streams: dict[str, list[Sequence[Said]]] = defaultdict(list)
        self._server = _Server([self])
        self.port = port
        self._tls = tls

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answers(self, rpc: str, *answers: Answer) -> None:
        """Script a call: the answers are given in order, the last one for ever."""
        if rpc not in SERVICE.methods_by_name:
            raise ValueError(f"the service has no call {rpc!r}")
        self._answers[rpc] = list(answers)

    def streams(self, rpc: str, *streams: Sequence[Said]) -> None:
        """Script a call that answers with a stream: each call gets the next one, the last one for ever."""
        if rpc not in SERVICE.methods_by_name:
            raise ValueError(f"the service has no call {rpc!r}")
        self._streams[rpc] = list(streams)

    def received(self, rpc: str) -> list[Message]:
        return [request for name, request in self.requests if name == rpc]

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        await self._server.start(sock=listening, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._server.hang_up()
        await self._server.wait_closed()

    def __mapping__(self) -> dict[str, Handler]:
        return {
            f"/{SERVICE.full_name}/{name}": self._handler(name)
            for name, method in SERVICE.methods_by_name.items()
            if not method.client_streaming
        }

    def _handler(self, rpc: str) -> Handler:
        method = SERVICE.methods_by_name[rpc]
        request_type: type[Message] = getattr(pb, method.input_type.name)
        reply_type: type[Message] = getattr(pb, method.output_type.name)

        async def handle(stream: Stream[Message, Message]) -> None:
            request = await stream.recv_message()
            assert request is not None
            self.requests.append((rpc, request))
            self.metadata.append({name: str(value) for name, value in (stream.metadata or {}).items()})
            if method.server_streaming:
                await self._stream(rpc, stream)
            else:
                await stream.send_message(await self._answer(rpc, request, reply_type))

        cardinality = Cardinality.UNARY_STREAM if method.server_streaming else Cardinality.UNARY_UNARY
        return Handler(handle, cardinality, request_type, reply_type)

    async def _stream(self, rpc: str, stream: Stream[Message, Message]) -> None:
        script = self._streams[rpc]
        said = (script.pop(0) if len(script) > 1 else script[0]) if script else ()
        for part in said:
            if part is None:
                await asyncio.Event().wait()
            elif isinstance(part, JobpoolError):
                raise grpc_error(part)
            else:
                await stream.send_message(part)

    async def _answer(self, rpc: str, request: Message, reply_type: type[Message]) -> Message:
        script = self._answers[rpc]
        if not script:
            return reply_type()
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, JobpoolError):
            raise grpc_error(answer)
        return answer if isinstance(answer, Message) else await answer(request)
