"""Dry runs and whole definitions over both transports: the answer of a real change, with nothing stored."""

from typing import Any

from jobpool.wire import jobpool_pb2 as pb
from tests.conformance_api.harness import Api
from tests.conformance_api.test_plans import MINIMAL, MINUTELY, NAMED, add


async def test_a_dry_add_is_answered_as_a_plan_and_stores_nothing(api: Api) -> None:
    before = api.world.n
    shown = (await api.ask("PlanAdd", **MINIMAL, periodic=MINUTELY, dry_run=True)).data
    assert (shown.revision, shown.priority, shown.periodic.time_zone, api.world.n) == (0, 50, "UTC", before)
    assert (await api.refused("PlanDetail", **NAMED)).code == "NOT_FOUND"
    stored = await add(api, periodic=MINUTELY)
    for plan in (shown, stored):
        for field in ("revision", "create_time", "update_time"):
            plan.ClearField(field)
    assert shown == stored


async def test_a_dry_update_is_answered_as_the_plan_would_be(api: Api) -> None:
    stored = await add(api, description="old")
    whole: dict[str, Any] = {**MINIMAL, "priority": 60, "clear": ["*"]}
    shown = (await api.ask("PlanUpdate", **whole, dry_run=True)).data
    assert (shown.priority, shown.description, shown.revision) == (60, "", stored.revision)
    assert (await api.ask("PlanDetail", **NAMED)).data == stored
    updated = (await api.ask("PlanUpdate", **whole)).data
    assert (updated.priority, updated.description) == (60, "")


async def test_dry_runs_are_refused_as_real_ones(api: Api) -> None:
    bad = pb.PeriodicConfig(spec="0 0 30 2 *")
    assert (await api.refused("PlanAdd", **MINIMAL, periodic=bad, dry_run=True)).field == "periodic.spec"
    await add(api)
    assert (await api.refused("PlanUpdate", **NAMED, revision=1, dry_run=True)).code == "ABORTED"
