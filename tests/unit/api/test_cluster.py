"""The cluster as a whole: put together from what its servers say, once for all who look, and streamed as it changes."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from jobpool.api.cluster import Cluster
from jobpool.api.cluster_samples import PERIOD
from jobpool.api.operations import Operations, ServerSeen
from jobpool.model.errors import JobpoolError, Unavailable
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import millis_of, timestamp
from tests.unit.api.nouns import NOW, PLAIN, SECOND, World
from tests.unit.api.test_operations import Etcd, Seen

pytestmark = pytest.mark.timeout(30)
IDS = ("11", "22", "33")


class OwnPulse:
    """What the asked server knows by itself."""

    def __init__(self) -> None:
        self.led_since: int | None = None
        self.told: list[pb.ClusterSample] = []
        self.happened: list[pb.ClusterEvent] = []
        self.next = asyncio.Event()

    def samples(self, since: int) -> Sequence[pb.ClusterSample]:
        return [one for one in self.told if millis_of("time", one.time) > since]

    def events(self, since: int) -> Sequence[pb.ClusterEvent]:
        return [one for one in self.happened if millis_of("time", one.time) > since]

    def recent(self) -> tuple[pb.ClusterLatency, pb.ClusterLatency]:
        return pb.ClusterLatency(count=1), pb.ClusterLatency(count=2)

    def stir(self) -> asyncio.Event:
        return self.next

    def happen(self, event_id: str, at: int) -> None:
        self.happened.append(event(event_id, at))
        stirred, self.next = self.next, asyncio.Event()
        stirred.set()


class Others:
    """The other servers, which answer what they were told to, or do not."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, pb.ClusterDetailRequest]] = []
        self.answers: dict[str, pb.ClusterDetailResponse | JobpoolError] = {}
        self.held: asyncio.Event | None = None

    async def ask(self, server_id: str, request: pb.ClusterDetailRequest) -> pb.ClusterDetailResponse:
        self.asked.append((server_id, request))
        if self.held is not None:
            await self.held.wait()
        answer = self.answers[server_id]
        if isinstance(answer, JobpoolError):
            raise answer
        return answer


class Three(Seen):
    """All three are heard."""

    def servers(self) -> Sequence[ServerSeen]:
        return sorted((replace(seen, heard=9) for seen in super().servers()), key=lambda seen: seen.record.id)


def event(event_id: str, at: int, count: int = 1) -> pb.ClusterEvent:
    return pb.ClusterEvent(id=event_id, time=timestamp(at), kind="leader", level="info", count=count)


def sample(at: int, **fields: Any) -> pb.ClusterSample:
    return pb.ClusterSample(time=timestamp(at), **fields)


def answer(server_id: str, *, leads: bool = False, **fields: Any) -> pb.ClusterDetailResponse:
    status = pb.ServerStatusResponse(id=server_id, is_leader=leads, n=7)
    return pb.ClusterDetailResponse(servers=[pb.ClusterServer(status=status)], **fields)


class Site:
    """The second of three servers; the first leads."""

    def __init__(self, world: World) -> None:
        self.world, self.clock = world, world.clock
        self.pulse, self.others, self.etcd = OwnPulse(), Others(), Etcd()
        self.others.answers = {
            "11": answer(
                "11",
                leads=True,
                leader_id="11",
                leader_name="server1",
                term=5,
                led_since=timestamp(NOW - 60 * SECOND),
                queues=pb.QueueDetail(total_ready=3),
                commands=4,
                commit=pb.ClusterLatency(count=70),
            ),
            "33": answer("33"),
        }
        seen = Three()
        operations = Operations(world.context, self.etcd, seen)
        self.cluster = Cluster(
            world.context, operations, seen, pulse=self.pulse, peers=self.others, streams=world.streams
        )

    async def detail(self, **fields: Any) -> pb.ClusterDetailResponse:
        return await self.cluster.detail(pb.ClusterDetailRequest(**fields), PLAIN)

    def watch(self) -> "Watching":
        return Watching(self)


class Watching:
    def __init__(self, site: Site) -> None:
        self.said: list[pb.ClusterDetailResponse] = []
        self.task = site.world.spawn(self._hear(site.cluster))

    async def _hear(self, cluster: Cluster) -> None:
        async with aclosing(cluster.watch(pb.ClusterWatchRequest(), PLAIN)) as answers:
            async for one in answers:
                self.said.append(one)

    async def news(self) -> list[pb.ClusterDetailResponse]:
        await settle()
        said, self.said = self.said, []
        return said


@pytest.fixture
def site(world: World) -> Site:
    return Site(world)


