"""What an update changes: fields that are given, fields that are cleared, and nothing else."""

from typing import Any

import pytest

from jobpool.api.plan_requests import add_patch, update_patch
from jobpool.model.errors import InvalidArgument
from jobpool.model.schedule import Overlap
from jobpool.store.commands import CatchUpPatch, PeriodicPatch, PlanPatch, RetryPatch
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import MINUTE, NOW, SECOND, World

FULL: dict[str, Any] = {
    "name": "P",
    "type": "service",
    "executor": "noop",
    "priority": 70,
    "synchronous": True,
    "status": "running",
    "description": "words",
    "parameters": '{"sleep": "1s"}',
    "periodic": pb.PeriodicConfig(
        spec="0 3 * * *",
        time_zone="Europe/Berlin",
        start_time=timestamp(NOW - MINUTE),
        end_time=timestamp(NOW + 30 * 24 * 60 * MINUTE),
        prohibit_overlap=True,
    ),
    "catch_up": pb.CatchUp(mode="all", window="2h", max_runs=7, rate_per_minute=3),
    "retry": pb.Retry(attempts=2, backoff="5s", max_backoff="1m", on=["timeout"]),
    "timeout": "90s",
    "delivery": "at-most-once",
    "dst": pb.Dst(gap="skip", overlap="both"),
    "match": "all",
    "strategy": "random",
}


async def full(world: World) -> pb.Plan:
    request = pb.SchedulePlanAddRequest(id="p", namespace="default", **FULL)
    plan: pb.Plan = (await world.ask("PlanAdd", request)).data
    return plan


def updating(**fields: Any) -> pb.SchedulePlanUpdateRequest:
    return pb.SchedulePlanUpdateRequest(id="p", namespace="default", **fields)


def changed(before: pb.Plan, after: pb.Plan) -> set[str]:
    """The fields that differ, but for those that every change moves."""
    names = {field.name for field in pb.Plan.DESCRIPTOR.fields} - {"revision", "update_time"}
    return {name for name in names if getattr(before, name) != getattr(after, name)}


# ---- patches alone


def test_an_empty_update_is_an_empty_patch() -> None:
    assert update_patch(updating()) == PlanPatch()
    assert update_patch(updating(periodic=pb.PeriodicConfig())) == PlanPatch()


def test_an_add_says_name_type_and_status_always() -> None:
    patch = add_patch(pb.SchedulePlanAddRequest(id="p"))
    assert patch == PlanPatch(name="", type="", status="pending")  # type: ignore[arg-type]
    assert add_patch(pb.SchedulePlanAddRequest(stop=True)).stop is True


