"""Servers that talk over the network in memory: who said what, and what was answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import Millis
from jobpool.model.beat import Beat
from jobpool.model.errors import JobpoolError, Unimplemented
from jobpool.model.server import Cluster, ServerRecord
from jobpool.peers.frames import encode, pack, unpack
from jobpool.peers.introduction import introduce
from jobpool.peers.mesh import Mesh
from jobpool.peers.stream import MAX_FRAME, Dial, FrameStream
from jobpool.peers.words import AgentLeaving, AgentReady, Question, Seen, Word
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.network import Network

CLUSTER = Cluster(7, b"a secret of 32 bytes, or so it is")
LONG: Millis = 10_000


def record(server_id: str, url: str = "") -> ServerRecord:
    return ServerRecord(server_id, f"name of {server_id}", url or f"http://{server_id}:2379", "1.0", 5)


def beat(term: int = 1) -> Beat:
    return Beat(term, 10, leads=False)


def ready(name: str) -> AgentReady:
    """A question whose answer is its own name."""
    return AgentReady(name, 1)


def leaving(name: str) -> AgentLeaving:
    """A question whose answer waits for `held`."""
    return AgentLeaving(name, 1)


class Tap:
    """Dials as another, and keeps when, and what was sent."""

    def __init__(self, network: Network, name: str) -> None:
        self.dials: list[Millis] = []
        self.frames: list[bytes] = []
        self._clock = network.clock
        self._dial: Dial = network.dial_from(name)

    @asynccontextmanager
    async def __call__(self, server: ServerRecord) -> AsyncIterator[FrameStream]:
        self.dials.append(self._clock.monotonic())
        async with self._dial(server) as stream:
            yield _Tapped(stream, self.frames)

    @property
    def words(self) -> list[list[Word]]:
        """Of every frame."""
        return [unpack(frame) for frame in self.frames]


class _Tapped:
    def __init__(self, stream: FrameStream, frames: list[bytes]) -> None:
        self._stream = stream
        self._frames = frames

    async def send(self, data: bytes) -> None:
        self._frames.append(data)
        await self._stream.send(data)

    async def recv(self, *, limit: int = MAX_FRAME) -> bytes | None:
        return await self._stream.recv(limit=limit)


class Raw:
    """A stream to a server, word by word; `admitted` proves itself first."""

    def __init__(self, stream: FrameStream) -> None:
        self.stream = stream

    async def say(self, *words: Word | list[object]) -> None:
        await self.stream.send(pack([encode(word) for word in words]))

    async def hear(self) -> list[Word]:
        frame = await self.stream.recv()
        assert frame is not None
        return unpack(frame)

    async def end(self) -> JobpoolError | None:
        """Why the other end ended it; None for no reason."""
        try:
            while await self.stream.recv() is not None:
                pass
        except JobpoolError as error:
            return error
        return None


class Part:
    """One server: answers a question by `answer`, keeps what it hears."""

    def __init__(self, network: Network, server_id: str, *, cluster: Cluster | None = CLUSTER) -> None:
        self.id = server_id
        self.n = 100
        self.heard: list[tuple[object, ...]] = []
        self.asked: list[tuple[str, Question]] = []
        self.cancelled: list[Question] = []
        self.held = asyncio.Event()
        self.answers: Callable[[Question], Awaitable[object]] = self._echo
        self.tap = Tap(network, server_id)
        self._network = network
        self.mesh = Mesh(server_id, self.tap, clock=network.clock, dice=Dice(1), answerer=self, ears=self)
        self.cluster = cluster
        self._task: asyncio.Task[None] | None = None

    async def start(self, *servers: str) -> None:
        self.knows(*servers)
        self._network.host(self.id, self.mesh.accept)
        self._task = asyncio.get_running_loop().create_task(self.mesh.run())
        await settle()

    def knows(self, *servers: str) -> None:
        self.mesh.set_servers([record(name) for name in servers], self.cluster)

    async def crash(self) -> None:
        await self._network.crash(self.id)
        await self.stop()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    # ---- what it answers

    async def answer(self, question: Question, server_id: str) -> object:
        self.asked.append((server_id, question))
        try:
            return await self.answers(question)
        except asyncio.CancelledError:
            self.cancelled.append(question)
            raise

    async def _echo(self, question: Question) -> object:
        """AgentReady is answered at once, AgentLeaving once `held` is set."""
        match question:
            case AgentReady():
                return question.node_id
            case AgentLeaving():
                await self.held.wait()
                return question.node_id
        raise Unimplemented("only two questions are known here")

    # ---- what it hears

    def beat(self, server_id: str, beat: Beat) -> None:
        self.heard.append((server_id, "beat", beat.term))

    def called(self, server_id: str) -> None:
        self.heard.append((server_id, "called"))

    def agents_heard(self, server_id: str, agents: Sequence[tuple[str, int, Millis]]) -> None:
        self.heard.append((server_id, "agents", *agents))

    def nodes_seen(self, server_id: str, nodes: Sequence[Seen]) -> None:
        self.heard.append((server_id, "seen", *nodes))

    def gone(self, server_id: str) -> None:
        self.heard.append((server_id, "gone"))

    def linked(self, server_id: str) -> None:
        self.heard.append((server_id, "linked"))

    async def ask(self, to: str, question: Question, *, timeout: Millis = LONG) -> str:
        return (await self.mesh.ask(to, question, str, timeout=timeout)).value


class World:
    """A network and the servers on it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.network = Network(self.clock, Dice(1))
        self._parts: list[Part] = []
        self._raw = AsyncExitStack()

    def part(self, server_id: str, *, cluster: Cluster | None = CLUSTER) -> Part:
        part = Part(self.network, server_id, cluster=cluster)
        self._parts.append(part)
        return part

    async def trio(self) -> tuple[Part, Part, Part]:
        a, b, c = self.part("a"), self.part("b"), self.part("c")
        for part in (a, b, c):
            await part.start("a", "b", "c")
        await self.clock.advance(1000)
        for part in (a, b, c):
            part.heard.clear()
        return a, b, c

    async def alone(self) -> Part:
        """The server `b` of a cluster whose other server, `a`, is played by the test."""
        b = self.part("b")
        await b.start("a", "b")
        return b

    async def pair(self) -> tuple[Part, Part]:
        a, b = self.part("a"), self.part("b")
        await a.start("a", "b")
        await b.start("a", "b")
        await self.clock.advance(1000)
        assert a.mesh.connected("b")
        assert b.mesh.connected("a")
        for part in (a, b):
            part.heard.clear()
            part.tap.frames.clear()
        return a, b

    async def raw(self, name: str, to: Part) -> Raw:
        """A stream as `name` that has said nothing yet."""
        dial = self.network.dial_from(name)
        return Raw(await self._raw.enter_async_context(dial(record(to.id))))

    async def admitted(self, name: str, to: Part) -> Raw:
        raw = await self.raw(name, to)
        await introduce(name, to.id, raw.stream, secret=CLUSTER.secret)
        await settle()
        return raw

    async def close(self) -> None:
        await self._raw.aclose()
        for part in self._parts:
            await part.crash()
        assert self.network.faults == []
        assert self.network.streams == 0


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()
