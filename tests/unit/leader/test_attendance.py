"""Nothing is placed where nobody can bring it, and a server that is heard again need not explain itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.leader.attendance import AWAITED, absent, settle
from jobpool.model.beat import Beat
from jobpool.model.node import Node
from jobpool.model.server import ServerRecord
from jobpool.model.statuses import NodeStatus
from jobpool.store.commands import EndStream, JoinServer, RegisterNode, RemoveServer, SetNodeStatus, StartRun
from jobpool.store.port import Step
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import SERVER, Core, running_core
from jobpool.testing.store import MemoryStore

START = 1_760_011_200_000


class Site:
    """A core that leads, and another server, `s2`, that beats while it is `alive`."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.steps: Sequence[Step] = []
        self.alive = True

    async def beat(self) -> None:
        while True:
            if self.alive:
                self.say()
            await self.core.clock.sleep(200)

    def say(self) -> None:
        fence, heard = self.core.state.fence, 0 if self.core.leadership.leads else None
        self.core.leadership.beat("s2", Beat(fence.term, fence.n, leads=False, heard=heard, hears=(SERVER,)))

    async def join(self, node_id: str, server: str = "s2") -> int:
        """The session of a node that is ready at that server."""
        now = self.core.clock.now()
        node = Node(node_id, node_id, "0", NodeStatus.INITIALIZING, now, now, executors=("noop",))
        node = await self.core.leadership.reign.committer.submit(RegisterNode(node, server))
        await self.core.submit(SetNodeStatus(node_id, NodeStatus.READY, "node is ready", node.session))
        return node.session

    def node(self, node_id: str) -> Node:
        return self.core.state.nodes[node_id]

    def statuses(self) -> dict[str, str]:
        return {node.id: node.status.value for node in self.core.state.nodes.values()}

    async def hold(self, *agents: tuple[str, int]) -> list[str]:
        held = [(node_id, session, 10 * SECOND) for node_id, session in agents]
        return await self.core.leadership.reign.hold("s2", held)


@asynccontextmanager
async def site_of(store: MemoryStore, *, alive: bool = True) -> AsyncIterator[Site]:
    async with running_core(store, FakeClock(START), answers=None) as core:
        site = Site(core)
        site.alive, site.steps = alive, store.steps
        beating = asyncio.get_running_loop().create_task(site.beat())
        try:
            if alive:
                await core.submit(JoinServer(ServerRecord("s2", "two", "http://two:2379", "1", 0)))
            await core.advance(SECOND)
            yield site
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)


async def test_nodes_of_a_silent_server_wait_and_keep_what_they_have() -> None:
    async with site_of(MemoryStore()) as site:
        core = site.core
        session = await site.join("a")
        await site.join("b", SERVER)
        await core.add_plan("p", spec="0 0 1 1 *")
        await core.submit(SetNodeStatus("b", NodeStatus.INITIALIZING))
        await core.submit(StartRun("default", "p", "r1"))
        await core.advance(SECOND)
        assert site.statuses() == {"a": "ready", "b": "initializing"}
        assert core.state.node_load("a") == 1
        site.alive = False
        await core.advance(SECOND)
        assert site.statuses() == {"a": "initializing", "b": "initializing"}
        assert (site.node("a").status_description, site.node("a").server) == (AWAITED, "s2")
        assert core.state.node_load("a") == 1
        site.alive = True
        await core.advance(SECOND)
        assert site.statuses()["a"] == "initializing", "its server has to say that it has the agent still"
        assert await site.hold(("a", session)) == []
        assert site.statuses()["a"] == "ready"
        assert core.state.runs["r1"].losses == 0


async def test_a_new_leader_places_nothing_at_a_server_that_died_with_the_old_one() -> None:
    store = MemoryStore()
    async with site_of(store) as site:
        await site.join("a")
        await site.join("b", SERVER)
        await site.core.add_plan("p", spec="* * * * * *")
        await site.core.submit(RemoveServer("s2"))  # a core that hears of no other leads at once
    async with site_of(store.reopened(), alive=False) as site:
        await site.core.advance(5 * SECOND)
        assert site.statuses() == {"a": "initializing", "b": "ready"}
        assert site.core.state.runs
        assert {attempt.node_id for run in site.core.state.runs.values() for attempt in run.attempts} == {"b"}


async def test_a_node_that_becomes_ready_at_a_server_nobody_hears_is_put_off() -> None:
    async with site_of(MemoryStore(), alive=False) as site:
        await site.join("a")
        await site.core.advance(SECOND)
        assert site.statuses() == {"a": "initializing"}


