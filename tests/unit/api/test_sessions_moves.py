"""Agents that come and go between servers, servers that cannot serve them, and a leader that is not there."""

import asyncio
from collections.abc import Sequence

import pytest

from jobpool.api.agent_desk import LocalDesk
from jobpool.api.sessions import Sessions
from jobpool.kit.pure.durations import Millis
from jobpool.model.beat import Beat
from jobpool.model.errors import FailedPrecondition, JobpoolError, Unavailable
from jobpool.model.node import Node
from jobpool.model.server import ServerRecord
from jobpool.model.statuses import NodeStatus
from jobpool.peers.words import HeldAttempt
from jobpool.store.commands import EndStream, JoinServer, Reported, SetNodeStatus
from jobpool.testing.clock import settle
from jobpool.testing.harness import SERVER
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import SECOND, World, end_of, given, joined


class FarDesk(LocalDesk):
    """A leader that is not there for a while: `away` clear, calls wait; `failures` are what the next calls raise."""

    def __init__(self, world: World, server_id: str = "other") -> None:
        super().__init__(world.context.leader, world.core.replica, world.clock, server_id=server_id)
        self.there = asyncio.Event()
        self.there.set()
        self.failures: list[JobpoolError] = []
        self.beats: list[tuple[str, int, Millis]] = []

    async def ready(self, node_id: str, session: int) -> None:
        await self.there.wait()
        await super().ready(node_id, session)

    async def reports(self, node_id: str, session: int, reports: pb.AgentReports) -> Sequence[Reported | None]:
        await self.there.wait()
        return await super().reports(node_id, session, reports)

    async def left(self, node_id: str, session: int, *, drained: bool) -> None:
        await self.there.wait()
        if self.failures:
            raise self.failures.pop(0)
        await super().left(node_id, session, drained=drained)

    def heard(self, node_id: str, session: int, ttl: Millis) -> None:
        self.beats.append((node_id, session, ttl))
        super().heard(node_id, session, ttl)


def node_of(world: World, node_id: str = "node-1") -> Node:
    node: Node | None = world.state.node(node_id)
    assert node is not None
    return node


async def another(world: World, desk: FarDesk | None = None) -> Sessions:
    """A second server, which the first one, who leads, hears."""
    await world.core.submit(JoinServer(ServerRecord("other", "two", "http://two:2379", "1", 0)))
    world.spawn(_beat(world))
    await settle()
    return world.another_server("other", desk=desk)


async def _beat(world: World) -> None:
    while True:
        fence = world.state.fence
        world.core.leadership.beat("other", Beat(fence.term, fence.n, leads=False, heard=0, hears=(SERVER,)))
        await world.clock.sleep(200)


# ---- streams that break, and agents that are elsewhere


@pytest.mark.invariant("H-5")
async def test_a_stream_that_breaks_takes_the_node_out_and_loses_no_run(world: World) -> None:
    agent, [item] = await given(world)
    await agent.report(end_of(item, "running"))
    n = world.n
    agent.stream.hang_up()
    await settle()
    node = node_of(world)
    assert (node.status, node.server, node.settled) == (NodeStatus.INITIALIZING, "", False)
    assert not world.state.ready_nodes("noop")
    again = await world.agent().join((item.allocation_id, item.fence))
    node = node_of(world)
    assert (node.status, node.server, node.settled) == (NodeStatus.READY, SERVER, True)
    assert world.n == n + 3, "it was lost, it came, it is ready"
    assert world.state.runs[item.job_id].losses == 0
    assert again.stream.assigned == []


async def test_an_agent_moves_to_another_server_by_two_commits(world: World) -> None:
    """Its old server has not noticed yet; when it does, that changes nothing."""
    first, [item] = await given(world)
    other = await another(world)
    n = world.n
    second = await world.agent(at=other).join((item.allocation_id, item.fence))
    assert world.n == n + 2
    assert first.ended
    assert "newer stream" in str(first.failure)
    assert (node_of(world).server, node_of(world).status) == ("other", NodeStatus.READY)
    assert (len(world.sessions), len(other)) == (0, 1)
    await second.finish(item)
    assert second.stream.acked == [1]
    assert world.history.runs[item.job_id].status == "complete"


