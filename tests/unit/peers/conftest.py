"""Servers that talk over the network in memory: who said what, and what was answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

import pytest

from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import Millis
from jobpool.model.beat import Beat
from jobpool.model.errors import Unimplemented
from jobpool.model.server import Cluster, ServerRecord
from jobpool.peers.mesh import Mesh
from jobpool.peers.words import AgentLeaving, AgentReady, Question
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
        self._network = network
        self.mesh = Mesh(
            server_id, network.dial_from(server_id), clock=network.clock, dice=Dice(1), answerer=self, ears=self
        )
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

    async def pair(self) -> tuple[Part, Part]:
        a, b = self.part("a"), self.part("b")
        await a.start("a", "b")
        await b.start("a", "b")
        await self.clock.advance(1000)
        assert a.mesh.connected("b")
        assert b.mesh.connected("a")
        a.heard.clear()
        b.heard.clear()
        return a, b

    async def close(self) -> None:
        for part in self._parts:
            await part.crash()
        assert self.network.faults == []
        assert self.network.streams == 0


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()
