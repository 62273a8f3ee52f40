"""Plans over the API: added with defaults, listed, switched, deleted; a refusal names its field and stores nothing."""

import asyncio
from typing import Any

import pytest

from jobpool.api.plan_list import list_plans
from jobpool.api.service import Call
from jobpool.model.errors import JobpoolError
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import MINUTE, NOW, SECOND, World, ids


def adding(**fields: Any) -> pb.SchedulePlanAddRequest:
    given = {"id": "p", "namespace": "default", "name": "P", "type": "service", "executor": "noop", **fields}
    return pb.SchedulePlanAddRequest(**given)


def named(request: type, **fields: Any) -> Any:
    return request(**{"id": "p", "namespace": "default", **fields})


def periodic(spec: str = "0 3 * * *", **fields: Any) -> pb.PeriodicConfig:
    return pb.PeriodicConfig(spec=spec, **fields)


# ---- add


async def test_an_added_plan_has_the_documented_defaults(world: World) -> None:
    request = adding(executor=None, parameters='{"url": "http://example.org/"}', periodic=periodic())
    response = await world.ask("PlanAdd", request)
    assert response.header == pb.ResponseHeader(cluster_id=11, member_id=12, revision=world.n, raft_term=1)
    assert response.data == pb.Plan(
        id="p",
        name="P",
        type="service",
        namespace="default",
        priority=50,
        status="pending",
        parameters='{"url": "http://example.org/"}',
        periodic=pb.PeriodicConfig(enabled=True, spec="0 3 * * *", time_zone="UTC", prohibit_overlap=False),
        create_time=timestamp(NOW),
        update_time=timestamp(NOW),
        executor="rest",
        overlap="allow",
        catch_up=pb.CatchUp(mode="latest", max_runs=1000),
        retry=pb.Retry(attempts=0, backoff="10s", max_backoff="1h"),
        timeout="2d",
        delivery="at-least-once",
        dst=pb.Dst(gap="run-after", overlap="first"),
        match="any",
        revision=world.n,
    )
    detail = await world.ask("PlanDetail", named(pb.SchedulePlanDetailRequest))
    assert detail.data == response.data


async def test_rules_of_retries_are_told_while_nothing_is_retried(world: World) -> None:
    rules = pb.Retry(attempts=0, backoff="5s", max_backoff="1m", on=["timeout"])
    assert (await world.ask("PlanAdd", adding(retry=rules))).data.retry == rules


async def test_every_field_of_an_added_plan_is_kept(world: World) -> None:
    request = adding(
        name="Nächtlich 夜 🌙",
        description="two\nlines\tand a tab",
        priority=200,
        synchronous=True,
        status="running",
        parameters='{"sleep": "1s"}',
        periodic=periodic(
            "0 3 * * 1-5",
            time_zone="Europe/Berlin",
            start_time=timestamp(NOW + MINUTE),
            end_time=timestamp(NOW + 30 * 24 * 60 * MINUTE),
            prohibit_overlap=True,
        ),
        catch_up=pb.CatchUp(mode="all", window="2h", max_runs=7, rate_per_minute=3),
        retry=pb.Retry(attempts=2, backoff="5s", max_backoff="1m", on=["http_status", "timeout", "http_status"]),
        timeout="90s",
        delivery="at-most-once",
        dst=pb.Dst(gap="skip", overlap="both"),
        match="all",
        strategy="random",
    )
    plan = (await world.ask("PlanAdd", request)).data
    assert (plan.name, plan.description, plan.priority, plan.status) == (
        "Nächtlich 夜 🌙",
        "two\nlines\tand a tab",
        200,
        "running",
    )
    assert (plan.overlap, plan.periodic.prohibit_overlap, plan.periodic.time_zone) == ("skip", True, "Europe/Berlin")
    assert plan.periodic.start_time == timestamp(NOW + MINUTE)
    assert plan.catch_up == request.catch_up
    assert plan.retry == pb.Retry(attempts=2, backoff="5s", max_backoff="1m", on=["http_status", "timeout"])
    assert (plan.timeout, plan.delivery, plan.dst, plan.match, plan.strategy) == (
        "1m30s",
        "at-most-once",
        pb.Dst(gap="skip", overlap="both"),
        "all",
        "random",
    )
    assert plan.next_time.ToMilliseconds() > NOW


