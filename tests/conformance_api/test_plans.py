"""The RPCs of plans over both transports: presence, defaults, order, filters, paging, errors, side effects."""

from typing import Any

import pytest

from jobpool.wire import jobpool_pb2 as pb
from tests.conformance_api.harness import Api

SECOND, MINUTE = 1000, 60_000
NAMED: dict[str, Any] = {"id": "p", "namespace": "default"}
MINIMAL: dict[str, Any] = {
    **NAMED,
    "name": "P",
    "type": "service",
    "parameters": '{"url": "http://127.0.0.1:9/", "method": "get"}',
}
MINUTELY = pb.PeriodicConfig(spec="* * * * *", time_zone="UTC")


async def add(api: Api, plan_id: str = "p", **fields: Any) -> pb.Plan:
    added: pb.Plan = (await api.ask("PlanAdd", **{**MINIMAL, "id": plan_id, **fields})).data
    return added


def ids(items: Any) -> list[str]:
    return [item.id for item in items]


# ---- PlanAdd


async def test_an_added_plan_has_what_the_originals_clients_read(api: Api) -> None:
    plan = await add(api, periodic=MINUTELY)
    for field in ("id", "name", "type", "namespace", "priority", "status", "parameters", "create_time"):
        assert getattr(plan, field), field
    assert (plan.priority, plan.status, plan.update_time) == (50, "pending", plan.create_time)
    assert plan.periodic == pb.PeriodicConfig(enabled=True, spec="* * * * *", time_zone="UTC", prohibit_overlap=False)
    assert (plan.stop, plan.synchronous, plan.HasField("launch_time")) == (False, False, False)
    assert plan.revision == api.world.n


async def test_the_periodic_part_is_always_there(api: Api) -> None:
    """The original's client takes it for granted."""
    assert (await add(api)).HasField("periodic")
    assert (await api.ask("PlanDetail", **NAMED)).data.HasField("periodic")
    assert [plan.HasField("periodic") for plan in (await api.ask("PlanList")).data] == [True]


async def test_a_duplicate_is_refused_and_the_first_stays_as_it_is(api: Api) -> None:
    """The original's dispatcher took the second one: flaw B13."""
    first = await add(api, status="running", periodic=MINUTELY)
    refusal = await api.refused("PlanAdd", **{**MINIMAL, "name": "Q", "periodic": MINUTELY})
    assert (refusal.code, refusal.field, refusal.engine_code) == ("ALREADY_EXISTS", "id", 1100)
    assert (await api.ask("PlanDetail", **NAMED)).data == first


@pytest.mark.parametrize(
    ("fields", "field", "engine_code"),
    [
        ({"namespace": ""}, "namespace", 1001),
        ({"name": ""}, "name", 1001),
        ({"type": ""}, "type", 1001),
        ({"type": "_core"}, "type", 1002),
        ({"status": "up"}, "status", 1002),
        ({"priority": 201}, "priority", 1010),
        ({"periodic": pb.PeriodicConfig(spec="every day")}, "periodic.spec", 1010),
        ({"periodic": pb.PeriodicConfig(spec="* * * * *", time_zone="Mars/Base")}, "periodic.time_zone", 1010),
        ({"parameters": ""}, "parameters", 1010),
        ({"parameters": '{"url": "http://h/", "method": "brew"}'}, "parameters.method", 1010),
        ({"labels": {"a b": "c"}}, "labels", 1010),
        ({"labels": {"a": "v" * 257}}, "labels.a", 1003),
        ({"labels": {str(number): "" for number in range(65)}}, "labels", 1010),
        ({"owner": "bell\x07"}, "owner", 1010),
        ({"idempotency_key": "k" * 256}, "idempotency_key", 1010),
    ],
)
async def test_a_bad_plan_is_refused_by_field(api: Api, fields: dict[str, Any], field: str, engine_code: int) -> None:
    refusal = await api.refused("PlanAdd", **{**MINIMAL, **fields})
    assert (refusal.code, refusal.field, refusal.engine_code) == ("INVALID_ARGUMENT", field, engine_code)


async def test_a_plan_of_no_namespace_is_not_found(api: Api) -> None:
    refusal = await api.refused("PlanAdd", **{**MINIMAL, "namespace": "nosuch"})
    assert (refusal.code, refusal.field, refusal.engine_code) == ("NOT_FOUND", "namespace", 1101)


# ---- idempotency


@pytest.mark.invariant("A-2")
async def test_the_same_request_under_the_same_key_adds_one_plan(api: Api) -> None:
    first = await add(api, "", idempotency_key="k1")
    n = api.world.n
    assert await add(api, "", idempotency_key="k1") == first
    assert api.world.n == n
    assert (await add(api, "", idempotency_key="k2")).id != first.id


