"""Agents' streams from hello to their end: who is let in, what both sides settle, and when a stream ends."""

import asyncio
from typing import Any

import pytest
from google.protobuf.message import Message

from jobpool.api.agent_desk import LocalDesk
from jobpool.model.server import Cluster
from jobpool.model.statuses import NodeStatus
from jobpool.store.commands import FoundCluster, SetNodeStatus
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import MINUTE, SECOND, World, end_of, given, joined

# ---- hello


async def test_hello_registers_the_node_and_inventory_makes_it_ready(world: World) -> None:
    agent = await world.agent(
        "node-1",
        name="rack 3",
        data_center="fra",
        capacity=7,
        executors=["shell", "noop", "noop"],
        attributes={"os": "debian"},
        version="1.2",
    ).greet()
    node = world.state.node("node-1")
    assert node is not None
    assert (node.name, node.data_center, node.capacity, node.version) == ("rack 3", "fra", 7, "1.2")
    assert (node.executors, node.attributes) == (("noop", "shell"), (("os", "debian"),))
    assert node.status is NodeStatus.INITIALIZING
    assert "s3cret" not in repr(node)
    [welcome] = agent.stream.of("welcome")
    assert welcome.server == "one"
    assert 10_000 <= welcome.heartbeat_ttl < 20_000
    await agent.show()
    node = world.state.node("node-1")
    assert node is not None
    assert node.status is NodeStatus.READY
    assert len(world.sessions) == 1


@pytest.mark.parametrize(
    ("hello", "field"),
    [
        ({"secret": ""}, "secret"),
        ({"secret": "x" * 300}, "secret"),
        ({"capacity": -1}, "capacity"),
        ({"capacity": 1_000_000}, "capacity"),
        ({"executors": [f"e{n}" for n in range(65)]}, "executors"),
        ({"executors": ["a b"]}, "executors"),
        ({"executors": [""]}, "executors"),
        ({"attributes": {f"k{n}": "v" for n in range(65)}}, "attributes"),
        ({"attributes": {"k": "v" * 600}}, "attributes"),
        ({"attributes": {"k\x00": "v"}}, "attributes"),
        ({"name": "bell\x07"}, "name"),
        ({"name": "n" * 300}, "name"),
        ({"version": "\x1b[31m"}, "version"),
        ({"data_center": "d\x7f"}, "data_center"),
    ],
)
async def test_a_hello_that_no_agent_says_is_refused_by_field(world: World, hello: dict[str, Any], field: str) -> None:
    n = world.n
    agent = await world.agent("node-1", **hello).greet()
    assert (agent.failure.code.name, agent.failure.field) == ("INVALID_ARGUMENT", field)
    assert world.n == n
    assert len(world.sessions) == 0


@pytest.mark.parametrize("node_id", ["", "a/b", "-x", "n" * 129, "nod\n", "ö"])
async def test_a_node_id_that_could_not_be_a_key_is_refused(world: World, node_id: str) -> None:
    n = world.n
    agent = await world.agent(node_id).greet()
    assert (agent.failure.code.name, agent.failure.field) == ("INVALID_ARGUMENT", "node_id")
    assert world.n == n


async def test_a_start_time_out_of_range_is_refused(world: World) -> None:
    agent = world.agent()
    agent.hello.started_at.seconds = 1 << 50
    await agent.greet()
    assert agent.failure.field == "started_at"


async def test_another_secret_is_refused_and_the_first_session_goes_on(world: World) -> None:
    first = await joined(world)
    second = await world.agent("node-1", secret="another").greet()
    assert (second.failure.code.name, second.failure.field) == ("PERMISSION_DENIED", "secret")
    assert not first.ended
    assert len(world.sessions) == 1


@pytest.mark.parametrize("first", [{"inventory": pb.AgentInventory()}, {"beat": pb.AgentBeat()}, {}])
async def test_what_comes_before_hello_is_refused(world: World, first: dict[str, Message]) -> None:
    agent = world.agent()
    agent.stream.say(**first)
    await settle()
    assert agent.failure.field == "hello"


