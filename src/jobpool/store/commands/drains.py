"""Commands about who may get work: eligibility, and the drain that empties a node.

A drain commits only its record. What runs may finish until the deadline, which is an instant, so that no change of
leader makes it longer; what is left then is moved run by run, by its own commands.
"""

from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import FailedPrecondition, NotFound
from jobpool.model.node import Drain, Node
from jobpool.model.run import Run
from jobpool.model.statuses import AllocationStatus, DesiredStatus
from jobpool.ports import ClusterView
from jobpool.store.change import Decided, put_run
from jobpool.store.commands.lifecycle import waits_for_agent, with_attempt
from jobpool.store.commands.nodes import put_node
from jobpool.store.commands.reports import DRAINED, LoseAttempt, moved


class SetEligibility(Struct, frozen=True):
    """Whether the node may be given new work; what it runs stays. Saying what is so already writes nothing."""

    node_id: str
    eligible: bool
    description: str = ""

    def decide(self, view: ClusterView, now: Millis) -> Decided[Node]:
        node = _known(view, self.node_id)
        if self.eligible and node.drain is not None:
            raise FailedPrecondition(f"node {node.id} is being drained; end the drain first", field="eligible")
        return _changed(node, replace(node, eligible=self.eligible, eligibility_description=self.description), now)


class StartDrain(Struct, frozen=True):
    """Empty the node. `within` ms is the time its runs still have; None = all they need. Said again, it replaces."""

    node_id: str
    within: Millis | None
    description: str = ""

    def decide(self, view: ClusterView, now: Millis) -> Decided[Node]:
        node = _known(view, self.node_id)
        begun = node.drain or Drain(now, runs=view.node_load(node.id))
        drain = replace(begun, deadline=None if self.within is None else now + self.within)
        drained = replace(node, eligible=False, eligibility_description=self.description, drain=drain)
        return _changed(node, drained, now)


class CancelDrain(Struct, frozen=True):
    """Leave the rest of the runs where they are. The node takes new work again only if `eligible`."""

    node_id: str
    eligible: bool = False
    description: str = ""

    def decide(self, view: ClusterView, now: Millis) -> Decided[Node]:
        node = _known(view, self.node_id)
        if node.drain is None and not self.eligible:
            return Decided(node)
        why = self.description or ("" if self.eligible else "drain cancelled")
        return _changed(node, replace(node, eligible=self.eligible, eligibility_description=why, drain=None), now)


class FinishDrain(Struct, frozen=True):
    """Nothing is left on the node: its drain is over, and it stays ineligible. Whether it was so."""

    node_id: str

    def decide(self, view: ClusterView, now: Millis) -> Decided[bool]:
        node = view.node(self.node_id)
        if node is None or node.drain is None or view.node_load(node.id):
            return Decided(False)
        when = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = f"drained at {when}"
        note = f"{node.eligibility_description}; {said}" if node.eligibility_description else said
        drained = replace(node, drain=None, eligibility_description=note, updated_at=now)
        return Decided(True, (put_node(drained),))


class MoveAttempt(Struct, frozen=True, gc=False):
    """The node's time is over and the attempt is still there: it ends here, and what may be repeated goes elsewhere.

    Of a plan that forbids overlap the agent is asked to stop it, and its word that it has ends it. Not a loss: it does
    not count towards `poison`. Whether anything was changed.
    """

    job_id: str
    node_id: str
    fence: int

    def decide(self, view: ClusterView, now: Millis) -> Decided[bool]:
        run, node = view.run(self.job_id), view.node(self.node_id)
        attempt = run.open_attempt if run is not None else None
        if run is None or attempt is None or attempt.fence != self.fence or attempt.node_id != self.node_id:
            return Decided(False)
        deadline = node.drain.deadline if node is not None and node.drain is not None else None
        if deadline is None or deadline > now or is_asked_to_stop(run, view):
            return Decided(False)
        if waits_for_agent(run, view):
            stopping = replace(attempt, desired=DesiredStatus.STOP, updated_at=now)
            return Decided(True, (put_run(with_attempt(run, stopping)),))
        if run.ended or run.cancel_requested or run.predates(view.era):  # not to be repeated: as if the node were lost
            lost = LoseAttempt(run.id, attempt.number, self.node_id, self.fence, DRAINED).decide(view, now)
            return Decided(True, lost.changes, lost.ended)
        closed = replace(
            attempt, status=AllocationStatus.CANCELLED, finished_at=now, updated_at=now, description=DRAINED
        )
        decided = moved(with_attempt(run, closed), view, now)
        return Decided(True, decided.changes, decided.ended)


def is_asked_to_stop(run: Run, view: ClusterView) -> bool:
    """Whether nothing is left to be done but to wait for the agent's word."""
    attempt = run.open_attempt
    return attempt is not None and attempt.desired is DesiredStatus.STOP and waits_for_agent(run, view)


def _known(view: ClusterView, node_id: str) -> Node:
    node = view.node(node_id)
    if node is None:
        raise NotFound("node", node_id, field="id")
    return node


def _changed(before: Node, after: Node, now: Millis) -> Decided[Node]:
    if after == before:
        return Decided(before)
    after = replace(after, updated_at=now)
    return Decided(after, (put_node(after),))
