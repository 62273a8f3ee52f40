"""JobList, EvalList, AllocationList, SimpleAllocationList by `limit` and `continue`, through live state and history."""

from typing import Any

import pytest

from jobpool.wire import jobpool_pb2 as pb
from tests.conformance_api.harness import Api

LISTS = ["JobList", "EvalList", "AllocationList", "SimpleAllocationList"]


async def several(api: Api) -> None:
    """Seven jobs with an allocation each; every second one has ended."""
    await api.world.core.add_node()
    await api.world.add_plan()
    await api.world.make_jobs(4, 3)


async def walked(api: Api, rpc: str, limit: int, **fields: Any) -> list[list[str]]:
    """The ids of each answer, to the end of the list."""
    found: list[list[str]] = []
    place = ""
    while True:
        answer = await api.ask(rpc, None, limit=limit, **fields, **{"continue": place})
        assert (answer.totalElements, answer.totalPages) == (0, 0), "they belong to pages"
        found.append([item.id for item in answer.data])
        place = getattr(answer, "continue")
        if not place:
            return found


@pytest.mark.parametrize("rpc", LISTS)
async def test_a_walk_shows_what_the_pages_show(api: Api, rpc: str) -> None:
    await several(api)
    whole = [item.id for item in (await api.ask(rpc)).data]
    assert len(whole) == 7
    assert await walked(api, rpc, 3) == [whole[:3], whole[3:6], whole[6:]]
    assert await walked(api, rpc, 7) == [whole]
    mine = {"node_id": "node-1"} if "Allocation" in rpc else {"plan_id": "p"}
    assert await walked(api, rpc, 4, **mine) == [whole[:4], whole[4:]]


async def test_what_ends_or_comes_between_two_steps_is_shown_once(api: Api) -> None:
    await several(api)
    whole = [item.id for item in (await api.ask("JobList")).data]
    first = await api.ask("JobList", limit=3)
    for job in whole:
        if job in api.world.state.runs:
            await api.world.finish(job)
    await api.world.run_plan()
    rest = await api.ask("JobList", limit=10, **{"continue": getattr(first, "continue")})
    assert [item.id for item in (*first.data, *rest.data)] == whole


@pytest.mark.parametrize("status", ["pending", "pending,running,unknown"])
async def test_a_walk_over_what_a_node_has_to_take(api: Api, status: str) -> None:
    await several(api)
    wanted = {"node_id": "node-1", "status": status}
    whole = [item.id for item in (await api.ask("SimpleAllocationList", None, **wanted)).data]
    assert len(whole) == 4
    assert await walked(api, "SimpleAllocationList", 3, **wanted) == [whole[:3], whole[3:]]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"limit": 1, "pageSize": 1}, "pageSize"),
        ({"limit": -1}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"continue": "nonsense"}, "continue"),
    ],
)
@pytest.mark.parametrize("rpc", LISTS)
async def test_a_walk_that_is_none_is_refused(api: Api, rpc: str, fields: dict[str, Any], field: str) -> None:
    refusal = await api.refused(rpc, **fields)
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


async def test_a_place_is_of_one_list(api: Api) -> None:
    await several(api)
    place = getattr(await api.ask("JobList", limit=1), "continue")
    wrong: list[tuple[str, dict[str, Any]]] = [("EvalList", {}), ("JobList", {"plan_id": "p"})]
    for rpc, fields in wrong:
        assert (await api.refused(rpc, None, limit=1, **fields, **{"continue": place})).field == "continue"
    assert isinstance(await api.ask("JobList", limit=9, **{"continue": place}), pb.ScheduleJobListResponse)