async def test_another_request_under_the_same_key_is_refused(api: Api) -> None:
    await add(api, labels={"a": "1", "b": "2"}, idempotency_key="k")
    await add(api, labels={"b": "2", "a": "1"}, idempotency_key="k")
    refusal = await api.refused("PlanAdd", **{**MINIMAL, "labels": {"a": "1"}, "idempotency_key": "k"})
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "idempotency_key")


async def test_a_key_is_of_its_namespace_and_its_call_and_of_one_day(api: Api) -> None:
    await api.ask("NameSpaceAdd", name="other", idempotency_key="k")
    first = await add(api, "", idempotency_key="k")
    assert (await add(api, "", namespace="other", idempotency_key="k")).namespace == "other"
    api.world.clock.jump(24 * 60 * MINUTE)
    assert (await add(api, "", idempotency_key="k")).id != first.id


async def test_the_plan_of_a_key_that_was_deleted_meanwhile_is_not_found(api: Api) -> None:
    await add(api, idempotency_key="k")
    await api.ask("PlanDelete", **NAMED)
    refusal = await api.refused("PlanAdd", **{**MINIMAL, "idempotency_key": "k"})
    assert (refusal.code, refusal.field) == ("NOT_FOUND", "id")


async def test_a_namespace_is_added_once_under_a_key(api: Api) -> None:
    for _ in range(2):
        await api.ask("NameSpaceAdd", name="one", description="first", idempotency_key="k")
    refusal = await api.refused("NameSpaceAdd", name="one", description="second", idempotency_key="k")
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "idempotency_key")
    refusal = await api.refused("NameSpaceAdd", name="one", description="first", idempotency_key="k2")
    assert (refusal.code, refusal.engine_code) == ("ALREADY_EXISTS", 1100)


# ---- PlanList


async def several(api: Api) -> None:
    await api.ask("NameSpaceAdd", name="ops")
    for number in range(5):
        labels = {"team": "red" if number % 2 else "blue"} | ({"tier": "one"} if number == 3 else {})
        namespace = "ops" if number == 4 else "default"
        await add(api, f"p{number}", namespace=namespace, owner=("ann", "bob")[number % 2], labels=labels)
        await api.world.clock.advance(SECOND if number != 1 else 0)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, "p4 p3 p2 p1 p0"),
        ({"namespace": "ops"}, "p4"),
        ({"namespace": "nosuch"}, ""),
        ({"labels": ["team=red"]}, "p3 p1"),
        ({"labels": ["team"]}, "p4 p3 p2 p1 p0"),
        ({"labels": ["team=red", "tier"]}, "p3"),
        ({"labels": ["team="]}, ""),
        ({"owner": "bob"}, "p3 p1"),
        ({"owner": "bo"}, ""),
        ({"owner": "ann", "labels": ["team=blue"], "namespace": "default"}, "p2 p0"),
    ],
)
async def test_lists_are_filtered_and_newest_first(api: Api, fields: dict[str, Any], found: str) -> None:
    await several(api)
    answer = await api.ask("PlanList", **fields)
    assert (ids(answer.data), answer.totalElements) == (found.split(), len(found.split()))


async def test_an_empty_list_is_its_header_only(api: Api) -> None:
    answer = await api.ask("PlanList")
    assert answer == pb.SchedulePlanListResponse(header=answer.header)


async def test_pages_count_from_one(api: Api) -> None:
    await several(api)
    pages = [await api.ask("PlanList", pageNumber=number, pageSize=2) for number in (0, 1, 2, 3, 4)]
    assert [ids(page.data) for page in pages] == [["p4", "p3"], ["p4", "p3"], ["p2", "p1"], ["p0"], []]
    assert {(page.totalElements, page.totalPages) for page in pages} == {(5, 3)}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pageNumber": -1}, "pageNumber"),
        ({"pageSize": 1001}, "pageSize"),
        ({"status": "up"}, "status"),
        ({"labels": ["a b=c"]}, "labels"),
        ({"labels": ["=c"]}, "labels"),
        ({"limit": -1}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": 1, "pageNumber": 1}, "pageNumber"),
        ({"limit": 1, "pageSize": 1}, "pageSize"),
        ({"continue": "x"}, "continue"),
        ({"continue": "kg"}, "continue"),
        ({"continue": "ünder"}, "continue"),
    ],
)
async def test_a_bad_list_is_refused_by_field(api: Api, fields: dict[str, Any], field: str) -> None:
    refusal = await api.refused("PlanList", **fields)
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


# ---- limit and continue


