"""One term of leadership: what every duty is given, and the shape of a duty."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import DAY, HOUR, MINUTE, SECOND, Millis
from jobpool.model.errors import JobpoolError
from jobpool.replica.state import Folded, State
from jobpool.store.change import Command, Turn
from jobpool.store.port import Store

R = TypeVar("R")

_BEATS_PER_SECOND = 50


class LeaderConfig(Struct, frozen=True):
    """`min_heartbeat_ttl` and `heartbeat_grace`: how long a node may be silent, in a small fleet;
    `failover_heartbeat_ttl`: how long at least every node may be after a change of leader. `node_gc_threshold`: how
    long a node stays listed after it went down. `job_gc_threshold` and `keep_runs`: history is dropped when older, or
    when there is more."""

    min_heartbeat_ttl: Millis = 10 * SECOND
    heartbeat_grace: Millis = 10 * SECOND
    failover_heartbeat_ttl: Millis = 0
    node_gc_threshold: Millis = DAY
    job_gc_threshold: Millis = 168 * HOUR
    keep_runs: int = 1_000_000
    keep_versions: int = 20
    timeout_grace: Millis = 30 * SECOND
    collect_every: Millis = MINUTE

    def least_ttl(self, nodes: int) -> Millis:
        """How often a node is to be heard at the most often: beats of the whole fleet stay below 50 a second."""
        return max(self.min_heartbeat_ttl, nodes * SECOND // _BEATS_PER_SECOND)

    def longest_silence(self, nodes: int) -> Millis:
        """How long any node of such a fleet may rightly be silent, whatever time to live it was given."""
        return 2 * self.least_ttl(nodes) + self.heartbeat_grace

    def failover_grace(self, nodes: int) -> Millis:
        """How long a new leader waits for each of them."""
        return max(self.failover_heartbeat_ttl, self.longest_silence(nodes))


class Writer(Protocol):
    """Where a duty's commands go. Raises Unavailable when the term ends."""

    async def submit(self, command: Command[R]) -> R: ...

    async def submit_all(
        self, commands: Sequence[Command[R]], *, turn: Turn = Turn.CARRY_ON
    ) -> list[R | JobpoolError]: ...


class Retention(Protocol):
    """What the collector needs of history."""

    async def retention_cut(self, *, older_than: Millis, keep_runs: int) -> int | None:
        """The newest n at or below which every segment is to go; None = nothing is."""
        ...

    def dropped_before(self, n: int) -> None:
        """The store has no segment below n any more."""
        ...


class Term(Struct, frozen=True):
    """What a duty may use. `state` is the replica's; duties read it and never change it. `heard` are the ids of the
    servers that are there, this one among them."""

    state: State
    writer: Writer
    clock: Clock
    dice: Dice
    config: LeaderConfig
    store: Store
    retention: Retention
    new_token: Callable[[], str]
    heard: Callable[[], frozenset[str]] = frozenset


class Duty(Protocol):
    """One of the leader's duties.

    `begin` rebuilds what it keeps in memory from the state, `observe` is told of every commit from then on, `run` acts
    until it is cancelled, `end` forgets. `begin`, `observe` and `end` never await.
    """

    @property
    def name(self) -> str: ...

    def begin(self) -> None: ...

    def observe(self, folded: Folded) -> None: ...

    async def run(self) -> None: ...

    def end(self) -> None: ...
