"""A server whose replica lags behind tells agents nothing of the past: it serves them once it sees that they came."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from msgspec.structs import replace

from jobpool.api.agent_desk import LocalDesk
from jobpool.api.sessions import Sessions
from jobpool.kit.pure.durations import SECOND
from jobpool.leader.leadership import Leadership
from jobpool.model.beat import Beat
from jobpool.model.errors import DeadlineExceeded
from jobpool.model.server import ServerRecord
from jobpool.peers.conversation import Told
from jobpool.peers.mesh import Mesh
from jobpool.peers.words import Question
from jobpool.replica.replica import Replica, changes_of
from jobpool.server.answers import Answers
from jobpool.server.desk import ClusterDesk
from jobpool.server.leader_path import LeaderPath
from jobpool.store.commands import JoinServer
from jobpool.testing.clock import settle
from jobpool.testing.harness import SERVER
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import Agent, World, end_of, given, world_of


class Follows:
    """What a `Leadership` tells on a server that follows."""

    leads = False
    leader = SERVER

    async def leader_changes(self) -> None:
        await asyncio.Event().wait()


class Behind:
    """A server beside the one that leads; its replica folds when a test says so."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.replica = Replica(default_slots=1000)
        leader = world.core
        desk = LocalDesk(world.context.leader, leader.replica, world.clock, server_id=SERVER)
        self._answers = Answers(leader.leadership, leader.replica, desk)
        follows = cast(Leadership, Follows())
        path = LeaderPath(follows, cast(Mesh, self), self.replica, clock=world.clock, me="behind")
        context = replace(world.context, replica=self.replica)
        local = LocalDesk(context.leader, self.replica, world.clock, server_id="behind")
        self.sessions = Sessions(context, ClusterDesk(path, local, follows, me="behind"))
        world.spawn(self.sessions.run())

    async def ask(self, server_id: str, question: Question, reply: Any, *, timeout: int) -> Told[Any]:
        return Told(await self._answers.answer(question, "behind"), self._answers.n)

    def fold(self, until: int | None = None) -> None:
        """Up to that commit; None = to the newest."""
        for step in self.world.store.steps:
            if self.replica.n < step.fence.n <= (until or self.world.n):
                self.replica.apply(step.fence, changes_of(step))

    async def beat(self) -> None:
        """The leader hears this server: what is placed on its agents arrives."""
        while True:
            fence = self.world.state.fence
            beat = Beat(fence.term, fence.n, leads=False, heard=0, hears=(SERVER,))
            self.world.core.leadership.beat("behind", beat)
            await self.world.clock.sleep(200)

    async def moved(self, agent: Agent) -> Agent:
        """The agent, as it comes here from the leader's server."""
        agent.stream.hang_up()
        await settle()
        moved = Agent(self.world, agent.node_id, self.sessions)
        moved.stream.say(hello=moved.hello)
        await settle()
        return moved


@asynccontextmanager
async def two_servers() -> AsyncIterator[tuple[World, Behind]]:
    async with world_of() as world:
        behind = Behind(world)
        await world.core.submit(JoinServer(ServerRecord("behind", "behind", "http://behind:2379", "1", 0)))
        world.spawn(behind.beat())
        await settle()
        behind.fold()
        yield world, behind


@pytest.mark.invariant("H-6")
async def test_an_agent_is_served_once_its_arrival_is_seen() -> None:
    """Placed, started and held: whoever has not seen that would have it dropped."""
    async with two_servers() as (world, behind):
        agent, [item] = await given(world)
        await agent.report(end_of(item, "running"))
        moved = await behind.moved(agent)
        arrival = world.n
        for n in range(behind.replica.n + 1, arrival):
            behind.fold(until=n)
            await settle()
            assert not moved.stream.sent, f"at {n} of {arrival}"
        behind.fold()
        await settle()
        assert [message.WhichOneof("kind") for message in moved.stream.sent] == ["welcome"]
        await moved.show((item.allocation_id, item.fence))
        behind.fold()
        await settle()
        assert not moved.stream.held("drop")
        assert not moved.stream.held("stops")
        assert not moved.stream.assigned
        assert world.state.node_load(agent.node_id) == 1


@pytest.mark.invariant("H-6")
async def test_a_server_that_stays_behind_says_nothing_at_all() -> None:
    async with two_servers() as (world, behind):
        agent, [item] = await given(world)
        moved = await behind.moved(agent)
        moved.stream.say(
            inventory=pb.AgentInventory(held=[pb.HeldAllocation(allocation_id=item.allocation_id, fence=1)])
        )
        await world.clock.advance(11 * SECOND)
        assert (moved.stream.sent, moved.ended) == ([], True)
        assert isinstance(moved.failure, DeadlineExceeded)
        assert world.state.node_load(agent.node_id) == 1


@pytest.mark.invariant("H-6")
async def test_news_come_in_the_order_of_the_log_however_late() -> None:
    async with two_servers() as (world, behind):
        agent, [first] = await given(world)
        moved = await behind.moved(agent)
        behind.fold()
        await settle()
        await moved.show((first.allocation_id, first.fence))
        behind.fold()
        await settle()
        await world.run_plan()
        second = next(run for run in world.state.runs.values() if run.id != first.job_id)
        await world.ask("JobCancel", pb.JobCancelRequest(id=second.id))
        await settle()
        assert not moved.stream.assigned, "it was placed and is to be stopped, and this server has not seen either"
        for n in range(behind.replica.n + 1, world.n + 1):
            behind.fold(until=n)
            await settle()
            stopped = {allocation for allocation, _ in moved.stream.held("stops")}
            assert stopped <= {item.allocation_id for item in moved.stream.assigned}
        assert [item.job_id for item in moved.stream.assigned] == [second.id]
        assert len(moved.stream.held("stops")) == 1
