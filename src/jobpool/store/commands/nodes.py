"""Commands about nodes. A node's fall commits only its status; what it had is ended run by run, by its own commands."""

from hmac import compare_digest

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import FailedPrecondition, NotFound, PermissionDenied
from jobpool.model.node import Node
from jobpool.model.statuses import NodeStatus
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Decided
from jobpool.store.keyspace import Table


class RegisterNode(Struct, frozen=True):
    """An agent has come to a server. It is `initializing` until it has said what it still holds.

    An operator's word on it stays. Every registration of a node has a session of its own, so that what is said of one
    stream changes nothing once the agent has another.
    """

    node: Node
    server: str

    def decide(self, view: ClusterView, now: Millis) -> Decided[Node]:
        known = view.node(self.node.id)
        if known is not None and not compare_digest(known.secret_hash, self.node.secret_hash):
            raise PermissionDenied(
                f"node {self.node.id} is registered with another secret; "
                "give this agent a data directory of its own, or delete the node",
                field="secret",
            )
        fresh = replace(
            self.node,
            status=NodeStatus.INITIALIZING,
            updated_at=now,
            status_description="syncing",
            server=self.server,
            session=view.next_n,
            settled=False,
        )
        if known is not None:
            fresh = replace(
                fresh,
                session=max(view.next_n, known.session + 1),  # a batch may register it twice
                eligible=known.eligible,
                eligibility_description=known.eligibility_description,
                drain=known.drain,
            )
        return Decided(fresh, (put_node(fresh),))


class SetNodeStatus(Struct, frozen=True):
    """Mark a node ready, awaited or down. Saying what is so already writes nothing.

    `session`: only while it is the node's; None = whichever it has.
    """

    node_id: str
    status: NodeStatus
    description: str = ""
    session: int | None = None

    def decide(self, view: ClusterView, now: Millis) -> Decided[Node | None]:
        node = view.node(self.node_id)
        if node is None or node.status is self.status or self.session not in (None, node.session):
            return Decided(node)
        if node.status is NodeStatus.DOWN:
            return Decided(node)  # it must first come back and say what it holds
        if self.status is NodeStatus.READY and self.session is not None and not node.server:
            return Decided(node)  # its stream has ended meanwhile
        down = self.status is NodeStatus.DOWN
        changed = replace(
            node,
            status=self.status,
            status_description=self.description,
            updated_at=now,
            server="" if down else node.server,
            settled=not down and (node.settled or self.status is NodeStatus.READY),
        )
        return Decided(changed, (put_node(changed),))


class DrainNode(Struct, frozen=True):
    """The agent is about to leave: it takes nothing new."""

    node_id: str
    session: int

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        node = view.node(self.node_id)
        if node is None or node.session != self.session or node.draining:
            return Decided(None)
        return Decided(None, (put_node(replace(node, draining=True, status_description="draining", updated_at=now)),))


class EndStream(Struct, frozen=True):
    """The agent's stream has ended: nothing new is placed where nobody can bring it.

    What it has stays with it; its silence decides when it is down. `drained`: it took leave and had nothing left, so
    nobody need wait for its silence.
    """

    node_id: str
    session: int
    drained: bool

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        node = view.node(self.node_id)
        if node is None or node.session != self.session or not node.server:
            return Decided(None)
        if self.drained and node.draining and not view.node_load(node.id):
            status, why = NodeStatus.DOWN, "its agent drained and left"
        else:
            status, why = NodeStatus.INITIALIZING, "its stream broke; waiting for it to come back"
        ended = replace(node, status=status, status_description=why, updated_at=now, server="", settled=False)
        return Decided(None, (put_node(ended),))


class RemoveNode(Struct, frozen=True):
    """Forget a node that is down. `if_down_since`: only when it has been down at least since then."""

    node_id: str
    if_down_since: Millis | None = None

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        node = view.node(self.node_id)
        if node is None:
            raise NotFound("node", self.node_id, field="id")
        if node.status is not NodeStatus.DOWN:
            raise FailedPrecondition(
                f"node {node.id} is {node.status}; stop its agent and wait until it is down", field="id"
            )
        if (held := view.node_load(node.id)) > 0:
            raise FailedPrecondition(
                f"{held} run{'s' * (held != 1)} still with node {node.id}: those of plans that forbid overlap wait for "
                "its agent, which may be at work out of reach; bring it back or, if the machine is gone for good, "
                "delete the node with force",
                field="id",
            )
        if self.if_down_since is not None and node.updated_at > self.if_down_since:
            return Decided(None)
        return Decided(None, (Change(Table.NODE, (node.id,), None),))


def put_node(node: Node) -> Change:
    return Change(Table.NODE, (node.id,), node)
