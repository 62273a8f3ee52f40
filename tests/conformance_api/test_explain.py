"""PlanExplain and JobExplain, over both transports; each cause by itself is in tests/unit/explain."""

from typing import Any

from jobpool.kit.pure.durations import MINUTE
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.conformance_api.harness import Api

NAMED: dict[str, Any] = {"id": "p", "namespace": "default"}
MINUTELY: dict[str, Any] = {"periodic": pb.PeriodicConfig(spec="* * * * *", time_zone="Europe/Berlin")}


def codes(answer: Any) -> list[str]:
    return [finding.code for finding in answer.data]


async def test_a_plan_that_no_agent_can_run(api: Api) -> None:
    plan = await api.world.add_plan(**MINUTELY)
    answer = await api.ask("PlanExplain", **NAMED)
    assert (answer.verdict, codes(answer)) == ("held", ["no_executor", "due"])
    assert (answer.next_time, answer.time_zone, answer.last_job) == (plan.next_time, "Europe/Berlin", "")
    missing, due = answer.data
    assert (missing.blocks, missing.remedy, dict(missing.facts)) == (
        True,
        "start_agent",
        {"executor": "noop", "nodes": "0"},
    )
    assert missing.remedy_text == "start an agent with noop among its executors"
    assert not missing.HasField("until")
    assert (due.blocks, due.until, due.remedy) == (False, plan.next_time, "")
    await api.world.core.add_node()
    assert (await api.ask("PlanExplain", **NAMED)).verdict == "fires"


async def test_a_paused_plan(api: Api) -> None:
    await api.world.core.add_node()
    await api.world.add_plan(**MINUTELY)
    until = timestamp(api.world.clock.now() + 5 * MINUTE)
    await api.ask("PlanPause", **NAMED, by="ann", note="the warehouse moves", until=until)
    answer = await api.ask("PlanExplain", **NAMED)
    assert (answer.verdict, codes(answer), answer.HasField("next_time")) == ("off", ["paused"], False)
    [paused] = answer.data
    assert (paused.since, paused.until) == (timestamp(api.world.clock.now()), until)
    assert dict(paused.facts) == {"by": "ann", "note": "the warehouse moves"}
    assert paused.remedy == "plan_resume"


async def test_ticks_that_did_not_run_are_told_after_the_next_one_has(api: Api) -> None:
    await api.world.core.add_node()
    await api.world.add_plan(**MINUTELY)
    await api.ask("PlanPause", **NAMED)
    await api.world.clock.advance(2 * MINUTE)
    await api.ask("PlanResume", **NAMED)
    await api.world.clock.advance(MINUTE)
    answer = await api.ask("PlanExplain", **NAMED)
    assert codes(answer) == ["due", "ticks_paused", "last_job"]
    assert dict(answer.data[1].facts) == {"count": "2"}


async def test_the_last_job_of_a_plan_live_and_finished(api: Api) -> None:
    await api.world.core.add_node()
    await api.world.add_plan(overlap="skip")
    job = await api.world.run_plan()
    answer = await api.ask("PlanExplain", **NAMED)
    assert (answer.verdict, answer.last_job) == ("off", job.id)
    assert codes(answer) == ["no_schedule", "overlap", "last_job"]
    await api.world.finish(job.id)
    answer = await api.ask("PlanExplain", **NAMED)
    assert codes(answer) == ["no_schedule", "last_job"]
    assert dict(answer.data[1].facts)["status"] == "complete"
    await api.ask("JobDelete", id=job.id)
    assert codes(await api.ask("PlanExplain", **NAMED)) == ["no_schedule"], "history does not know it any more"


async def test_a_job_that_waits_is_sent_and_ends(api: Api) -> None:
    await api.world.add_plan(**MINUTELY)
    job = await api.world.run_plan(created_by="ann")
    answer = await api.ask("JobExplain", id=job.id)
    assert (answer.verdict, codes(answer), answer.job.id) == ("waiting", ["no_executor", "by_hand"], job.id)
    assert answer.data[1].text.startswith("ann started it by hand at 2025-10-09 10:53:20+02:00")
    await api.world.core.add_node()
    await settle()
    answer = await api.ask("JobExplain", id=job.id)
    assert (answer.verdict, codes(answer)) == ("starting", ["by_hand", "sent"])
    await api.world.finish(job.id, "failed")
    answer = await api.ask("JobExplain", id=job.id)
    assert (answer.verdict, codes(answer), answer.job.status) == ("ended", ["by_hand", "ended"], "failed")
    assert dict(answer.data[1].facts) == {"status": "failed", "reason": "reported"}


async def test_who_is_not_there_is_not_explained(api: Api) -> None:
    await api.world.add_plan()
    asked: list[tuple[str, dict[str, Any], str]] = [
        ("PlanExplain", {"id": "nobody", "namespace": "default"}, "id"),
        ("PlanExplain", {"id": "p", "namespace": "nowhere"}, "namespace"),
        ("JobExplain", {"id": "nobody"}, "id"),
    ]
    for rpc, fields, field in asked:
        refusal = await api.refused(rpc, **fields)
        assert (refusal.code, refusal.field) == ("NOT_FOUND", field)
    assert (await api.refused("JobExplain", id="a b")).code == "INVALID_ARGUMENT"
    assert (await api.refused("PlanExplain", id="p")).field == "namespace"
