"""Heartbeats: a node that falls silent is marked down. Memory of the leader only; a beat writes nothing.

A new leader cannot know when a node was last heard, nor how often it was told to be by the leaders before, so every
node gets the longest time that such a fleet is ever given: declaring a node down late is safe, declaring it down early
moves running work. Whoever holds its stream says with every beat what it was told.
"""

from collections.abc import Iterable, Sequence

from jobpool.kit.effects.clock import Alarm, MonotonicClock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.delay_queue import DelayQueue
from jobpool.kit.pure.durations import Millis
from jobpool.leader.term import LeaderConfig, Term
from jobpool.model.errors import JobpoolError, Unavailable
from jobpool.model.node import Node
from jobpool.model.statuses import NodeStatus
from jobpool.replica.state import Folded
from jobpool.store.commands import SetNodeStatus

SILENT = "no heartbeat received"


class Silence:
    """When each node must next be heard from, by monotonic time. Pure."""

    def __init__(self, config: LeaderConfig) -> None:
        self._config = config
        self._deadlines: DelayQueue[str] = DelayQueue()

    def __len__(self) -> int:
        return len(self._deadlines)

    def take_over(self, node_ids: Iterable[str], now: Millis, *, fleet: int) -> None:
        """Nodes known from before this term, of so many."""
        for node_id in node_ids:
            self._deadlines.set(node_id, now + self._config.failover_grace(fleet))

    def expect(self, node_id: str, now: Millis) -> None:
        """A node has come, and what it is going to promise is not known yet."""
        self._deadlines.set(node_id, now + self._config.longest_silence(len(self) + 1))

    def ttl_of(self, fraction: float) -> Millis:
        """A time to live for one node more; `fraction` spreads, so that beats do not come in waves."""
        least = self._config.least_ttl(len(self))
        return least + int(least * fraction)

    def beat(self, node_id: str, ttl: Millis, now: Millis) -> None:
        self._deadlines.set(node_id, now + ttl + self._config.heartbeat_grace)

    def forget(self, node_id: str) -> None:
        self._deadlines.discard(node_id)

    def expire(self, now: Millis) -> list[str]:
        """The nodes that have been silent for too long; from now on nothing is expected of them."""
        return list(self._deadlines.pop_due(now))

    def next_due(self) -> Millis | None:
        return self._deadlines.next_due()


class Heartbeats:
    """Implements `ports.Liveness`. At a server that does not lead any more, nothing is counted and nothing happens."""

    name = "heartbeats"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._silence = Silence(term.config)
        self._alarm = Alarm(MonotonicClock(term.clock))
        self._over = False
        self._log = get_logger("heartbeats")

    def begin(self) -> None:
        nodes = self._term.state.nodes.values()
        up = [node.id for node in nodes if node.status is not NodeStatus.DOWN]
        self._silence.take_over(up, self._term.clock.monotonic(), fleet=len(nodes))

    def observe(self, folded: Folded) -> None:
        for old, node in folded.nodes:
            if node is None:
                if old is not None:
                    self._silence.forget(old.id)
            elif node.status is NodeStatus.DOWN:
                self._silence.forget(node.id)
            elif _comes(old, node):
                self._silence.expect(node.id, self._term.clock.monotonic())  # it may be gone again before it is heard
                self._alarm.kick()

    def end(self) -> None:
        self._over = True
        self._silence = Silence(self._term.config)

    def ttl_of(self, node_id: str) -> Millis:
        """Raises Unavailable when the term is over."""
        self._require_term()
        return self._silence.ttl_of(self._term.dice.fraction())

    def beat(self, node_id: str, ttl: Millis) -> None:
        """Raises Unavailable when the term is over."""
        self._require_term()
        before = self._silence.next_due()
        self._silence.beat(node_id, ttl, self._term.clock.monotonic())
        after = self._silence.next_due()
        if before is None or (after is not None and after < before):
            self._alarm.kick()

    def _require_term(self) -> None:
        if self._over:
            raise Unavailable("this server does not lead any more; try again")

    async def run(self) -> None:
        while True:
            await self._alarm.wait(self._silence.next_due())
            silent = self._silence.expire(self._term.clock.monotonic())
            nodes = [node for node_id in silent if (node := self._term.state.node(node_id)) is not None]
            if nodes:
                await self._mark(nodes)

    async def _mark(self, nodes: Sequence[Node]) -> None:
        """Down, unless the agent has come anew in between."""
        commands = [SetNodeStatus(node.id, NodeStatus.DOWN, SILENT, node.session) for node in nodes]
        outcomes = await self._term.writer.submit_all(commands)
        for node, outcome in zip(nodes, outcomes, strict=True):
            if isinstance(outcome, JobpoolError):
                self._log.error(
                    "a node could not be marked down", event_name="down_failed", node=node.id, error=str(outcome)
                )
                self.beat(node.id, self._term.config.min_heartbeat_ttl)
            elif outcome is not None and outcome.status is NodeStatus.DOWN:
                self._log.warning("a node is down: no heartbeat", event_name="node_down", node=node.id)


def _comes(old: Node | None, node: Node) -> bool:
    """Whether it is new, back, or at another stream: nobody waits for its silence yet."""
    return old is None or old.session != node.session or old.status is NodeStatus.DOWN
