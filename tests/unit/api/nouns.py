"""The API's nouns over a real core in virtual time: requests in, answers and refusals out, no transport."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from google.protobuf.message import Message

from jobpool.api.agent_desk import AgentDesk, LocalDesk
from jobpool.api.context import Context, Identity
from jobpool.api.handlers import build_service
from jobpool.api.open_streams import OpenStreams
from jobpool.api.service import Call
from jobpool.api.sessions import Sessions
from jobpool.api.snapshots import Snapshots
from jobpool.kit.effects.dice import Dice
from jobpool.leader.term import LeaderConfig
from jobpool.model.errors import JobpoolError
from jobpool.server.ledger import StoredRanges
from jobpool.server.local import LocalLeader
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import SERVER, Core, running_core
from jobpool.testing.history import MemoryHistory
from jobpool.testing.store import MemoryStore
from jobpool.wire import jobpool_pb2 as pb

T = TypeVar("T")

NOW = 1_760_000_000_000
SECOND = 1000
MINUTE = 60 * SECOND
PLAIN = Call(transport="grpc")


class InMemoryStream:
    """An agent's side of its stream. `sent` is what the server said; `block` lets the agent read nothing more."""

    def __init__(self) -> None:
        self.call = Call(transport="grpc", peer="10.0.0.7:4711")
        self.sent: list[pb.ServerMessage] = []
        self._said: asyncio.Queue[pb.AgentMessage | None] = asyncio.Queue()
        self._reads = asyncio.Event()
        self._reads.set()

    async def recv(self) -> pb.AgentMessage | None:
        return await self._said.get()

    async def send(self, message: pb.ServerMessage) -> None:
        await self._reads.wait()
        self.sent.append(message)

    def say(self, **kind: Any) -> None:
        self._said.put_nowait(pb.AgentMessage(**kind))

    def hang_up(self) -> None:
        self._said.put_nowait(None)

    def block(self) -> None:
        self._reads.clear()

    def unblock(self) -> None:
        self._reads.set()

    def of(self, kind: str):
        return [getattr(message, kind) for message in self.sent if message.WhichOneof("kind") == kind]

    @property
    def assigned(self) -> list[pb.Assignment]:
        return [item for message in self.of("assignments") for item in message.items]

    @property
    def acked(self) -> list[int]:
        return [message.sequence for message in self.of("reports_ack")]

    def held(self, kind: str) -> list[tuple[str, int]]:
        """Of `stops` or `drop`."""
        return [(item.allocation_id, item.fence) for message in self.of(kind) for item in message.items]


class Agent:
    """One agent's conversation with the server, step by step."""

    def __init__(self, world: "World", node_id: str, sessions: Sessions, **hello: Any) -> None:
        self.node_id = node_id
        self.stream = InMemoryStream()
        self.sequence = 0
        self._world = world
        fields: dict[str, Any] = {"secret": "s3cret", "executors": ["noop"], **hello}
        self.hello = pb.AgentHello(node_id=node_id, **fields)
        self.session = asyncio.get_running_loop().create_task(sessions.serve(self.stream))
        world.tasks.append(self.session)

    async def greet(self) -> "Agent":
        self.stream.say(hello=self.hello)
        await settle()
        return self

    async def join(self, *held: tuple[str, int]) -> "Agent":
        """Hello, welcome, inventory."""
        await self.greet()
        return await self.show(*held)

    async def show(self, *held: tuple[str, int]) -> "Agent":
        items = [pb.HeldAllocation(allocation_id=allocation, fence=fence) for allocation, fence in held]
        self.stream.say(inventory=pb.AgentInventory(held=items))
        await settle()
        return self

    async def report(self, *items: pb.Report) -> int:
        self.sequence += 1
        self.stream.say(reports=pb.AgentReports(sequence=self.sequence, items=items))
        await settle()
        return self.sequence

    async def finish(self, assignment: pb.Assignment, status: str = "complete", **fields: Any) -> int:
        return await self.report(end_of(assignment, status, **fields))

    @property
    def ended(self) -> bool:
        return self.session.done()

    @property
    def failure(self) -> JobpoolError:
        """Why the server ended the stream."""
        error = self.session.exception()
        assert isinstance(error, JobpoolError)
        return error


def end_of(assignment: pb.Assignment, status: str = "complete", **fields: Any) -> pb.Report:
    return pb.Report(allocation_id=assignment.allocation_id, fence=assignment.fence, status=status, **fields)