async def test_what_comes_of_an_old_stream_changes_nothing(world: World) -> None:
    agent, [item] = await given(world)
    desk = LocalDesk(world.context.leader, world.core.replica, world.clock, server_id=SERVER)
    old = node_of(world).session
    agent.stream.hang_up()
    await world.agent(at=await another(world)).join((item.allocation_id, item.fence))
    node, n = node_of(world), world.n
    lost = [HeldAttempt(item.job_id, 1, item.fence)]
    reports = pb.AgentReports(items=[end_of(item)])
    for refused in (
        desk.ready("node-1", old),
        desk.inventory("node-1", old, vouched=[], lost=lost),
        desk.reports("node-1", old, reports),
    ):
        with pytest.raises(FailedPrecondition, match="newer stream"):
            await refused
    await desk.leaving("node-1", old)
    await desk.left("node-1", old, drained=True)
    assert (world.n, node_of(world)) == (n, node)


async def test_a_node_that_is_down_is_not_listened_to(world: World) -> None:
    _, [item] = await given(world)
    desk = LocalDesk(world.context.leader, world.core.replica, world.clock, server_id=SERVER)
    session = node_of(world).session
    await world.core.submit(SetNodeStatus("node-1", NodeStatus.DOWN, "gone"))
    with pytest.raises(FailedPrecondition, match="marked down"):
        await desk.reports("node-1", session, pb.AgentReports(items=[end_of(item)]))


async def test_an_inventory_that_comes_too_late_is_not_acted_on(world: World) -> None:
    """Between hello and inventory the agent went to another server and got its work there."""
    other = await another(world)
    agent, [item] = await given(world)
    await agent.report(end_of(item, "running"))
    late = await world.agent().greet()
    await world.agent(at=other).join((item.allocation_id, item.fence))
    await late.show()
    assert late.ended
    assert world.state.runs[item.job_id].losses == 0
    assert (node_of(world).server, node_of(world).status) == ("other", NodeStatus.READY)


async def test_a_server_that_is_told_late_that_a_stream_ended_says_so_until_it_is_known(world: World) -> None:
    desk = FarDesk(world)
    other = await another(world, desk)
    agent = await world.agent(at=other).join()
    desk.failures = [Unavailable("nobody leads"), Unavailable("nobody leads")]
    agent.stream.hang_up()
    await settle()
    assert node_of(world).status is NodeStatus.READY
    await world.clock.advance(SECOND)
    assert node_of(world).status is NodeStatus.READY
    await world.clock.advance(SECOND)
    assert node_of(world).status is NodeStatus.INITIALIZING
    assert desk.failures == []


async def test_what_nobody_waits_for_any_more_is_not_said_again(world: World) -> None:
    desk = FarDesk(world)
    other = await another(world, desk)
    agent = await world.agent(at=other).join()
    desk.failures = [Unavailable("nobody leads")] * 9
    agent.stream.hang_up()
    await settle()
    await joined(world)
    await world.clock.advance(10 * SECOND)
    assert len(desk.failures) == 8
    assert node_of(world).status is NodeStatus.READY


async def test_an_agent_whose_server_was_not_heard_is_ready_again_by_its_servers_word(world: World) -> None:
    await joined(world)
    await world.core.submit(SetNodeStatus("node-1", NodeStatus.INITIALIZING, "waiting"))
    await world.clock.advance(SECOND)
    assert node_of(world).status is NodeStatus.READY
    n = world.n
    await world.clock.advance(5 * SECOND)
    assert world.n == n


@pytest.mark.invariant("H-5")
async def test_an_agent_that_has_not_said_what_it_holds_is_not_said_to_be_ready(world: World) -> None:
    await world.agent().greet()
    await world.clock.advance(5 * SECOND)
    assert node_of(world).status is NodeStatus.INITIALIZING


async def test_a_stream_that_ended_while_it_said_ready_is_not_ready(world: World) -> None:
    """The last word may overtake the one before it."""
    agent = await world.agent().greet()
    session = node_of(world).session
    await world.core.submit_all(
        [EndStream("node-1", session, False), SetNodeStatus("node-1", NodeStatus.READY, "", session)]
    )
    assert node_of(world).status is NodeStatus.INITIALIZING
    assert not agent.ended


# ---- servers that cannot serve


async def test_a_server_that_is_cut_off_sends_its_agents_away_until_it_is_back(world: World) -> None:
    agents = [await joined(world, f"node-{number}") for number in range(3)]
    world.sessions.suspend("this server cannot reach the store")
    await settle()
    assert {(agent.failure.code.name, str(agent.failure)) for agent in agents} == {
        ("UNAVAILABLE", "this server cannot reach the store")
    }
    refused = await world.agent("node-9").greet()
    assert (refused.failure.code.name, str(refused.failure)) == ("UNAVAILABLE", "this server cannot reach the store")
    assert world.state.node("node-9") is None
    assert world.sessions.holding() == []
    world.sessions.resume()
    await joined(world, "node-9")
    assert [node_id for node_id, _, _ in world.sessions.holding()] == ["node-9"]


