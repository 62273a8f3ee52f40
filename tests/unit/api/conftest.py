"""A listener on a free port of the loopback with a toy table of calls, and clients for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace

import aiohttp
import msgspec
import pytest
from google.protobuf.message import Message
from grpclib.client import Channel, UnaryUnaryMethod
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from yarl import URL

from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.rest_body import BodyLimits
from jobpool.api.service import Call, MessageStream, Service, request_type, response_type
from jobpool.model.errors import InvalidArgument, NotFound, ResourceExhausted, Unavailable
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import World, world_of


class Toy:
    """A handful of handlers that keep what they were asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[Message, Call]] = []
        self.held = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()

    @property
    def last(self) -> Message:
        return self.seen[-1][0]

    @property
    def call(self) -> Call:
        return self.seen[-1][1]

    def service(self) -> Service:
        handlers = {
            "PlanAdd": self._plan(pb.SchedulePlanAddResponse),
            "PlanUpdate": self._plan(pb.SchedulePlanUpdateResponse),
            "PlanDetail": self._plan(pb.SchedulePlanDetailResponse),
            "PlanDelete": self._keep(pb.SchedulePlanDeleteResponse()),
            "PlanList": self._keep(pb.SchedulePlanListResponse()),
            "AllocationList": self._keep(pb.ScheduleAllocationListResponse()),
            "JobList": self._keep(pb.ScheduleJobListResponse()),
            "JobExist": self._keep(pb.ScheduleJobExistResponse(count=7)),
            "JobDetail": self._keep(pb.ScheduleJobDetailResponse()),
            "NameSpaceDetail": self._keep(
                pb.ScheduleNameSpaceDetailResponse(data=pb.NameSpace(description="x" * 1_000_000))
            ),
            "NodeUpdate": self._keep(pb.NodeUpdateResponse(heartbeat_ttl=16247)),
            "QueueDetail": self._keep(pb.QueueDetailResponse(data=pb.QueueDetail())),
            "QueueJobViewDetail": self._keep(pb.QueueJobViewResponse()),
            "PlanRun": self._raise(ResourceExhausted("the namespace is full", retry_after=3)),
            "JobCancel": self._raise(KeyError("a secret of the inside")),
            "JobUpdate": self._raise(NotFound("job", "j<1>", field="id")),
            "EvalAdd": self._raise(InvalidArgument("plan_id", "wanted one, found none")),
            "EvalList": self._answer_wrongly,
            "EvalDequeue": self._hold,
            "EvalAck": self._hold_and(self._fail_late),
            "EvalNack": self._hold_and(pb.ScheduleEvalNackResponse),
        }
        return Service(handlers, agent_session=self._session)

    def _keep(self, response: Message) -> Callable[[Message, Call], Awaitable[Message]]:
        async def handle(request: Message, call: Call) -> Message:
            self.seen.append((request, call))
            return response

        return handle

    def _plan(self, response: type) -> Callable[[Message, Call], Awaitable[Message]]:
        async def handle(request, call):
            self.seen.append((request, call))
            plan = pb.Plan(id=request.id, namespace=request.namespace)
            plan.name = getattr(request, "name", "")
            return response(data=plan)

        return handle

    def _raise(self, error: Exception) -> Callable[[Message, Call], Awaitable[Message]]:
        async def handle(request: Message, call: Call) -> Message:
            raise error

        return handle

    async def _answer_wrongly(self, request: Message, call: Call) -> Message:
        return pb.Plan()

    async def _hold(self, request: Message, call: Call) -> Message:
        self.seen.append((request, call))
        self.held.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return pb.ScheduleEvalDequeueResponse(token="released")

    def _hold_and(self, answer: Callable[[], Message]) -> Callable[[Message, Call], Awaitable[Message]]:
        """Answers so once it is cancelled, as code does that swallows its cancellation."""

        async def handle(request: Message, call: Call) -> Message:
            with suppress(asyncio.CancelledError):
                await self._hold(request, call)
            return answer()

        return handle

    def _fail_late(self) -> Message:
        raise Unavailable("the stream broke")

    async def _session(self, stream: MessageStream) -> None:
        """Greets, then acknowledges every report; an empty message makes it fail."""
        await stream.send(pb.ServerMessage(welcome=pb.ServerWelcome(server=stream.call.transport)))
        while (message := await stream.recv()) is not None:
            if message.WhichOneof("kind") is None:
                raise InvalidArgument("kind", "wanted a message, found an empty one")
            await stream.send(pb.ServerMessage(reports_ack=pb.ServerReportsAck(sequence=message.reports.sequence)))


async def _version(request: Request) -> Response:
    return JSONResponse({"jobpool": "0"})


async def _broken(request: Request) -> Response:
    raise KeyError("a secret of the inside")


async def _post(request: Request) -> Response:
    return JSONResponse({"got": len(await request.body())})


EXTRA = [
    Route("/version", _version),
    Route("/broken", _broken),
    Route("/post", _post, methods=["POST"]),
]


class Server:
    """A running listener, and the simplest ways to ask it."""

    def __init__(self, listener: Listener, toy: Toy, http: aiohttp.ClientSession) -> None:
        self.listener = listener
        self.toy = toy
        self.host, self.port = listener.addresses[0]
        self.base = f"http://{self.host}:{self.port}"
        self._http = http

    async def ask(self, verb: str, path: str, **options) -> SimpleNamespace:
        text = options.pop("text", None)
        if text is not None:
            options["data"] = text
            options["headers"] = {"Content-Type": "application/json", **options.get("headers", {})}
        url = URL(self.base + path, encoded=True)
        async with self._http.request(verb, url, **options) as response:
            body = await response.read()
            return SimpleNamespace(
                status=response.status,
                body=body,
                headers=response.headers,
                json=msgspec.json.decode(body) if body else None,
            )

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def exchange(self, data: bytes) -> bytes:
        """Send bytes, give back all that comes until the server closes."""
        async with self.raw() as (reader, writer):
            writer.write(data)
            return await reader.read()

    def rpc(
        self, channel: Channel, name: str, service: str = "jobpool.v1.Schedule"
    ) -> UnaryUnaryMethod[Message, Message]:
        return UnaryUnaryMethod(channel, f"/{service}/{name}", request_type(name), response_type(name))


@asynccontextmanager
async def serve(
    *, limits: BodyLimits | None = None, allowed_hosts: tuple[str, ...] = (), tls=None, **config
) -> AsyncIterator[Server]:
    toy = Toy()
    service = toy.service()
    gateway = Gateway(service, allowed_hosts=allowed_hosts, extra_routes=EXTRA, limits=limits)
    urls = config.pop("urls", ("https://127.0.0.1:0" if tls else "http://127.0.0.1:0",))
    listener = Listener(service, gateway, ListenerConfig(urls=urls, **config), tls=tls)
    async with listener, aiohttp.ClientSession() as http:
        yield Server(listener, toy, http)


@pytest.fixture(name="serve")
def _serve():
    """Start a server of one's own settings: `async with serve(…) as server`."""
    return serve


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serve() as server:
        yield server


@pytest.fixture
async def channel(server: Server) -> AsyncIterator[Channel]:
    channel = Channel(server.host, server.port)
    yield channel
    channel.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """The API's nouns over a core in virtual time, with the namespace `default`."""
    async with world_of() as world:
        yield world