@pytest.mark.parametrize(
    ("fields", "patch"),
    [
        ({"synchronous": False}, PlanPatch(synchronous=False)),
        ({"priority": 0}, PlanPatch(priority=0)),
        ({"timeout": "0"}, PlanPatch(timeout=None)),
        ({"strategy": ""}, PlanPatch(strategy="")),
        ({"periodic": pb.PeriodicConfig(enabled=False)}, PlanPatch(periodic=PeriodicPatch(enabled=False))),
        ({"periodic": pb.PeriodicConfig(time_zone="")}, PlanPatch(periodic=PeriodicPatch(time_zone=""))),
        (
            {"periodic": pb.PeriodicConfig(prohibit_overlap=False)},
            PlanPatch(periodic=PeriodicPatch(), overlap=Overlap.ALLOW),
        ),
        ({"overlap": "skip"}, PlanPatch(overlap=Overlap.SKIP)),
        (
            {"overlap": "skip", "periodic": pb.PeriodicConfig(prohibit_overlap=True)},
            PlanPatch(periodic=PeriodicPatch(), overlap=Overlap.SKIP),
        ),
        ({"catch_up": pb.CatchUp(rate_per_minute=0)}, PlanPatch(catch_up=CatchUpPatch(rate_per_minute=0))),
        ({"retry": pb.Retry(on=["timeout"] * 9)}, PlanPatch(retry=RetryPatch(on=("timeout",)))),
        ({"clear": ["description", "description"]}, PlanPatch(description="")),
        ({"clear": ["periodic"]}, PlanPatch(periodic=None)),
        (
            {"clear": ["periodic.end_time"], "periodic": pb.PeriodicConfig(spec="* * * * *")},
            PlanPatch(periodic=PeriodicPatch(spec="* * * * *", end_time=None)),
        ),
        (
            {"clear": ["periodic.end_time", "periodic.start_time"]},
            PlanPatch(periodic=PeriodicPatch(start_time=None, end_time=None)),
        ),
        (
            {"clear": ["retry.on"], "retry": pb.Retry(attempts=1)},
            PlanPatch(retry=RetryPatch(attempts=1, on=())),
        ),
    ],
)
def test_what_is_given_and_cleared_is_in_the_patch(fields: dict[str, Any], patch: PlanPatch) -> None:
    assert update_patch(updating(**fields)) == patch


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"clear": ["name"]}, "clear"),
        ({"clear": ["colour"]}, "clear"),
        ({"clear": [""]}, "clear"),
        ({"clear": ["x" * 10_000]}, "clear"),
        ({"clear": ["description"], "description": "new"}, "clear"),
        ({"clear": ["timeout"], "timeout": "5s"}, "clear"),
        ({"clear": ["periodic"], "periodic": pb.PeriodicConfig(spec="* * * * *")}, "clear"),
        ({"clear": ["periodic.time_zone"], "periodic": pb.PeriodicConfig(time_zone="UTC")}, "clear"),
        ({"clear": ["periodic", "periodic.end_time"]}, "clear"),
        ({"clear": ["overlap"], "periodic": pb.PeriodicConfig(prohibit_overlap=True)}, "clear"),
        ({"overlap": "allow", "periodic": pb.PeriodicConfig(prohibit_overlap=True)}, "overlap"),
        ({"overlap": "skip", "periodic": pb.PeriodicConfig(prohibit_overlap=False)}, "overlap"),
        ({"status": "started"}, "status"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        update_patch(updating(**fields))
    assert refused.value.field == field
    assert len(str(refused.value)) < 500


# ---- on a stored plan


@pytest.mark.parametrize(
    ("fields", "differs"),
    [
        ({"name": "Q"}, {"name"}),
        ({"description": "other"}, {"description"}),
        ({"priority": 10}, {"priority"}),
        ({"synchronous": False}, {"synchronous"}),
        ({"parameters": '{"sleep": "9s"}'}, {"parameters"}),
        ({"timeout": "5m"}, {"timeout"}),
        ({"delivery": "at-least-once"}, {"delivery"}),
        ({"overlap": "allow"}, {"overlap", "periodic"}),
        ({"periodic": pb.PeriodicConfig(prohibit_overlap=False)}, {"overlap", "periodic"}),
        ({"periodic": pb.PeriodicConfig(spec="0 4 * * *")}, {"periodic", "next_time"}),
        ({"periodic": pb.PeriodicConfig(enabled=False)}, {"periodic", "next_time"}),
        ({"catch_up": pb.CatchUp(max_runs=8)}, {"catch_up"}),
        ({"retry": pb.Retry(attempts=3)}, {"retry"}),
        ({"dst": pb.Dst(gap="run-after")}, {"dst"}),
        ({"match": "any"}, {"match"}),
        ({"strategy": "weighted-average"}, {"strategy"}),
        ({"status": "pending"}, {"status", "next_time"}),
        ({"status": "dead"}, {"status", "stop", "periodic", "next_time"}),
        ({"clear": ["description"]}, {"description"}),
        ({"clear": ["timeout"]}, {"timeout"}),
        ({"clear": ["priority"]}, {"priority"}),
        ({"clear": ["periodic"]}, {"periodic", "next_time"}),
        ({"clear": ["periodic.end_time"]}, {"periodic"}),
        ({"clear": ["catch_up", "retry", "dst", "match"]}, {"catch_up", "retry", "dst", "match"}),
    ],
)
async def test_an_update_changes_what_it_names_and_nothing_else(
    world: World, fields: dict[str, Any], differs: set[str]
) -> None:
    """The original lost `synchronous` and the periodic block by updates that did not mention them: flaw B14."""
    before = await full(world)
    await world.clock.advance(SECOND)
    after = (await world.ask("PlanUpdate", updating(**fields))).data
    assert changed(before, after) == differs
    assert after.revision == world.n > before.revision
    assert after.update_time == timestamp(NOW + SECOND)
    assert after.create_time == before.create_time
    detail = await world.ask("PlanDetail", pb.SchedulePlanDetailRequest(id="p", namespace="default"))
    assert detail.data == after


async def test_an_update_that_says_what_is_so_writes_nothing(world: World) -> None:
    before = await full(world)
    n = world.n
    again = (await world.ask("PlanUpdate", updating(**{**FULL, "status": "running"}))).data
    assert again == before
    assert world.n == n


async def test_cleared_fields_have_their_defaults_again(world: World) -> None:
    await full(world)
    clear = ["parameters", "timeout", "overlap", "delivery", "match", "priority", "catch_up", "retry", "dst"]
    plan = (await world.ask("PlanUpdate", updating(clear=[*clear, "periodic.start_time", "periodic.time_zone"]))).data
    assert (plan.parameters, plan.timeout, plan.overlap, plan.delivery) == ("", "1h", "allow", "at-least-once")
    assert (plan.match, plan.priority, plan.retry, plan.dst) == (
        "any",
        50,
        pb.Retry(attempts=0, backoff="10s", max_backoff="1h"),
        pb.Dst(gap="run-after", overlap="first"),
    )
    assert plan.catch_up == pb.CatchUp(mode="latest", max_runs=1000)
    assert plan.periodic.time_zone == "UTC"
    assert not plan.periodic.HasField("start_time")
    assert plan.periodic.HasField("end_time")


async def test_a_plan_without_a_schedule_gets_one(world: World) -> None:
    await world.add_plan()
    refusal = await world.refusal("PlanUpdate", updating(periodic=pb.PeriodicConfig(time_zone="UTC")))
    assert (refusal.field, refusal.engine_code) == ("periodic.spec", 1001)
    plan = (await world.ask("PlanUpdate", updating(periodic=pb.PeriodicConfig(spec="* * * * *")))).data
    assert (plan.periodic.spec, plan.periodic.enabled, plan.periodic.time_zone) == ("* * * * *", True, "UTC")
    assert plan.next_time == timestamp(NOW + MINUTE - NOW % MINUTE)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"periodic": pb.PeriodicConfig(spec="nonsense")}, "periodic.spec"),
        ({"periodic": pb.PeriodicConfig(spec="")}, "periodic.spec"),
        ({"periodic": pb.PeriodicConfig(time_zone="Mars")}, "periodic.time_zone"),
        ({"periodic": pb.PeriodicConfig(start_time=timestamp(NOW * 2))}, "periodic.end_time"),
        ({"clear": ["parameters"], "executor": "rest"}, "parameters"),
        ({"type": "_core"}, "type"),
        ({"priority": 1000}, "priority"),
        ({"name": "n" * 300}, "name"),
    ],
)
async def test_a_bad_update_is_refused_and_the_plan_stays(world: World, fields: dict[str, Any], field: str) -> None:
    before = await full(world)
    refusal = await world.refusal("PlanUpdate", updating(**fields))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)
    detail = await world.ask("PlanDetail", pb.SchedulePlanDetailRequest(id="p", namespace="default"))
    assert detail.data == before


async def test_a_change_of_a_plan_that_is_catching_up_waits_until_its_ticks_are_decided(world: World) -> None:
    """Hours of ticks are due when the change comes: each is decided by the old definition, none is lost."""
    periodic = pb.PeriodicConfig(spec="* * * * *")
    catch_up = pb.CatchUp(mode="all", window="5h")
    await world.add_plan(periodic=periodic, catch_up=catch_up, priority=1)
    world.clock.jump(4 * 60 * MINUTE)
    asked = world.start("PlanUpdate", updating(periodic=pb.PeriodicConfig(spec="0 0 1 1 *")))
    await world.clock.advance(SECOND)
    assert asked.done()
    due = sorted(run.scheduled_at for run in world.state.runs.values())
    first = NOW + MINUTE - NOW % MINUTE
    assert due == list(range(first, NOW + 4 * 60 * MINUTE + 1, MINUTE))
