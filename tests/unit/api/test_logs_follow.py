"""Following output: the agent is asked to wait, attempt after attempt, until the job has ended."""

from contextlib import aclosing
from typing import Any

import pytest

from jobpool.model.errors import JobpoolError
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import PLAIN, SECOND, Agent, World, given, joined

pytestmark = pytest.mark.timeout(30)


class Following:
    def __init__(self, world: World, job_id: str, **fields: Any) -> None:
        self.said: list[pb.JobLogsResponse] = []
        request = pb.JobLogsRequest(id=job_id, **fields)
        self.task = world.spawn(self._hear(world.service.stream("JobLogsFollow", request, PLAIN)))

    async def _hear(self, stream: Any) -> None:
        async with aclosing(stream) as answers:
            async for answer in answers:
                self.said.append(answer)

    @property
    def failure(self) -> JobpoolError:
        error = self.task.exception()
        assert isinstance(error, JobpoolError)
        return error

    @property
    def output(self) -> list[tuple[int, bytes]]:
        return [(answer.attempt, answer.data) for answer in self.said if answer.data]


async def asked(agent: Agent) -> pb.ServerLogRequest:
    await settle()
    request: pb.ServerLogRequest = agent.stream.of("log")[-1]
    return request


async def answer(agent: Agent, data: bytes = b"", *, complete: bool = False, **fields: Any) -> pb.ServerLogRequest:
    """Answer the newest request as an agent with so much more would."""
    request = await asked(agent)
    end = request.offset + len(data)
    chunk = pb.AgentLogChunk(
        request_id=request.request_id, data=data, next_offset=end, size=end, complete=complete, **fields
    )
    agent.stream.say(log=chunk)
    await settle()
    return request


async def test_output_is_told_as_it_comes_and_the_stream_ends_with_the_job(world: World) -> None:
    agent, [item] = await given(world)
    following = Following(world, item.job_id)
    first = await answer(agent, b"one\n")
    assert (first.allocation_id, first.offset, first.wait_ms) == (item.allocation_id, 0, 15_000)
    second = await answer(agent, b"two\n")
    assert second.offset == 4
    await answer(agent, complete=True, truncated=True)
    assert following.output == [(1, b"one\n"), (1, b"two\n")]
    assert (following.said[-1].complete, following.said[-1].truncated) == (True, True)
    assert not following.task.done()
    await agent.finish(item)
    assert following.task.done()
    assert following.task.exception() is None
    assert len(agent.stream.of("log")) == 3


async def test_the_next_attempt_follows_the_one_before(world: World) -> None:
    agent, [item] = await given(world)
    following = Following(world, item.job_id, offset=2)
    request = await answer(agent, b"lost", complete=True)
    assert request.offset == 2
    await agent.finish(item, "lost")
    request = await answer(agent, b"again", complete=True)
    assert (request.allocation_id, request.offset) == (f"{item.job_id}-a2", 0)
    await agent.finish(agent.stream.assigned[-1])
    assert following.output == [(1, b"lost"), (2, b"again")]
    assert following.task.done()


async def test_a_job_that_waits_is_waited_for(world: World) -> None:
    await world.add_plan()
    job = await world.run_plan()
    following = Following(world, job.id)
    await world.clock.advance(31 * SECOND)
    assert [(said.attempt, said.data) for said in following.said] == [(1, b"")] * 3
    agent = await joined(world)
    await answer(agent, b"begun")
    assert following.output == [(1, b"begun")]


async def test_a_job_that_ends_unstarted_ends_the_stream(world: World) -> None:
    await world.add_plan()
    job = await world.run_plan()
    following = Following(world, job.id)
    await settle()
    await world.ask("JobCancel", pb.JobCancelRequest(id=job.id))
    await settle()
    assert following.task.done()
    assert following.task.exception() is None
    late = Following(world, job.id)
    await settle()
    assert (late.failure.code.name, late.failure.field) == ("NOT_FOUND", "id")


async def test_an_agent_that_does_not_wait_is_not_asked_without_rest(world: World) -> None:
    agent, [item] = await given(world)
    following = Following(world, item.job_id)
    for _ in range(3):
        await answer(agent)
        known = len(agent.stream.of("log"))
        await world.clock.advance(SECOND - 1)
        assert len(agent.stream.of("log")) == known
        await world.clock.advance(1)
        assert len(agent.stream.of("log")) == known + 1
    assert not following.output


