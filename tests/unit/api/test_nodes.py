"""Nodes over the API: what agents said of themselves, never their secret."""

from typing import Any

import pytest
from google.protobuf.message import Message

from jobpool.model.errors import JobpoolError
from jobpool.model.server import ServerRecord
from jobpool.store.commands import JoinServer
from jobpool.testing.clock import settle
from jobpool.testing.harness import SERVER
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import MINUTE, NOW, SECOND, World, given, ids, joined


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
        eligibility="eligible",
        server=SERVER,
        heard_at=timestamp(NOW),
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


async def out_of_reach(world: World, **plan: Any) -> list[pb.Assignment]:
    """The assignments of three runs of a plan that forbids overlap; their node is down."""
    agent = await world.agent().join()
    await world.add_plan(overlap="skip", **plan)
    for _ in range(3):
        await world.run_plan(overlap="allow")
    agent.stream.hang_up()
    await world.clock.advance(5 * MINUTE)
    assert (await shown(world)).status == "down"
    assert {run.status for run in world.state.runs.values()} == {"unknown"}
    return agent.stream.assigned


async def test_a_node_whose_runs_wait_for_its_agent_is_deleted_only_by_force(world: World) -> None:
    items = await out_of_reach(world)
    refusal = await world.refusal("NodeDelete", pb.NodeDeleteRequest(id="node-1"))
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "id")
    assert "3 runs still with node node-1" in refusal.text
    other = await world.agent("node-2").join()
    await world.ask("NodeDelete", pb.NodeDeleteRequest(id="node-1", force=True))
    assert [node.ID for node in (await world.ask("NodeList", listing())).data] == ["node-2"]
    await world.clock.advance(SECOND)
    assert sorted(item.allocation_id for item in other.stream.assigned) == sorted(f"{item.job_id}-a2" for item in items)
    back = await world.agent().join(*[(item.allocation_id, item.fence) for item in items])
    assert sorted(back.stream.held("drop")) == sorted((item.allocation_id, item.fence) for item in items)


async def test_force_deletes_no_node_that_is_not_down(world: World) -> None:
    await given(world)
    refusal = await world.refusal("NodeDelete", pb.NodeDeleteRequest(id="node-1", force=True))
    assert (refusal.code, refusal.text.count("wait until it is down")) == ("FAILED_PRECONDITION", 1)


async def test_force_goes_on_where_it_was_broken_off(world: World) -> None:
    await out_of_reach(world, delivery="at-most-once")
    for _ in range(4):
        world.store.fail_next_commit("refuse")
    with pytest.raises(JobpoolError):
        await world.core.through(world.ask("NodeDelete", pb.NodeDeleteRequest(id="node-1", force=True)))
    assert (await shown(world)).status == "down"
    await world.clock.advance(10 * SECOND)
    await world.core.through(world.ask("NodeDelete", pb.NodeDeleteRequest(id="node-1", force=True)))
    assert {(run.status, run.reason) for run in world.history.runs.values()} == {("failed", "node_lost")}
    assert world.state.slots_used("default") == 0


async def test_a_cancel_of_a_run_out_of_reach_is_passed_on_when_its_agent_is_back(world: World) -> None:
    [item, *_] = await out_of_reach(world)
    job = (await world.ask("JobCancel", pb.JobCancelRequest(id=item.job_id, description="enough"))).data
    assert (job.status, job.reason, job.node_id, job.info) == ("unknown", "node_lost", "node-1", "enough")
    agent = await world.agent().join((item.allocation_id, item.fence))
    assert agent.stream.held("stops") == [(item.allocation_id, item.fence)]
    await agent.finish(item, "cancelled")
    assert (world.history.runs[item.job_id].status, world.history.runs[item.job_id].info) == ("cancelled", "enough")