async def walk(api: Api, rpc: str, **fields: Any) -> list[list[Any]]:
    """The items of every part, to the end of the list."""
    parts: list[list[Any]] = []
    place: dict[str, Any] = {}
    while True:
        answer = await api.ask(rpc, **fields, **place)
        assert (answer.totalElements, answer.totalPages) == (0, 0)
        parts.append(list(answer.data))
        if not getattr(answer, "continue"):
            return parts
        place = {"continue": getattr(answer, "continue")}


async def test_plans_are_read_part_by_part(api: Api) -> None:
    await several(api)
    assert [ids(part) for part in await walk(api, "PlanList", limit=2)] == [["p4", "p3"], ["p2", "p1"], ["p0"]]
    assert [ids(part) for part in await walk(api, "PlanList", limit=5)] == [["p4", "p3", "p2", "p1", "p0"]]
    assert [ids(part) for part in await walk(api, "PlanList", limit=1, owner="bob")] == [["p3"], ["p1"]]


async def test_what_comes_and_goes_meanwhile_hides_and_repeats_nothing(api: Api) -> None:
    await several(api)
    first = await api.ask("PlanList", limit=2)
    await add(api, "new")
    await api.ask("PlanDelete", id="p3", namespace="default")
    await api.ask("PlanDelete", id="p2", namespace="default")
    rest = await api.ask("PlanList", limit=2, **{"continue": getattr(first, "continue")})
    assert ids(rest.data) == ["p1", "p0"]


async def test_a_place_belongs_to_its_list(api: Api) -> None:
    await several(api)
    place = {"continue": getattr(await api.ask("PlanList", limit=1, owner="bob"), "continue")}
    assert ids((await api.ask("PlanList", limit=3, owner="bob", **place)).data) == ["p1"]
    others: list[tuple[str, dict[str, Any]]] = [("PlanList", {"owner": "ann"}), ("PlanList", {}), ("NodeList", {})]
    for rpc, fields in others:
        assert (await api.refused(rpc, **fields, **place)).field == "continue"


async def test_namespaces_and_nodes_are_read_part_by_part(api: Api) -> None:
    for name in ("b", "c", "a"):
        await api.ask("NameSpaceAdd", name=name)
        await api.world.core.add_node(name)
    names = [[item.name for item in part] for part in await walk(api, "NameSpaceList", limit=3)]
    assert names == [["a", "b", "c"], ["default"]]
    assert [[item.ID for item in part] for part in await walk(api, "NodeList", limit=2)] == [["a", "b"], ["c"]]
    for rpc in ("NameSpaceList", "NodeList"):
        assert (await api.refused(rpc, limit=1, pageSize=1)).field == "pageSize"


# ---- PlanUpdate


async def test_an_update_leaves_alone_what_it_does_not_name(api: Api) -> None:
    before = await add(api, synchronous=True, periodic=MINUTELY, labels={"a": "1"}, owner="ann")
    await api.world.clock.advance(SECOND)
    after = (await api.ask("PlanUpdate", **NAMED, description="words")).data
    assert (after.description, after.revision > before.revision) == ("words", True)
    assert after.update_time.ToMilliseconds() == before.create_time.ToMilliseconds() + SECOND
    for field in ("name", "synchronous", "priority", "parameters", "periodic", "status", "labels", "owner"):
        assert getattr(after, field) == getattr(before, field), field


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ({"labels": {"b": "3", "c": "4"}}, {"a": "1", "b": "3", "c": "4"}),
        ({"clear": ["labels.a"]}, {"b": "2"}),
        ({"clear": ["labels.a", "labels.nosuch"], "labels": {"c": ""}}, {"b": "2", "c": ""}),
        ({"clear": ["labels"]}, {}),
        ({"clear": ["labels"], "labels": {"c": "4"}}, {"c": "4"}),
    ],
)
async def test_labels_are_laid_over_and_taken_away(api: Api, fields: dict[str, Any], labels: dict[str, str]) -> None:
    await add(api, labels={"b": "2", "a": "1"})
    assert dict((await api.ask("PlanUpdate", **NAMED, **fields)).data.labels) == labels
    assert dict((await api.ask("PlanDetail", **NAMED)).data.labels) == labels


async def test_a_label_cannot_be_given_and_taken_away_at_once(api: Api) -> None:
    await add(api, labels={"a": "1"})
    refusal = await api.refused("PlanUpdate", **NAMED, labels={"a": "2"}, clear=["labels.a"])
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "clear")


async def test_an_owner_is_changed_and_cleared(api: Api) -> None:
    await add(api, owner="ann")
    assert (await api.ask("PlanUpdate", **NAMED, owner="bob")).data.owner == "bob"
    assert (await api.ask("PlanUpdate", **NAMED, clear=["owner"])).data.owner == ""