async def test_output_that_went_with_its_agent_is_passed_over_for_the_next_attempt(world: World) -> None:
    agent, [item] = await given(world)
    await agent.finish(item, "lost")
    following = Following(world, item.job_id, attempt=1)
    await settle()
    request = agent.stream.of("log")[-1]
    assert request.allocation_id == item.allocation_id
    agent.stream.say(log=pb.AgentLogChunk(request_id=request.request_id, error="no longer known"))
    await answer(agent, b"second")
    assert following.output == [(2, b"second")]


async def test_a_run_that_its_agent_has_not_heard_of_yet_is_waited_for(world: World) -> None:
    agent, [item] = await given(world)
    following = Following(world, item.job_id)
    request = await asked(agent)
    agent.stream.say(log=pb.AgentLogChunk(request_id=request.request_id, error="the agent does not know this run"))
    await settle()
    assert len(agent.stream.of("log")) == 1
    await agent.finish(item, "running")
    assert len(agent.stream.of("log")) == 2
    await answer(agent, b"begun", complete=True)
    await agent.finish(item)
    assert following.output == [(1, b"begun")]
    assert following.task.exception() is None


async def test_output_that_cannot_be_had_ends_the_stream_with_the_reason(world: World) -> None:
    agent, [item] = await given(world)
    await agent.finish(item)
    following = Following(world, item.job_id)
    request = await asked(agent)
    agent.stream.say(log=pb.AgentLogChunk(request_id=request.request_id, error="no longer known"))
    await settle()
    assert following.failure.code.name == "NOT_FOUND"


async def test_an_agent_that_goes_away_breaks_the_stream_off(world: World) -> None:
    agent, [item] = await given(world)
    following = Following(world, item.job_id)
    await asked(agent)
    agent.stream.hang_up()
    await settle()
    assert following.failure.code.name == "UNAVAILABLE"


async def test_a_silent_agent_breaks_the_stream_off(world: World) -> None:
    agent, [item] = await given(world)
    following = Following(world, item.job_id)
    await asked(agent)
    await world.clock.advance(25 * SECOND - 1)
    assert not following.task.done()
    await world.clock.advance(1)
    assert following.failure.code.name == "UNAVAILABLE"


async def test_followers_leave_room_for_readers(world: World) -> None:
    agent, [item] = await given(world)
    following = [Following(world, item.job_id) for _ in range(49)]
    await settle()
    assert [request.wait_ms > 0 for request in agent.stream.of("log")] == [True] * 48 + [False]
    read = world.start("JobLogs", pb.JobLogsRequest(id=item.job_id))
    await answer(agent, b"x")
    assert (await read).data == b"x"
    assert not any(stream.task.done() for stream in following)


async def test_a_follower_too_many_hears_all_the_same_though_later(world: World) -> None:
    agent, [item] = await given(world)
    following = [Following(world, item.job_id) for _ in range(65)]
    await settle()
    known = len(agent.stream.of("log"))
    assert known == 64
    assert not following[-1].task.done()
    agent.stream.say(log=pb.AgentLogChunk(request_id=agent.stream.of("log")[48].request_id))
    await settle()
    await world.clock.advance(SECOND)
    request = await answer(agent, b"x")
    assert request.wait_ms == 0
    assert following[-1].output == [(1, b"x")]


async def test_a_stopping_server_ends_the_streams_wherever_they_wait(world: World) -> None:
    agent, [item] = await given(world)
    with_agent = Following(world, item.job_id)
    await world.add_plan("q", executor="rest", parameters='{"url":"http://127.0.0.1:1/"}')
    pending = Following(world, (await world.run_plan("q")).id)
    await answer(agent, b"x")
    world.streams.close()
    await settle()
    assert {stream.failure.code.name for stream in (with_agent, pending)} == {"UNAVAILABLE"}


@pytest.mark.parametrize(
    ("fields", "field"), [({"offset": -1}, "offset"), ({"limit": -1}, "limit"), ({"attempt": -1}, "attempt")]
)
async def test_what_cannot_be_followed_is_refused_by_field(world: World, fields: dict[str, Any], field: str) -> None:
    _, [item] = await given(world)
    following = Following(world, item.job_id, **fields)
    await settle()
    assert (following.failure.code.name, following.failure.field) == ("INVALID_ARGUMENT", field)


async def test_the_call_that_answers_once_refuses_to_follow(world: World) -> None:
    _, [item] = await given(world)
    refusal = await world.refusal("JobLogs", pb.JobLogsRequest(id=item.job_id, follow=True))
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "follow")


async def test_a_job_that_is_none_is_not_followed(world: World) -> None:
    following = Following(world, "none")
    await settle()
    assert (following.failure.code.name, following.failure.field) == ("NOT_FOUND", "id")
