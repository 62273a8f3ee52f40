"""When each node was last heard, and what its agent last told of its machine: memory, never written anywhere.

Filled by the streams of this server, by polling agents when it leads, and by the word of the other servers: each tells
what it has heard itself, and to a server that comes, or comes back, all that it knows.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import Millis
from jobpool.model.node import Resources
from jobpool.peers.words import Seen
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import resources_message, timestamp


class Sight(Struct, frozen=True):
    """`heard` and `told` (what `resources` says) by the monotonic clock. `number` is the order of changes.

    `here`: this server has heard it itself.
    """

    number: int
    heard: Millis
    here: bool
    resources: Resources | None = None
    told: Millis = 0


class Sightings:
    """One of every node that is there and was heard since this server, or one that it has talked to, was started."""

    def __init__(self, replica: Replica, clock: Clock) -> None:
        self._replica = replica
        self._clock = clock
        self._seen: dict[str, Sight] = {}  # what has changed last comes last
        self._number = 0
        replica.listen(self._observe)
        replica.on_restore(self._reloaded)

    @property
    def number(self) -> int:
        """Of the newest change."""
        return self._number

    def since(self, number: int) -> list[tuple[str, Sight]]:
        """What has changed after that one, the newest first."""
        found = []
        for node_id, sight in reversed(self._seen.items()):
            if sight.number <= number:
                break
            found.append((node_id, sight))
        return found

    # ---- what is heard

    def heard(self, node_id: str) -> None:
        """An agent said something here."""
        known, now = self._seen.get(node_id), self._clock.monotonic()
        if known is None:
            self._put(node_id, now, here=True)
        else:
            self._put(node_id, now, here=True, resources=known.resources, told=known.told)

    def told(self, node_id: str, resources: Resources) -> None:
        """An agent told here of its machine."""
        now = self._clock.monotonic()
        self._put(node_id, now, here=True, resources=resources, told=now)

    def learn(self, told: Iterable[Seen]) -> None:
        """What another server has heard. What is older than what is known here says nothing new."""
        now = self._clock.monotonic()
        for seen in told:
            heard = now - max(0, seen.heard_ago)
            known = self._seen.get(seen.node_id)
            if known is not None and known.heard >= heard:
                continue
            if seen.resources is not None or known is None:
                resources, at = seen.resources, now - max(0, seen.told_ago)
            else:
                resources, at = known.resources, known.told
            self._put(seen.node_id, heard, here=False, resources=resources, told=at)

    def _put(
        self, node_id: str, heard: Millis, *, here: bool, resources: Resources | None = None, told: Millis = 0
    ) -> None:
        if node_id not in self._replica.state.nodes:
            return  # it has gone, or has not come yet
        self._number += 1
        self._seen.pop(node_id, None)
        self._seen[node_id] = Sight(self._number, heard, here, resources, told)

    # ---- what is said of it

    def news(self, since: int, *, own: bool) -> list[Seen]:
        """For other servers: what was heard after that change; `own`: only what this server has heard itself."""
        now = self._clock.monotonic()
        return [
            Seen(node_id, now - sight.heard, sight.resources, now - sight.told)
            for node_id, sight in self.since(since)
            if sight.here or not own
        ]

    def message(self, node_id: str) -> pb.NodeSeen | None:
        """None for a node that was not heard."""
        sight = self._seen.get(node_id)
        if sight is None:
            return None
        began = self._clock.now() - self._clock.monotonic()
        seen = pb.NodeSeen(id=node_id, heard_at=timestamp(began + sight.heard))
        if sight.resources is not None:
            seen.resources.CopyFrom(resources_message(sight.resources))
            seen.resources.told_at.CopyFrom(timestamp(began + sight.told))
        return seen

    def add_to(self, message: pb.Node) -> None:
        """Say of the node when it was heard, and what it told."""
        seen = self.message(message.ID)
        if seen is None:
            return
        message.heard_at.CopyFrom(seen.heard_at)
        if seen.HasField("resources"):
            message.resources.CopyFrom(seen.resources)

    # ---- nodes that go

    def _observe(self, folded: Folded) -> None:
        for old, node in folded.nodes:
            if node is None and old is not None:
                self._seen.pop(old.id, None)

    def _reloaded(self) -> None:
        nodes = self._replica.state.nodes
        for node_id in self._gone(nodes):
            del self._seen[node_id]

    def _gone(self, nodes: Iterable[str]) -> Sequence[str]:
        there = set(nodes)
        return [node_id for node_id in self._seen if node_id not in there]