async def test_an_id_is_minted_when_none_is_given(world: World) -> None:
    one = (await world.ask("PlanAdd", adding(id=""))).data.id
    other = (await world.ask("PlanAdd", adding(id=""))).data.id
    assert len(one) == len(other) == 26
    assert one != other


async def test_the_time_zone_comes_from_plan_then_namespace_then_server(world: World) -> None:
    await world.ask("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name="tokyo", default_time_zone="Asia/Tokyo"))
    zones = [
        (await world.ask("PlanAdd", adding(id="a", periodic=periodic()))).data.periodic.time_zone,
        (await world.ask("PlanAdd", adding(id="b", namespace="tokyo", periodic=periodic()))).data.periodic.time_zone,
        (
            await world.ask("PlanAdd", adding(id="c", namespace="tokyo", periodic=periodic(time_zone="Europe/Rome")))
        ).data.periodic.time_zone,
    ]
    assert zones == ["UTC", "Asia/Tokyo", "Europe/Rome"]


async def test_a_priority_of_zero_is_the_default(world: World) -> None:
    assert (await world.ask("PlanAdd", adding(priority=0))).data.priority == 50


async def test_plans_of_confusable_names_are_different_plans(world: World) -> None:
    """The original kept both under one key: flaw B16."""
    for namespace in ("a", "a_b"):
        await world.ask("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name=namespace))
    await world.ask("PlanAdd", adding(namespace="a", id="b_c"))
    await world.ask("PlanAdd", adding(namespace="a_b", id="c"))
    assert (await world.ask("PlanList", pb.SchedulePlanListRequest())).totalElements == 2


BAD_PLANS = [
    ({"namespace": ""}, "namespace", 1001),
    ({"namespace": "No"}, "namespace", 1010),
    ({"namespace": "a/b"}, "namespace", 1010),
    ({"namespace": "n" * 129}, "namespace", 1010),
    ({"id": "a/b"}, "id", 1010),
    ({"id": "a\x00b"}, "id", 1010),
    ({"id": "ünder"}, "id", 1010),
    ({"id": "x\n"}, "id", 1010),
    ({"id": "x" * 129}, "id", 1010),
    ({"name": ""}, "name", 1001),
    ({"name": "n" * 257}, "name", 1003),
    ({"name": "bell\x07"}, "name", 1010),
    ({"description": "d" * 4097}, "description", 1003),
    ({"description": "esc\x1b[31m"}, "description", 1010),
    ({"type": ""}, "type", 1001),
    ({"type": "_core"}, "type", 1002),
    ({"status": "paused"}, "status", 1002),
    ({"priority": 201}, "priority", 1010),
    ({"priority": (1 << 64) - 1}, "priority", 1010),
    ({"executor": "no such/one"}, "executor", 1010),
    ({"executor": "x" * 200}, "executor", 1010),
    ({"parameters": "["}, "parameters", 1010),
    ({"parameters": "[]"}, "parameters", 1010),
    ({"parameters": '{"x": "' + "y" * 70_000 + '"}'}, "parameters", 1010),
    ({"parameters": '{"unknown": 1}'}, "parameters.unknown", 1010),
    ({"executor": "rest", "parameters": ""}, "parameters", 1010),
    ({"executor": "rest", "parameters": '{"url": "ftp://x"}'}, "parameters.url", 1010),
    ({"executor": "shell", "parameters": '{"command": ["a\\u0000b"]}'}, "parameters.command", 1010),
    ({"strategy": "clever"}, "strategy", 1010),
    ({"overlap": "queue"}, "overlap", 1002),
    ({"overlap": "allow", "periodic": periodic(prohibit_overlap=True)}, "overlap", 1010),
    ({"timeout": "soon"}, "timeout", 1010),
    ({"timeout": "-5s"}, "timeout", 1010),
    ({"timeout": "31d"}, "timeout", 1010),
    ({"timeout": "1ms"}, "timeout", 1010),
    ({"timeout": ""}, "timeout", 1010),
    ({"delivery": "exactly-once"}, "delivery", 1002),
    ({"match": "some"}, "match", 1002),
    ({"catch_up": pb.CatchUp(mode="some")}, "catch_up.mode", 1002),
    ({"catch_up": pb.CatchUp(window="2y")}, "catch_up.window", 1010),
    ({"catch_up": pb.CatchUp(window="999999d")}, "catch_up.window", 1010),
    ({"catch_up": pb.CatchUp(max_runs=0)}, "catch_up.max_runs", 1010),
    ({"catch_up": pb.CatchUp(max_runs=-1)}, "catch_up.max_runs", 1010),
    ({"catch_up": pb.CatchUp(rate_per_minute=-1)}, "catch_up.rate_per_minute", 1010),
    ({"retry": pb.Retry(attempts=101)}, "retry.attempts", 1010),
    ({"retry": pb.Retry(attempts=-1)}, "retry.attempts", 1010),
    ({"retry": pb.Retry(backoff="x")}, "retry.backoff", 1010),
    ({"retry": pb.Retry(max_backoff="2d")}, "retry.max_backoff", 1010),
    ({"retry": pb.Retry(on=["bad luck"])}, "retry.on", 1010),
    ({"dst": pb.Dst(gap="jump")}, "dst.gap", 1002),
    ({"dst": pb.Dst(overlap="none")}, "dst.overlap", 1002),
    ({"periodic": periodic("61 * * * *")}, "periodic.spec", 1010),
    ({"periodic": periodic("* * *")}, "periodic.spec", 1010),
    ({"periodic": periodic("")}, "periodic.spec", 1001),
    ({"periodic": periodic("x" * 100_000)}, "periodic.spec", 1010),
    ({"periodic": periodic("0 0 30 2 *")}, "periodic.spec", 1010),
    ({"periodic": pb.PeriodicConfig(enabled=True)}, "periodic.spec", 1001),
    ({"periodic": periodic(time_zone="Mars/Base")}, "periodic.time_zone", 1010),
    ({"periodic": periodic(time_zone="../etc/passwd")}, "periodic.time_zone", 1010),
    ({"periodic": periodic(time_zone="Europe/Berlin\x00")}, "periodic.time_zone", 1010),
    ({"periodic": periodic(start_time=timestamp(NOW + 2), end_time=timestamp(NOW + 1))}, "periodic.end_time", 1103),
    ({"status": "running", "periodic": periodic(end_time=timestamp(NOW - 1))}, "periodic.end_time", 1010),
]


@pytest.mark.parametrize(("fields", "field", "engine_code"), BAD_PLANS)
async def test_a_bad_plan_is_refused_by_field(
    world: World, fields: dict[str, Any], field: str, engine_code: int
) -> None:
    refusal = await world.refusal("PlanAdd", adding(**fields))
    assert (refusal.code, refusal.field, refusal.engine_code) == ("INVALID_ARGUMENT", field, engine_code)
    assert len(refusal.text) < 1000


@pytest.mark.parametrize("stamp", [{"seconds": 1 << 62}, {"seconds": -(1 << 62)}, {"nanos": -5}, {"nanos": 10**9}])
async def test_a_time_that_is_none_is_refused(world: World, stamp: dict[str, int]) -> None:
    """Over gRPC a Timestamp can hold anything."""
    request = adding(periodic=periodic())
    for name, value in stamp.items():
        setattr(request.periodic.start_time, name, value)
    refusal = await world.refusal("PlanAdd", request)
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "periodic.start_time")


async def test_an_unknown_namespace_and_a_taken_id_are_refused(world: World) -> None:
    unknown = await world.refusal("PlanAdd", adding(namespace="nowhere"))
    assert (unknown.code, unknown.field, unknown.engine_code) == ("NOT_FOUND", "namespace", 1101)
    await world.ask("PlanAdd", adding(status="running", periodic=periodic("0 3 * * *")))
    taken = await world.refusal("PlanAdd", adding(status="running", periodic=periodic("* * * * *")))
    assert (taken.code, taken.field, taken.engine_code) == ("ALREADY_EXISTS", "id", 1100)
    await world.clock.advance(5 * MINUTE)
    assert world.state.runs == {}  # the refused definition does not fire: flaw B13


# ---- detail, online, offline, delete


@pytest.mark.parametrize(
    ("name", "request_type"),
    [
        ("PlanDetail", pb.SchedulePlanDetailRequest),
        ("PlanDelete", pb.SchedulePlanDeleteRequest),
        ("PlanOnline", pb.SchedulePlanOnlineRequest),
        ("PlanOffline", pb.SchedulePlanOfflineRequest),
        ("PlanUpdate", pb.SchedulePlanUpdateRequest),
        ("PlanRun", pb.PlanRunRequest),
        ("PlanPreview", pb.PlanPreviewRequest),
    ],
)
async def test_a_call_about_a_plan_names_one_that_exists(world: World, name: str, request_type: type) -> None:
    for fields, code, field in (
        ({"id": ""}, "INVALID_ARGUMENT", "id"),
        ({"id": "p/../q"}, "INVALID_ARGUMENT", "id"),
        ({"namespace": ""}, "INVALID_ARGUMENT", "namespace"),
        ({"namespace": "nowhere"}, "NOT_FOUND", None),
        ({"id": "nothing"}, "NOT_FOUND", "id"),
    ):
        refusal = await world.refusal(name, named(request_type, **fields))
        assert refusal.code == code
        assert field is None or refusal.field == field


async def test_online_and_offline_switch_once_and_say_so(world: World) -> None:
    await world.ask("PlanAdd", adding(periodic=periodic("* * * * *", enabled=False)))
    online = (await world.ask("PlanOnline", named(pb.SchedulePlanOnlineRequest, description="go"))).data
    assert (online.status, online.stop, online.periodic.enabled, online.description) == ("running", False, True, "go")
    assert online.next_time == timestamp(NOW + MINUTE - NOW % MINUTE)
    again = await world.refusal("PlanOnline", named(pb.SchedulePlanOnlineRequest))
    assert (again.code, again.field, again.engine_code) == ("FAILED_PRECONDITION", "id", 1107)
    offline = (await world.ask("PlanOffline", named(pb.SchedulePlanOfflineRequest))).data
    assert (offline.status, offline.stop, offline.periodic.enabled, offline.description) == ("dead", True, False, "go")
    assert not offline.HasField("next_time")
    again = await world.refusal("PlanOffline", named(pb.SchedulePlanOfflineRequest))
    assert (again.code, again.engine_code) == ("FAILED_PRECONDITION", 1107)
    bad = await world.refusal("PlanOnline", named(pb.SchedulePlanOnlineRequest, description="\x00"))
    assert (bad.code, bad.field) == ("INVALID_ARGUMENT", "description")


@pytest.mark.invariant("C-1")
async def test_a_running_plan_is_not_deleted_and_a_deleted_one_does_not_fire(world: World) -> None:
    await world.ask("PlanAdd", adding(status="running", periodic=periodic("* * * * *")))
    refusal = await world.refusal("PlanDelete", named(pb.SchedulePlanDeleteRequest))
    assert (refusal.code, refusal.engine_code) == ("FAILED_PRECONDITION", 1107)
    await world.ask("PlanOffline", named(pb.SchedulePlanOfflineRequest))
    await world.ask("PlanDelete", named(pb.SchedulePlanDeleteRequest))
    assert (await world.refusal("PlanDetail", named(pb.SchedulePlanDetailRequest))).code == "NOT_FOUND"
    await world.clock.advance(10 * MINUTE)
    assert world.state.runs == {}


async def test_detail_shows_the_last_run_and_the_next_tick(world: World) -> None:
    await world.ask("PlanAdd", adding(status="running", periodic=periodic("* * * * *")))
    first = NOW + MINUTE - NOW % MINUTE
    await world.clock.advance(first - NOW + 10)
    plan = (await world.ask("PlanDetail", named(pb.SchedulePlanDetailRequest))).data
    [job] = world.state.runs
    assert (plan.last_job, plan.next_time) == (job, timestamp(first + MINUTE))
    assert first <= plan.launch_time.ToMilliseconds() <= first + 10


# ---- list


async def seven(world: World) -> None:
    for name in ("def", "defa"):
        await world.ask("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name=name))
    for number in range(7):
        await world.ask(
            "PlanAdd",
            adding(
                id=f"p{number}",
                namespace=("default", "def", "defa")[number % 3],
                name=f"Backup {'north' if number < 4 else 'south'} {number}",
                description="weekly" if number == 5 else "daily",
                status=("pending", "running", "dead")[number % 3],
                synchronous=number % 2 == 0,
            ),
        )
        await world.clock.advance(SECOND)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, "p6 p5 p4 p3 p2 p1 p0"),
        ({"namespace": "def"}, "p4 p1"),
        ({"namespace": "ault"}, ""),
        ({"id": "p3"}, "p3"),
        ({"id": "p"}, ""),
        ({"name": "south"}, "p6 p5 p4"),
        ({"name": "SOUTH"}, ""),
        ({"text": "SOUTH"}, "p6 p5 p4"),
        ({"text": "P3"}, "p3"),
        ({"text": "p3", "name": "south"}, ""),
        ({"executor": "noop"}, "p6 p5 p4 p3 p2 p1 p0"),
        ({"executor": "shell"}, ""),
        ({"paused": True}, ""),
        ({"paused": False, "namespace": "def"}, "p4 p1"),
        ({"description": "week"}, "p5"),
        ({"status": "running"}, "p4 p1"),
        ({"synchronous": 0}, "p6 p5 p4 p3 p2 p1 p0"),
        ({"name": "north", "status": "pending"}, "p3 p0"),
        ({"name": "'; DROP TABLE plans; --"}, ""),
    ],
)
async def test_a_list_of_plans_is_filtered(world: World, fields: dict[str, Any], found: str) -> None:
    await seven(world)
    response = await world.ask("PlanList", pb.SchedulePlanListRequest(**fields))
    assert ids(response.data) == found.split()
    assert (response.totalElements, response.totalPages) == (len(found.split()), 1 if found else 0)


