"""Watching when nodes are heard: all at first, then what is new, together and seldom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from jobpool.api.node_watch import MOST_NAMED, PERIOD
from jobpool.api.sse import events_of
from jobpool.api.watch import BEAT
from jobpool.model.errors import InvalidArgument, Unavailable
from jobpool.peers.words import Seen
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import NOW, PLAIN, SECOND, World


class Watcher:
    """Takes every answer as it comes."""

    def __init__(self) -> None:
        self.answers: list[pb.NodeWatchResponse] = []
        self.failure: Exception | None = None

    @property
    def told(self) -> list[list[str]]:
        return [[seen.id for seen in answer.data] for answer in self.answers]


@asynccontextmanager
async def watching(world: World, *ids: str) -> AsyncIterator[Watcher]:
    watcher = Watcher()

    async def watch() -> None:
        async with aclosing(world.service.stream("NodeWatch", pb.NodeWatchRequest(id=ids), PLAIN)) as answers:
            try:
                async for answer in answers:
                    assert isinstance(answer, pb.NodeWatchResponse)
                    watcher.answers.append(answer)
            except Unavailable as failure:
                watcher.failure = failure

    task = asyncio.get_running_loop().create_task(watch())
    await settle()
    yield watcher
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_all_that_is_known_comes_first_then_what_is_new_at_most_once_a_period(world: World) -> None:
    one = await world.agent("a", resources=pb.NodeResources(millicpus=2)).join()
    await world.agent("b").join()
    async with watching(world) as watcher:
        assert [sorted(ids) for ids in watcher.told] == [["a", "b"]]
        seen = next(seen for seen in watcher.answers[0].data if seen.id == "a")
        at = timestamp(NOW)
        assert seen == pb.NodeSeen(id="a", heard_at=at, resources=pb.NodeResources(millicpus=2, told_at=at))
        for _ in range(50):
            one.stream.say(beat=pb.AgentBeat(resources=pb.NodeResources(millicpus=2, millicpus_used=1)))
            await settle()
        assert len(watcher.told) == 1
        await world.clock.advance(PERIOD)
        assert watcher.told[1:] == [["a"]]
        assert watcher.answers[1].data[0].resources.millicpus_used == 1
        await world.clock.advance(2 * PERIOD)
        assert len(watcher.told) == 2


async def test_who_has_nothing_to_tell_says_so_every_15_seconds(world: World) -> None:
    async with watching(world) as watcher:
        assert watcher.told == [[]]
        await world.clock.advance(BEAT + PERIOD)
        assert watcher.told == [[], []]


async def test_only_the_nodes_that_are_asked_for_are_told_of(world: World) -> None:
    agents = [await world.agent(node_id).join() for node_id in ("a", "b", "c")]
    async with watching(world, "c", "a") as watcher:
        assert [sorted(ids) for ids in watcher.told] == [["a", "c"]]
        for agent in agents:
            agent.stream.say(beat=pb.AgentBeat())
        await world.clock.advance(PERIOD)
        assert [sorted(ids) for ids in watcher.told[1:]] == [["a", "c"]]


async def test_what_other_servers_hear_is_told_too(world: World) -> None:
    await world.agent("a").join()
    async with watching(world) as watcher:
        await world.clock.advance(10 * SECOND)
        world.sessions.sightings.learn([Seen("a", SECOND)])
        await world.clock.advance(PERIOD)
        assert watcher.told == [["a"], ["a"]]


async def test_a_large_fleet_comes_in_pieces(world: World) -> None:
    for number in range(201):
        await world.agent(f"n{number}").join()
    async with watching(world) as watcher:
        assert [len(ids) for ids in watcher.told] == [200, 1]
        assert len({node_id for ids in watcher.told for node_id in ids}) == 201


async def test_it_ends_when_the_server_stops(world: World) -> None:
    async with watching(world) as watcher:
        world.streams.close()
        await world.clock.advance(PERIOD)
        assert isinstance(watcher.failure, Unavailable)
    assert len(world.streams) == 0


@pytest.mark.parametrize("ids", [["a/b"], [""], ["n"] * (MOST_NAMED + 1)])
async def test_ids_that_are_none_are_refused(world: World, ids: list[str]) -> None:
    with pytest.raises(InvalidArgument, match=r"^id: "):
        await anext(world.service.stream("NodeWatch", pb.NodeWatchRequest(id=ids), PLAIN))


def test_as_server_sent_events() -> None:
    answer = pb.NodeWatchResponse(data=[pb.NodeSeen(id="a", heard_at=timestamp(NOW))])
    assert events_of(answer) == (b'event: nodes\ndata: {"data":[{"id":"a","heard_at":"2025-10-09T08:53:20Z"}]}\n\n')
