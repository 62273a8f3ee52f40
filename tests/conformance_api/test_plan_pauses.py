"""PlanPause, PlanResume and the revision that a change expects, over both transports."""

from typing import Any

import pytest

from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.conformance_api.harness import Api

SECOND, MINUTE, DAY = 1000, 60_000, 86_400_000
NAMED: dict[str, Any] = {"id": "p", "namespace": "default"}
MINUTELY: dict[str, Any] = {"periodic": pb.PeriodicConfig(spec="* * * * *", time_zone="UTC")}


async def detail(api: Api) -> pb.Plan:
    found: pb.Plan = (await api.ask("PlanDetail", **NAMED)).data
    return found


async def runs(api: Api) -> list[int]:
    """When the plan's jobs were due, oldest first."""
    return sorted(job.scheduled_time.ToMilliseconds() for job in (await api.ask("JobList", plan_id="p")).data)


@pytest.mark.invariant("C-1")
async def test_a_paused_plan_fires_nothing_until_it_is_resumed(api: Api) -> None:
    await api.world.add_plan(**MINUTELY)
    now = api.world.clock.now()
    answer = await api.ask("PlanPause", **NAMED, by="ann", note="the warehouse moves")
    assert answer.data.paused == pb.Paused(by="ann", note="the warehouse moves", since=timestamp(now))
    assert (answer.data.status, answer.data.HasField("next_time")) == ("running", False)
    assert await detail(api) == answer.data
    await api.world.clock.advance(5 * MINUTE)
    assert await runs(api) == []
    resumed = (await api.ask("PlanResume", **NAMED)).data
    assert not resumed.HasField("paused")
    assert api.world.clock.now() < resumed.next_time.ToMilliseconds() <= api.world.clock.now() + MINUTE
    await api.world.clock.advance(MINUTE)
    assert await runs(api) == [resumed.next_time.ToMilliseconds()]


async def test_asked_to_catch_up_the_policy_decides(api: Api) -> None:
    await api.world.add_plan(**MINUTELY, catch_up=pb.CatchUp(mode="all", window="1h"))
    await api.ask("PlanPause", **NAMED)
    await api.world.clock.advance(5 * MINUTE)
    await api.ask("PlanResume", **NAMED, catch_up=True)
    await settle()
    assert len(await runs(api)) == 5


async def test_it_resumes_by_itself(api: Api) -> None:
    await api.world.add_plan(**MINUTELY)
    until = api.world.clock.now() + 5 * MINUTE
    answer = await api.ask("PlanPause", **NAMED, until=timestamp(until))
    assert answer.data.paused.until == timestamp(until)
    await api.world.clock.advance(5 * MINUTE - 1)
    assert (await detail(api)).HasField("paused")
    await api.world.clock.advance(MINUTE + 1)
    assert not (await detail(api)).HasField("paused")
    assert len(await runs(api)) == 1


async def test_paused_again_it_keeps_the_time_and_takes_the_words(api: Api) -> None:
    await api.world.add_plan(**MINUTELY)
    since = (await api.ask("PlanPause", **NAMED, by="ann", note="one")).data.paused.since
    await api.world.clock.advance(SECOND)
    again = (await api.ask("PlanPause", **NAMED, by="bob", note="two")).data
    assert again.paused == pb.Paused(by="bob", note="two", since=since)
    n = api.world.n
    assert (await api.ask("PlanPause", **NAMED, by="bob", note="two")).data == again
    assert api.world.n == n


async def test_who_says_no_name_is_known_by_the_address(api: Api) -> None:
    await api.world.add_plan(**MINUTELY)
    assert (await api.ask("PlanPause", **NAMED)).data.paused.by.startswith("127.0.0.1:")


async def test_resuming_what_is_not_paused_changes_nothing(api: Api) -> None:
    plan = await api.world.add_plan(**MINUTELY)
    assert (await api.ask("PlanResume", **NAMED)).data.revision == plan.revision


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"id": "nosuch"}, "NOT_FOUND", "id"),
        ({"namespace": "nosuch"}, "NOT_FOUND", "namespace"),
        ({"namespace": ""}, "INVALID_ARGUMENT", "namespace"),
        ({"until": pb.PlanPauseRequest().until}, "INVALID_ARGUMENT", "until"),
        ({"note": "n" * 513}, "INVALID_ARGUMENT", "note"),
        ({"by": "bell\x07"}, "INVALID_ARGUMENT", "by"),
    ],
)
async def test_a_bad_pause_is_refused_by_field(api: Api, fields: dict[str, Any], code: str, field: str) -> None:
    await api.world.add_plan(**MINUTELY)
    refusal = await api.refused("PlanPause", **{**NAMED, **fields})
    assert (refusal.code, refusal.field) == (code, field)


@pytest.mark.parametrize(
    ("rpc", "fields"),
    [
        ("PlanUpdate", {"description": "mine"}),
        ("PlanOffline", {}),
        ("PlanOnline", {}),
        ("PlanPause", {}),
        ("PlanResume", {}),
        ("PlanDelete", {}),
    ],
)
async def test_a_change_for_another_revision_is_refused(api: Api, rpc: str, fields: dict[str, Any]) -> None:
    seen = (await api.world.add_plan(**MINUTELY)).revision
    newest = (await api.ask("PlanUpdate", **NAMED, description="meanwhile")).data.revision
    refusal = await api.refused(rpc, **NAMED, **fields, revision=seen)
    assert (refusal.code, refusal.field) == ("ABORTED", "revision")
    assert f"wanted revision {seen}, found {newest}" in refusal.text


async def test_a_change_for_the_newest_revision_is_made(api: Api) -> None:
    revision = (await api.world.add_plan(**MINUTELY)).revision
    changes: list[tuple[str, dict[str, Any]]] = [
        ("PlanUpdate", {"description": "mine"}),
        ("PlanPause", {}),
        ("PlanResume", {}),
    ]
    for rpc, fields in changes:
        revision = (await api.ask(rpc, **NAMED, **fields, revision=revision)).data.revision
    for rpc in ("PlanOffline", "PlanOnline", "PlanOffline"):
        revision = (await api.ask(rpc, **NAMED, revision=revision)).data.revision
    await api.ask("PlanDelete", **NAMED, revision=revision)
    assert (await api.ask("PlanList")).totalElements == 0


async def test_a_change_right_after_the_pause_ran_out_waits_for_its_end(api: Api) -> None:
    """The leader's own timer has not come to it yet, and what was due since is decided first."""
    await api.world.add_plan(**MINUTELY, catch_up=pb.CatchUp(mode="all", window="1h"))
    await api.ask("PlanPause", **NAMED, until=timestamp(api.world.clock.now() + SECOND))
    api.world.clock.jump(5 * MINUTE)
    switched = (await api.ask("PlanOffline", **NAMED)).data
    assert (switched.status, switched.HasField("paused")) == ("dead", False)
    assert len(await runs(api)) == 5
