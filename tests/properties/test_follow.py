"""Whatever happens to the log, its watchers and its writers: all replicas end as the log says, and nobody is fooled."""

import asyncio
from contextlib import suppress
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobpool.kit.pure.durations import SECOND
from jobpool.model.namespace import Namespace
from jobpool.replica.replica import Replica, changes_of
from jobpool.replica.state import Folded, State
from jobpool.store.codec import encode
from jobpool.store.engines.ring import RingLimits
from jobpool.store.port import Fence, Fenced, Put, Step
from jobpool.testing.audit import same_state
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.store import Fault, following
from tests.properties.followers import SLOTS, Server, ShakyStore

KINDS: tuple[Fault, ...] = ("refuse", "lost", "landed-but-unknown", "delayed")
who = st.integers(0, 1)
steps = st.one_of(
    st.tuples(st.just("campaign"), who),
    st.tuples(st.just("add"), who),
    st.tuples(st.just("add"), who),
    st.tuples(st.just("fault"), st.integers(0, 3)),
    st.tuples(st.just("stranger"), who),
    st.tuples(st.sampled_from(("hold", "release", "land", "break", "skip", "cut", "mend", "compact")), st.just(0)),
    st.tuples(st.just("turns"), st.integers(1, 60)),
    st.tuples(st.just("time"), st.sampled_from((5, 100, 1500))),
)


class Witness:
    """Holds one replica to its promises while it lives: no step twice, none left out but by a load, never backwards."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._n = 0
        replica.listen(self._step)
        replica.on_restore(self._load)

    def _step(self, folded: Folded) -> None:
        assert folded.n == self._n + 1
        self._n = folded.n

    def _load(self) -> None:
        assert self._replica.n >= self._n
        self._n = self._replica.n


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = ShakyStore(ring=RingLimits(steps=4))
        self.servers = [Server(name, self.store, self.clock) for name in ("one", "other")]
        self.names = count(1)
        for server in self.servers:
            Witness(server.replica)

    async def do(self, verb: str, arg: int) -> None:
        if verb == "campaign":
            self.servers[arg].campaign()
        elif verb == "add":
            self.servers[arg].add(f"n{next(self.names)}")
        elif verb == "fault":
            self.store.fail_next_commit(KINDS[arg])
        elif verb == "stranger":
            await self.write_past_both(f"s{next(self.names)}", ours=bool(arg))
        elif verb == "turns":
            await settle(arg)
        elif verb == "time":
            await self.clock.advance(arg)
        else:
            await self.spoil(verb)

    async def spoil(self, verb: str) -> None:
        if verb == "hold":
            self.store.hold_commits()
        elif verb == "release":
            self.store.release_commits()
        elif verb == "land":
            self.store.release_delayed()
        elif verb == "break":
            self.store.break_watches()
        elif verb == "skip":
            self.store.spoil_next_step(lambda step: None)
        elif verb == "cut":
            self.store.cut()
        elif verb == "mend":
            self.store.mend()
        elif self.store.steps:
            await self.store.compact(self.store.steps[-1].fence.n)

    async def write_past_both(self, name: str, *, ours: bool) -> None:
        """A third server's term and commit, with keys that are nobody's beside its own."""
        if self.store.held:
            return
        self.store.release_commits()
        key = f"namespaces/{name}" if ours else f"strangers/{name}"
        fence = await self.campaign_of_another()
        with suppress(Fenced):
            await self.store.commit(following(fence, Put(key, encode(Namespace(name, 0)))))

    async def campaign_of_another(self) -> Fence:
        self.store.spare()
        while True:
            with suppress(Fenced):
                return await self.store.campaign("third")

    async def calm_down(self) -> None:
        self.store.spare()
        self.store.release_commits()
        self.store.mend()
        self.store.release_delayed()
        await self.clock.advance(5 * SECOND)


def folded(log: list[Step]) -> State:
    state = State(default_slots=SLOTS)
    for step in log:
        state.fold(step.fence, changes_of(step))
    return state


async def live(script: list[tuple[str, int]]) -> int:
    """How many names were acknowledged."""
    world = World()
    try:
        await settle()
        for verb, arg in script:
            await world.do(verb, arg)
        waiters = [
            asyncio.get_running_loop().create_task(it.replica.wait_for(it.replica.n + 1)) for it in world.servers
        ]
        await world.calm_down()
        # A step that was left out can only be missed once another one comes.
        await world.campaign_of_another()
        for server in world.servers:
            server.add("of a deposed leader")
        await world.clock.advance(5 * SECOND)
        expected = folded(world.store.steps)
        for server in world.servers:
            same_state(server.replica.state, expected)
            assert server.follower.lag == 0
            assert set(server.added) <= set(expected.namespaces)
            assert server.committer is None
        assert "of a deposed leader" not in expected.namespaces
        await asyncio.gather(*waiters)
        return sum(len(server.added) for server in world.servers)
    finally:
        for server in world.servers:
            await server.stop()


@pytest.mark.invariant("P-11")
@given(script=st.lists(steps, max_size=60))
@settings(max_examples=150, deadline=None)
def test_all_that_follow_hold_what_the_log_says(script: list[tuple[str, int]]) -> None:
    asyncio.run(live(script))


def test_names_that_were_acknowledged_are_there_though_two_leaders_alternate() -> None:
    """The same, dense: two take turns while watches break, commits are lost, and the log is cut short."""
    script: list[tuple[str, int]] = []
    for turn in range(40):
        spoiler = ("break", "skip", "compact", "land")[turn % 4]
        leader, other = turn % 2, 1 - turn % 2
        script += [("campaign", leader), ("time", 1500)] * 3  # what is still planned may fail the first
        script += [("add", leader), ("add", other), ("turns", 20)]
        script += [("fault", turn % 4), ("add", leader), ("turns", turn), ("add", leader), ("time", 100)]
        script += [(spoiler, 0), ("add", leader), ("turns", 20)]
    assert asyncio.run(live(script)) > 40
