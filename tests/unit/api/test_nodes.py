"""Nodes over the API: what agents said of themselves, never their secret."""

from typing import Any

import pytest

from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import MINUTE, NOW, World, given, ids


def listing(**fields: Any) -> pb.NodeListRequest:
    return pb.NodeListRequest(**fields)


async def test_a_node_shows_what_its_agent_said_and_what_it_runs(world: World) -> None:
    await world.agent(
        "node-1", name="rack 3", capacity=7, executors=["noop"], attributes={"os": "debian"}, version="1.2"
    ).join()
    await world.add_plan()
    await world.run_plan()
    node = (await world.ask("NodeDetail", pb.NodeDetailRequest(id="node-1"))).data
    assert node == pb.Node(
        ID="node-1",
        name="rack 3",
        status="ready",
        status_description="node is ready",
        status_update_at=NOW * 1000,
        started_at=timestamp(NOW),
        updated_at=timestamp(NOW),
        capacity=7,
        running=1,
        attributes={"os": "debian"},
        version="1.2",
        executors=["noop"],
    )
    assert "s3cret" not in str(await world.ask("NodeList", listing()))
    assert node.secret_id == ""


async def test_a_draining_node_says_so(world: World) -> None:
    agent = await world.agent().join()
    agent.stream.say(drain=pb.AgentDrain())
    await world.clock.advance(1)
    assert (await world.ask("NodeDetail", pb.NodeDetailRequest(id="node-1"))).data.drain_status == "draining"


@pytest.mark.parametrize(
    ("fields", "found", "pages"),
    [
        ({}, "a b c", 1),
        ({"id": "b"}, "b", 1),
        ({"id": "B"}, "", 0),
        ({"name": "rack"}, "a b", 1),
        ({"status": "ready"}, "a b c", 1),
        ({"status": "down"}, "", 0),
        ({"pageSize": 2}, "a b", 2),
        ({"pageSize": 2, "pageNumber": 2}, "c", 2),
        ({"pageSize": 2, "pageNumber": 9}, "", 2),
    ],
)
async def test_nodes_are_listed_by_id(world: World, fields: dict[str, Any], found: str, pages: int) -> None:
    for node_id, name in (("c", "cellar"), ("a", "rack 1"), ("b", "rack 2")):
        await world.agent(node_id, name=name).join()
    response = await world.ask("NodeList", listing(**fields))
    assert [node.ID for node in response.data] == found.split()
    assert response.totalPages == pages
    assert response.totalElements == (3 if "pageSize" in fields else len(found.split()))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"status": "up"}, "status"),
        ({"pageNumber": -1}, "pageNumber"),
        ({"pageSize": 1001}, "pageSize"),
        ({"id": "n" * 513}, "id"),
        ({"name": "n" * 513}, "name"),
    ],
)
async def test_a_bad_list_is_refused_by_field(world: World, fields: dict[str, Any], field: str) -> None:
    refusal = await world.refusal("NodeList", listing(**fields))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


async def test_only_a_node_that_is_down_and_idle_is_deleted(world: World) -> None:
    agent, [item] = await given(world)
    delete = pb.NodeDeleteRequest(id="node-1")
    refusal = await world.refusal("NodeDelete", delete)
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "id")
    await agent.finish(item)
    refusal = await world.refusal("NodeDelete", delete)
    assert refusal.code == "FAILED_PRECONDITION"
    await world.clock.advance(5 * MINUTE)
    assert (await world.ask("NodeDetail", pb.NodeDetailRequest(id="node-1"))).data.status == "down"
    await world.ask("NodeDelete", delete)
    assert ids((await world.ask("NodeList", listing())).data) == []


@pytest.mark.parametrize(
    ("node_id", "code"),
    [("nobody", "NOT_FOUND"), ("", "INVALID_ARGUMENT"), ("a/b", "INVALID_ARGUMENT"), ("\x00", "INVALID_ARGUMENT")],
)
async def test_a_node_that_is_not_there(world: World, node_id: str, code: str) -> None:
    for call, request in (
        ("NodeDetail", pb.NodeDetailRequest(id=node_id)),
        ("NodeDelete", pb.NodeDeleteRequest(id=node_id)),
    ):
        refusal = await world.refusal(call, request)
        assert (refusal.code, refusal.field) == (code, "id")