@pytest.mark.invariant("H-8")
async def test_a_run_out_of_reach_goes_on_when_its_agent_has_it_still_and_elsewhere_when_not(world: World) -> None:
    kept, waiting, gone = await out_of_reach(world)
    agent = await world.agent().join((kept.allocation_id, kept.fence), (waiting.allocation_id, waiting.fence))
    status = {job_id: run.status.value for job_id, run in world.state.runs.items()}
    assert status == {kept.job_id: "pending", waiting.job_id: "pending", gone.job_id: "pending"}
    assert len(world.state.runs[kept.job_id].attempts) == 1
    assert agent.stream.held("drop") == agent.stream.held("stops") == []
    [again] = agent.stream.assigned
    assert (again.job_id, again.attempt) == (gone.job_id, 2)
    await agent.finish(kept)
    assert world.history.runs[kept.job_id].status == "complete"


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


# ---- eligibility and drain


async def eligibility(world: World, eligible: bool, **fields: Any) -> pb.Node:
    answer = await world.ask("NodeEligibility", pb.NodeEligibilityRequest(id="node-1", eligible=eligible, **fields))
    return answer.data  # type: ignore[no-any-return]


async def drain(world: World, enable: bool, **fields: Any) -> pb.Node:
    answer = await world.ask("NodeDrain", pb.NodeDrainRequest(id="node-1", enable=enable, **fields))
    return answer.data  # type: ignore[no-any-return]


async def shown(world: World) -> pb.Node:
    return (await world.ask("NodeDetail", pb.NodeDetailRequest(id="node-1"))).data  # type: ignore[no-any-return]


async def test_an_ineligible_node_is_given_nothing_until_it_is_eligible_again(world: World) -> None:
    agent = await world.agent().join()
    await world.add_plan()
    node = await eligibility(world, False, description="new disk")
    assert (node.eligibility, node.eligibility_description, node.status) == ("ineligible", "new disk", "ready")
    await world.run_plan()
    await world.clock.advance(SECOND)
    assert agent.stream.assigned == []
    assert (await world.ask("NodeList", listing())).data == [await shown(world)]
    assert (await eligibility(world, True)).eligibility == "eligible"
    await world.clock.advance(SECOND)
    assert len(agent.stream.assigned) == 1


async def test_what_an_operator_said_outlasts_the_stream_of_the_agent(world: World) -> None:
    agent = await world.agent().join()
    await eligibility(world, False, description="new disk")
    agent.stream.hang_up()
    await settle()
    await world.agent().join()
    node = await shown(world)
    assert (node.status, node.eligibility, node.eligibility_description) == ("ready", "ineligible", "new disk")


async def test_a_drain_waits_for_its_deadline_then_takes_the_run_from_the_agent(world: World) -> None:
    agent, [item] = await given(world)
    node = await drain(world, True, deadline="10s", description="kernel")
    assert (node.eligibility, node.drain_status, node.running) == ("ineligible", "draining", 1)
    assert node.drain == pb.Drain(since=timestamp(NOW), deadline=timestamp(NOW + 10 * SECOND), runs=1)
    await agent.finish(item, "running")
    await world.clock.advance(9 * SECOND)
    assert agent.stream.held("drop") == []
    other = await world.agent("node-2").join()
    await world.clock.advance(2 * SECOND)
    assert agent.stream.held("drop") == [(item.allocation_id, item.fence)]
    [moved] = other.stream.assigned
    assert (moved.job_id, moved.attempt) == (item.job_id, 2)
    node = await shown(world)
    assert (node.running, node.HasField("drain"), node.drain_status) == (0, False, "")
    assert node.eligibility_description == "kernel; drained at 2025-10-09T08:53:30Z"
    await agent.finish(item)  # too late
    assert world.state.runs[item.job_id].status == "pending"
    await other.finish(moved)
    assert world.history.runs[item.job_id].status == "complete"


async def test_a_drain_without_a_deadline_waits_for_the_runs(world: World) -> None:
    agent, [item] = await given(world)
    node = await drain(world, True, deadline="0s")
    assert node.HasField("drain")
    assert not node.drain.HasField("deadline")
    await agent.finish(item)
    await world.clock.advance(SECOND)
    assert not (await shown(world)).HasField("drain")