class World:
    """A core that leads, its nouns, and every way to ask them. No agent answers unless a test makes it."""

    def __init__(self, core: Core, store: MemoryStore, clock: FakeClock) -> None:
        self.core = core
        self.store = store
        self.clock = clock
        self.history = MemoryHistory(core.replica)
        self.tasks: list[asyncio.Task[Any]] = []
        self.streams = OpenStreams()
        self.behind = False
        self.use(self.history)

    def use(self, history) -> None:
        """Ask that history from now on."""
        self.context = Context(
            replica=self.core.replica,
            leader=LocalLeader(self.core.leadership),
            history=history,
            clock=self.clock,
            dice=Dice(7),
            identity=Identity(11, 12, "one"),
            default_time_zone="UTC",
        )
        self.sessions = self.another_server(SERVER)
        self.service = build_service(
            self.context,
            self.sessions,
            Snapshots(self.store, self.clock, allow_remote=False),
            ranges=StoredRanges(self.store, keep=10 * MINUTE),
            streams=self.streams,
            is_behind=lambda: self.behind,
        )

    @property
    def state(self):
        return self.core.state

    @property
    def n(self) -> int:
        """How many commits there were."""
        return self.core.replica.n

    async def ask(self, name: str, request: Message, call: Call = PLAIN) -> Any:
        return await self.service.call(name, request, call)

    def start(self, name: str, request: Message, call: Call = PLAIN) -> "asyncio.Task[Any]":
        return self.spawn(self.service.call(name, request, call))

    def spawn(self, work: Coroutine[object, object, T]) -> "asyncio.Task[T]":
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.append(task)
        return task

    async def refusal(self, name: str, request: Message, call: Call = PLAIN) -> SimpleNamespace:
        """How the call is refused, with nothing stored by it."""
        await settle()
        before, content = self.n, self.store.content()
        with pytest.raises(JobpoolError) as refused:
            await self.service.call(name, request, call)
        assert self.n == before
        assert self.store.content() == content
        error = refused.value
        return SimpleNamespace(
            code=error.code.name, field=error.field, engine_code=error.engine_code, text=str(error), error=error
        )

    async def add_plan(self, plan_id: str = "p", *, namespace: str = "default", **fields: Any) -> pb.Plan:
        """A noop plan without a schedule, running."""
        given: dict[str, Any] = {"name": plan_id, "type": "service", "executor": "noop", "status": "running", **fields}
        request = pb.SchedulePlanAddRequest(id=plan_id, namespace=namespace, **given)
        added: pb.Plan = (await self.ask("PlanAdd", request)).data
        return added

    async def run_plan(self, plan_id: str = "p", *, namespace: str = "default", **fields: Any) -> pb.Job:
        response = await self.ask("PlanRun", pb.PlanRunRequest(id=plan_id, namespace=namespace, **fields))
        await settle()
        job: pb.Job = response.data
        return job

    async def finish(self, job_id: str, status: str = "complete") -> None:
        await self.ask("JobUpdate", pb.ScheduleJobStatusUpdateRequest(id=job_id, status=status))

    async def make_jobs(self, live: int, finished: int, *, plan: str = "p") -> tuple[list[str], list[str]]:
        """Runs a second apart, oldest first; the finished ones are every second of the first."""
        made = []
        for _ in range(live + finished):
            made.append((await self.run_plan(plan)).id)
            await self.clock.advance(SECOND)
        done = made[1::2][:finished]
        done += [job for job in made if job not in done][: finished - len(done)]
        for job in done:
            await self.finish(job)
        return [job for job in made if job not in done], done

    def agent(self, node_id: str = "node-1", *, at: Sessions | None = None, **hello: Any) -> Agent:
        """An agent that comes to the server, or to another one."""
        self.core.silent.add(node_id)
        return Agent(self, node_id, self.sessions if at is None else at, **hello)

    def another_server(self, server_id: str = "other", *, desk: AgentDesk | None = None) -> Sessions:
        """One with a replica as new as this one's."""
        desk = desk or LocalDesk(self.context.leader, self.core.replica, self.clock, server_id=server_id)
        sessions = Sessions(self.context, desk)
        self.spawn(sessions.run())
        return sessions

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, JobpoolError):
                await task


@asynccontextmanager
async def world_of(
    *,
    slots: int = 1000,
    config: LeaderConfig | None = None,
    at: int = NOW,
    store: MemoryStore | None = None,
    evaluators: int = 1,
) -> AsyncIterator[World]:
    clock, store = FakeClock(at), store or MemoryStore()
    async with running_core(store, clock, slots=slots, config=config, answers=None, evaluators=evaluators) as core:
        world = World(core, store, clock)
        await settle()
        try:
            yield world
        finally:
            await world.end()


def ids(items) -> list[str]:
    return [item.id for item in items]


async def joined(world: World, node_id: str = "node-1", **hello: Any) -> Agent:
    return await world.agent(node_id, **hello).join()


async def given(world: World, count: int = 1) -> tuple[Agent, list[pb.Assignment]]:
    """An agent with runs that it was just given."""
    agent = await joined(world)
    await world.add_plan()
    for _ in range(count):
        await world.run_plan()
    assert len(agent.stream.assigned) == count
    return agent, agent.stream.assigned
