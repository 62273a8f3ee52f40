"""The pulse of a server in virtual time: what it counts of a core that works, and what it notices."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from jobpool.api.cluster_samples import PERIOD
from jobpool.leader.allowance import Allowance
from jobpool.model.beat import Beat
from jobpool.model.server import ServerRecord
from jobpool.server.pulse import Pulse
from jobpool.store.commands import PauseScheduling
from jobpool.store.commands.servers import JoinServer
from jobpool.testing.clock import settle
from jobpool.testing.harness import SERVER
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import millis_of
from tests.unit.api.nouns import MINUTE, World, given, world_of
from tests.unit.api.test_operations import STATUS, Etcd

pytestmark = pytest.mark.timeout(30)
ME = ServerRecord(SERVER, "server1", "http://10.0.0.1:2379", "0.1.0", 0)


class Pulsing:
    """A world and the pulse of its only server."""

    def __init__(self, world: World, me: ServerRecord = ME) -> None:
        self.world = world
        self.beats: dict[str, tuple[int, Beat]] = {}
        core = world.core
        self.pulse = Pulse(
            me, core.replica, core.leadership, Etcd(), Allowance(), beats=lambda: self.beats, clock=world.clock
        )
        self.task = world.spawn(self.pulse.run())

    def events(self, *kinds: str) -> list[str]:
        told = [one for one in self.pulse.events(0) if not kinds or one.kind in kinds]
        return [f"{one.kind} {one.subject} {one.text}".rstrip() for one in told]


@pytest.fixture
async def pulsing() -> AsyncIterator[Pulsing]:
    async with world_of() as world:
        yield Pulsing(world)


async def test_a_sample_every_two_seconds(pulsing: Pulsing) -> None:
    await pulsing.world.clock.advance(3 * PERIOD)
    samples = pulsing.pulse.samples(0)
    times = [millis_of("time", one.time) for one in samples]
    assert len(times) == 3
    assert all(at % PERIOD == 0 for at in times)
    assert all(one.of_leader and one.span_ms <= PERIOD for one in samples)


async def test_runs_and_commits_are_counted(pulsing: Pulsing) -> None:
    world = pulsing.world
    agent, assigned = await given(world, 4)
    for number, assignment in enumerate(assigned):
        await agent.report(pb.Report(allocation_id=assignment.allocation_id, fence=assignment.fence, status="running"))
        await agent.finish(assignment, "failed" if number == 0 else "complete")
    await world.clock.advance(PERIOD)
    commit, lateness = pulsing.pulse.recent()
    samples = pulsing.pulse.samples(0)
    assert (sum(one.ended for one in samples), sum(one.failed for one in samples)) == (4, 1)
    assert sum(one.commit.count for one in samples) == commit.count > 4
    assert lateness.count == 4
    await world.clock.advance(6 * MINUTE)
    assert pulsing.pulse.recent()[1].count == 0, "long ago"


async def test_what_is_committed_is_an_event_at_once(pulsing: Pulsing) -> None:
    stir = pulsing.pulse.stir()
    await pulsing.world.core.add_node("n1")
    assert stir.is_set()
    await pulsing.world.core.submit(PauseScheduling("ann", "disks"))
    await pulsing.world.core.submit(JoinServer(replace(ME, id="b2", name="server2")))
    assert pulsing.events("node_joined", "queue_paused", "server_joined") == [
        "node_joined n1",
        "queue_paused ann disks",
        "server_joined server2",
    ]


async def test_alarms_are_noticed_while_nobody_looks(pulsing: Pulsing) -> None:
    await pulsing.world.clock.advance(PERIOD)
    assert pulsing.events("alarm") == [f"alarm  {STATUS.errors[0]}".strip()]


async def test_the_server_that_leads_says_so_and_since_when(pulsing: Pulsing) -> None:
    await settle()
    assert pulsing.events("leader") == ["leader server1"]
    [told] = [one for one in pulsing.pulse.events(0) if one.kind == "leader"]
    assert told.id == f"term-{pulsing.world.state.fence.term}"
    assert pulsing.pulse.led_since == pulsing.world.clock.now()
    await pulsing.world.clock.advance(MINUTE)
    assert pulsing.pulse.led_since == pulsing.world.clock.now() - MINUTE


async def test_who_finds_a_leader_there_says_nothing_of_its_beginning() -> None:
    async with world_of() as world:
        other = Pulsing(world, replace(ME, id="b2", name="server2"))
        term = world.state.fence.term
        other.beats[SERVER] = (0, Beat(term, 1, leads=True))
        await world.clock.advance(PERIOD)
        assert other.events("leader") == []
        assert other.pulse.led_since is not None


async def test_a_time_without_a_leader_is_told_once_it_lasts(pulsing: Pulsing) -> None:
    world = pulsing.world
    await settle()
    world.store.hold_commits()
    world.spawn(world.core.leadership.give_up())
    await world.clock.advance(MINUTE)
    assert pulsing.events("leader", "leaderless") == ["leader server1", "leaderless"]
    assert pulsing.pulse.led_since is None
    world.store.release_commits()
    await world.clock.advance(MINUTE)
    assert pulsing.events("leader", "leaderless") == ["leader server1", "leaderless", "leader server1"]
