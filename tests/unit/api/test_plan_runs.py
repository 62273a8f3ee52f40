"""Running a plan by hand, safely repeated; and looking ahead at its ticks."""

import asyncio
from typing import Any

import pytest

from jobpool.api.service import Call
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import MINUTE, NOW, SECOND, World, world_of

HOUR = 60 * MINUTE


def running(**fields: Any) -> pb.PlanRunRequest:
    return pb.PlanRunRequest(**{"id": "p", "namespace": "default", **fields})


def previewing(**fields: Any) -> pb.PlanPreviewRequest:
    return pb.PlanPreviewRequest(**{"id": "p", "namespace": "default", **fields})


# ---- run


async def test_a_manual_run_is_a_job_of_the_plan(world: World) -> None:
    await world.add_plan(parameters='{"sleep": "1s"}', priority=60)
    job = (await world.ask("PlanRun", running(created_by="ann"))).data
    assert (job.plan_id, job.derived_plan_id, job.namespace) == ("p", f"p/manual-{job.id}", "default")
    assert (job.status, job.trigger, job.created_by, job.type) == ("pending", "manual", "ann", "auto")
    assert (job.parameters, job.executor, job.timeout, job.attempt) == ('{"sleep": "1s"}', "noop", 3_600_000, 0)
    assert (job.create_time, job.scheduled_time) == (timestamp(NOW), timestamp(NOW))
    assert not job.HasField("started_at")
    assert not job.HasField("finished_at")
    assert not job.HasField("exit_code")
    detail = await world.ask("JobDetail", pb.ScheduleJobDetailRequest(id=job.id))
    assert detail.data.id == job.id


async def test_parameters_replace_the_plans_for_this_run_only(world: World) -> None:
    await world.add_plan(parameters='{"sleep": "1s"}')
    job = (await world.ask("PlanRun", running(parameters='{"sleep": "2s"}'))).data
    assert job.parameters == '{"sleep": "2s"}'
    empty = (await world.ask("PlanRun", running(parameters=""))).data
    assert empty.parameters == ""
    assert (await world.ask("PlanRun", running())).data.parameters == '{"sleep": "1s"}'


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"parameters": "{"}, "INVALID_ARGUMENT", "parameters"),
        ({"parameters": '{"what": 1}'}, "INVALID_ARGUMENT", "parameters.what"),
        ({"parameters": "{" + " " * 70_000 + "}"}, "INVALID_ARGUMENT", "parameters"),
        ({"overlap": "never"}, "INVALID_ARGUMENT", "overlap"),
        ({"overlap": "skip"}, "INVALID_ARGUMENT", "overlap"),
        ({"idempotency_key": "k" * 256}, "INVALID_ARGUMENT", "idempotency_key"),
        ({"created_by": "x" * 257}, "INVALID_ARGUMENT", "created_by"),
        ({"created_by": "\x1b]0;"}, "INVALID_ARGUMENT", "created_by"),
    ],
)
async def test_a_bad_run_is_refused_by_field(world: World, fields: dict[str, Any], code: str, field: str) -> None:
    await world.add_plan()
    refusal = await world.refusal("PlanRun", running(**fields))
    assert (refusal.code, refusal.field) == (code, field)
    assert world.state.runs == {}


@pytest.mark.invariant("C-8")
async def test_two_runs_in_a_second_are_two_and_the_schedule_does_not_move(world: World) -> None:
    await world.add_plan(periodic=pb.PeriodicConfig(spec="0 * * * *"))
    before = world.state.cursor("default", "p")
    one, other = [(await world.ask("PlanRun", running())).data.id for _ in range(2)]
    assert one != other
    after = world.state.cursor("default", "p")
    assert before is not None
    assert after is not None
    assert after.next_due == before.next_due


async def test_overlap_skip_refuses_a_second_run_unless_told_otherwise(world: World) -> None:
    await world.add_plan(overlap="skip")
    first = (await world.ask("PlanRun", running())).data.id
    refusal = await world.refusal("PlanRun", running())
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "overlap")
    assert first in refusal.text
    await world.ask("PlanRun", running(overlap="allow"))
    assert len(world.state.runs) == 2


