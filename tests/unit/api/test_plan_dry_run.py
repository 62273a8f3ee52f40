"""Asking what a plan would be: the same checks and defaults as for real, nothing stored; and whole definitions."""

from typing import Any

import pytest

from jobpool.api.service import Call
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import NOW, World
from tests.unit.api.test_plan_requests import FULL, full, updating

NOT_COMPARED = ("revision", "create_time", "update_time", "next_time")
SWITCHES = ("name", "type", "status", "stop")


def definition(plan: pb.Plan) -> pb.Plan:
    compared = pb.Plan()
    compared.CopyFrom(plan)
    for field in NOT_COMPARED:
        compared.ClearField(field)
    return compared


def adding(**fields: Any) -> pb.SchedulePlanAddRequest:
    return pb.SchedulePlanAddRequest(id="p", namespace="default", **{"name": "P", "type": "service", **fields})


async def test_a_dry_add_answers_what_a_real_one_stores_and_stores_nothing(world: World) -> None:
    before, content = world.n, world.store.content()
    shown = (await world.ask("PlanAdd", adding(**FULL, dry_run=True))).data
    assert (world.n, world.store.content(), shown.revision) == (before, content, 0)
    stored = (await world.ask("PlanAdd", adding(**FULL))).data
    assert definition(shown) == definition(stored)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"periodic": pb.PeriodicConfig(spec="0 0 30 2 *")}, "periodic.spec"),
        ({"namespace": "nowhere"}, "namespace"),
        ({"executor": "rest"}, "parameters"),
        ({"idempotency_key": "k"}, "idempotency_key"),
    ],
)
async def test_a_dry_add_is_refused_as_a_real_one(world: World, fields: dict[str, Any], refused: str) -> None:
    request = pb.SchedulePlanAddRequest(
        **{"id": "p", "namespace": "default", "name": "P", "type": "service", "executor": "noop", **fields},
        dry_run=True,
    )
    assert (await world.refusal("PlanAdd", request)).field.startswith(refused)


async def test_a_key_beside_a_dry_add_is_refused(world: World) -> None:
    call = Call(transport="rest", metadata={"idempotency-key": "k"})
    refusal = await world.refusal("PlanAdd", adding(executor="noop", dry_run=True), call)
    assert refusal.field == "idempotency_key"


async def test_a_dry_add_of_what_is_there_is_refused(world: World) -> None:
    await full(world)
    assert (await world.refusal("PlanAdd", adding(**FULL, dry_run=True))).code == "ALREADY_EXISTS"


async def test_a_dry_update_answers_what_a_real_one_stores_and_stores_nothing(world: World) -> None:
    stored = await full(world)
    before, content = world.n, world.store.content()
    changes: dict[str, Any] = {"description": "other", "clear": ["timeout", "retry"]}
    shown = (await world.ask("PlanUpdate", updating(**changes, dry_run=True))).data
    assert (world.n, world.store.content(), shown.revision) == (before, content, stored.revision)
    updated = (await world.ask("PlanUpdate", updating(**changes))).data
    assert definition(shown) == definition(updated)


async def test_a_dry_update_is_refused_as_a_real_one(world: World) -> None:
    stored = await full(world)
    assert (await world.refusal("PlanUpdate", updating(dry_run=True, revision=1))).code == "ABORTED"
    bad = pb.PeriodicConfig(end_time=timestamp(NOW - 1))
    assert (await world.refusal("PlanUpdate", updating(dry_run=True, periodic=bad))).field == "periodic.end_time"
    assert stored.revision == (await world.ask("PlanUpdate", updating(dry_run=True))).data.revision


async def test_no_preview_of_a_dry_run(world: World) -> None:
    request = pb.PlanPreviewRequest(id="p", namespace="default", plan=adding(dry_run=True))
    assert (await world.refusal("PlanPreview", request)).field == "plan.dry_run"


# ---- a request that is the whole definition


async def test_all_that_a_whole_definition_leaves_out_has_its_default(world: World) -> None:
    await full(world)
    await world.ask("PlanUpdate", updating(labels={"team": "a"}, owner="b"))
    whole = updating(name="P", type="service", parameters='{"url": "http://a/"}', clear=["*"])
    updated = (await world.ask("PlanUpdate", whole)).data
    request = pb.SchedulePlanAddRequest(
        id="q", namespace="default", name="P", type="service", status="running", parameters='{"url": "http://a/"}'
    )
    fresh = (await world.ask("PlanAdd", request)).data
    fresh.id = "p"
    assert definition(updated) == definition(fresh)


PARTS: dict[str, Any] = {
    "periodic": pb.PeriodicConfig(spec="0 4 * * *"),
    "catch_up": pb.CatchUp(mode="none"),
    "retry": pb.Retry(attempts=1),
    "dst": pb.Dst(gap="skip"),
    "labels": {"b": "2"},
}


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_that_is_given_is_whole_too(world: World, part: str) -> None:
    await full(world)
    await world.ask("PlanUpdate", updating(labels={"a": "1"}))
    said = {"name": "P", "type": "service", "executor": "noop", part: PARTS[part]}
    updated = (await world.ask("PlanUpdate", updating(**said, clear=["*"]))).data
    request = pb.SchedulePlanAddRequest(id="q", namespace="default", status="running", **said)
    fresh = (await world.ask("PlanAdd", request)).data
    fresh.id = "p"
    assert definition(updated) == definition(fresh)


async def test_a_whole_definition_leaves_what_operators_switched(world: World) -> None:
    await full(world)
    named: dict[str, Any] = {"id": "p", "namespace": "default"}
    await world.ask("PlanPause", pb.PlanPauseRequest(**named, note="wait"))
    offline = (await world.ask("PlanOffline", pb.SchedulePlanOfflineRequest(**named))).data
    whole = updating(executor="noop", periodic=pb.PeriodicConfig(spec="0 5 * * *"), clear=["*"])
    updated = (await world.ask("PlanUpdate", whole)).data
    assert [getattr(updated, field) for field in SWITCHES] == [getattr(offline, field) for field in SWITCHES]
    assert (updated.periodic.enabled, updated.paused.note) == (False, "wait")


async def test_a_whole_schedule_needs_its_spec(world: World) -> None:
    await full(world)
    request = updating(executor="noop", periodic=pb.PeriodicConfig(time_zone="UTC"), clear=["*"])
    assert (await world.refusal("PlanUpdate", request)).field == "periodic.spec"


async def test_a_whole_definition_names_no_other_field_to_clear(world: World) -> None:
    await full(world)
    assert (await world.refusal("PlanUpdate", updating(clear=["*", "timeout"]))).field == "clear"
