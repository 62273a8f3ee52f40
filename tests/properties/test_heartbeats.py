"""Fleets of nodes that beat when they were told to, and a leader that falls: nobody who lives is declared down."""

from heapq import heapify, heappop, heappush

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.leader.heartbeats import Silence
from jobpool.leader.term import LeaderConfig

CONFIG = LeaderConfig(min_heartbeat_ttl=10 * SECOND, heartbeat_grace=10 * SECOND)
FLEET = 10_000


class Fleet:
    """Nodes come one by one and beat at the very end of their time to live; `told` is what each was given."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.leader = Silence(CONFIG)
        self.told: dict[int, Millis] = {}
        self.now: Millis = 0
        self.down: list[str] = []
        self._beats: list[tuple[Millis, int]] = []

    def join(self, node: int) -> None:
        self.leader.expect(str(node), self.now)
        self.told[node] = ttl = self.leader.ttl_of(self.dice.fraction())
        self.leader.beat(str(node), ttl, self.now)
        heappush(self._beats, (self.now + ttl, node))

    def leave(self, node: int) -> None:
        del self.told[node]
        self.leader.forget(str(node))

    def pass_time(self, span: Millis, *, heard: bool = True) -> None:
        """`heard`: beats reach a leader."""
        end = self.now + span
        while self._beats and self._beats[0][0] <= end:
            self.now, node = heappop(self._beats)
            if node not in self.told:
                continue
            if heard:
                self.down += self.leader.expire(self.now)
                self.leader.beat(str(node), self.told[node], self.now)
            heappush(self._beats, (self.now + self.told[node], node))
        self.now = end
        if heard:
            self.down += self.leader.expire(end)

    def scatter(self) -> None:
        """As if every node had beaten for long: each is somewhere in its time to live. All were heard of late."""
        for node, ttl in self.told.items():
            self.leader.beat(str(node), ttl, self.now)
        self._beats = [(self.now + self.dice.below(ttl), node) for node, ttl in self.told.items()]
        heapify(self._beats)

    def fail_over(self, vacancy: Millis) -> None:
        """Nobody leads for so long; whoever leads then knows the nodes' names only."""
        self.pass_time(vacancy, heard=False)
        self.leader = Silence(CONFIG)
        self.leader.take_over(map(str, self.told), self.now, fleet=len(self.told))


@pytest.mark.invariant("H-1")
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32), vacancy=st.integers(0, 3 * SECOND), when=st.integers(0, 10 * MINUTE))
def test_a_node_that_beats_at_its_time_to_live_is_never_down(seed: int, vacancy: Millis, when: Millis) -> None:
    fleet = Fleet(Dice(seed))
    for node in range(FLEET):
        fleet.join(node)
        fleet.pass_time(fleet.dice.below(20))
    fleet.scatter()
    fleet.pass_time(when)
    fleet.fail_over(vacancy)
    fleet.pass_time(CONFIG.failover_grace(FLEET))
    fleet.pass_time(10 * MINUTE)
    assert fleet.down == []
    assert max(fleet.told.values()) <= 2 * CONFIG.least_ttl(FLEET)


@pytest.mark.invariant("H-1")
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), left=st.integers(0, 200))
def test_those_that_were_told_of_a_larger_fleet_are_known_by_whoever_holds_their_streams(seed: int, left: int) -> None:
    """The fleet has shrunk: a new leader would expect more of them than they were asked for."""
    fleet = Fleet(Dice(seed))
    for node in range(5_000):
        fleet.join(node)
    for node in range(left, 5_000):
        fleet.leave(node)
    fleet.scatter()
    fleet.fail_over(2 * SECOND)
    for node, ttl in fleet.told.items():
        fleet.leader.beat(str(node), ttl, fleet.now)  # their servers say what they hold
    fleet.pass_time(10 * MINUTE)
    assert fleet.down == []


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), silent=st.integers(0, 49))
def test_one_that_falls_silent_is_down_in_time(seed: int, silent: int) -> None:
    fleet = Fleet(Dice(seed))
    for node in range(50):
        fleet.join(node)
    fleet.scatter()
    fleet.pass_time(MINUTE)
    ttl = fleet.told[silent]
    del fleet.told[silent]
    fleet.pass_time(ttl + CONFIG.heartbeat_grace)
    assert fleet.down == [str(silent)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), silent=st.integers(0, 49))
def test_one_that_was_silent_before_the_fail_over_is_down_after_the_grace(seed: int, silent: int) -> None:
    fleet = Fleet(Dice(seed))
    for node in range(50):
        fleet.join(node)
    fleet.scatter()
    fleet.fail_over(SECOND)
    del fleet.told[silent]
    fleet.pass_time(CONFIG.failover_grace(50) - 1)
    assert fleet.down == []
    fleet.pass_time(1)
    assert fleet.down == [str(silent)]
