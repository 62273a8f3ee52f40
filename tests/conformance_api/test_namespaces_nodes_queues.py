"""Namespaces, nodes and the queues' views, and whether a job exists: the calls without a file of their own."""

import pytest

from jobpool.model.statuses import NodeStatus
from jobpool.store.commands import SetNodeStatus
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.conformance_api.harness import Api


async def test_a_namespace_is_shown_with_the_limit_in_force(api: Api) -> None:
    await api.ask("NameSpaceAdd", name="ops", description="night work", job_parallelism_limit=7)
    shown = (await api.ask("NameSpaceDetail", name="ops")).data
    assert (shown.name, shown.description, shown.job_parallelism_limit) == ("ops", "night work", 7)
    refusal = await api.refused("NameSpaceDetail", name="nobodys")
    assert (refusal.code, refusal.field, refusal.engine_code) == ("NOT_FOUND", "name", 1101)


async def test_a_namespace_is_renamed_while_nothing_is_in_it(api: Api) -> None:
    await api.ask("NameSpaceAdd", name="old")
    await api.ask("NameSpaceAdd", name="taken")
    refusal = await api.refused("NameSpaceUpdate", name="taken", old_name="old")
    assert (refusal.code, refusal.engine_code) == ("ALREADY_EXISTS", 1100)
    refusal = await api.refused("NameSpaceUpdate", name="New", old_name="old")
    assert (refusal.code, refusal.field, refusal.engine_code) == ("INVALID_ARGUMENT", "name", 1010)
    refusal = await api.refused("NameSpaceUpdate", name="new", old_name="nobodys")
    assert (refusal.code, refusal.engine_code) == ("NOT_FOUND", 1101)
    await api.ask("NameSpaceUpdate", name="new", old_name="old")
    assert [item.name for item in (await api.ask("NameSpaceList")).data] == ["default", "new", "taken"]
    await api.world.add_plan(namespace="new")
    assert (await api.refused("NameSpaceUpdate", name="newer", old_name="new")).code == "FAILED_PRECONDITION"


async def test_a_namespace_with_something_in_it_is_not_deleted(api: Api) -> None:
    await api.ask("NameSpaceAdd", name="ops")
    await api.world.add_plan(namespace="ops")
    refusal = await api.refused("NameSpaceDelete", name="ops")
    assert (refusal.code, refusal.engine_code) == ("FAILED_PRECONDITION", 1108)
    await api.ask("PlanOffline", id="p", namespace="ops")
    await api.ask("PlanDelete", id="p", namespace="ops")
    await api.ask("NameSpaceDelete", name="ops")
    assert (await api.refused("NameSpaceDelete", name="ops")).engine_code == 1101


async def test_whether_a_job_exists(idle: Api) -> None:
    await idle.world.add_plan("nightly-report")
    job = await idle.world.run_plan("nightly-report")
    for fields in (
        {},
        {"name": "report"},
        {"id": job.id},
        {"plan_id": "nightly-report"},
        {"status": "pending,running"},
    ):
        assert (await idle.ask("JobExist", None, namespace="default", **fields)).count == 1
    for fields in ({"name": "reports"}, {"id": "x"}, {"status": "complete"}, {"namespace": "other"}):
        assert (await idle.ask("JobExist", None, **fields)).count == 0
    refusal = await idle.refused("JobExist", status="done")
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "status")


async def test_a_node_tells_what_its_machine_has_and_when_it_was_heard(api: Api) -> None:
    told = pb.NodeResources(millicpus=1500, millicpus_used=0, memory=1 << 40, memory_used=7, disk=9, disk_free=0)
    agent = await api.world.agent("node-1", resources=told).join()
    first = api.world.clock.now()
    await api.world.clock.advance(2_000)
    agent.stream.say(beat=pb.AgentBeat())
    await settle()
    node = (await api.ask("NodeDetail", id="node-1")).data
    told.told_at.CopyFrom(timestamp(first))
    assert (node.resources, node.heard_at) == (told, timestamp(first + 2_000))
    assert list((await api.ask("NodeList")).data) == [node]
    held = (await api.ask("NodeEligibility", id="node-1", eligible=False)).data
    assert (held.resources, held.heard_at) == (node.resources, node.heard_at)


async def test_a_node_is_deleted_once_it_is_down_and_empty(api: Api) -> None:
    refusal = await api.refused("NodeDelete", id="node-1")
    assert (refusal.code, refusal.field, refusal.engine_code) == ("NOT_FOUND", "id", 1101)
    await api.world.core.add_node()
    assert (await api.refused("NodeDelete", id="node-1")).code == "FAILED_PRECONDITION"
    await api.world.core.submit(SetNodeStatus("node-1", NodeStatus.DOWN, "gone"))
    await api.ask("NodeDelete", id="node-1")
    assert [node.id for node in (await api.ask("NodeList")).data] == []


async def test_how_deep_the_queues_are(idle: Api) -> None:
    await idle.world.add_plan()
    await idle.world.run_plan()
    depths = (await idle.ask("QueueDetail", type="evaluation")).data
    assert (depths.total, depths.total_ready) == (1, 1)
    assert (await idle.ask("QueueDetail", type="allocation")).HasField("data")
    refusal = await idle.refused("QueueDetail", type="job")
    assert (refusal.code, refusal.field, refusal.engine_code) == ("INVALID_ARGUMENT", "type", 1104)


@pytest.mark.parametrize("finished", [0, 1])
async def test_the_job_map_of_a_namespace(idle: Api, finished: int) -> None:
    await idle.world.add_plan()
    live, _ = await idle.world.make_jobs(2, finished)
    shown = (await idle.ask("QueueJobViewDetail", namespace="default")).data
    assert shown.total == shown.un_used + len(live)
    assert (shown.pending, set(shown.pending_jobs)) == (len(live), set(live))
    refusal = await idle.refused("QueueJobViewDetail", namespace="nobodys")
    assert (refusal.code, refusal.engine_code) == ("NOT_FOUND", 1101)