async def test_an_agent_that_says_nothing_is_sent_away(world: World) -> None:
    agent = world.agent()
    await world.clock.advance(9 * SECOND)
    assert not agent.ended
    await world.clock.advance(2 * SECOND)
    assert agent.failure.field == "hello"


async def test_an_agent_that_leaves_before_hello_is_nobody(world: World) -> None:
    agent = world.agent()
    agent.stream.hang_up()
    await settle()
    assert agent.failure.field == "hello"
    assert len(world.sessions) == 0


@pytest.mark.parametrize("again", [{"hello": pb.AgentHello()}, {"inventory": pb.AgentInventory()}])
async def test_hello_and_inventory_come_once(world: World, again: dict[str, Message]) -> None:
    agent = await joined(world)
    agent.stream.say(**again)
    await settle()
    assert agent.failure.code.name == "INVALID_ARGUMENT"
    assert agent.failure.field == next(iter(again))
    assert len(world.sessions) == 0


async def test_a_stream_that_breaks_during_the_welcome_leaves_no_session(world: World) -> None:
    agent = world.agent()
    agent.stream.block()
    await agent.greet()
    assert len(world.sessions) == 1
    agent.session.cancel()
    await settle()
    assert agent.ended
    assert len(world.sessions) == 0


async def test_a_second_stream_of_a_node_replaces_the_first(world: World) -> None:
    first, [item] = await given(world)
    second = await world.agent("node-1").greet()
    assert first.ended
    assert "newer stream" in str(first.failure)
    await second.show((item.allocation_id, item.fence))
    assert len(world.sessions) == 1
    await second.finish(item)
    assert second.stream.acked == [1]
    assert world.history.runs[item.job_id].status == "complete"


# ---- inventory


async def test_what_is_held_and_open_goes_on(world: World) -> None:
    agent, [item] = await given(world)
    await agent.report(end_of(item, "running"))
    again = await world.agent().join((item.allocation_id, item.fence))
    assert again.stream.assigned == []
    assert again.stream.held("drop") == []
    run = world.state.run(item.job_id)
    assert run is not None
    assert run.status == "running"


async def test_what_did_not_arrive_is_assigned_again(world: World) -> None:
    _, items = await given(world, 3)
    again = await world.agent().join((items[0].allocation_id, items[0].fence))
    assert sorted(item.allocation_id for item in again.stream.assigned) == sorted(
        item.allocation_id for item in items[1:]
    )
    assert [item for item in again.stream.assigned if item not in items] == []


@pytest.mark.invariant("H-5")
async def test_what_ran_and_is_not_known_any_more_is_lost_and_tried_again(world: World) -> None:
    agent, [item] = await given(world)
    await agent.report(end_of(item, "running"))
    again = await world.agent().join()
    run = world.state.run(item.job_id)
    assert run is not None
    assert (run.losses, [attempt.status for attempt in run.attempts]) == (1, ["failed", "pending"])
    assert "does not know of it" in run.attempts[0].description
    assert [assignment.allocation_id for assignment in again.stream.assigned] == [f"{item.job_id}-a2"]
    assert again.stream.held("drop") == []


async def test_what_is_held_and_over_is_dropped(world: World) -> None:
    agent, [item] = await given(world)
    agent.stream.hang_up()
    await settle()
    await world.finish(item.job_id)
    again = await world.agent().join((item.allocation_id, item.fence), ("never-a1", 3), ("rubbish", 9))
    assert again.stream.held("drop") == [(item.allocation_id, item.fence), ("never-a1", 3), ("rubbish", 9)]
    assert again.stream.assigned == []


async def test_the_same_allocation_under_another_fence_is_not_ours(world: World) -> None:
    _, [item] = await given(world)
    again = await world.agent().join((item.allocation_id, item.fence + 1))
    assert again.stream.held("drop") == [(item.allocation_id, item.fence + 1)]
    assert again.stream.assigned == [item]


async def test_a_wish_to_stop_is_said_again(world: World) -> None:
    agent, [item] = await given(world)
    agent.stream.hang_up()
    await settle()
    await world.ask("JobCancel", pb.JobCancelRequest(id=item.job_id))
    again = await world.agent().join((item.allocation_id, item.fence))
    assert again.stream.held("stops") == [(item.allocation_id, item.fence)]
    await again.finish(item, "cancelled")
    assert world.history.runs[item.job_id].status == "cancelled"