async def test_without_a_free_slot_a_run_is_refused_or_waits() -> None:
    async with world_of(slots=1) as world:
        await world.add_plan()
        await world.ask("PlanRun", running())
        refusal = await world.refusal("PlanRun", running())
        assert refusal.code == "RESOURCE_EXHAUSTED"
        assert refusal.error.retry_after >= 1
        await world.ask("NameSpaceUpdate", pb.ScheduleNameSpaceUpdateRequest(name="default", when_full="wait"))
        job = (await world.ask("PlanRun", running())).data
        assert (job.status, job.reason) == ("pending", "no_slot")


# ---- idempotency


@pytest.mark.invariant("A-2")
async def test_fifty_at_once_with_one_key_are_one_run(world: World) -> None:
    await world.add_plan()
    asked = [world.start("PlanRun", running(idempotency_key="k")) for _ in range(50)]
    jobs = {answer.data.id for answer in await asyncio.gather(*asked)}
    assert len(jobs) == 1
    assert set(world.state.runs) == jobs


@pytest.mark.parametrize("transport", ["grpc", "rest"])
async def test_the_key_beside_the_request_counts_too_and_the_requests_own_first(world: World, transport: str) -> None:
    await world.add_plan()
    beside = Call(transport=transport, metadata={"idempotency-key": "k"})
    one = (await world.ask("PlanRun", running(), beside)).data.id
    assert (await world.ask("PlanRun", running(), beside)).data.id == one
    assert (await world.ask("PlanRun", running(idempotency_key="k"))).data.id == one
    assert (await world.ask("PlanRun", running(idempotency_key="other"), beside)).data.id != one
    too_long = Call(transport=transport, metadata={"idempotency-key": "k" * 256})
    assert (await world.refusal("PlanRun", running(), too_long)).field == "idempotency_key"


@pytest.mark.parametrize("fields", [{"parameters": '{"sleep": "2s"}'}, {"overlap": "allow"}, {"created_by": "ann"}])
async def test_another_request_with_a_known_key_is_refused(world: World, fields: dict[str, Any]) -> None:
    await world.add_plan()
    await world.ask("PlanRun", running(idempotency_key="k"))
    refusal = await world.refusal("PlanRun", running(idempotency_key="k", **fields))
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "idempotency_key")
    assert len(world.state.runs) == 1


async def test_a_key_belongs_to_one_plan_and_is_forgotten_after_a_day(world: World) -> None:
    await world.add_plan()
    await world.add_plan("q")
    one = (await world.ask("PlanRun", running(idempotency_key="\x00ключ"))).data.id
    assert (await world.ask("PlanRun", running(id="q", idempotency_key="\x00ключ"))).data.id != one
    world.clock.jump(24 * HOUR - 1)
    assert (await world.ask("PlanRun", running(idempotency_key="\x00ключ"))).data.id == one
    world.clock.jump(1)
    assert (await world.ask("PlanRun", running(idempotency_key="\x00ключ"))).data.id != one


async def test_a_repeated_run_is_found_again_wherever_it_went(world: World) -> None:
    await world.add_plan(overlap="skip")
    job = (await world.ask("PlanRun", running(idempotency_key="k"))).data.id
    await world.finish(job)
    again = (await world.ask("PlanRun", running(idempotency_key="k"))).data
    assert (again.id, again.status) == (job, "complete")
    world.history.runs.clear()  # retention
    gone = (await world.ask("PlanRun", running(idempotency_key="k"))).data
    assert (gone.id, gone.plan_id, gone.namespace, gone.status) == (job, "p", "default", "")
    assert world.state.runs == {}


async def test_a_run_whose_commit_is_unknown_happens_once(world: World) -> None:
    await world.add_plan()
    world.store.fail_next_commit("landed-but-unknown")
    asked = world.start("PlanRun", running(idempotency_key="k"))
    await world.clock.advance(SECOND)
    job = (await asked).data.id
    assert set(world.state.runs) == {job}


async def test_a_caller_whose_time_is_over_starts_nothing(world: World) -> None:
    await world.add_plan()
    refusal = await world.refusal("PlanRun", running(), Call(transport="grpc", timeout=0))
    assert refusal.code == "DEADLINE_EXCEEDED"


# ---- preview


