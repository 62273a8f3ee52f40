"""A server joins, whoever leads and however often that changes meanwhile."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from msgspec.structs import replace

from jobpool.api.sessions import Sessions
from jobpool.api.sightings import Sightings
from jobpool.etcd.errors import MemberRemoved
from jobpool.kit.pure.durations import SECOND
from jobpool.leader.committer import TermLost
from jobpool.leader.leadership import Leadership
from jobpool.model.beat import Beat
from jobpool.model.errors import AlreadyExists, FailedPrecondition, JobpoolError, Unavailable
from jobpool.model.node import Node
from jobpool.model.server import ServerRecord
from jobpool.model.statuses import NodeStatus
from jobpool.peers.conversation import Told
from jobpool.peers.mesh import Mesh
from jobpool.peers.words import Question, Seen
from jobpool.replica.follow import Follower
from jobpool.replica.replica import Replica
from jobpool.server.answers import Answers
from jobpool.server.desk import ClusterDesk
from jobpool.server.leader_path import LeaderPath
from jobpool.server.membership import Membership
from jobpool.store.change import Change
from jobpool.store.commands import JoinServer, RemoveServer
from jobpool.store.keyspace import Table
from jobpool.store.port import Fence
from jobpool.testing.clock import FakeClock, settle

ME = ServerRecord(id="me", name="a", url="http://a", version="1", joined_at=0, etcd_member="")
THIRD = ServerRecord(id="c", name="c", url="http://c", version="1", joined_at=0, etcd_member="")
OTHER = ServerRecord(id="b", name="b", url="http://b", version="1", joined_at=0, etcd_member="")


class Lead:
    """A term of this server whose committer takes what `taken` lets it; and what a `Leadership` tells besides."""

    def __init__(self, taken: Callable[[JoinServer], None]) -> None:
        self.leads, self.leader, self.stalled, self.heard = True, "me", False, frozenset({"me"})
        self.reign = self.committer = self
        self._taken = taken

    async def submit(self, command: JoinServer) -> None:
        self._taken(command)

    async def leader_changes(self) -> None:
        await asyncio.Event().wait()

    async def hold(self, server_id: str, agents: object) -> list[str]:
        return []

    def beat(self, server_id: str, beat: Beat) -> None:
        """The election is not here."""


class Links:
    """Nobody is linked; the one that is asked answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told: list[tuple[str, object]] = []
        self.seen: list[tuple[str, list[tuple[str, int]]]] = []
        self.refuses = True
        self.refusal: JobpoolError = Unavailable("there is no leader; try again", field="leader")

    def set_servers(self, records: object, cluster: object) -> None:
        """Links are not kept."""

    def tell_heard(self, server_id: str, agents: object) -> None:
        self.told.append((server_id, agents))

    def tell_seen(self, server_id: str, nodes: Sequence[Seen]) -> None:
        self.seen.append((server_id, [(seen.node_id, seen.heard_ago) for seen in nodes]))

    async def ask(self, server_id: str, question: Question, reply: Any, *, timeout: int) -> Told[Any]:
        self.asked.append(server_id)
        if self.refuses:
            raise self.refusal
        return Told(ME, 0)


class Nothing:
    """No agents but those that a test says were heard, no evaluations in hand, no lag."""

    lag = 0
    lent_to: frozenset[str] = frozenset()

    def __init__(self, sightings: Sightings) -> None:
        self.heard: list[tuple[str, int, int]] = []
        self.sightings = sightings

    def holding(self) -> list[object]:
        return []

    def dismiss(self, node_ids: object) -> None:
        """There are none."""

    def drain_heard(self) -> list[tuple[str, int, int]]:
        heard, self.heard = self.heard, []
        return heard


class World:
    def __init__(self, lead: Lead, me: ServerRecord = ME) -> None:
        self.me = me
        self.clock, self.replica, self.links = FakeClock(), Replica(default_slots=1), Links()
        self.desk = nothing = Nothing(Sightings(self.replica, self.clock))
        leadership, mesh = cast(Leadership, lead), cast(Mesh, self.links)
        self.membership = Membership(me, leadership, self.replica, clock=self.clock, follower=cast(Follower, nothing))
        self.membership.connect(
            mesh,
            path=LeaderPath(leadership, mesh, self.replica, clock=self.clock, me="me"),
            desk=cast(ClusterDesk, nothing),
            answers=cast(Answers, nothing),
            sessions=cast(Sessions, nothing),
        )

    def know(self, server: ServerRecord) -> None:
        self.fold(Change(Table.SERVER, (server.id,), server))

    def remove(self, server: ServerRecord) -> None:
        self.fold(Change(Table.SERVER, (server.id,), None))

    def fold(self, change: Change) -> None:
        n = self.replica.n + 1
        self.replica.apply(Fence(1, 1, n, f"x{n}"), [change])