async def test_a_cancelled_run_that_never_arrived_is_not_started_any_more(world: World) -> None:
    agent, [item] = await given(world)
    agent.stream.hang_up()
    await settle()
    await world.ask("JobCancel", pb.JobCancelRequest(id=item.job_id))
    again = await world.agent().join()
    assert again.stream.assigned == []
    assert world.history.runs[item.job_id].status == "cancelled"


@pytest.mark.parametrize("turns", range(16))
async def test_a_wish_to_stop_at_any_moment_of_the_inventory_arrives(world: World, turns: int) -> None:
    first, [item] = await given(world)
    first.stream.hang_up()
    agent = await world.agent().greet()
    held = pb.HeldAllocation(allocation_id=item.allocation_id, fence=item.fence)
    world.start("JobCancel", pb.JobCancelRequest(id=item.job_id))
    for _ in range(turns):
        await asyncio.sleep(0)
    agent.stream.say(inventory=pb.AgentInventory(held=[held]))
    await settle()
    assert agent.stream.held("stops") == [(item.allocation_id, item.fence)]
    assert agent.stream.assigned == []


async def test_placements_around_hello_and_inventory_are_assigned_exactly_once(world: World) -> None:
    """Whenever a placement commits: before the hello, between the two, with the inventory, after it."""
    first = await joined(world)
    await world.add_plan()
    first.stream.block()
    made = [(await world.run_plan()).id]  # placed, and never brought
    assert world.state.node_load("node-1") == 1
    first.stream.hang_up()
    await settle()
    agent = world.agent()
    for step in range(60):
        if step == 5:
            agent.stream.say(hello=agent.hello)
        elif step == 15:
            agent.stream.say(inventory=pb.AgentInventory())
        running = world.start("PlanRun", pb.PlanRunRequest(id="p", namespace="default"))
        for _ in range(40):
            await asyncio.sleep(0)
        while not running.done():  # the committer rests after a large batch
            await world.clock.advance(1)
        made.append(running.result().data.id)
    await world.clock.advance(SECOND)
    assigned = [item.job_id for item in agent.stream.assigned]
    assert sorted(assigned) == sorted(made)


# ---- liveness


@pytest.mark.invariant("H-4")
async def test_beats_write_nothing_and_keep_the_node_up(world: World) -> None:
    agent = await joined(world)
    n = world.n
    for _ in range(50):
        agent.stream.say(beat=pb.AgentBeat(running=0))
        await world.clock.advance(8 * SECOND)
    assert world.n == n
    assert not agent.ended


async def test_a_silent_node_is_marked_down_and_its_stream_ended(world: World) -> None:
    agent, [item] = await given(world)
    await world.clock.advance(5 * MINUTE)
    node = world.state.node("node-1")
    assert node is not None
    assert node.status is NodeStatus.DOWN
    assert agent.ended
    assert "marked down" in str(agent.failure)
    assert len(world.sessions) == 0
    again = await world.agent().join((item.allocation_id, item.fence))
    assert again.stream.held("drop") == [(item.allocation_id, item.fence)]
    assert [assignment.attempt for assignment in again.stream.assigned] == [2]


async def test_the_first_deadline_already_grants_the_time_that_was_promised(world: World) -> None:
    """The welcome may promise up to twice the least time; the node must not fall before."""
    for number in range(20):
        agent = await world.agent(f"node-{number}").greet()
        [welcome] = agent.stream.of("welcome")
        await world.clock.advance(welcome.heartbeat_ttl)
        assert not agent.ended


async def test_a_node_that_falls_while_it_registers_is_sent_back(world: World) -> None:
    agent = world.agent()
    world.store.hold_commits()
    await agent.greet()
    falling = world.spawn(world.core.submit(SetNodeStatus("node-1", NodeStatus.DOWN, "gone")))
    await settle()
    world.store.release_commits()
    await settle()
    assert falling.done()
    assert "marked down" in str(agent.failure)
    assert len(world.sessions) == 0


