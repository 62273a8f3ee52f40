"""Commands about agents of the original, which poll: they register, beat, and are known again by their secret.

Nobody can tell them anything. What one has is ended by its word, by its fall, by its timeout, or because it came anew.
"""

from hmac import compare_digest

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import (
    AlreadyExists,
    FailedPrecondition,
    JobpoolError,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
)
from jobpool.model.node import Node
from jobpool.model.reasons import Reason
from jobpool.model.statuses import JobStatus, NodeStatus
from jobpool.ports import ClusterView
from jobpool.store.change import Decided
from jobpool.store.commands.lifecycle import ending, finished, polled
from jobpool.store.commands.nodes import put_node
from jobpool.store.commands.reports import LoseAttempt

ALIKE = 16
"""Agents whose ids differ in nothing but the case of letters. All of them are looked at when one registers."""

RESTARTED = "its agent was restarted and has forgotten it"


class EnrolPoller(Struct, frozen=True):
    """An agent says that it is there. Answers its node, under the id that it first had.

    With the status `initializing` its process is a new one, which has forgotten all: the node has a new session, and
    takes no work before its first beat. With another one it only says again who it is. An operator's word on it stays.
    Raises AlreadyExists when the id is another's, or that of an agent with a stream, and ResourceExhausted when there
    are too many like it.
    """

    node: Node

    def decide(self, view: ClusterView, now: Millis) -> Decided[Node]:
        known = _known(view, self.node.id, self.node.secret_hash)
        if (known is None and view.node(self.node.id) is not None) or (known is not None and not known.polling):
            raise AlreadyExists("node", self.node.id, field="ID")
        if known is None and (alike := len(list(view.pollers_named(self.node.id)))) >= ALIKE:
            raise ResourceExhausted(f"ID: {alike} nodes have the same but for the case of letters; take another one")
        if known is None:
            fresh = replace(self.node, session=view.next_n, updated_at=now)
            return Decided(fresh, (put_node(fresh),))
        if self.node.status is NodeStatus.INITIALIZING or known.status is NodeStatus.DOWN:
            return self._anew(known, view, now)
        told = replace(known, name=self.node.name, data_center=self.node.data_center)
        return _stored(known, _in_status(told, self.node.status, self.node.status_description, now))

    def _anew(self, known: Node, view: ClusterView, now: Millis) -> Decided[Node]:
        fresh = replace(
            self.node,
            id=known.id,
            updated_at=now,
            session=max(view.next_n, known.session + 1),
            eligible=known.eligible,
            eligibility_description=known.eligibility_description,
            drain=known.drain,
        )
        return Decided(fresh, (put_node(fresh),))


class BeatPoller(Struct, frozen=True):
    """What an agent says of itself with a beat. Saying what is so already writes nothing. Answers its node.

    A node that was down is back at once: what it had was taken from it when it fell. Raises NotFound, PermissionDenied,
    and FailedPrecondition for a node whose agent has a stream.
    """

    node_id: str
    secret_hash: str
    status: NodeStatus
    description: str = ""

    def decide(self, view: ClusterView, now: Millis) -> Decided[Node]:
        node = poller_of(view, self.node_id, self.secret_hash)
        beaten = _in_status(node, self.status, self.description, now)
        if node.status is NodeStatus.DOWN and self.status is not NodeStatus.DOWN:
            beaten = replace(beaten, session=max(view.next_n, node.session + 1))
        return _stored(node, beaten)


class LosePolled(Struct, frozen=True, gc=False):
    """What an agent that polls had before it was restarted. Whether anything was changed."""

    job_id: str
    node_id: str
    fence: int

    def decide(self, view: ClusterView, now: Millis) -> Decided[bool]:
        run = view.run(self.job_id)
        attempt = polled(run, view) if run is not None else None
        if attempt is None or attempt.node_id != self.node_id:
            return Decided(False)
        lost = LoseAttempt(self.job_id, attempt.number, self.node_id, self.fence, RESTARTED).decide(view, now)
        return Decided(bool(lost.changes or lost.ended), lost.changes, lost.ended)


class TimeOutPolled(Struct, frozen=True, gc=False):
    """An attempt at an agent that polls, which may never have said that it began, has taken longer than its timeout."""

    job_id: str
    attempt: int

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        run = view.run(self.job_id)
        attempt = polled(run, view) if run is not None else None
        if run is None or attempt is None or attempt.number != self.attempt or run.ended:
            return Decided(None)
        info = "the run took longer than its timeout"
        decided = ending(finished(run, JobStatus.EXPIRED, Reason.TIMEOUT, now, info=info))
        return Decided(None, decided.changes, decided.ended)


def poller_of(view: ClusterView, node_id: str, secret_hash: str) -> Node:
    """The node of an agent that polls. Raises NotFound, PermissionDenied, FailedPrecondition."""
    node = _known(view, node_id, secret_hash)
    if node is None and view.node(node_id) is None:
        raise NodeNotFound(node_id)
    if node is None:
        raise PermissionDenied(f"node {node_id} is registered with another secret", field="secret_id")
    if not node.polling:
        raise FailedPrecondition(f"the agent of node {node_id} beats by its stream", field="ID")
    return node


class NodeNotFound(NotFound):
    """In the words by which agents of the original know that they have to register again."""

    def __init__(self, node_id: str) -> None:
        told = f"node not found: {node_id!r}; register it by NodeAdd"
        JobpoolError.__init__(self, told, field="ID", engine_code=1101, terms=("node", node_id))


def _known(view: ClusterView, node_id: str, secret_hash: str) -> Node | None:
    """The agent's node: of that id, or of that id in other letters, and always of that secret."""
    named = view.node(node_id)
    if named is not None and compare_digest(named.secret_hash, secret_hash):
        return named
    nodes = [node for name in view.pollers_named(node_id) if (node := view.node(name)) is not None]
    return next((node for node in nodes if compare_digest(node.secret_hash, secret_hash)), None)


def _in_status(node: Node, status: NodeStatus, description: str, now: Millis) -> Node:
    if node.status is status:
        return node
    return replace(node, status=status, status_description=description or f"node is {status}", updated_at=now)


def _stored(before: Node, after: Node) -> Decided[Node]:
    return Decided(before) if after == before else Decided(after, (put_node(after),))
