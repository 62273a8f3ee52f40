"""What is remembered of nodes beside what is stored: when each was heard, and what its machine has."""

from typing import Any

import pytest

from jobpool.api.agent_words import resources_of
from jobpool.model.errors import InvalidArgument
from jobpool.model.node import NOTHING_KNOWN, Resources
from jobpool.peers.words import Seen
from jobpool.store.commands import RemoveNode
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import MINUTE, NOW, SECOND, World

MACHINE: dict[str, Any] = {
    "millicpus": 2500,
    "millicpus_used": 250,
    "memory": 8 << 30,
    "memory_used": 1 << 30,
    "disk": 1 << 40,
    "disk_free": 7,
}


async def detail(world: World, node_id: str = "node-1") -> pb.Node:
    node: pb.Node = (await world.ask("NodeDetail", pb.NodeDetailRequest(id=node_id))).data
    return node


async def test_what_an_agent_tells_with_its_hello_is_shown_with_its_time(world: World) -> None:
    await world.agent(resources=pb.NodeResources(**MACHINE)).join()
    await world.clock.advance(3 * SECOND)
    node = await detail(world)
    assert node.heard_at == timestamp(NOW)
    assert node.resources == pb.NodeResources(**MACHINE, told_at=timestamp(NOW))
    listed = await world.ask("NodeList", pb.NodeListRequest())
    assert list(listed.data) == [node]


async def test_beats_bring_what_is_new_and_nothing_is_written(world: World) -> None:
    agent = await world.agent(resources=pb.NodeResources(**MACHINE)).join()
    n = world.n
    await world.clock.advance(3 * SECOND)
    agent.stream.say(beat=pb.AgentBeat(resources=pb.NodeResources(millicpus=2, millicpus_used=2)))
    await world.clock.advance(2 * SECOND)
    agent.stream.say(beat=pb.AgentBeat())
    await world.clock.advance(SECOND)
    node = await detail(world)
    assert node.resources == pb.NodeResources(millicpus=2, millicpus_used=2, told_at=timestamp(NOW + 3 * SECOND))
    assert node.heard_at == timestamp(NOW + 5 * SECOND)
    assert world.n == n


async def test_an_agent_that_tells_nothing_is_heard_all_the_same(world: World) -> None:
    await world.agent().join()
    node = await detail(world)
    assert node.HasField("heard_at")
    assert not node.HasField("resources")


async def test_an_agent_of_the_original_is_heard_by_its_calls(world: World) -> None:
    added = pb.NodeAddRequest(ID="old", name="old", data_center="dc", secret_id="s", status="initializing")
    await world.ask("NodeAdd", added)
    await world.clock.advance(2 * SECOND)
    await world.ask("NodeUpdate", pb.NodeUpdateRequest(ID="old", secret_id="s", status="ready"))
    await world.clock.advance(SECOND)
    assert (await detail(world, "old")).heard_at == timestamp(NOW + 2 * SECOND)


async def test_the_last_word_outlasts_the_stream_and_ends_with_the_node(world: World) -> None:
    agent = await world.agent(resources=pb.NodeResources(**MACHINE)).join()
    await world.clock.advance(SECOND)
    agent.stream.hang_up()
    await world.clock.advance(10 * MINUTE)
    node = await detail(world)
    assert (node.status, node.heard_at, node.resources.disk_free) == ("down", timestamp(NOW), 7)
    await world.context.leader.submit(RemoveNode("node-1"))
    assert world.sessions.sightings.message("node-1") is None


async def test_of_a_node_that_is_gone_no_late_word_is_kept(world: World) -> None:
    agent = await world.agent(resources=pb.NodeResources(**MACHINE)).join()
    agent.stream.hang_up()
    await world.clock.advance(10 * MINUTE)
    await world.context.leader.submit(RemoveNode("node-1"))
    sightings = world.sessions.sightings
    sightings.heard("node-1")
    sightings.told("node-1", Resources(millicpus=3))
    sightings.learn([Seen("node-1", 0)])
    assert (sightings.message("node-1"), sightings.since(0)) == (None, [])


def of(field: str, value: int) -> pb.NodeResources:
    fields: dict[str, Any] = {field: value}
    return pb.NodeResources(**fields)


