"""Heartbeats: a node that falls silent is marked down. Memory of the leader only; a beat writes nothing.

A new leader cannot know when a node was last heard, so every node gets the failover time first: declaring a node down
late is safe, declaring it down early moves running work.
"""

from jobpool.kit.effects.clock import Alarm, MonotonicClock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.delay_queue import DelayQueue
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.term import LeaderConfig, Term
from jobpool.model.errors import JobpoolError
from jobpool.model.node import Node
from jobpool.model.statuses import NodeStatus
from jobpool.replica.state import Folded
from jobpool.store.commands import SetNodeStatus

_BEATS_PER_SECOND = 50
SILENT = "no heartbeat received"


class Silence:
    """When each node must next be heard from, by monotonic time. Pure."""

    def __init__(self, config: LeaderConfig) -> None:
        self._config = config
        self._deadlines: DelayQueue[str] = DelayQueue()
        self._ttl: dict[str, Millis] = {}

    def __len__(self) -> int:
        return len(self._deadlines)

    def watch(self, node_id: str, now: Millis) -> None:
        """A node known from before this term."""
        self._deadlines.set(node_id, now + self._config.failover_heartbeat_ttl)

    def ttl_of(self, node_id: str, fraction: float) -> Millis:
        """A time to live for the node, scaled by the fleet so that beats stay below 50 a second; `fraction` spreads."""
        least = max(self._config.min_heartbeat_ttl, len(self._deadlines) * SECOND // _BEATS_PER_SECOND)
        ttl = self._ttl[node_id] = least + int(least * fraction)
        return ttl

    def beat(self, node_id: str, now: Millis) -> None:
        ttl = self._ttl.get(node_id, self._config.min_heartbeat_ttl)
        self._deadlines.set(node_id, now + ttl + self._config.heartbeat_grace)

    def forget(self, node_id: str) -> None:
        self._deadlines.discard(node_id)
        self._ttl.pop(node_id, None)

    def expire(self, now: Millis) -> list[SetNodeStatus]:
        return [SetNodeStatus(node_id, NodeStatus.DOWN, SILENT) for node_id in self._deadlines.pop_due(now)]

    def next_due(self) -> Millis | None:
        return self._deadlines.next_due()


class Heartbeats:
    """Implements `ports.Liveness`."""

    name = "heartbeats"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._silence = Silence(term.config)
        self._alarm = Alarm(MonotonicClock(term.clock))
        self._log = get_logger("heartbeats")

    def begin(self) -> None:
        now = self._term.clock.monotonic()
        for node in self._term.state.nodes.values():
            if node.status is not NodeStatus.DOWN:
                self._silence.watch(node.id, now)

    def observe(self, folded: Folded) -> None:
        for old, node in folded.nodes:
            if node is None and old is not None:
                self._silence.forget(old.id)
            elif node is not None and _comes(old, node):
                self.beat(node.id)  # its agent may be gone again before it is heard

    def end(self) -> None:
        self._silence = Silence(self._term.config)

    def ttl_of(self, node_id: str) -> Millis:
        return self._silence.ttl_of(node_id, self._term.dice.fraction())

    def beat(self, node_id: str) -> None:
        before = self._silence.next_due()
        self._silence.beat(node_id, self._term.clock.monotonic())
        after = self._silence.next_due()
        if before is None or (after is not None and after < before):
            self._alarm.kick()

    async def run(self) -> None:
        while True:
            await self._alarm.wait(self._silence.next_due())
            commands = self._silence.expire(self._term.clock.monotonic())
            if commands:
                await self._mark(commands)

    async def _mark(self, commands: list[SetNodeStatus]) -> None:
        outcomes = await self._term.writer.submit_all(commands)
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(outcome, JobpoolError):
                self._log.error(
                    "a node could not be marked down",
                    event_name="down_failed",
                    node=command.node_id,
                    error=str(outcome),
                )
                self.beat(command.node_id)
            else:
                self._log.warning("a node is down: no heartbeat", event_name="node_down", node=command.node_id)


def _comes(old: Node | None, node: Node) -> bool:
    """Whether it is new, or back after it was down: nobody waits for its silence yet."""
    return node.status is not NodeStatus.DOWN and (old is None or old.status is NodeStatus.DOWN)
