"""Three servers on one store: who leads, how soon another does, and that the old one can write nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.service import run_services
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.leadership import Leadership, NotLeader
from jobpool.leader.term import LeaderConfig
from jobpool.model.beat import Beat
from jobpool.model.errors import Unavailable
from jobpool.model.server import ServerRecord
from jobpool.replica.follow import Follower
from jobpool.replica.replica import Replica
from jobpool.replica.state import State
from jobpool.store.change import Command
from jobpool.store.commands import AddNamespace, JoinServer
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import NoRetention
from jobpool.testing.store import MemoryStore

START = 1_760_011_200_000
NAMES = ("a", "b", "c")


class Hub:
    """Carries beats at once, but for the servers that are deaf and dumb."""

    def __init__(self) -> None:
        self.servers: dict[str, Leadership] = {}
        self.cut: set[str] = set()

    def carry(self, sender: str, beat: Beat) -> None:
        for name, leadership in self.servers.items():
            if name != sender and not {name, sender} & self.cut:
                leadership.beat(sender, beat)


class Way:
    """One server's way to the others."""

    def __init__(self, hub: Hub, name: str) -> None:
        self._hub = hub
        self._name = name

    def send_beat(self, beat: Beat) -> None:
        self._hub.carry(self._name, beat)

    def call(self, server_id: str) -> bool:
        self._hub.servers[server_id].called()
        return True


class World:
    def __init__(self) -> None:
        self.store, self.clock, self.hub = MemoryStore(), FakeClock(START), Hub()
        self.replicas: dict[str, Replica] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, name: str) -> Leadership:
        replica = self.replicas[name] = Replica(default_slots=100)
        await replica.restore(self.store)

        def opening(state: State) -> list[Command[object]]:
            return [JoinServer(ServerRecord(other, other, f"http://{other}", "1", 0)) for other in NAMES]

        leadership = self.hub.servers[name] = Leadership(
            self.store,
            replica,
            clock=self.clock,
            dice=Dice(NAMES.index(name)),
            config=LeaderConfig(),
            retention=NoRetention(),
            server_id=name,
            others=Way(self.hub, name),
            opening=opening,
        )
        follower = Follower(self.store, replica, clock=self.clock, give_up=leadership.give_up)
        self.tasks[name] = asyncio.get_running_loop().create_task(run_services([follower, leadership]))
        await settle()
        return leadership

    async def kill(self, name: str) -> None:
        del self.hub.servers[name]
        task = self.tasks.pop(name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    @property
    def leaders(self) -> list[str]:
        return [name for name, leadership in self.hub.servers.items() if leadership.leads]

    async def advance(self, span: Millis) -> None:
        await self.clock.advance(span)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    made = World()
    try:
        for name in NAMES:
            await made.start(name)
        await made.advance(SECOND)
        yield made
    finally:
        for task in made.tasks.values():
            task.cancel()
        await asyncio.gather(*made.tasks.values(), return_exceptions=True)


async def test_one_leads_and_the_others_know_it() -> None:
    async with world() as cluster:
        assert cluster.leaders == ["a"]
        assert [leadership.leader for leadership in cluster.hub.servers.values()] == ["a", "a", "a"]
        term = cluster.store.steps[-1].fence.term
        await cluster.advance(60 * SECOND)
        assert cluster.leaders == ["a"]
        assert cluster.store.steps[-1].fence.term == term
        with pytest.raises(NotLeader):
            _ = cluster.hub.servers["b"].reign


async def test_a_change_counts_from_when_it_was_asked_for_not_from_when_somebody_waits() -> None:
    async with world() as cluster:
        changes = cluster.hub.servers["b"].leader_changes()
        await cluster.kill("a")
        await cluster.advance(SECOND)
        assert cluster.hub.servers["b"].leader != "a"
        async with asyncio.timeout(1):
            await changes


async def test_a_dead_leader_is_followed_within_a_second_and_a_half() -> None:
    async with world() as cluster:
        await cluster.kill("a")
        await cluster.advance(1500)
        (heir,) = cluster.leaders
        await cluster.hub.servers[heir].reign.committer.submit(AddNamespace("x"))
        assert {name: "x" in replica.state.namespaces for name, replica in cluster.replicas.items()} == {
            "a": False,
            "b": True,
            "c": True,
        }


async def test_a_leader_that_stops_hands_over_at_once() -> None:
    async with world() as cluster:
        await cluster.hub.servers["a"].hand_over()
        await cluster.advance(100)
        assert cluster.leaders in (["b"], ["c"])
        await cluster.advance(10 * SECOND)
        assert cluster.leaders != ["a"]


async def test_a_leader_that_moves_the_lead_stays_a_server() -> None:
    async with world() as cluster:
        await cluster.hub.servers["a"].move("c")
        await cluster.advance(100)
        assert cluster.leaders == ["c"]
        await cluster.hub.servers["c"].move("a")
        await cluster.advance(100)
        assert cluster.leaders == ["a"]


@pytest.mark.invariant("P-11")
async def test_a_leader_that_was_deposed_commits_nothing_more() -> None:
    async with world() as cluster:
        old = cluster.hub.servers["a"].reign
        await cluster.store.campaign("b")  # unheard, as of a server that nobody hears
        late = asyncio.get_running_loop().create_task(old.committer.submit(AddNamespace("late")))
        await cluster.advance(5 * SECOND)
        assert isinstance(late.exception(), Unavailable)
        assert all("late" not in replica.state.namespaces for replica in cluster.replicas.values())
        assert len(cluster.leaders) == 1


async def test_a_leader_whom_nobody_hears_goes_on_while_the_log_shows_it() -> None:
    async with world() as cluster:
        term = cluster.store.steps[-1].fence.term
        cluster.hub.cut = set(NAMES)
        await cluster.advance(30 * SECOND)
        assert cluster.leaders == ["a"]
        assert cluster.store.steps[-1].fence.term == term
        assert cluster.store.steps[-1].fence.n > 30


async def test_a_leader_that_the_store_does_not_answer_knows_itself_cut_off_until_it_sees_what_happens() -> None:
    async with world() as cluster:
        cluster.hub.cut = set(NAMES)
        cluster.store.hold_commits()
        await cluster.advance(2 * SECOND)
        assert cluster.leaders == []
        assert [name for name, leadership in cluster.hub.servers.items() if leadership.stalled] == ["a"]
        cluster.store.release_commits()
        await cluster.advance(5 * SECOND)
        assert len(cluster.leaders) == 1
        assert not any(leadership.stalled for leadership in cluster.hub.servers.values())
