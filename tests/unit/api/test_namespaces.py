"""Namespaces over the API: settings, renaming, deleting, and what keeps them from it."""

from typing import Any

import pytest

from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import World

NAMES = ("b", "b2", "bb", "c")


async def add(world: World, name: str, **fields: Any) -> None:
    await world.ask("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name=name, **fields))


async def detail(world: World, name: str) -> pb.NameSpace:
    found: pb.NameSpace = (await world.ask("NameSpaceDetail", pb.ScheduleNameSpaceDetailRequest(name=name))).data
    return found


async def test_default_exists_and_others_have_what_they_were_given(world: World) -> None:
    assert await detail(world, "default") == pb.NameSpace(name="default", job_parallelism_limit=1000, when_full="fail")
    await add(
        world,
        "night",
        job_parallelism_limit=3,
        when_full="wait",
        default_time_zone="Asia/Tokyo",
        description="für die Nacht\n🌙",
    )
    assert await detail(world, "night") == pb.NameSpace(
        name="night",
        job_parallelism_limit=3,
        when_full="wait",
        default_time_zone="Asia/Tokyo",
        description="für die Nacht\n🌙",
    )


BAD_SETTINGS = [
    ({"job_parallelism_limit": -1}, "job_parallelism_limit"),
    ({"job_parallelism_limit": 1_000_001}, "job_parallelism_limit"),
    ({"when_full": "explode"}, "when_full"),
    ({"when_full": ""}, "when_full"),
    ({"default_time_zone": "Mars/Base"}, "default_time_zone"),
    ({"default_time_zone": "europe/berlin"}, "default_time_zone"),
    ({"default_time_zone": "../../etc/passwd"}, "default_time_zone"),
    ({"default_time_zone": "localtime"}, "default_time_zone"),
    ({"default_time_zone": "Europe"}, "default_time_zone"),
    ({"default_time_zone": "z" * 100_000}, "default_time_zone"),
    ({"default_time_zone": "UTC\x00"}, "default_time_zone"),
    ({"description": "d" * 4097}, "description"),
    ({"description": "\x1b[2J"}, "description"),
]


@pytest.mark.parametrize(("fields", "field"), BAD_SETTINGS)
@pytest.mark.parametrize("name", ["NameSpaceAdd", "NameSpaceUpdate"])
async def test_bad_settings_are_refused_by_field(world: World, name: str, fields: dict[str, Any], field: str) -> None:
    if name == "NameSpaceAdd":
        refusal = await world.refusal(name, pb.ScheduleNameSpaceAddRequest(name="x", **fields))
    else:
        refusal = await world.refusal(name, pb.ScheduleNameSpaceUpdateRequest(name="default", **fields))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)
    assert len(refusal.text) < 500


async def test_a_zone_that_is_nearly_one_gets_a_suggestion(world: World) -> None:
    refusal = await world.refusal(
        "NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name="x", default_time_zone="Europe/Berlim")
    )
    assert "Europe/Berlin" in refusal.text.partition("found")[2]


