"""The client against servers that answer, refuse, fall silent or are not there."""

import asyncio
import socket

import pytest
from google.protobuf.message import Message

from jobpool.client import Client, Headers, Unreachable
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


def test_endpoints_are_a_list() -> None:
    with pytest.raises(InvalidArgument, match="endpoints: wanted a list of servers, found the text "):
        Client("127.0.0.1:2379")


@pytest.mark.parametrize("name", ["timeout", "dial_timeout"])
@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("5", "wanted a duration such as 90s, 10m or 1h30m, found '5'"),
        ("", "wanted a duration such as 90s, 10m or 1h30m, found nothing"),
        (5.0, ", found 5.0"),
        (None, ", found None"),
        (True, ", found True"),
        (-1, ", found -1"),
    ],
)
def test_spans_that_are_none_are_refused_by_name(name: str, given: object, found: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        Client(["127.0.0.1:2379"], **{name: given})  # type: ignore[arg-type]
    assert refused.value.field == name
    assert refused.value.reason.endswith(found)


async def test_a_span_may_be_a_text() -> None:
    async with FakeApi() as api, Client([api.endpoint], timeout="50ms", dial_timeout="1m30s") as client:
        api.answers("PlanList", silent)
        with pytest.raises(DeadlineExceeded, match="within 50ms"):
            await client.plan_list(LIST)


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
    async with Client([endpoint], hasty=True) as client:
        with pytest.raises(Unreachable, match=f"http://{endpoint} \\(connection refused\\).*start one"):
            await client.plan_list(LIST)


async def test_no_server_at_all_names_each() -> None:
    first, second = dead_endpoint(), dead_endpoint()
    async with Client([first, second], hasty=True) as client:
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
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint], timeout=2000) as client:
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
    async with server, Client([endpoint], timeout=1500) as client:
        with pytest.raises(Unavailable, match=f"{endpoint} broke before it answered PlanAdd; the change may"):
            await client.plan_add(ADD)
        with pytest.raises(Unavailable, match=r"broke before it answered PlanList$"):
            await client.plan_list(LIST)


async def test_a_restarted_server_is_found_again() -> None:
    api = FakeApi()
    async with api:
        client = Client([api.endpoint])
        await client.plan_list(LIST)
    clock = FakeClock()
    async with Client([api.endpoint], timeout=20_000, clock=clock) as patient, asyncio.TaskGroup() as group:
        waiting = group.create_task(patient.plan_list(LIST))
        for _ in range(3):
            await clock.advance(1000)
        assert not waiting.done()
        async with FakeApi(port=api.port) as again, client:
            await client.plan_list(LIST)
            while not waiting.done():
                await clock.advance(1000)
                await asyncio.sleep(0.01)
            assert len(again.requests) == 2


async def test_no_time_left() -> None:
    async with FakeApi() as api, Client([api.endpoint], timeout=0, clock=FakeClock()) as client:
        with pytest.raises(DeadlineExceeded, match="no time was left for PlanList"):
            await client.plan_list(LIST)
    assert not api.requests


async def test_a_read_outlasts_a_change_of_the_leader() -> None:
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint]) as client:
        for api in (one, two):
            api.answers("QueueDetail", Unavailable("no leader"), Unavailable("no leader"), pb.QueueDetailResponse())
        await client.queue_detail(pb.QueueDetailRequest())
        assert (len(one.requests), len(two.requests)) == (3, 2)


async def test_a_change_outlasts_that_nobody_leads() -> None:
    nobody = Unavailable("there is no leader; try again", field="leader")
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint]) as client:
        one.answers("PlanAdd", nobody, pb.SchedulePlanAddResponse(data=pb.Plan(id="a")))
        two.answers("PlanAdd", nobody)
        assert (await client.plan_add(ADD)).data.id == "a"
        assert (len(one.requests), len(two.requests)) == (2, 1)


async def test_a_silent_server_takes_only_its_share_of_a_change_with_a_key() -> None:
    keyed = pb.SchedulePlanAddRequest(id="a", idempotency_key="k")
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint], timeout=2000) as client:
        one.answers("PlanAdd", silent)
        await client.plan_add(keyed)
    assert two.requests == [("PlanAdd", keyed)]


async def test_what_goes_beside_a_request() -> None:
    async with FakeApi() as api, Client([api.endpoint], headers=Headers(language="zh")) as client:
        await client.plan_list(LIST)
        bound = client.bound(request_id="r-1", token="t0k", idempotency_key="k")
        await bound.plan_add(ADD)
        await client.bound(language="en").plan_list(LIST)
    names = ("idempotency-key", "accept-language", "x-request-id", "x-jobpool-token")
    assert [[beside.get(name) for name in names] for beside in api.metadata] == [
        [None, "zh", None, None],
        ["k", "zh", "r-1", "t0k"],
        [None, "en", None, None],
    ]


async def test_a_key_beside_a_request_makes_it_safe_to_send_again() -> None:
    async with FakeApi() as one, FakeApi() as two, Client([one.endpoint, two.endpoint]) as client:
        one.answers("PlanAdd", Unavailable("the store is away"))
        await client.bound(idempotency_key="k").plan_add(ADD)
    assert [api.metadata[0]["idempotency-key"] for api in (one, two)] == ["k", "k"]


async def test_a_key_where_servers_look_at_none_is_refused() -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        with pytest.raises(InvalidArgument, match="idempotency_key: PlanDelete takes none"):
            await client.bound(idempotency_key="k").plan_delete(pb.SchedulePlanDeleteRequest(id="a"))
    assert not api.requests


async def test_a_key_is_for_what_is_changed() -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        await client.bound(idempotency_key="k", request_id="r").plan_list(LIST)
    assert "idempotency-key" not in api.metadata[0]
    assert api.metadata[0]["x-request-id"] == "r"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"idempotency_key": "k" * 256}, "idempotency_key"),
        ({"idempotency_key": " k"}, "idempotency_key"),
        ({"language": "中文"}, "language"),
        ({"token": "a\r\nb: c"}, "token"),
        ({"request_id": "a b"}, "request_id"),
        ({"request_id": "r" * 129}, "request_id"),
    ],
)
async def test_what_no_header_can_hold_is_refused(given: dict[str, str], field: str) -> None:
    async with Client(["127.0.0.1:1"]) as client:
        with pytest.raises(InvalidArgument) as refused:
            client.bound(**given)
    assert refused.value.field == field


async def test_calls_share_one_connection() -> None:
    async with FakeApi() as api, Client([api.endpoint]) as client:
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(client.plan_list(LIST))
        assert len(api.requests) == 50


def test_no_endpoints() -> None:
    with pytest.raises(InvalidArgument, match="endpoints"):
        Client([])
