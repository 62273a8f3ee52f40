"""Allocations over the API: one a run on a node, listed as agents and people need them."""

from typing import Any

import pytest

from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import NOW, SECOND, World, given, ids


def listing(**fields: Any) -> pb.ScheduleAllocationListRequest:
    return pb.ScheduleAllocationListRequest(**fields)


async def three(world: World) -> list[pb.Assignment]:
    """Of three a second apart the first is complete, the second failed, the third runs."""
    agent = await world.agent().join()
    await world.add_plan(name="nightly backup")
    for _ in range(3):
        await world.run_plan()
        await world.clock.advance(SECOND)
    first, second, third = agent.stream.assigned
    await agent.finish(first)
    await agent.finish(second, "failed", description="no luck")
    await agent.finish(third, "running")
    return [first, second, third]


async def test_an_allocation_says_where_its_run_went(world: World) -> None:
    _, second, third = await three(world)
    found = (await world.ask("AllocationDetail", pb.ScheduleAllocationDetailRequest(id=third.allocation_id))).data
    assert found == pb.Allocation(
        id=third.allocation_id,
        name="nightly backup",
        namespace="default",
        eval_id=f"{third.job_id}-e1",
        node_id="node-1",
        plan_id="p",
        job_id=third.job_id,
        client_status="running",
        create_time=timestamp(NOW + 2 * SECOND),
        update_time=timestamp(NOW + 3 * SECOND),
        fence=third.fence,
        started_at=timestamp(NOW + 3 * SECOND),
        attempt=1,
    )
    ended = (await world.ask("AllocationDetail", pb.ScheduleAllocationDetailRequest(id=second.allocation_id))).data
    assert (ended.client_status, ended.client_description) == ("failed", "no luck")
    await world.ask("JobCancel", pb.JobCancelRequest(id=third.job_id))
    stopped = (await world.ask("AllocationDetail", pb.ScheduleAllocationDetailRequest(id=third.allocation_id))).data
    assert (stopped.desired_status, stopped.desired_description) == ("stop", "stop on request")


async def test_attempts_of_a_run_are_chained(world: World) -> None:
    agent, [item] = await given(world)
    await agent.finish(item, "lost")
    first, second = [
        (await world.ask("AllocationDetail", pb.ScheduleAllocationDetailRequest(id=f"{item.job_id}-a{n}"))).data
        for n in (1, 2)
    ]
    assert (first.next_allocation, second.next_allocation) == (f"{item.job_id}-a2", "")
    assert second.fence > first.fence


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, "3 2 1"),
        ({"namespace": "default"}, "3 2 1"),
        ({"namespace": "def"}, ""),
        ({"status": "running"}, "3"),
        ({"status": "complete,failed"}, "2 1"),
        ({"plan_id": "p"}, "3 2 1"),
        ({"plan_id": "other"}, ""),
        ({"node_id": "node-1"}, "3 2 1"),
        ({"node_id": "node"}, ""),
        ({"node_id": "node-1", "status": "pending,running"}, "3"),
        ({"name": "backup"}, "3 2 1"),
        ({"name": "Backup"}, ""),
        ({"start_time": timestamp(NOW + SECOND)}, "3"),
        ({"end_time": timestamp(NOW + SECOND)}, "2 1"),
        ({"pageSize": 2}, "3 2"),
        ({"pageSize": 2, "pageNumber": 2}, "1"),
        ({"pageSize": 2, "pageNumber": 3}, ""),
    ],
)
async def test_a_list_of_allocations_is_filtered_over_both_halves(
    world: World, fields: dict[str, Any], found: str
) -> None:
    items = await three(world)
    wanted = [items[int(number) - 1].allocation_id for number in found.split()]
    response = await world.ask("AllocationList", listing(**fields))
    simple = await world.ask("SimpleAllocationList", listing(**fields))
    assert ids(response.data) == ids(simple.data) == wanted
    assert (response.totalElements, response.totalPages) == (simple.totalElements, simple.totalPages)
    if "pageSize" in fields:
        assert (response.totalElements, response.totalPages) == (3, 2)


async def test_allocations_are_found_by_their_ids_runs_and_evaluations(world: World) -> None:
    first, second, third = await three(world)
    for request, wanted in (
        (listing(id=first.allocation_id), [first]),
        (listing(ids=[first.allocation_id, third.allocation_id, "other"]), [third, first]),
        (listing(job_id=second.job_id), [second]),
        (listing(eval_id=f"{third.job_id}-e1"), [third]),
        (listing(eval_id=f"{third.job_id}-e2"), []),
    ):
        assert ids((await world.ask("AllocationList", request)).data) == [item.allocation_id for item in wanted]


async def test_without_a_page_size_the_live_allocations_of_a_node_come_whole(world: World) -> None:
    await world.agent(capacity=5000).join()
    await world.add_plan()
    await world.ask("NameSpaceUpdate", pb.ScheduleNameSpaceUpdateRequest(name="default", job_parallelism_limit=5000))
    asked = [world.start("PlanRun", pb.PlanRunRequest(id="p", namespace="default")) for _ in range(1003)]
    await world.clock.advance(10 * SECOND)
    assert all(task.done() for task in asked)
    whole = await world.ask("AllocationList", listing(node_id="node-1"))
    assert (len(whole.data), whole.totalElements, whole.totalPages) == (1003, 1003, 1)
    page = await world.ask("AllocationList", listing(node_id="node-1", pageNumber=2))
    assert (len(page.data), page.totalElements, page.totalPages) == (3, 1003, 2)
    anywhere = await world.ask("AllocationList", listing())
    assert (len(anywhere.data), anywhere.totalPages) == (1000, 2)
    refusal = await world.refusal("AllocationList", listing(node_id="node-1", pageNumber=-1))
    assert refusal.field == "pageNumber"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pageNumber": -1}, "pageNumber"),
        ({"pageSize": 1001}, "pageSize"),
        ({"pageSize": -5, "node_id": "node-1"}, "pageSize"),
        ({"status": "canceled"}, "status"),
        ({"ids": ["i"] * 1001}, "ids"),
        ({"ids": ["i" * 513]}, "ids"),
        ({"node_id": "n" * 513}, "node_id"),
        ({"eval_id": "n" * 513}, "eval_id"),
        ({"name": "n" * 513}, "name"),
    ],
)
@pytest.mark.parametrize("call", ["AllocationList", "SimpleAllocationList"])
async def test_a_bad_list_is_refused_by_field(world: World, call: str, fields: dict[str, Any], field: str) -> None:
    refusal = await world.refusal(call, listing(**fields))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


@pytest.mark.parametrize("tail", ["a2", "a0", "a01", "e1", "a", "a99999999999999999999"])
async def test_an_allocation_that_is_not_there_is_not_found(world: World, tail: str) -> None:
    _, [item] = await given(world)
    await settle()
    for job_id in (item.job_id, "nobody"):
        refusal = await world.refusal("AllocationDetail", pb.ScheduleAllocationDetailRequest(id=f"{job_id}-{tail}"))
        assert (refusal.code, refusal.field, refusal.engine_code) == ("NOT_FOUND", "id", 1101)
