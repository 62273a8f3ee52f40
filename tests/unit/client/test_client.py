"""The client against servers that answer, refuse, fall silent or are not there."""

import asyncio
import socket

import pytest
from google.protobuf.message import Message

from jobpool.client import Client, Unreachable
from jobpool.model.errors import (
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    JobpoolError,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    StoreFailed,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from jobpool.testing.clock import FakeClock
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb

LIST = pb.SchedulePlanListRequest()
ADD = pb.SchedulePlanAddRequest(id="a")


def dead_endpoint() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def plans(*ids: str) -> pb.SchedulePlanListResponse:
    return pb.SchedulePlanListResponse(data=[pb.Plan(id=id_) for id_ in ids])


async def silent(_: Message) -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def test_answers_typed() -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        api.answers("PlanList", plans("a", "b"))
        answer = await client.plan_list(pb.SchedulePlanListRequest(namespace="x"))
    assert [plan.id for plan in answer.data] == ["a", "b"]
    assert api.requests == [("PlanList", pb.SchedulePlanListRequest(namespace="x"))]


@pytest.mark.parametrize(
    "error",
    [
        InvalidArgument("periodic.spec", "step 0 (column 3)", engine_code=1002),
        NotFound("plan", "x", field="id"),
        AlreadyExists("namespace", "计划"),
        FailedPrecondition("take it offline first"),
        PermissionDenied("no"),
        Unauthenticated("who?"),
        Unavailable("no leader"),
        Unimplemented("EvalAdd comes later"),
        ResourceExhausted("too many"),
        DeadlineExceeded("the leader did not answer"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_comes_back_as_it_was_raised(error: JobpoolError) -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        api.answers("PlanAdd", error)
        with pytest.raises(type(error)) as raised:
            await client.plan_add(ADD)
    got = raised.value
    assert type(got) is type(error)
    assert (got.reason, got.field, got.engine_code) == (error.reason, error.field, error.engine_code)
    assert str(got) == str(error)


async def test_how_long_to_wait_is_told() -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        api.answers("PlanAdd", ResourceExhausted("too many", retry_after=7))
        with pytest.raises(ResourceExhausted) as raised:
            await client.plan_add(ADD)
    assert raised.value.retry_after == 7


async def test_an_error_without_a_class_names_its_code() -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        api.answers("PlanAdd", JobpoolError("it broke"))
        with pytest.raises(JobpoolError, match=r"it broke \(INTERNAL\)"):
            await client.plan_add(ADD)


async def test_no_server_names_the_endpoint_and_what_to_do() -> None:
    endpoint = dead_endpoint()
    async with Client([endpoint]) as client:
        with pytest.raises(Unreachable, match=f"http://{endpoint} \\(connection refused\\).*start one"):
            await client.plan_list(LIST)


async def test_no_server_at_all_names_each() -> None:
    first, second = dead_endpoint(), dead_endpoint()
    async with Client([first, second]) as client:
        with pytest.raises(Unreachable) as raised:
            await client.plan_list(LIST)
    assert [endpoint.authority for endpoint, _ in raised.value.failures] == [first, second]


async def test_a_write_goes_on_when_no_connection_was_made() -> None:
    async with FakeApi() as api, Client([dead_endpoint(), api.endpoint]) as client:
        await client.plan_add(ADD)
        assert api.requests == [("PlanAdd", ADD)]


async def test_the_good_server_is_asked_first_next_time() -> None:
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint]) as client:
        one.answers("PlanList", Unavailable("no leader"), plans("one"))
        two.answers("PlanList", plans("two"))
        for _ in range(3):
            assert [plan.id for plan in (await client.plan_list(LIST)).data] == ["two"]
    assert len(one.requests) == 1


@pytest.mark.parametrize("error", [Unavailable("no leader"), StoreFailed("disk full")])
async def test_a_write_that_a_server_received_is_not_sent_twice(error: JobpoolError) -> None:
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint]) as client:
        one.answers("PlanAdd", error)
        with pytest.raises(Unavailable, match=error.reason):
            await client.plan_add(ADD)
    assert not two.requests


async def test_a_run_is_sent_again_only_with_a_key() -> None:
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint]) as client:
        one.answers("PlanRun", Unavailable("no leader"))
        with pytest.raises(Unavailable):
            await client.plan_run(pb.PlanRunRequest(id="a"))
        assert not two.requests
        await client.plan_run(pb.PlanRunRequest(id="a", idempotency_key="k"))
    assert two.requests == [("PlanRun", pb.PlanRunRequest(id="a", idempotency_key="k"))]


async def test_other_refusals_end_a_read() -> None:
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint]) as client:
        one.answers("PlanDetail", NotFound("plan", "x"))
        with pytest.raises(NotFound):
            await client.plan_detail(pb.SchedulePlanDetailRequest(id="x"))
    assert not two.requests


async def test_a_silent_server_takes_only_its_share_of_a_reads_time() -> None:
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint], timeout=400) as client:
        one.answers("PlanList", silent)
        two.answers("PlanList", plans("two"))
        assert [plan.id for plan in (await client.plan_list(LIST)).data] == ["two"]


async def test_a_silent_server_ends_a_write_with_a_warning() -> None:
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint], timeout=100) as client:
        one.answers("PlanAdd", silent)
        with pytest.raises(DeadlineExceeded, match=r"within \d+ms; the change may have been made"):
            await client.plan_add(ADD)
    assert not two.requests


async def test_a_broken_connection_is_told_apart() -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(slam, "127.0.0.1", 0)
    endpoint = "{}:{}".format(*server.sockets[0].getsockname())
    async with server, Client([endpoint]) as client:
        with pytest.raises(Unavailable, match=f"{endpoint} broke before it answered PlanAdd; the change may"):
            await client.plan_add(ADD)
        with pytest.raises(Unavailable, match=r"broke before it answered PlanList$"):
            await client.plan_list(LIST)


async def test_a_restarted_server_is_found_again() -> None:
    api = FakeApi()
    async with api:
        client = Client([api.endpoint])
        await client.plan_list(LIST)
    with pytest.raises(Unavailable):
        await client.plan_list(LIST)
    async with FakeApi(port=api.port) as again, client:
        await client.plan_list(LIST)
        assert len(again.requests) == 1


async def test_no_time_left() -> None:
    async with FakeApi() as api, Client([api.endpoint], timeout=0, clock=FakeClock()) as client:
        with pytest.raises(DeadlineExceeded, match="no time was left for PlanList"):
            await client.plan_list(LIST)
    assert not api.requests


async def test_calls_share_one_connection() -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(client.plan_list(LIST))
        assert len(api.requests) == 50


def test_no_endpoints() -> None:
    with pytest.raises(InvalidArgument, match="endpoints"):
        Client([])
