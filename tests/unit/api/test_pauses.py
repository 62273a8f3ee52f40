"""Pausing over the API: who and why, what is seen of it, what is refused."""

import pytest

from jobpool.api.service import Call
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import SECOND, World, joined


async def shown(world: World) -> pb.QueueDetail:
    found: pb.QueueDetail = (await world.ask("QueueDetail", pb.QueueDetailRequest(type="evaluation"))).data
    return found


@pytest.mark.invariant("L-5")
async def test_runs_wait_until_it_is_resumed(world: World) -> None:
    agent = await joined(world)
    await world.add_plan()
    since = timestamp(world.clock.now())
    answer = await world.ask("QueuePause", pb.QueuePauseRequest(by="ada", note="moving"))
    assert answer.data == pb.Pause(since=since, by="ada", note="moving")
    await world.run_plan()
    await world.clock.advance(SECOND)
    seen = await shown(world)
    assert (seen.total_ready, seen.pause) == (1, answer.data)
    assert not agent.stream.assigned
    await world.ask("QueueResume", pb.QueueResumeRequest())
    await settle()
    assert not (await shown(world)).HasField("pause")
    assert len(agent.stream.assigned) == 1


async def test_who_does_not_say_is_known_by_the_address(world: World) -> None:
    call = Call(transport="grpc", peer="10.0.0.7:4711")
    assert (await world.ask("QueuePause", pb.QueuePauseRequest(), call)).data.by == "10.0.0.7:4711"


async def test_twice_is_once(world: World) -> None:
    first = (await world.ask("QueuePause", pb.QueuePauseRequest(by="ada"))).data
    n = world.n
    await world.clock.advance(SECOND)
    assert (await world.ask("QueuePause", pb.QueuePauseRequest(by="ada"))).data == first
    assert world.n == n
    await world.ask("QueueResume", pb.QueueResumeRequest())
    n = world.n
    await world.ask("QueueResume", pb.QueueResumeRequest())
    assert world.n == n


@pytest.mark.parametrize(("field", "most"), [("by", 128), ("note", 512)])
async def test_words_that_are_too_long_or_garbled_are_refused(world: World, field: str, most: int) -> None:
    for text in ("x" * (most + 1), "\x1b[2J"):
        refusal = await world.refusal("QueuePause", pb.QueuePauseRequest(**{field: text}))
        assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)
    await world.ask("QueuePause", pb.QueuePauseRequest(**{field: "x" * most}))