async def test_synchronous_tells_two_kinds_apart(world: World) -> None:
    await seven(world)
    only = ids((await world.ask("PlanList", pb.SchedulePlanListRequest(synchronous=1))).data)
    others = ids((await world.ask("PlanList", pb.SchedulePlanListRequest(synchronous=2))).data)
    assert sorted(only + others) == [f"p{n}" for n in range(7)]
    assert set(only) >= {"p0", "p2", "p4", "p6"}


async def test_pages_count_from_one_and_end(world: World) -> None:
    await seven(world)
    pages = {}
    for number in range(5):
        response = await world.ask("PlanList", pb.SchedulePlanListRequest(pageNumber=number, pageSize=3))
        pages[number] = ids(response.data)
        assert (response.totalElements, response.totalPages) == (7, 3)
    assert pages == {0: ["p6", "p5", "p4"], 1: ["p6", "p5", "p4"], 2: ["p3", "p2", "p1"], 3: ["p0"], 4: []}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pageNumber": -1}, "pageNumber"),
        ({"pageNumber": 2**31 - 1, "pageSize": 1000}, "pageNumber"),
        ({"pageSize": -1}, "pageSize"),
        ({"pageSize": 1001}, "pageSize"),
        ({"status": "up"}, "status"),
        ({"synchronous": 3}, "synchronous"),
        ({"synchronous": -1}, "synchronous"),
        ({"name": "n" * 513}, "name"),
        ({"text": "n" * 513}, "text"),
        ({"executor": "n" * 513}, "executor"),
        ({"order": "name"}, "order"),
    ],
)
async def test_a_bad_list_of_plans_is_refused_by_field(world: World, fields: dict[str, Any], field: str) -> None:
    refusal = await world.refusal("PlanList", pb.SchedulePlanListRequest(**fields))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


