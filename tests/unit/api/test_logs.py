"""The output of runs over the API: asked of the agent that has it, by offset, with a deadline."""

import asyncio
from typing import Any

import pytest

from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import SECOND, Agent, World, given


async def asked(world: World, agent: Agent, **fields: Any) -> tuple[Any, pb.ServerLogRequest]:
    """A call that waits, and what the agent was asked."""
    known = len(agent.stream.of("log"))
    task = world.start("JobLogs", pb.JobLogsRequest(**fields))
    await settle()
    assert len(agent.stream.of("log")) == known + 1
    return task, agent.stream.of("log")[-1]


async def test_a_piece_of_output_is_read_from_the_agent(world: World) -> None:
    agent, [item] = await given(world)
    task, request = await asked(world, agent, id=item.job_id, offset=10, limit=5)
    assert (request.allocation_id, request.offset, request.limit) == (item.allocation_id, 10, 5)
    chunk = pb.AgentLogChunk(request_id=request.request_id, data=b"\xffdata", next_offset=15, size=99, truncated=True)
    agent.stream.say(log=chunk)
    response: pb.JobLogsResponse = await task
    assert response == pb.JobLogsResponse(
        header=world.context.header(), data=b"\xffdata", next_offset=15, size=99, truncated=True, attempt=1
    )


async def test_defaults_are_the_newest_attempt_from_its_start(world: World) -> None:
    agent, [item] = await given(world)
    await agent.finish(item, "lost")
    _, newest = await asked(world, agent, id=item.job_id)
    assert (newest.allocation_id, newest.offset, newest.limit) == (f"{item.job_id}-a2", 0, 64 * 1024)
    _, first = await asked(world, agent, id=item.job_id, attempt=1)
    assert first.allocation_id == item.allocation_id


async def test_output_of_a_finished_run_is_read_too(world: World) -> None:
    agent, [item] = await given(world)
    await agent.finish(item)
    task, request = await asked(world, agent, id=item.job_id)
    agent.stream.say(log=pb.AgentLogChunk(request_id=request.request_id, complete=True))
    assert (await task).complete


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"offset": -1}, "offset"),
        ({"limit": -1}, "limit"),
        ({"limit": 256 * 1024 + 1}, "limit"),
        ({"attempt": 2}, "attempt"),
        ({"attempt": -1}, "attempt"),
    ],
)
async def test_a_bad_request_for_output_is_refused_by_field(world: World, fields: dict[str, Any], field: str) -> None:
    agent, [item] = await given(world)
    refusal = await world.refusal("JobLogs", pb.JobLogsRequest(id=item.job_id, **fields))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)
    assert agent.stream.of("log") == []


async def test_a_run_that_was_not_started_has_no_output(world: World) -> None:
    await world.add_plan()
    job = await world.run_plan()
    refusal = await world.refusal("JobLogs", pb.JobLogsRequest(id=job.id))
    assert (refusal.code, refusal.field) == ("NOT_FOUND", "id")
    assert f"job {job.id} has no output: it was not started" in refusal.text


async def test_a_run_that_its_agent_has_not_heard_of_yet_has_no_output_so_far(world: World) -> None:
    agent, [item] = await given(world)
    task, request = await asked(world, agent, id=item.job_id)
    agent.stream.say(log=pb.AgentLogChunk(request_id=request.request_id, error="the agent does not know this run"))
    response: pb.JobLogsResponse = await task
    assert response == pb.JobLogsResponse(header=world.context.header(), attempt=1)


async def test_an_agent_without_the_output_says_why(world: World) -> None:
    agent, [item] = await given(world)
    await agent.finish(item)
    task, request = await asked(world, agent, id=item.job_id)
    agent.stream.say(log=pb.AgentLogChunk(request_id=request.request_id, error="the agent does not know this run"))
    await settle()
    error = task.exception()
    assert (error.code.name, error.field) == ("NOT_FOUND", "id")
    assert str(error) == "id: no output from node node-1: the agent does not know this run"


async def test_an_agent_that_is_away_or_leaves_is_unavailable(world: World) -> None:
    agent, [item] = await given(world)
    task, _ = await asked(world, agent, id=item.job_id)
    agent.stream.hang_up()
    await settle()
    assert task.exception().code.name == "UNAVAILABLE"
    refusal = await world.refusal("JobLogs", pb.JobLogsRequest(id=item.job_id))
    assert refusal.code == "UNAVAILABLE"
    assert "node-1" in refusal.text


async def test_an_agent_that_does_not_answer_is_given_up_and_its_late_word_ignored(world: World) -> None:
    agent, [item] = await given(world)
    task, request = await asked(world, agent, id=item.job_id)
    await world.clock.advance(9_999)
    assert not task.done()
    await world.clock.advance(1)
    assert task.exception().code.name == "UNAVAILABLE"
    agent.stream.say(log=pb.AgentLogChunk(request_id=request.request_id, data=b"late"))
    agent.stream.say(log=pb.AgentLogChunk(request_id=777, error="never asked"))
    await settle()
    assert not agent.ended


async def test_questions_to_a_silent_agent_do_not_pile_up(world: World) -> None:
    agent, [item] = await given(world)
    agent.stream.block()
    tasks = [world.start("JobLogs", pb.JobLogsRequest(id=item.job_id))]
    await settle()
    tasks += [world.start("JobLogs", pb.JobLogsRequest(id=item.job_id)) for _ in range(63)]
    await settle()
    refusal = await world.refusal("JobLogs", pb.JobLogsRequest(id=item.job_id))
    assert refusal.code == "RESOURCE_EXHAUSTED"
    await world.clock.advance(10 * SECOND)
    failures = await asyncio.gather(*tasks, return_exceptions=True)
    assert {failure.code.name for failure in failures} == {"UNAVAILABLE"}  # type: ignore[union-attr]
    agent.stream.unblock()
    await settle()
    assert len(agent.stream.of("log")) == 1  # the first was on its way; nobody waits for the others any more


async def test_answers_find_their_questions(world: World) -> None:
    agent, items = await given(world, 3)
    waiting = [await asked(world, agent, id=item.job_id) for item in items]
    for number, (_, request) in reversed(list(enumerate(waiting))):
        agent.stream.say(log=pb.AgentLogChunk(request_id=request.request_id, next_offset=number))
    await settle()
    assert [(await task).next_offset for task, _ in waiting] == [0, 1, 2]