async def test_a_server_that_stops_stays_stopped(world: World) -> None:
    world.sessions.close()
    world.sessions.resume()
    assert "stopping" in str((await world.agent().greet()).failure)


async def test_what_a_server_holds_is_told_with_what_was_promised(world: World) -> None:
    agent = await joined(world)
    [welcome] = agent.stream.of("welcome")
    assert world.sessions.holding() == [("node-1", node_of(world).session, welcome.heartbeat_ttl)]


async def test_an_agent_that_the_leader_does_not_think_to_be_here_comes_anew(world: World) -> None:
    agent, other = await joined(world), await joined(world, "node-2")
    world.sessions.dismiss(["node-1", "never-here"])
    await settle()
    assert "register again" in str(agent.failure)
    assert not other.ended


# ---- a leader that is not there, and servers that are heard


async def test_the_agent_hears_its_server_while_a_report_waits_for_a_leader(world: World) -> None:
    desk = FarDesk(world)
    agent = await world.agent(at=await another(world, desk)).join()
    await world.add_plan()
    await world.run_plan()
    [item] = agent.stream.assigned
    desk.there.clear()
    await agent.finish(item)
    beats = len(agent.stream.of("beat"))
    await world.clock.advance(5 * SECOND)
    assert len(agent.stream.of("beat")) >= beats + 9
    assert agent.stream.acked == []
    assert not agent.ended
    desk.there.set()
    await settle()
    assert agent.stream.acked == [1]
    assert world.history.runs[item.job_id].status == "complete"


async def test_a_run_that_cannot_be_given_out_waits_for_a_leader_and_nothing_waits_for_it(world: World) -> None:
    desk = FarDesk(world)
    agent = await world.agent(at=await another(world, desk)).join()
    await world.add_plan()
    await world.add_plan("q")
    desk.there.clear()
    agent.stream.block()
    await world.run_plan("q")
    job = await world.run_plan()
    del world.state.plans["default", "p"]  # as after a start with a damaged record
    agent.stream.unblock()
    await world.clock.advance(3 * SECOND)
    assert len(agent.stream.of("beat")) >= 5
    desk.there.set()
    await settle()
    run = world.history.runs[job.id]
    assert (run.status, run.reason) == ("failed", "executor_error")


async def test_every_message_is_a_sign_of_life_with_what_was_promised(world: World) -> None:
    desk = FarDesk(world)
    agent = await world.agent(at=await another(world, desk)).join()
    [welcome] = agent.stream.of("welcome")
    desk.beats.clear()
    agent.stream.say(beat=pb.AgentBeat())
    await agent.report()
    assert desk.beats == [("node-1", node_of(world).session, welcome.heartbeat_ttl)] * 2


async def test_an_idle_stream_hears_its_server_in_time_and_a_busy_one_not_more_often(world: World) -> None:
    idle, busy = await joined(world, "idle"), await joined(world, "busy")
    assert {message.server_beat for agent in (idle, busy) for message in agent.stream.of("welcome")} == {500}
    for at in range(100):
        busy.stream.say(reports=pb.AgentReports(sequence=at))
        await world.clock.advance(100)
    assert 19 <= len(idle.stream.of("beat")) <= 20
    assert len(busy.stream.of("beat")) == 0
    await world.clock.advance(SECOND)
    assert len(busy.stream.of("beat")) >= 1


async def test_a_stream_never_is_quiet_for_two_beats(world: World) -> None:
    """Agents leave after three: whenever it last spoke, the next word comes in time."""
    agent = await joined(world)
    for wait in range(0, 1000, 70):
        await world.clock.advance(wait)
        said = len(agent.stream.sent)
        await agent.report()
        await world.clock.advance(999)
        assert len(agent.stream.sent) > said + 1


async def test_many_agents_are_promised_less(world: World) -> None:
    for number in range(601):
        agent = await world.agent(f"node-{number}").greet()
    [welcome] = agent.stream.of("welcome")
    assert welcome.server_beat == 601


async def test_who_has_gone_is_not_spoken_to(world: World) -> None:
    agent = await joined(world)
    agent.stream.hang_up()
    await settle()
    said = len(agent.stream.sent)
    await world.clock.advance(10 * SECOND)
    assert len(agent.stream.sent) == said