@pytest.mark.parametrize("rpc", ["PlanUpdate", "PlanDetail", "PlanOnline", "PlanOffline", "PlanDelete", "PlanPreview"])
async def test_an_unknown_plan_is_not_found(api: Api, rpc: str) -> None:
    refusal = await api.refused(rpc, **NAMED)
    assert (refusal.code, refusal.field, refusal.engine_code) == ("NOT_FOUND", "id", 1101)


# ---- PlanOnline, PlanOffline, PlanDelete


async def test_online_and_offline_once_each_and_delete_only_offline(api: Api) -> None:
    await add(api, periodic=MINUTELY)
    online = (await api.ask("PlanOnline", **NAMED, description="go")).data
    assert (online.status, online.description, online.periodic.enabled) == ("running", "go", True)
    assert online.HasField("next_time")
    for rpc in ("PlanOnline", "PlanDelete"):
        refusal = await api.refused(rpc, **NAMED)
        assert (refusal.code, refusal.engine_code) == ("FAILED_PRECONDITION", 1107)
    offline = (await api.ask("PlanOffline", **NAMED)).data
    assert (offline.status, offline.stop, offline.periodic.enabled) == ("dead", True, False)
    assert (await api.refused("PlanOffline", **NAMED)).engine_code == 1107
    deleted = await api.ask("PlanDelete", **NAMED)
    assert deleted == pb.SchedulePlanDeleteResponse(header=deleted.header)
    assert (await api.refused("PlanDetail", **NAMED)).code == "NOT_FOUND"


async def test_the_launch_time_is_that_of_the_newest_job(api: Api) -> None:
    await api.world.core.add_node()
    await add(api, executor="noop", parameters="", periodic=MINUTELY, status="running")
    await api.world.clock.advance(MINUTE)
    plan = (await api.ask("PlanDetail", **NAMED)).data
    [job] = (await api.ask("JobList")).data
    assert (plan.last_job, plan.launch_time) == (job.id, job.create_time)


# ---- PlanPreview


async def test_a_definition_that_is_not_stored_shows_when_it_would_fire(api: Api) -> None:
    unsaved = pb.SchedulePlanAddRequest(periodic=pb.PeriodicConfig(spec="0 3 * * *", time_zone="Europe/Berlin"))
    n = api.world.n
    answer = await api.ask("PlanPreview", **NAMED, n=2, plan=unsaved)
    assert [tick.local[11:16] for tick in answer.data] == ["03:00", "03:00"]
    assert {tick.time_zone for tick in answer.data} == {"Europe/Berlin"}
    assert api.world.n == n


async def test_beside_a_stored_plan_it_shows_what_a_change_would_do(api: Api) -> None:
    await add(api, periodic=pb.PeriodicConfig(spec="H 3 * * *", time_zone="UTC"))
    stored = await api.ask("PlanPreview", **NAMED)
    same = pb.SchedulePlanAddRequest(periodic=pb.PeriodicConfig(spec="H 3 * * *", time_zone="UTC"))
    assert (await api.ask("PlanPreview", **NAMED, plan=same)).data == stored.data
    other = pb.SchedulePlanAddRequest(id="p", periodic=pb.PeriodicConfig(spec="H 4 * * *", time_zone="UTC"))
    assert (await api.ask("PlanPreview", **NAMED, plan=other)).data != stored.data


async def test_the_zone_is_the_namespaces_where_the_definition_names_none(api: Api) -> None:
    await api.ask("NameSpaceAdd", name="tokyo", default_time_zone="Asia/Tokyo")
    unsaved = pb.SchedulePlanAddRequest(periodic=pb.PeriodicConfig(spec="0 3 * * *"))
    [tick] = (await api.ask("PlanPreview", id="p", namespace="tokyo", n=1, plan=unsaved)).data
    assert tick.time_zone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"name": "P"}, "plan.periodic.spec"),
        ({"periodic": pb.PeriodicConfig(spec="0 0 30 2 *")}, "plan.periodic.spec"),
        ({"periodic": MINUTELY, "id": "q"}, "plan.id"),
        ({"periodic": MINUTELY, "namespace": "other"}, "plan.namespace"),
        ({"periodic": MINUTELY, "priority": 500}, "plan.priority"),
        ({"periodic": MINUTELY, "parameters": "{"}, "plan.parameters"),
        ({"periodic": MINUTELY, "match": "none"}, "plan.match"),
        ({"periodic": MINUTELY, "idempotency_key": "k"}, "plan.idempotency_key"),
    ],
)
async def test_a_bad_definition_is_refused_by_field(api: Api, plan: dict[str, Any], field: str) -> None:
    refusal = await api.refused("PlanPreview", **NAMED, plan=pb.SchedulePlanAddRequest(**plan))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)
