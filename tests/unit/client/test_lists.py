"""Lists as iterators, and the calls that programs make most."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message

from jobpool.client import Client
from jobpool.client.lists import Lists
from jobpool.model.errors import InvalidArgument, Unavailable
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb

AT = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
LISTS: list[tuple[str, type[Message], Callable[[str], Message], Callable[[Lists], object]]] = [
    ("PlanList", pb.SchedulePlanListResponse, lambda name: pb.Plan(id=name), lambda client: client.plans("x")),
    ("JobList", pb.ScheduleJobListResponse, lambda name: pb.Job(id=name), lambda client: client.jobs("x")),
    ("EvalList", pb.ScheduleEvalListResponse, lambda name: pb.Evaluation(id=name), lambda client: client.evaluations()),
    (
        "AllocationList",
        pb.ScheduleAllocationListResponse,
        lambda name: pb.Allocation(id=name),
        lambda client: client.allocations(),
    ),
    ("NodeList", pb.NodeListResponse, lambda name: pb.Node(ID=name), lambda client: client.nodes()),
    (
        "NameSpaceList",
        pb.ScheduleNameSpaceListResponse,
        lambda name: pb.NameSpace(name=name),
        lambda client: client.namespaces(),
    ),
]


@pytest.mark.parametrize(("rpc", "reply", "item", "ask"), LISTS, ids=[row[0] for row in LISTS])
async def test_goes_on_to_the_end(rpc, reply, item, ask) -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        pages = [reply(data=[item("a"), item("b")], **{"continue": "2"}), reply(data=[item("c")])]
        api.answers(rpc, pages[0], Unavailable("again"), pages[1])
        got = [each async for each in ask(client)]
    assert got == [item("a"), item("b"), item("c")]
    asked = api.received(rpc)
    told = [tuple(getattr(request, name) for name in ("limit", "continue")) for request in asked]
    assert told == [(500, ""), (500, "2"), (500, "2")]


async def test_asks_for_what_is_wanted() -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        _ = [plan async for plan in client.plans("n", status="running", owner="me", labels=["a=b", "c"])]
        _ = [job async for job in client.jobs("n", plan_id="p", status="failed,expired", since=AT, until=AT)]
    plans, jobs = (request for _, request in api.requests)
    assert plans == pb.SchedulePlanListRequest(
        namespace="n", status="running", owner="me", labels=["a=b", "c"], limit=500
    )
    stamp = {"seconds": int(AT.timestamp())}
    assert jobs == pb.ScheduleJobListRequest(
        namespace="n", plan_id="p", status="failed,expired", start_time=stamp, end_time=stamp, limit=500
    )


async def test_times_without_a_zone_are_refused() -> None:
    async with Client(["127.0.0.1:1"]) as client:
        with pytest.raises(InvalidArgument, match="since: wanted a time with a zone"):
            client.jobs(since=AT.replace(tzinfo=None))


async def test_one_plan_and_one_job() -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        api.answers("PlanDetail", pb.SchedulePlanDetailResponse(data=pb.Plan(id="p")))
        api.answers("JobDetail", pb.ScheduleJobDetailResponse(data=pb.Job(id="j")))
        assert ((await client.plan("p")).id, (await client.job("j")).id) == ("p", "j")
    assert api.requests[0][1] == pb.SchedulePlanDetailRequest(id="p", namespace="default")


async def test_a_run_is_asked_for_under_one_key_until_it_is_answered() -> None:
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint]) as client:
        one.answers("PlanRun", Unavailable("the leader was lost"))
        two.answers("PlanRun", pb.PlanRunResponse(data=pb.Job(id="j")))
        assert (await client.run_plan("p", parameters={"kwargs": {"day": "ü"}}, created_by="me")).id == "j"
    asked = [api.received("PlanRun")[0] for api in (one, two)]
    assert asked[0] == asked[1]
    assert isinstance(asked[0], pb.PlanRunRequest)
    assert len(asked[0].idempotency_key) == 26
    assert (asked[0].parameters, asked[0].created_by) == ('{"kwargs": {"day": "ü"}}', "me")


async def test_each_run_has_its_own_key() -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        await client.run_plan("p")
        await client.run_plan("p")
        await client.bound(idempotency_key="mine").run_plan("p")
        await client.run_plan("p", idempotency_key="yours")
    keys = [request.idempotency_key for _, request in api.requests if isinstance(request, pb.PlanRunRequest)]
    assert len(set(keys)) == 4
    assert keys[2:] == ["mine", "yours"]


@pytest.mark.parametrize("parameters", [{"a": float("nan")}, {"a": object()}])
async def test_parameters_that_json_cannot_hold(parameters: dict[str, object]) -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        with pytest.raises(InvalidArgument, match="parameters: JSON cannot hold it"):
            await client.run_plan("p", parameters=parameters)
    assert not api.requests


@pytest.mark.parametrize("parameters", ['{"a": 1}', [1]])
async def test_parameters_that_are_no_object(parameters: Any) -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        with pytest.raises(InvalidArgument, match="parameters: wanted values by name, found "):
            await client.run_plan("p", parameters=parameters)
    assert not api.requests