async def test_preview_lists_the_next_ticks(world: World) -> None:
    await world.add_plan(periodic=pb.PeriodicConfig(spec="30 3 * * *", time_zone="Asia/Tokyo"))
    response = await world.ask("PlanPreview", previewing(n=2, after=timestamp(NOW)))
    assert [(tick.local, tick.time_zone, tick.dst) for tick in response.data] == [
        ("2025-10-10T03:30:00+09:00", "Asia/Tokyo", ""),
        ("2025-10-11T03:30:00+09:00", "Asia/Tokyo", ""),
    ]
    assert response.data[0].time.ToJsonString() == "2025-10-09T18:30:00Z"
    assert len((await world.ask("PlanPreview", previewing())).data) == 10
    assert len((await world.ask("PlanPreview", previewing(n=1000))).data) == 1000


@pytest.mark.invariant("C-7")
async def test_preview_marks_what_a_change_of_the_clock_touches(world: World) -> None:
    await world.add_plan(
        periodic=pb.PeriodicConfig(spec="30 2 * * *", time_zone="Europe/Berlin"), dst=pb.Dst(overlap="both")
    )
    autumn = pb.PlanPreviewRequest(id="p", namespace="default", n=4)
    autumn.after.FromJsonString("2025-10-25T12:00:00Z")
    ticks = (await world.ask("PlanPreview", autumn)).data
    assert [(tick.local, tick.dst) for tick in ticks] == [
        ("2025-10-26T02:30:00+02:00", "overlap"),
        ("2025-10-26T02:30:00+01:00", "overlap"),
        ("2025-10-27T02:30:00+01:00", ""),
        ("2025-10-28T02:30:00+01:00", ""),
    ]
    spring = pb.PlanPreviewRequest(id="p", namespace="default", n=2)
    spring.after.FromJsonString("2026-03-28T12:00:00Z")
    ticks = (await world.ask("PlanPreview", spring)).data
    assert [(tick.local, tick.dst) for tick in ticks] == [
        ("2026-03-29T03:00:00+02:00", "gap"),
        ("2026-03-30T02:30:00+02:00", ""),
    ]


async def test_preview_stays_within_start_and_end_and_shows_plans_that_are_off(world: World) -> None:
    await world.add_plan(
        status="dead",
        periodic=pb.PeriodicConfig(
            spec="0 * * * *", start_time=timestamp(NOW + 48 * HOUR), end_time=timestamp(NOW + 51 * HOUR)
        ),
    )
    times = [tick.time.ToMilliseconds() for tick in (await world.ask("PlanPreview", previewing(n=100))).data]
    assert times == [at for at in times if NOW + 48 * HOUR <= at <= NOW + 51 * HOUR]
    assert len(times) == 3


@pytest.mark.parametrize("n", [-1, 1001, 2**31 - 1])
async def test_preview_of_too_much_is_refused(world: World, n: int) -> None:
    await world.add_plan(periodic=pb.PeriodicConfig(spec="0 * * * *"))
    assert (await world.refusal("PlanPreview", previewing(n=n))).field == "n"


async def test_preview_of_extreme_times_answers(world: World) -> None:
    await world.add_plan(periodic=pb.PeriodicConfig(spec="0 * * * *", time_zone="Europe/Berlin"))
    early = (await world.ask("PlanPreview", previewing(after=timestamp(-62_135_596_800_000), n=1))).data
    assert early[0].time.ToMilliseconds() == 0
    assert not (await world.ask("PlanPreview", previewing(after=timestamp(253_402_300_799_999)))).data
    beyond = previewing()
    beyond.after.seconds = 1 << 61
    assert (await world.refusal("PlanPreview", beyond)).field == "after"


async def test_preview_needs_a_schedule(world: World) -> None:
    await world.add_plan()
    refusal = await world.refusal("PlanPreview", previewing())
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "id")


async def test_a_long_preview_lets_others_run(world: World) -> None:
    await world.add_plan(periodic=pb.PeriodicConfig(spec="0 0 29 2 *"))
    asked = world.start("PlanPreview", previewing(n=1000))
    turns = 0
    while not asked.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 40


async def test_too_many_waiting_writes_are_turned_away_and_reads_are_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.add_plan()
    monkeypatch.setattr("jobpool.api.context.MAX_WAITING_WRITES", 3)
    world.store.hold_commits()
    waiting = [world.start("PlanRun", running()) for _ in range(4)]
    await settle()
    refusal = await world.refusal("PlanRun", running())
    assert (refusal.code, refusal.error.retry_after) == ("RESOURCE_EXHAUSTED", 1)
    assert len((await world.ask("PlanList", pb.SchedulePlanListRequest())).data) == 1
    world.store.release_commits()
    await asyncio.gather(*waiting)
    await world.ask("PlanRun", running())