BAD = [
    ("millicpus", -1),
    ("millicpus", (1 << 31) - 1),
    ("millicpus_used", -(1 << 31)),
    ("millicpus_used", 1_000_000_001),
    ("memory", -1),
    ("memory_used", -(1 << 63)),
    ("disk", (1 << 63) - 1),
    ("disk_free", 1 << 61),
]


@pytest.mark.parametrize(("field", "value"), BAD)
async def test_a_hello_that_tells_what_no_machine_has_is_refused_by_field(world: World, field: str, value: int) -> None:
    n = world.n
    agent = await world.agent(resources=of(field, value)).greet()
    assert (agent.failure.code.name, agent.failure.field) == ("INVALID_ARGUMENT", f"resources.{field}")
    assert world.n == n


@pytest.mark.parametrize(("field", "value"), BAD)
async def test_a_beat_that_tells_it_counts_and_says_nothing(
    world: World, field: str, value: int, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = await world.agent(resources=pb.NodeResources(**MACHINE)).join()
    await world.clock.advance(SECOND)
    for _ in range(3):
        agent.stream.say(beat=pb.AgentBeat(resources=of(field, value)))
    await settle()
    node = await detail(world)
    assert (node.heard_at, node.resources.told_at) == (timestamp(NOW + SECOND), timestamp(NOW))
    assert not agent.ended
    said = [line for line in capsys.readouterr().out.splitlines() if "resources_refused" in line]
    assert len(said) == 1
    assert f"resources.{field}" in said[0]


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({}, NOTHING_KNOWN),
        ({"millicpus": 0}, Resources(millicpus=0)),
        ({"millicpus": 2, "millicpus_used": 3}, Resources(millicpus=2, millicpus_used=2)),
        ({"memory": 5, "memory_used": 9}, Resources(memory=5, memory_used=5)),
        ({"disk": 5, "disk_free": 9}, Resources(disk=5, disk_free=5)),
        ({"memory_used": 9}, Resources(memory_used=9)),
        ({"told_at": timestamp(NOW)}, NOTHING_KNOWN),
    ],
)
def test_what_is_in_use_is_at_most_what_there_is(told: dict[str, Any], known: Resources) -> None:
    assert resources_of(pb.NodeResources(**told)) == known


def test_a_refusal_shows_the_number() -> None:
    with pytest.raises(InvalidArgument, match=r"^resources.millicpus: must be 0 to 1000000000, found -7$"):
        resources_of(pb.NodeResources(millicpus=-7))


# ---- the word of the other servers


async def test_what_another_server_has_heard_is_known_here_and_not_passed_on(world: World) -> None:
    await world.agent("node-1").join()
    sightings = world.sessions.sightings
    await world.clock.advance(10 * SECOND)
    number = sightings.number
    sightings.learn([Seen("node-1", 4 * SECOND, Resources(millicpus=3), 5 * SECOND), Seen("stranger", 1)])
    node = await detail(world)
    assert node.heard_at == timestamp(NOW + 6 * SECOND)
    assert node.resources == pb.NodeResources(millicpus=3, told_at=timestamp(NOW + 5 * SECOND))
    assert [node_id for node_id, _ in sightings.since(number)] == ["node-1"]
    assert sightings.news(number, own=True) == []
    assert sightings.news(0, own=False) == [Seen("node-1", 4 * SECOND, Resources(millicpus=3), 5 * SECOND)]


async def test_older_words_of_others_change_nothing(world: World) -> None:
    await world.agent("node-1", resources=pb.NodeResources(millicpus=1)).join()
    sightings = world.sessions.sightings
    number = sightings.number
    sightings.learn([Seen("node-1", SECOND, Resources(millicpus=3), SECOND)])
    assert (sightings.number, (await detail(world)).resources.millicpus) == (number, 1)


async def test_a_newer_word_without_resources_keeps_what_was_told(world: World) -> None:
    await world.agent("node-1", resources=pb.NodeResources(millicpus=1)).join()
    await world.clock.advance(10 * SECOND)
    world.sessions.sightings.learn([Seen("node-1", SECOND)])
    node = await detail(world)
    assert (node.resources.millicpus, node.resources.told_at) == (1, timestamp(NOW))
    assert node.heard_at == timestamp(NOW + 9 * SECOND)