async def test_all_servers_say_what_they_know_and_the_leader_the_rest(site: Site) -> None:
    told = await site.detail()
    assert [one.server.name for one in told.servers] == ["server1", "server2", "server3"]
    assert [one.status.id for one in told.servers] == ["11", "22", "33"]
    assert (told.leader_id, told.leader_name, told.term) == ("11", "server1", 5)
    assert (told.queues.total_ready, told.commands, told.commit.count) == (3, 4, 70)
    assert millis_of("led_since", told.led_since) == NOW - 60 * SECOND
    assert told.header == site.world.context.header()
    assert told.servers[1].status.HasField("header"), "as the document says of every answer"


async def test_a_server_that_does_not_answer_is_there_all_the_same(site: Site) -> None:
    site.others.answers["11"] = Unavailable("the link is down")
    told = await site.detail()
    assert [(one.HasField("status"), one.error) for one in told.servers] == [
        (False, "the link is down"),
        (True, ""),
        (True, ""),
    ]
    assert (told.HasField("queues"), told.leader_id) == (True, "11"), "the world of this test leads, too"


async def test_asked_for_itself_a_server_asks_no_other(site: Site) -> None:
    site.pulse.told = [sample(NOW - PERIOD, ended=1), sample(NOW, ended=2)]
    told = await site.detail(local=True, since=timestamp(NOW - PERIOD))
    assert site.others.asked == []
    assert [one.status.id for one in told.servers] == ["22"]
    assert [one.ended for one in told.samples] == [2]


async def test_what_was_told_already_is_not_asked_for_again(site: Site) -> None:
    site.others.answers["33"] = answer("33", events=[event("x", NOW - 9 * SECOND)])
    await site.detail()
    await site.clock.advance(SECOND)
    await site.detail()
    since = [request.since for server_id, request in site.others.asked if server_id == "33"]
    assert not since[0].seconds
    assert millis_of("since", since[1]) == NOW - 10 * SECOND
    assert all(request.local for _, request in site.others.asked)


async def test_what_a_dead_server_told_is_remembered(site: Site) -> None:
    site.others.answers["11"] = answer("11", leads=True, samples=[sample(NOW, ready=5, of_leader=True)])
    site.pulse.told = [sample(NOW, ended=3), sample(NOW + PERIOD, ended=4)]
    site.pulse.happened = [event("ours", NOW)]
    await site.detail()
    site.others.answers["11"] = Unavailable("it is dead")
    await site.clock.advance(2 * PERIOD)
    told = await site.detail()
    assert [(one.ready, one.ended) for one in told.samples] == [(5, 0), (0, 4)]
    assert [one.id for one in told.events] == ["ours"]


async def test_what_others_told_is_passed_on(site: Site) -> None:
    site.others.answers["33"] = answer("33", events=[event("x", NOW - 9 * SECOND)])
    site.pulse.happened = [event("ours", NOW)]
    await site.detail()
    assert [one.id for one in (await site.detail(local=True)).events] == ["x", "ours"]
    later = await site.detail(local=True, since=timestamp(NOW - SECOND))
    assert [one.id for one in later.events] == ["ours"]


async def test_many_who_look_cost_the_others_one_question(site: Site) -> None:
    site.others.held = asyncio.Event()
    watchers = [site.watch() for _ in range(20)]
    asked = site.world.spawn(site.detail())
    await settle()
    assert [server_id for server_id, _ in site.others.asked] == ["11", "33"]
    site.others.held.set()
    site.others.held = None
    assert (await asked).leader_name == "server1"
    assert [len(await watcher.news()) for watcher in watchers] == [1] * 20
    await site.clock.advance(PERIOD)
    assert [len(await watcher.news()) for watcher in watchers] == [1] * 20
    assert len(site.others.asked) == 4


async def test_a_watcher_is_told_all_and_then_what_is_new(site: Site) -> None:
    site.pulse.told = [sample(NOW - at * PERIOD, ended=at) for at in (9, 8, 7, 6)]
    site.pulse.happened = [event("a", NOW - SECOND)]
    watching = site.watch()
    [first] = await watching.news()
    assert [one.ended for one in first.samples] == [9, 8, 7, 6]
    assert [one.id for one in first.events] == ["a"]
    site.pulse.told.append(sample(NOW, ended=1))
    await site.clock.advance(PERIOD)
    [second] = await watching.news()
    assert [one.ended for one in second.samples][-1] == 1
    assert 9 not in [one.ended for one in second.samples]
    assert [one.id for one in second.events] == []
    assert len(second.servers) == 3


async def test_what_happens_is_told_before_the_next_period(site: Site) -> None:
    watching = site.watch()
    await watching.news()
    site.pulse.happen("b", NOW)
    site.pulse.happen("c", NOW)
    await site.clock.advance(SECOND // 2)
    told = await watching.news()
    assert [[one.id for one in answer.events] for answer in told] == [["b", "c"]]


async def test_a_stopping_server_ends_its_streams(site: Site) -> None:
    watching = site.watch()
    await watching.news()
    site.world.streams.close()
    await settle()
    assert isinstance(watching.task.exception(), Unavailable)