async def test_close_ends_every_stream_and_takes_no_new_one(world: World) -> None:
    agents = [await joined(world, f"node-{number}") for number in range(3)]
    world.sessions.close()
    await settle()
    assert all(agent.ended for agent in agents)
    assert {str(agent.failure) for agent in agents} == {"this server is stopping"}
    late = await world.agent("node-9").greet()
    assert "stopping" in str(late.failure)
    assert world.state.node("node-9") is None


async def test_a_state_loaded_anew_ends_every_stream(world: World) -> None:
    agent = await joined(world)
    await world.core.replica.restore(world.store)
    await settle()
    assert agent.failure.code.name == "UNAVAILABLE"


async def test_a_lost_term_ends_the_stream_and_what_was_said_is_said_again(world: World) -> None:
    agent, [item] = await given(world)
    await world.store.campaign("another")
    await agent.finish(item)
    assert agent.failure.code.name == "UNAVAILABLE"
    assert agent.stream.acked == []
    early = await world.agent().greet()
    assert early.failure.code.name == "UNAVAILABLE"
    await world.clock.advance(2 * SECOND)
    again = await world.agent().join((item.allocation_id, item.fence))
    await again.finish(item)
    assert again.stream.acked == [1]
    assert world.history.runs[item.job_id].status == "complete"


# ---- whose agent it is


async def test_an_agent_of_another_cluster_is_refused_and_nothing_of_it_is_written(world: World) -> None:
    await world.core.submit(FoundCluster(Cluster(0xA1, b"secret")))
    agent = await joined(world, "node-1", cluster_id=0xA1)
    [welcome] = agent.stream.of("welcome")
    assert welcome.cluster_id == 0xA1
    n = world.n
    stranger = await world.agent("node-2", cluster_id=0xB2).greet()
    assert (stranger.failure.code.name, stranger.failure.field) == ("PERMISSION_DENIED", "cluster_id")
    assert "cluster-id" in str(stranger.failure)
    assert world.n == n
    assert (await joined(world, "node-3")).stream.of("welcome")[0].cluster_id == 0xA1


async def test_a_copy_of_an_agent_is_refused_for_as_long_as_the_first_is_connected(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first = await world.agent(process="one").join()
    n = world.n
    for _ in range(2):
        copy = await world.agent(process="two").greet()
        assert copy.failure.code.name == "FAILED_PRECONDITION"
        assert "another process with this agent's identity" in str(copy.failure)
    assert world.n == n
    assert not first.ended
    assert capsys.readouterr().out.count("agent_copied") == 1
    again = await world.agent(process="one").join()
    assert (first.ended, again.ended) == (True, False)
    again.stream.hang_up()
    await settle()
    assert not (await world.agent(process="two").join()).ended


async def test_an_agent_that_is_started_again_need_not_wait_for_the_stream_of_a_server_that_is_gone(
    world: World,
) -> None:
    await world.agent(process="one").join()
    leader, replica = world.context.leader, world.core.replica
    desk = LocalDesk(leader, replica, world.clock, server_id="other", is_there=lambda server_id: server_id == "other")
    started = await world.agent(at=world.another_server(desk=desk), process="two").join()
    assert not started.ended
    node = world.state.node("node-1")
    assert node is not None
    assert (node.server, node.process) == ("other", "two")


async def test_a_silent_agent_is_no_bar_to_another_once_its_node_is_down(world: World) -> None:
    await world.agent(process="one").join()
    await world.core.submit(SetNodeStatus("node-1", NodeStatus.DOWN, "gone"))
    assert not (await world.agent(process="two").join()).ended


async def test_a_restored_cluster_keeps_its_id_and_gets_a_secret_once(world: World) -> None:
    await world.core.submit(FoundCluster(Cluster(0xA1, b"")))
    founded = await world.core.submit(FoundCluster(Cluster(0xB2, b"new")))
    assert founded == world.state.cluster == Cluster(0xA1, b"new")
    n = world.n
    assert await world.core.submit(FoundCluster(Cluster(0xB2, b"other"))) == founded
    assert world.n == n