@pytest.mark.parametrize("name", ["Upper", "1st", "a-b", "a/b", "a b", "ä", "a\n", "a\x00", "x" * 129])
async def test_a_name_that_could_not_be_a_key_is_refused(world: World, name: str) -> None:
    for call, request in (
        ("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name=name)),
        ("NameSpaceDetail", pb.ScheduleNameSpaceDetailRequest(name=name)),
        ("NameSpaceDelete", pb.ScheduleNameSpaceDeleteRequest(name=name)),
        ("NameSpaceUpdate", pb.ScheduleNameSpaceUpdateRequest(name=name)),
    ):
        refusal = await world.refusal(call, request)
        assert (refusal.code, refusal.field, refusal.engine_code) == ("INVALID_ARGUMENT", "name", 1010)


async def test_an_empty_name_a_taken_one_and_a_missing_one(world: World) -> None:
    empty = await world.refusal("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest())
    assert (empty.field, empty.engine_code) == ("name", 1001)
    taken = await world.refusal("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name="default"))
    assert (taken.code, taken.field, taken.engine_code) == ("ALREADY_EXISTS", "name", 1100)
    for call, request in (
        ("NameSpaceDetail", pb.ScheduleNameSpaceDetailRequest(name="no")),
        ("NameSpaceDelete", pb.ScheduleNameSpaceDeleteRequest(name="no")),
        ("NameSpaceUpdate", pb.ScheduleNameSpaceUpdateRequest(name="no")),
    ):
        missing = await world.refusal(call, request)
        assert (missing.code, missing.field, missing.engine_code) == ("NOT_FOUND", "name", 1101)


async def test_an_update_changes_what_it_names(world: World) -> None:
    await add(world, "n", job_parallelism_limit=3, when_full="wait", default_time_zone="UTC", description="d")
    update = pb.ScheduleNameSpaceUpdateRequest
    await world.ask("NameSpaceUpdate", update(name="n", description=""))
    assert await detail(world, "n") == pb.NameSpace(
        name="n", job_parallelism_limit=3, when_full="wait", default_time_zone="UTC"
    )
    await world.ask("NameSpaceUpdate", update(name="n", job_parallelism_limit=0, default_time_zone=""))
    assert await detail(world, "n") == pb.NameSpace(name="n", job_parallelism_limit=1000, when_full="wait")
    n = world.n
    await world.ask("NameSpaceUpdate", update(name="n", old_name="n", when_full="wait"))
    assert world.n == n


async def test_renaming_moves_an_empty_namespace_with_its_settings(world: World) -> None:
    await add(world, "old", job_parallelism_limit=3)
    update = pb.ScheduleNameSpaceUpdateRequest
    taken = await world.refusal("NameSpaceUpdate", update(name="default", old_name="old"))
    assert (taken.code, taken.field) == ("ALREADY_EXISTS", "name")
    missing = await world.refusal("NameSpaceUpdate", update(name="new", old_name="never"))
    assert (missing.code, missing.field) == ("NOT_FOUND", "old_name")
    bad = await world.refusal("NameSpaceUpdate", update(name="new", old_name="O!"))
    assert (bad.code, bad.field) == ("INVALID_ARGUMENT", "old_name")
    await world.ask("NameSpaceUpdate", update(name="new", old_name="old", description="d"))
    assert (await detail(world, "new")).job_parallelism_limit == 3
    assert (await world.refusal("NameSpaceDetail", pb.ScheduleNameSpaceDetailRequest(name="old"))).code == "NOT_FOUND"


async def test_what_holds_plans_or_runs_is_neither_deleted_nor_renamed(world: World) -> None:
    await add(world, "n")
    await world.add_plan(namespace="n")
    job = await world.run_plan(namespace="n")
    delete = pb.ScheduleNameSpaceDeleteRequest(name="n")
    rename = pb.ScheduleNameSpaceUpdateRequest(name="m", old_name="n")
    await world.ask("PlanOffline", pb.SchedulePlanOfflineRequest(id="p", namespace="n"))
    for _ in range(2):
        for call, request in (("NameSpaceDelete", delete), ("NameSpaceUpdate", rename)):
            refusal = await world.refusal(call, request)
            assert (refusal.code, refusal.engine_code) == ("FAILED_PRECONDITION", 1108)
        if world.state.plans:
            await world.ask("PlanDelete", pb.SchedulePlanDeleteRequest(id="p", namespace="n"))
    await world.finish(job.id)
    await settle()
    await world.ask("NameSpaceDelete", delete)
    assert world.state.namespace("n") is None


@pytest.mark.parametrize(
    ("fields", "found", "total", "pages"),
    [
        ({}, "b b2 bb c default", 5, 1),
        ({"name": "b"}, "b b2 bb", 3, 1),
        ({"name": "efa"}, "default", 1, 1),
        ({"name": "zz"}, "", 0, 0),
        ({"pageSize": 2}, "b b2", 5, 3),
        ({"pageSize": 2, "pageNumber": 3}, "default", 5, 3),
        ({"pageSize": 2, "pageNumber": 4}, "", 5, 3),
    ],
)
async def test_namespaces_are_listed_by_name(
    world: World, fields: dict[str, Any], found: str, total: int, pages: int
) -> None:
    for name in reversed(NAMES):
        await add(world, name)
    response = await world.ask("NameSpaceList", pb.ScheduleNameSpaceListRequest(**fields))
    assert [item.name for item in response.data] == found.split()
    assert (response.totalElements, response.totalPages) == (total, pages)


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"pageNumber": -1}, "pageNumber"), ({"pageSize": 1001}, "pageSize"), ({"name": "n" * 513}, "name")],
)
async def test_a_bad_list_is_refused_by_field(world: World, fields: dict[str, Any], field: str) -> None:
    refusal = await world.refusal("NameSpaceList", pb.ScheduleNameSpaceListRequest(**fields))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)