async def test_force_is_now(world: World) -> None:
    agent, [item] = await given(world)
    await drain(world, True, force=True)
    await world.clock.advance(SECOND)
    assert agent.stream.held("drop") == [(item.allocation_id, item.fence)]
    assert not (await shown(world)).HasField("drain")


async def test_a_cancelled_drain_leaves_the_node_ineligible_unless_it_is_asked_otherwise(world: World) -> None:
    await given(world)
    await drain(world, True, deadline="10m")
    refusal = await world.refusal("NodeEligibility", pb.NodeEligibilityRequest(id="node-1", eligible=True))
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "eligible")
    node = await drain(world, False)
    assert (node.eligibility, node.HasField("drain"), node.running) == ("ineligible", False, 1)
    assert (await drain(world, False, eligible=True)).eligibility == "eligible"


@pytest.mark.parametrize(
    ("call", "request_", "field"),
    [
        ("NodeEligibility", pb.NodeEligibilityRequest(id="node-1"), "eligible"),
        ("NodeEligibility", pb.NodeEligibilityRequest(eligible=True), "id"),
        ("NodeEligibility", pb.NodeEligibilityRequest(id="node-1", eligible=True, description="\x1b"), "description"),
        ("NodeDrain", pb.NodeDrainRequest(id="node-1"), "enable"),
        ("NodeDrain", pb.NodeDrainRequest(id="a/b", enable=True), "id"),
        ("NodeDrain", pb.NodeDrainRequest(id="node-1", enable=True, deadline="soon"), "deadline"),
        ("NodeDrain", pb.NodeDrainRequest(id="node-1", enable=True, deadline="-5m"), "deadline"),
        ("NodeDrain", pb.NodeDrainRequest(id="node-1", enable=True, deadline="366d"), "deadline"),
        ("NodeDrain", pb.NodeDrainRequest(id="node-1", enable=True, deadline="5m", force=True), "deadline"),
        ("NodeDrain", pb.NodeDrainRequest(id="node-1", enable=True, eligible=True), "eligible"),
        ("NodeDrain", pb.NodeDrainRequest(id="node-1", enable=True, description="n" * 513), "description"),
        ("NodeDrain", pb.NodeDrainRequest(id="node-1", enable=False, deadline="5m"), "deadline"),
        ("NodeDrain", pb.NodeDrainRequest(id="node-1", enable=False, force=True), "force"),
    ],
)
async def test_a_bad_word_about_a_node_is_refused_by_field(
    world: World, call: str, request_: Message, field: str
) -> None:
    await world.agent().join()
    refusal = await world.refusal(call, request_)
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)
    assert (await shown(world)).eligibility == "eligible"


async def test_a_node_that_is_not_there_is_neither_closed_nor_drained(world: World) -> None:
    for call, request in (
        ("NodeEligibility", pb.NodeEligibilityRequest(id="nobody", eligible=False)),
        ("NodeDrain", pb.NodeDrainRequest(id="nobody", enable=True)),
        ("NodeDrain", pb.NodeDrainRequest(id="nobody", enable=False)),
    ):
        refusal = await world.refusal(call, request)
        assert (refusal.code, refusal.field) == ("NOT_FOUND", "id")


async def test_a_node_shows_by_name_where_its_agent_is(world: World) -> None:
    await world.core.submit(JoinServer(ServerRecord(SERVER, "server1", "http://one:2379", "1", 0)))
    agent = await joined(world)
    shown = (await world.ask("NodeDetail", pb.NodeDetailRequest(id="node-1"))).data
    assert shown.server == "server1"
    agent.stream.hang_up()
    await settle()
    shown = (await world.ask("NodeDetail", pb.NodeDetailRequest(id="node-1"))).data
    assert (shown.server, shown.status) == ("", "initializing")