@pytest.mark.parametrize("term_ends", [TermLost(), Unavailable("this server stopped leading; try again")])
async def test_a_term_that_ends_at_once_does_not_end_the_server(term_ends: Unavailable) -> None:
    tries: list[JoinServer] = []

    def taken(command: JoinServer) -> None:
        tries.append(command)
        if len(tries) == 1:
            raise term_ends
        world.know(ME)

    world = World(Lead(taken))
    running = asyncio.get_running_loop().create_task(world.membership.run())
    await settle()
    assert (len(tries), running.done()) == (1, False)
    await world.clock.advance(SECOND)
    assert (len(tries), running.done()) == (2, False)
    assert "me" in world.replica.state.servers
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_one_that_does_not_lead_asks_all_it_knows_until_one_takes_it() -> None:
    lead = Lead(lambda _: None)
    lead.leads = False
    world = World(lead)
    world.know(OTHER)
    running = asyncio.get_running_loop().create_task(world.membership.run())
    await settle()
    assert world.links.asked == ["b"]
    world.links.refuses = False
    await world.clock.advance(SECOND)
    assert world.links.asked == ["b", "b"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_was_heard_before_this_server_led_is_not_told_after() -> None:
    """An agent may have died meanwhile: what is old would let it live on."""
    lead = Lead(lambda _: None)
    lead.leads, lead.leader = False, "b"
    world = World(lead)
    world.know(ME)
    running = asyncio.get_running_loop().create_task(world.membership.run())
    await settle()
    world.desk.heard = [("n1", 4, 10_000)]
    await world.clock.advance(SECOND)
    assert world.links.told == [("b", [("n1", 4, 10_000)])]
    world.desk.heard = [("n2", 5, 10_000)]
    lead.leads, lead.leader = True, "me"
    await world.clock.advance(SECOND)
    lead.leads, lead.leader = False, "b"
    await world.clock.advance(SECOND)
    assert len(world.links.told) == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_other_servers_are_told_of_what_was_heard_here_and_one_that_comes_of_all() -> None:
    lead = Lead(lambda _: None)
    world = World(lead)
    for server in (ME, OTHER, THIRD):
        world.know(server)
    running = asyncio.get_running_loop().create_task(world.membership.run())
    await settle()
    for node_id in ("n1", "n2"):
        world.fold(
            Change(Table.NODE, (node_id,), Node(node_id, node_id, "", NodeStatus.READY, started_at=0, updated_at=0))
        )
    world.membership.nodes_seen("b", [Seen("n1", 60 * SECOND)])
    world.desk.sightings.heard("n2")
    await world.clock.advance(4 * SECOND)
    assert [(server_id, [node for node, _ in nodes]) for server_id, nodes in sorted(world.links.seen)] == [
        ("b", ["n2"]),
        ("c", ["n2"]),
    ]
    world.links.seen.clear()
    await world.clock.advance(4 * SECOND)
    assert world.links.seen == []  # nothing new
    world.membership.linked("c")
    await world.clock.advance(SECOND)
    ((server_id, told),) = world.links.seen
    assert (server_id, [node for node, _ in told]) == ("c", ["n2", "n1"])
    assert told[1][1] - told[0][1] == 60 * SECOND
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_a_server_said_is_forgotten_with_it() -> None:
    world = World(Lead(lambda _: None))
    world.know(OTHER)
    said = Beat(1, 7, leads=False)
    world.membership.beat("b", said)
    assert world.membership.beats == {"b": (world.clock.monotonic(), said)}
    world.remove(OTHER)
    assert world.membership.beats == {}
    world.membership.beat("b", said)
    assert world.membership.beats == {}


@pytest.mark.parametrize("member", ["", "e7"])
async def test_a_server_whose_record_was_removed_ends_and_does_not_join_again(member: str) -> None:
    joins: list[JoinServer] = []
    world = World(Lead(joins.append), replace(ME, etcd_member=member))
    world.know(world.me)
    running = asyncio.get_running_loop().create_task(world.membership.run())
    await settle()
    world.remove(world.me)
    await settle()
    assert running.done() is not bool(member)
    await world.clock.advance(30 * SECOND)
    with pytest.raises(MemberRemoved, match=r"server a \(me\) was removed .* let it join again"):
        await running
    assert not joins


async def test_a_name_that_another_server_keeps_is_refused_after_a_while() -> None:
    lead = Lead(lambda _: None)
    lead.leads = False
    world = World(lead)
    world.know(OTHER)
    world.links.refusal = AlreadyExists("server", "a (b at http://b)")
    running = asyncio.get_running_loop().create_task(world.membership.run())
    await settle()
    await world.clock.advance(4 * SECOND)
    assert not running.done()
    await world.clock.advance(2 * SECOND)
    with pytest.raises(FailedPrecondition, match=r"name: wanted one .*, found 'a': server 'a .b at http://b.'"):
        await running


async def test_a_newcomer_that_led_at_once_gives_way_to_who_has_its_name() -> None:
    asked: list[object] = []
    lead = Lead(asked.append)
    lead.heard = frozenset({"me", "b"})
    world = World(lead)
    world.know(replace(OTHER, name="a"))
    running = asyncio.get_running_loop().create_task(world.membership.run())
    await settle()
    world.know(ME)
    await world.clock.advance(4 * SECOND)
    assert not running.done()
    await world.clock.advance(3 * SECOND)
    with pytest.raises(FailedPrecondition, match=r"found 'a': server 'a .b at http://b.'"):
        await running
    assert asked[-1] == RemoveServer("me")


async def test_one_that_was_there_before_keeps_its_name() -> None:
    lead = Lead(lambda _: None)
    lead.heard = frozenset({"me", "b"})
    world = World(lead)
    world.know(ME)
    world.know(replace(OTHER, name="a"))
    running = asyncio.get_running_loop().create_task(world.membership.run())
    await world.clock.advance(20 * SECOND)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
