"""Evaluations over the API: each says why it exists, and is found while its run lives and after."""

from typing import Any

import pytest

from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import NOW, SECOND, World, given, ids


def listing(**fields: Any) -> pb.ScheduleEvalListRequest:
    return pb.ScheduleEvalListRequest(**fields)


async def retried(world: World) -> str:
    """A run with two attempts, ended a second after its start."""
    agent = await world.agent().join()
    await world.add_plan(retry=pb.Retry(attempts=1, backoff="1s"))
    job = await world.run_plan()
    await agent.finish(agent.stream.assigned[0], "failed", reason="timeout", description="too slow")
    await world.clock.advance(2 * SECOND)
    await agent.finish(agent.stream.assigned[1], "complete")
    return job.id


async def test_an_evaluation_says_why_it_exists(world: World) -> None:
    job = await retried(world)
    first, second = [
        (await world.ask("EvalDetail", pb.ScheduleEvalDetailRequest(id=f"{job}-e{number}"))).data for number in (1, 2)
    ]
    assert first == pb.Evaluation(
        id=f"{job}-e1",
        namespace="default",
        priority=50,
        type="service",
        triggered_by="job-register",
        plan_id="p",
        job_id=job,
        status="complete",
        next_eval=f"{job}-e2",
        create_time=timestamp(NOW),
        update_time=timestamp(NOW),
    )
    assert (second.triggered_by, second.status, second.previous_eval) == ("alloc-failure", "complete", f"{job}-e1")
    assert second.not_before == timestamp(NOW + SECOND)
    assert second.next_eval == ""


@pytest.mark.invariant("A-3")
async def test_what_waits_shows_its_reason_and_until_when(world: World) -> None:
    agent, _ = await given(world)
    await world.ask(
        "PlanUpdate",
        pb.SchedulePlanUpdateRequest(id="p", namespace="default", retry=pb.Retry(attempts=1, backoff="1m")),
    )
    job = await world.run_plan()
    await agent.finish(agent.stream.assigned[1], "failed", description="no luck")
    waiting = (await world.ask("EvalDetail", pb.ScheduleEvalDetailRequest(id=f"{job.id}-e2"))).data
    assert (waiting.status, waiting.not_before) == ("pending", timestamp(NOW + 60 * SECOND))
    assert "no luck" in waiting.status_description
    shown = (await world.ask("JobDetail", pb.ScheduleJobDetailRequest(id=job.id))).data
    assert (shown.status, shown.reason) == ("pending", "retry_wait")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 0])
async def test_every_evaluation_is_on_exactly_one_page_newest_first(world: World, size: int) -> None:
    await retried(world)
    await world.make_jobs(live=2, finished=3)
    seen: list[pb.Evaluation] = []
    for number in range(1, 9):
        response = await world.ask("EvalList", listing(pageNumber=number, pageSize=size))
        assert (response.totalElements, response.totalPages) == (7, -(-7 // (size or 1000)))
        seen += response.data
    order = [(item.create_time.ToMilliseconds(), item.id) for item in seen]
    assert order == sorted(order, reverse=True)
    assert len(set(ids(seen))) == len(seen) == 7


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"namespace": "default"}, 4),
        ({"namespace": "defau"}, 0),
        ({"plan_id": "p"}, 4),
        ({"plan_id": "q"}, 0),
        ({"status": "complete"}, 2),
        ({"status": "blocked"}, 1),
        ({"start_time": timestamp(NOW)}, 2),
        ({"end_time": timestamp(NOW)}, 2),
        ({"id": "nobody-e1"}, 0),
    ],
)
async def test_a_list_of_evaluations_is_filtered_over_both_halves(
    world: World, fields: dict[str, Any], count: int
) -> None:
    job = await retried(world)
    await world.ask(
        "PlanUpdate",
        pb.SchedulePlanUpdateRequest(
            id="p", namespace="default", executor="rest", parameters='{"url": "http://example.org"}'
        ),
    )  # no node offers it: what comes now waits
    live, [done] = await world.make_jobs(live=1, finished=1)
    assert len((await world.ask("EvalList", listing(**fields))).data) == count
    assert ids((await world.ask("EvalList", listing(id=f"{job}-e2"))).data) == [f"{job}-e2"]
    assert ids((await world.ask("EvalList", listing(id=f"{live[0]}-e1"))).data) == [f"{live[0]}-e1"]
    assert ids((await world.ask("EvalList", listing(job_id=job))).data) == [f"{job}-e2", f"{job}-e1"]
    assert ids((await world.ask("EvalList", listing(status="blocked", job_id=live[0]))).data) == [f"{live[0]}-e1"]
    assert ids((await world.ask("EvalList", listing(status="canceled"))).data) == [f"{done}-e1"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pageNumber": -1}, "pageNumber"),
        ({"pageSize": 1001}, "pageSize"),
        ({"pageSize": -1}, "pageSize"),
        ({"status": "cancelled"}, "status"),
        ({"status": "pending,complete"}, "status"),
        ({"job_id": "j" * 513}, "job_id"),
        ({"id": "j" * 513}, "id"),
    ],
)
async def test_a_bad_list_is_refused_by_field(world: World, fields: dict[str, Any], field: str) -> None:
    refusal = await world.refusal("EvalList", listing(**fields))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)
    late = listing()
    late.end_time.seconds = -(1 << 60)
    assert (await world.refusal("EvalList", late)).field == "end_time"


@pytest.mark.parametrize("tail", ["e3", "e0", "e01", "a1", "e", "e-1", "e99999999999999999999", "x1"])
async def test_an_evaluation_that_is_not_there_is_not_found(world: World, tail: str) -> None:
    job = await retried(world)
    live = (await world.run_plan()).id
    for job_id in (job, live, "nobody"):
        refusal = await world.refusal("EvalDetail", pb.ScheduleEvalDetailRequest(id=f"{job_id}-{tail}"))
        assert (refusal.code, refusal.field, refusal.engine_code) == ("NOT_FOUND", "id", 1101)


@pytest.mark.parametrize("text", ["", "a/b", "\x00", "e" * 129])
async def test_an_id_that_is_none_is_refused(world: World, text: str) -> None:
    for call, request in (
        ("EvalDetail", pb.ScheduleEvalDetailRequest(id=text)),
        ("AllocationDetail", pb.ScheduleAllocationDetailRequest(id=text)),
    ):
        refusal = await world.refusal(call, request)
        assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "id")