async def test_paused_plans_are_told_apart(world: World) -> None:
    await seven(world)
    await world.ask("PlanPause", pb.PlanPauseRequest(id="p4", namespace="def", by="ada"))
    for paused, found in ((True, ["p4"]), (False, ["p1"])):
        request = pb.SchedulePlanListRequest(namespace="def", paused=paused)
        assert ids((await world.ask("PlanList", request)).data) == found


@pytest.mark.parametrize(
    ("order", "found"), [("created", "late none soon"), ("id", "late none soon"), ("next", "soon late none")]
)
async def test_a_list_has_an_order_that_it_is_read_on_in(world: World, order: str, found: str) -> None:
    for plan_id, spec in (("soon", "54 8 * * *"), ("none", "* * * * *"), ("late", "52 8 * * *")):
        status = "pending" if plan_id == "none" else "running"
        await world.ask("PlanAdd", adding(id=plan_id, periodic=periodic(spec), status=status))
        await world.clock.advance(SECOND)
    shown: list[str] = []
    token = ""
    while not shown or token:
        request = pb.SchedulePlanListRequest(order=order, limit=1)
        setattr(request, "continue", token)
        answer = await world.ask("PlanList", request)
        shown, token = shown + ids(answer.data), getattr(answer, "continue")
    assert shown == found.split()
    assert ids((await world.ask("PlanList", pb.SchedulePlanListRequest(order=order))).data) == shown


