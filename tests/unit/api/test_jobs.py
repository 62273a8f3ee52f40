"""Jobs over the API: lists merged from live and finished runs, details, cancels and reports."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jobpool.history.process import HistoryProcess
from jobpool.history.source import segments_in
from jobpool.model.errors import Unavailable
from jobpool.server.feed import HistoryFeed
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import NOW, PLAIN, SECOND, World, given, ids


def listing(**fields: Any) -> pb.ScheduleJobListRequest:
    return pb.ScheduleJobListRequest(**fields)


def reporting(job_id: str, status: str, **fields: Any) -> pb.ScheduleJobStatusUpdateRequest:
    return pb.ScheduleJobStatusUpdateRequest(id=job_id, status=status, **fields)


# ---- lists


@pytest.mark.parametrize("size", [1, 2, 3, 5, 12, 13, 0])
async def test_every_run_is_on_exactly_one_page_newest_first(world: World, size: int) -> None:
    await world.add_plan()
    live, done = await world.make_jobs(live=5, finished=7)
    seen, number = [], 0
    while True:
        number += 1
        response = await world.ask("JobList", listing(pageNumber=number, pageSize=size))
        assert response.totalElements == 12
        assert response.totalPages == -(-12 // (size or 1000))
        if not response.data:
            break
        seen += ids(response.data)
    assert seen == sorted(live + done, reverse=True)
    assert number == -(-12 // (size or 1000)) + 1


async def test_runs_that_end_while_a_page_is_on_its_way_are_not_seen_twice_or_lost(world: World) -> None:
    """The live half is taken and history is asked in one step; what ends after that belongs to the next question."""
    await world.add_plan()
    live, done = await world.make_jobs(live=4, finished=3)
    world.history.hold()
    asked = [world.start("JobList", listing(pageNumber=number, pageSize=2)) for number in range(1, 5)]
    await settle()
    for job in live[::2]:
        await world.finish(job)
    world.history.release()
    answers: Any = await asyncio.gather(*asked)
    assert [job for answer in answers for job in ids(answer.data)] == sorted(live + done, reverse=True)
    assert {answer.totalElements for answer in answers} == {7}


@pytest.mark.parametrize("turns", range(14))
async def test_a_run_that_ends_at_any_moment_of_a_question_is_in_exactly_one_half(world: World, turns: int) -> None:
    await world.add_plan()
    live, done = await world.make_jobs(live=2, finished=1)
    questions: list[tuple[str, Any]] = [
        ("JobList", listing()),
        ("EvalList", pb.ScheduleEvalListRequest()),
        ("JobDetail", pb.ScheduleJobDetailRequest(id=live[0])),
        ("EvalDetail", pb.ScheduleEvalDetailRequest(id=f"{live[0]}-e1")),
        ("JobExist", pb.ScheduleJobExistRequest(id=live[0])),
    ]
    world.start("JobUpdate", reporting(live[0], "complete"))
    for _ in range(turns):
        await asyncio.sleep(0)
    asked = [world.start(*question) for question in questions]
    jobs, evaluations, detail, evaluation, exist = await asyncio.gather(*asked)
    assert ids(jobs.data) == sorted(live + done, reverse=True)
    assert [item.job_id for item in evaluations.data] == sorted(live + done, reverse=True)
    assert (detail.data.id, evaluation.data.job_id, exist.count) == (live[0], live[0], 1)


async def test_pages_of_the_real_read_model_agree_with_the_twin_while_runs_end(world: World, tmp_path: Path) -> None:
    history = HistoryProcess(tmp_path / "history.db", segments_in(world.store), clock=world.clock)
    feed = HistoryFeed(history, world.core.replica)
    await feed.forget_dropped(world.store)
    fence = world.state.fence
    history.stand_at(fence.incarnation, fence.n)
    twin = world.service
    world.spawn(history.run())
    await world.add_plan()
    live, done = await world.make_jobs(live=6, finished=9)
    world.use(history)
    for job in [*live[:4], ""]:
        for fields in (
            {},
            {"status": "complete"},
            {"status": "pending,failed"},
            {"id": live[0]},
            {"text": "P"},
            {"reason": "reported"},
        ):
            for number in range(1, 6):
                request = listing(pageNumber=number, pageSize=4, **fields)
                real = await world.ask("JobList", request)
                assert real == await twin.call("JobList", request, PLAIN)
        for name, other in (
            ("EvalList", pb.ScheduleEvalListRequest(pageSize=7, pageNumber=2)),
            ("AllocationList", pb.ScheduleAllocationListRequest(namespace="default")),
            ("JobExist", pb.ScheduleJobExistRequest(status="complete")),
        ):
            assert await world.ask(name, other) == await twin.call(name, other, PLAIN)
        if job:
            await world.finish(job)
    detail = await world.ask("JobDetail", pb.ScheduleJobDetailRequest(id=done[0]))
    assert detail == await twin.call("JobDetail", pb.ScheduleJobDetailRequest(id=done[0]), PLAIN)


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({}, 6),
        ({"namespace": "default"}, 4),
        ({"namespace": "defaul"}, 0),
        ({"namespace": "other"}, 2),
        ({"plan_id": "p"}, 3),
        ({"plan_id": "q"}, 1),
        ({"status": "pending"}, 3),
        ({"status": "complete"}, 2),
        ({"status": "complete,failed"}, 3),
        ({"status": " pending , failed "}, 4),
        ({"status": "cancelled"}, 0),
        ({"name": "p"}, 3),
        ({"name": "P"}, 0),
        ({"name": "q"}, 1),
        ({"start_time": timestamp(NOW + 2 * SECOND)}, 3),
        ({"end_time": timestamp(NOW + 2 * SECOND)}, 3),
        ({"start_time": timestamp(NOW + SECOND), "end_time": timestamp(NOW + 2 * SECOND)}, 1),
        ({"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, 0),
        ({"id": "' OR 1=1 --"}, 0),
        ({"namespace": "default", "plan_id": "p", "status": "failed"}, 1),
        ({"text": "P"}, 3),
        ({"text": "P", "status": "complete"}, 1),
        ({"text": "default"}, 0),
        ({"node_id": "elsewhere"}, 0),
        ({"reason": "reported"}, 1),
        ({"reason": "poison, reported", "plan_id": "p"}, 1),
        ({"trigger": "manual,rerun"}, 6),
        ({"trigger": "schedule"}, 0),
    ],
)
async def test_a_list_of_jobs_is_filtered_over_both_halves(world: World, fields: dict[str, Any], count: int) -> None:
    """Exact, status lists word by word, creation after (exclusive) and until (inclusive)."""
    await world.ask("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name="other"))
    for plan, namespace in (("p", "default"), ("q", "default"), ("r", "other")):
        await world.add_plan(plan, namespace=namespace)
    made = []
    for plan, namespace in [("p", "default")] * 3 + [("q", "default")] + [("r", "other")] * 2:
        made.append((await world.run_plan(plan, namespace=namespace)).id)
        await world.clock.advance(SECOND)
    await world.finish(made[0])
    await world.finish(made[1], "failed")
    await world.finish(made[4])
    response = await world.ask("JobList", listing(**fields))
    assert (len(response.data), response.totalElements) == (count, count)
    one = await world.ask("JobList", listing(id=made[0]))
    assert ids(one.data) == [made[0]]


@pytest.mark.parametrize("field", ["text", "node_id", "reason", "trigger"])
async def test_a_filter_of_lists_alone_is_refused_by_field(world: World, field: str) -> None:
    refusal = await world.refusal("JobList", listing(**{field: "n" * 513}))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pageNumber": -1}, "pageNumber"),
        ({"pageNumber": 2**31 - 1}, "pageNumber"),
        ({"pageSize": -(2**31)}, "pageSize"),
        ({"pageSize": 1001}, "pageSize"),
        ({"status": "done"}, "status"),
        ({"status": "pending,done"}, "status"),
        ({"namespace": "n" * 513}, "namespace"),
        ({"plan_id": "n" * 513}, "plan_id"),
        ({"name": "n" * 513}, "name"),
        ({"id": "n" * 513}, "id"),
    ],
)
@pytest.mark.parametrize("call", ["JobList", "JobExist"])
async def test_a_bad_list_is_refused_by_field(world: World, call: str, fields: dict[str, Any], field: str) -> None:
    kind = pb.ScheduleJobListRequest if call == "JobList" else pb.ScheduleJobExistRequest
    refusal = await world.refusal(call, kind(**fields))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)
    late = kind()
    late.start_time.seconds = 1 << 60
    assert (await world.refusal(call, late)).field == "start_time"
    late = kind()
    late.end_time.nanos = -1
    assert (await world.refusal(call, late)).field == "end_time"


async def test_exist_finds_part_of_a_name_and_stops_at_one(world: World) -> None:
    await world.add_plan(name="nightly backup")
    ask = pb.ScheduleJobExistRequest
    assert (await world.ask("JobExist", ask(name="backup"))).count == 0
    jobs = [(await world.run_plan()).id for _ in range(3)]
    assert (await world.ask("JobExist", ask(name="backup"))).count == 1
    assert (await world.ask("JobExist", ask(name="backups"))).count == 0
    assert (await world.ask("JobExist", ask(id=jobs[0], status="pending"))).count == 1
    await world.finish(jobs[0])
    assert (await world.ask("JobExist", ask(id=jobs[0], status="pending"))).count == 0
    assert (await world.ask("JobExist", ask(id=jobs[0], status="complete"))).count == 1


async def test_history_that_is_away_is_unavailable_and_live_runs_are_found(world: World) -> None:
    await world.add_plan()
    job = await world.run_plan()
    world.history.trouble = Unavailable("history is starting")
    assert (await world.refusal("JobList", listing())).code == "UNAVAILABLE"
    assert (await world.refusal("JobDetail", pb.ScheduleJobDetailRequest(id="other"))).code == "UNAVAILABLE"
    assert (await world.ask("JobDetail", pb.ScheduleJobDetailRequest(id=job.id))).data.id == job.id


async def test_history_that_is_silent_is_given_up(world: World) -> None:
    world.history.hold()
    asked = world.start("JobList", listing())
    await world.clock.advance(11 * SECOND)
    error: Any = asked.exception()
    assert error.code.name == "DEADLINE_EXCEEDED"


# ---- detail


async def test_a_finished_run_tells_how_it_went(world: World) -> None:
    agent, [item] = await given(world)
    await world.clock.advance(2 * SECOND)
    await agent.finish(
        item,
        "failed",
        reason="exit_nonzero",
        description="exit status 3",
        exit_code=3,
        result="out",
        started_at=NOW + SECOND,
        finished_at=NOW + 2 * SECOND,
    )
    job = (await world.ask("JobDetail", pb.ScheduleJobDetailRequest(id=item.job_id))).data
    assert (job.status, job.reason, job.info, job.exit_code, job.result) == (
        "failed",
        "exit_nonzero",
        "exit status 3",
        3,
        "out",
    )
    assert (job.started_at, job.finished_at) == (timestamp(NOW + SECOND), timestamp(NOW + 2 * SECOND))
    assert (job.attempt, job.node_id, job.fence, job.lateness_ms) == (1, "node-1", item.fence, SECOND)
    assert job.update_time == timestamp(NOW + 2 * SECOND)


@pytest.mark.parametrize("job_id", ["", "a/b", "x" * 129, "\x00", "..", "ü"])
async def test_an_id_that_is_none_is_refused(world: World, job_id: str) -> None:
    for call, request in (
        ("JobDetail", pb.ScheduleJobDetailRequest(id=job_id)),
        ("JobCancel", pb.JobCancelRequest(id=job_id)),
        ("JobUpdate", reporting(job_id, "complete")),
        ("JobLogs", pb.JobLogsRequest(id=job_id)),
    ):
        refusal = await world.refusal(call, request)
        assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "id")


async def test_a_job_that_is_not_there_is_not_found(world: World) -> None:
    for call, request in (
        ("JobDetail", pb.ScheduleJobDetailRequest(id="nobody")),
        ("JobCancel", pb.JobCancelRequest(id="nobody")),
        ("JobUpdate", reporting("nobody", "complete")),
        ("JobLogs", pb.JobLogsRequest(id="nobody")),
    ):
        refusal = await world.refusal(call, request)
        assert (refusal.code, refusal.field, refusal.engine_code) == ("NOT_FOUND", "id", 1101)


# ---- cancel


async def test_a_run_without_an_agent_is_cancelled_at_once(world: World) -> None:
    await world.add_plan()
    job = await world.run_plan()
    cancelled = (await world.ask("JobCancel", pb.JobCancelRequest(id=job.id, description="not today"))).data
    assert (cancelled.status, cancelled.reason, cancelled.info) == ("cancelled", "cancelled", "not today")
    assert world.state.slots_used("default") == 0
    again = await world.refusal("JobCancel", pb.JobCancelRequest(id=job.id))
    assert (again.code, again.field, again.engine_code) == ("FAILED_PRECONDITION", "id", 1107)


async def test_a_run_with_an_agent_is_asked_to_stop_and_twice_is_once(world: World) -> None:
    agent, [item] = await given(world)
    job = (await world.ask("JobCancel", pb.JobCancelRequest(id=item.job_id))).data
    assert (job.status, job.info) == ("pending", "cancelled on request")
    n = world.n
    await world.ask("JobCancel", pb.JobCancelRequest(id=item.job_id))
    assert world.n == n
    await agent.finish(item, "complete")  # it was done before the stop reached it: that stands
    assert (await world.ask("JobDetail", pb.ScheduleJobDetailRequest(id=item.job_id))).data.status == "complete"


@pytest.mark.parametrize("text", ["d" * 4097, "\x00", "a\x9b31m"])
async def test_a_bad_description_is_refused(world: World, text: str) -> None:
    await world.add_plan()
    job = await world.run_plan()
    for call, request in (
        ("JobCancel", pb.JobCancelRequest(id=job.id, description=text)),
        ("JobUpdate", reporting(job.id, "complete", description=text)),
    ):
        refusal = await world.refusal(call, request)
        assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "description")


# ---- reports from outside


@pytest.mark.parametrize(
    ("status", "reason", "info"),
    [
        ("complete", "", ""),
        ("failed", "reported", "words"),
        ("cancelled", "reported", "words"),
        ("expired", "reported", "words"),
    ],
)
async def test_a_reported_end_is_the_end(world: World, status: str, reason: str, info: str) -> None:
    await world.add_plan()
    job = await world.run_plan()
    reported = (await world.ask("JobUpdate", reporting(job.id, status, description="words", result="r ✓"))).data
    assert (reported.status, reported.reason, reported.info, reported.result) == (status, reason, info, "r ✓")
    stored = (await world.ask("JobDetail", pb.ScheduleJobDetailRequest(id=job.id))).data
    assert stored == reported  # the original answered what it had not stored
    assert world.state.slots_used("default") == 0


async def test_running_is_a_start_and_only_with_an_agent(world: World) -> None:
    await world.add_plan()
    waiting = await world.run_plan()
    job = (await world.ask("JobUpdate", reporting(waiting.id, "running"))).data
    assert job.status == "pending"
    await world.finish(waiting.id)
    _, [item] = await given_more(world)
    job = (await world.ask("JobUpdate", reporting(item.job_id, "running"))).data
    assert (job.status, job.started_at) == ("running", timestamp(world.clock.now()))


async def given_more(world: World) -> Any:
    agent = await world.agent().join()
    await world.run_plan()
    return agent, agent.stream.assigned


@pytest.mark.parametrize("status", ["", "pending", "skipped", "done", "COMPLETE", "complete,failed", "\x00"])
async def test_a_status_that_nobody_reports_is_refused(world: World, status: str) -> None:
    await world.add_plan()
    job = await world.run_plan()
    refusal = await world.refusal("JobUpdate", reporting(job.id, status))
    assert (refusal.code, refusal.field, refusal.engine_code) == ("INVALID_ARGUMENT", "status", 1002)
    assert "a job can be set to cancelled, complete, expired, failed, running; found" in refusal.text


async def test_a_result_too_long_is_refused(world: World) -> None:
    await world.add_plan()
    job = await world.run_plan()
    refusal = await world.refusal("JobUpdate", reporting(job.id, "complete", result="r" * 65_537))
    assert (refusal.code, refusal.field, refusal.engine_code) == ("INVALID_ARGUMENT", "result", 1003)


async def test_a_terminal_status_never_changes(world: World) -> None:
    """Complete → failed → running was all accepted by the original: flaw B19."""
    await world.add_plan()
    job = await world.run_plan()
    await world.finish(job.id)
    for forget in (False, True):
        if forget:  # long ago: only history knows it
            world.state._finished_ids.clear()
        for status in ("failed", "running"):
            refusal = await world.refusal("JobUpdate", reporting(job.id, status))
            assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "id")
    assert (await world.ask("JobDetail", pb.ScheduleJobDetailRequest(id=job.id))).data.status == "complete"
