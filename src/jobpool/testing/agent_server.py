"""A server for agents to talk to: speaks the agent's stream, assigns what a test says and keeps what it hears.

It acknowledges reports unless told not to, and its waits end when what they wait for was heard.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import grpclib.const
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.server import Server, Stream

from jobpool.agent.config import AgentConfig
from jobpool.wire import jobpool_pb2 as pb

PATH = "/jobpool.v1.Schedule/AgentSession"

AgentStream = Stream[pb.AgentMessage, pb.ServerMessage]

RunAgent = Callable[..., AbstractAsyncContextManager[AgentConfig]]
"""A test's way to run an agent: takes settings, drains the agent at the end."""


class AgentServer:
    """`async with AgentServer() as server:`; the agent's URL is `server.url`.

    `acknowledge` False: reports are heard but not acknowledged. `refuse` set: every Hello is answered with it.
    `server_beat` is what the agent is promised, in ms; the server keeps it when a test makes it `beat`.
    `cluster` is the id in its welcome.
    """

    def __init__(
        self, *, ttl: int = 10_000, tls: ssl.SSLContext | None = None, port: int = 0, server_beat: int = 0
    ) -> None:
        self.ttl = ttl
        self.server_beat = server_beat
        self.cluster = 0
        self.acknowledge = True
        self.refuse: Status | None = None
        self.hellos: list[pb.AgentHello] = []
        self.inventories: list[pb.AgentInventory] = []
        self.batches: list[pb.AgentReports] = []
        self.beats = 0
        self.told: list[pb.AgentBeat] = []
        self.drains = 0
        self.goodbyes = 0
        self.chunks: dict[int, pb.AgentLogChunk] = {}
        self._tls = tls
        self._port = port
        self._heard = asyncio.Condition()
        self._stream: AgentStream | None = None
        self._server = Server([self])
        self._requests = 0

    def __mapping__(self) -> dict[str, grpclib.const.Handler]:
        return {
            PATH: grpclib.const.Handler(self._session, Cardinality.STREAM_STREAM, pb.AgentMessage, pb.ServerMessage)
        }

    async def __aenter__(self) -> "AgentServer":
        await self._server.start("127.0.0.1", self._port, ssl=self._tls)
        listener = self._server._server
        assert isinstance(listener, asyncio.Server)
        self._port = listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def reports(self) -> list[pb.Report]:
        """All that was reported, repetitions included, in order."""
        return [item for batch in self.batches for item in batch.items]

    def ends(self, allocation_id: str) -> list[pb.Report]:
        """The final reports of one allocation."""
        return [
            item
            for item in self.reports
            if item.allocation_id == allocation_id and (item.status != "running" or item.accepted)
        ]

    # ---- saying

    async def assign(self, *items: pb.Assignment) -> None:
        await self.say(pb.ServerMessage(assignments=pb.ServerAssignments(items=items)))

    async def stop(self, *items: pb.Assignment) -> None:
        await self.say(pb.ServerMessage(stops=pb.ServerStops(items=_held(*items))))

    async def drop(self, *items: pb.Assignment) -> None:
        await self.say(pb.ServerMessage(drop=pb.ServerDrop(items=_held(*items))))

    async def log(self, allocation_id: str, *, offset: int = 0, limit: int = 0, wait: int = 0) -> pb.AgentLogChunk:
        self._requests += 1
        number = self._requests
        request = pb.ServerLogRequest(
            request_id=number, allocation_id=allocation_id, offset=offset, limit=limit, wait_ms=wait
        )
        await self.say(pb.ServerMessage(log=request))
        await self.until(lambda: number in self.chunks)
        return self.chunks[number]

    async def beat(self) -> None:
        await self.say(pb.ServerMessage(beat=pb.ServerBeat()))

    async def say(self, message: pb.ServerMessage) -> None:
        """To the agent that is connected, or to the next one."""
        await self.until(lambda: self._stream is not None)
        assert self._stream is not None
        await self._stream.send_message(message)

    async def babble(self, data: bytes, *, end: bool = False) -> None:
        """Say bytes that need not be a message; with `end` they are the last."""
        await self.until(lambda: self._stream is not None)
        stream, self._stream = self._stream, None
        assert stream is not None
        await stream._stream.send_data(data, end_stream=end)

    async def hang_up(self) -> None:
        """Break the session as a dying server would."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.cancel()

    # ---- hearing

    async def ended(self, allocation_id: str) -> pb.Report:
        """The first final report of an allocation."""
        await self.until(lambda: bool(self.ends(allocation_id)))
        return self.ends(allocation_id)[0]

    async def until(self, condition: Callable[[], bool], *, within: float = 20) -> None:
        """Until it holds; checked whenever something is heard. Raises TimeoutError."""
        async with asyncio.timeout(within), self._heard:
            await self._heard.wait_for(condition)

    async def _session(self, stream: AgentStream) -> None:
        first = await stream.recv_message()
        assert first is not None
        self.hellos.append(first.hello)
        await self._notify()
        if self.refuse is not None:
            raise GRPCError(self.refuse, "refused by the test")
        welcome = pb.ServerWelcome(
            heartbeat_ttl=self.ttl, server="test", server_beat=self.server_beat, cluster_id=self.cluster
        )
        await stream.send_message(pb.ServerMessage(welcome=welcome))
        try:
            while (message := await stream.recv_message()) is not None:
                await self._hear(stream, message)
            self.goodbyes += 1
        except (StreamTerminatedError, ConnectionError):
            return  # the agent is gone
        finally:
            if self._stream is stream:
                self._stream = None

    async def _hear(self, stream: AgentStream, message: pb.AgentMessage) -> None:
        kind = message.WhichOneof("kind")
        if kind == "inventory":
            self.inventories.append(message.inventory)
            self._stream = stream
        elif kind == "reports":
            self.batches.append(message.reports)
            if self.acknowledge:
                ack = pb.ServerReportsAck(sequence=message.reports.sequence)
                await stream.send_message(pb.ServerMessage(reports_ack=ack))
        elif kind == "log":
            self.chunks[message.log.request_id] = message.log
        elif kind == "beat":
            self.beats += 1
            self.told.append(message.beat)
        elif kind == "drain":
            self.drains += 1
        await self._notify()

    async def _notify(self) -> None:
        async with self._heard:
            self._heard.notify_all()


def assignment(name: str, executor: str = "noop", *, parameters: str = "", **more: object) -> pb.Assignment:
    """An assignment with every field filled in; `more` are its fields."""
    fields: dict[str, object] = {
        "allocation_id": f"{name}-a1",
        "job_id": name,
        "plan_id": "nightly",
        "namespace": "default",
        "name": "Nightly",
        "fence": 7,
        "attempt": 1,
        "executor": executor,
        "parameters": parameters,
        "synchronous": True,
        "timeout": 60_000,
        "scheduled_time": 1_700_000_000_000,
    }
    item = pb.Assignment()
    for field, value in (fields | more).items():
        setattr(item, field, value)
    return item


def _held(*items: pb.Assignment) -> list[pb.HeldAllocation]:
    return [pb.HeldAllocation(allocation_id=item.allocation_id, fence=item.fence) for item in items]