async def test_a_list_longer_than_one_look_is_whole_and_in_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobpool.api.plan_list._BETWEEN_BREATHS", 2)
    await seven(world)
    first = await world.ask("PlanList", pb.SchedulePlanListRequest(limit=3))
    rest = pb.SchedulePlanListRequest(limit=9, **{"continue": getattr(first, "continue")})
    assert ids(first.data) + ids((await world.ask("PlanList", rest)).data) == [f"p{n}" for n in range(6, -1, -1)]
    page = await world.ask("PlanList", pb.SchedulePlanListRequest(pageNumber=2, pageSize=3, text="P"))
    assert (ids(page.data), page.totalElements) == (["p3", "p2", "p1"], 7)


@pytest.mark.parametrize("order", ["created", "id", "next"])
async def test_a_later_page_of_a_long_list_is_in_order_and_holds_nobody_up(
    world: World, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    await seven(world)
    asked = pb.SchedulePlanListRequest(order=order, pageNumber=2, pageSize=3)
    wanted = await list_plans(world.context, asked)
    monkeypatch.setattr("jobpool.api.plan_list._BETWEEN_BREATHS", 2)
    monkeypatch.setattr("jobpool.api.plan_list._MOST_AT_ONCE", 1)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.get_running_loop().create_task(other())
    assert await list_plans(world.context, asked) == wanted
    waiting.cancel()
    assert turns == 5, (
        "others have theirs between the four looks, and between the three parts of what is before the end"
    )


# ---- when the cluster cannot


async def test_a_refused_commit_is_unavailable_and_stores_nothing(world: World) -> None:
    world.store.fail_next_commit("refuse")
    world.store.fail_next_commit("refuse")
    refusal = await world.refusal("PlanAdd", adding())
    assert refusal.code == "UNAVAILABLE"
    await world.ask("PlanAdd", adding())


async def test_no_answer_in_the_callers_time_is_told_as_such(world: World) -> None:
    world.store.hold_commits()
    waiting = world.start("PlanAdd", adding(), Call(transport="grpc", timeout=2 * SECOND))
    await world.clock.advance(1999)
    assert not waiting.done()
    await world.clock.advance(1)
    with pytest.raises(JobpoolError, match="not known") as late:
        await waiting
    assert late.value.code.name == "DEADLINE_EXCEEDED"
    world.store.release_commits()


# ---- keys beside the request


async def test_a_key_beside_the_request_is_as_good_as_its_own(world: World) -> None:
    beside = Call(transport="rest", metadata={"idempotency-key": "k"})
    first = (await world.ask("PlanAdd", adding(id=""), beside)).data
    assert (await world.ask("PlanAdd", adding(id=""), beside)).data == first
    assert (await world.ask("PlanAdd", adding(id="", idempotency_key="k"))).data == first
    refusal = await world.refusal("PlanAdd", adding(id="", name="Q"), beside)
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "idempotency_key")


async def test_asked_again_while_the_first_is_under_way_one_plan_is_added(world: World) -> None:
    world.store.hold_commits()
    asked = [world.start("PlanAdd", adding(id="", idempotency_key="k")) for _ in range(5)]
    await world.clock.advance(SECOND)
    world.store.release_commits()
    await world.clock.advance(SECOND)
    assert len({(await task).data.id for task in asked}) == 1
    assert (await world.ask("PlanList", pb.SchedulePlanListRequest())).totalElements == 1
