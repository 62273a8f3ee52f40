"""An etcd that says what a test tells it to, at a port of this process."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server, Stream

from jobpool.wire import etcd_pb2 as pb

Answer = Message | GRPCError | Callable[[Any], Message]
Converse = Callable[[Stream[Any, Any]], Awaitable[None]]
PACKAGES = {"Lock": "v3lockpb", "Election": "v3electionpb"}
HEADER = pb.ResponseHeader(cluster_id=1, member_id=2, revision=3, raft_term=4)


def refusal(text: str, status: Status = Status.FAILED_PRECONDITION) -> GRPCError:
    return GRPCError(status, text)


class FakeEtcd:
    """Calls that no `answers` or `streams` are there for are UNIMPLEMENTED. `asked` and `beside` are in order."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.streams: dict[str, Converse] = {}
        self.asked: list[Message] = []
        self.beside: list[Mapping[str, Any]] = []
        self.endpoint = ""

    def __mapping__(self) -> dict[str, Handler]:
        return {
            f"/{PACKAGES.get(service.name, 'etcdserverpb')}.{service.name}/{method.name}": Handler(
                self._serve(method.name),
                Cardinality.STREAM_STREAM if method.client_streaming else Cardinality.UNARY_UNARY,
                GetMessageClass(method.input_type),
                GetMessageClass(method.output_type),
            )
            for service in pb.DESCRIPTOR.services_by_name.values()
            for method in service.methods
        }

    def _serve(self, name: str) -> Converse:
        async def serve(stream: Stream[Any, Any]) -> None:
            self.beside.append(dict(stream.metadata or {}))
            if name in self.streams:
                await self.streams[name](stream)
                return
            request = await stream.recv_message()
            assert request is not None
            self.asked.append(request)
            answer = self.answers.get(name, refusal(f"etcdserverpb/{name}: not here", Status.UNIMPLEMENTED))
            if isinstance(answer, GRPCError):
                raise answer
            await stream.send_message(answer(request) if callable(answer) else answer)

        return serve


@asynccontextmanager
async def serving(fake: FakeEtcd) -> AsyncGenerator[FakeEtcd, None]:
    server = Server([fake])
    await server.start("127.0.0.1", 0)
    assert isinstance(server._server, asyncio.Server)
    fake.endpoint = f"127.0.0.1:{server._server.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        server.close()
        await server.wait_closed()