async def test_a_leader_that_was_held_up_reads_what_the_others_said_before_it_misses_them() -> None:
    async with site_of(MemoryStore()) as site:
        await site.join("a")
        clock = site.core.clock
        assert isinstance(clock, FakeClock)
        n = site.core.replica.n
        for at in range(10):
            site.alive = False
            clock.pause(700)
            await clock.advance(0)  # it looks, before it has read what came meanwhile
            site.say()
            site.alive = True
            await clock.advance(2 * SECOND + 23 * at)
            assert site.statuses() == {"a": "ready"}
        assert site.core.leadership.reign.number == 1
        assert not [step for step in site.steps if step.fence.n > n and step.ops]


async def test_what_cannot_be_stored_is_tried_again() -> None:
    store = MemoryStore()
    async with site_of(store) as site:
        await site.join("a")
        site.alive = False
        await site.core.advance(500)
        store.fail_next_commit("refuse")
        store.fail_next_commit("refuse")
        await site.core.advance(300)
        assert site.statuses() == {"a": "ready"}
        await site.core.advance(2 * SECOND)
        assert site.statuses() == {"a": "initializing"}


async def test_nothing_is_written_while_all_are_there() -> None:
    store = MemoryStore()
    async with site_of(store) as site:
        await site.join("a")
        n = len(store.steps)
        await site.core.advance(MINUTE)
        assert [step for step in store.steps[n:] if step.ops] == []


# ---- what a server says it has


async def test_a_node_that_its_server_has_no_more_waits() -> None:
    """Its stream broke while nobody led whom that could be told."""
    store = MemoryStore()
    async with site_of(store) as site:
        a, b = await site.join("a"), await site.join("b")
        term = site.core.state.fence.term
        await store.campaign("rival")
        await site.core.advance(3 * SECOND)
        assert site.core.leadership.reign.number > term + 1
        assert site.statuses() == {"a": "ready", "b": "ready"}
        assert await site.hold(("a", a)) == []
        assert site.statuses() == {"a": "ready", "b": "initializing"}
        assert await site.hold(("a", a), ("b", b)) == []
        assert site.statuses() == {"a": "ready", "b": "ready"}


async def test_a_word_older_than_a_registration_takes_nothing_back() -> None:
    async with site_of(MemoryStore()) as site:
        await site.join("a")
        assert await site.hold() == []
        assert site.statuses() == {"a": "ready"}


async def test_agents_that_are_elsewhere_by_now_are_named() -> None:
    async with site_of(MemoryStore()) as site:
        old = await site.join("moved")
        await site.join("moved", SERVER)
        left = await site.join("left")
        await site.core.submit(EndStream("left", left, False))
        fell = await site.join("fell")
        await site.core.submit(SetNodeStatus("fell", NodeStatus.DOWN, "gone"))
        n = site.core.replica.n
        assert await site.hold(("moved", old), ("left", left), ("fell", fell), ("never", 7)) == [
            "moved",
            "left",
            "fell",
            "never",
        ]
        assert site.core.replica.n == n
        assert site.statuses() == {"moved": "ready", "left": "initializing", "fell": "down"}


@pytest.mark.invariant("H-5")
async def test_who_has_not_said_what_it_holds_is_not_ready_by_anybodys_word() -> None:
    async with site_of(MemoryStore()) as site:
        session = await site.join("a")
        node = await site.core.leadership.reign.committer.submit(RegisterNode(site.node("a"), "s2"))
        assert node.session > session
        assert await site.hold(("a", node.session)) == []
        assert site.statuses() == {"a": "initializing"}


async def test_what_is_asked_for_is_what_is_missing() -> None:
    """The deciding half: each node once, up to the limit, under its own session."""
    async with site_of(MemoryStore()) as site:
        sessions = {f"n{at}": await site.join(f"n{at}") for at in range(5)}
        state = site.core.state
        assert absent(state, frozenset({"s2", SERVER}), 9) == []
        asked = absent(state, frozenset({SERVER}), 3)
        assert [(each.status, each.session) for each in asked] == [
            (NodeStatus.INITIALIZING, sessions[each.node_id]) for each in asked
        ]
        assert len(asked) == 3
        commands, strangers = settle(state, "s2", [("n0", sessions["n0"], 1)], since=state.fence.n)
        assert {each.node_id for each in commands} == {"n1", "n2", "n3", "n4"}
        assert strangers == []
        assert settle(state, "s3", [("n0", sessions["n0"], 1)], since=state.fence.n) == ([], ["n0"])
        assert replace(commands[0], session=None) == SetNodeStatus("n1", NodeStatus.INITIALIZING, AWAITED)
