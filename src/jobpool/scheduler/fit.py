"""Whether a run may go to a node: the one answer for evaluators, which propose, and the leader, which commits (P-7)."""

from enum import StrEnum

from jobpool.model.node import Node
from jobpool.model.run import Run
from jobpool.scheduler.view import PlacementView


class Verdict(StrEnum):
    """What `verify` says of a proposal."""

    FITS = "fits"
    NOT_NEEDED = "not_needed"
    """The run ended, is cancelled, or has its node already: nothing is to be placed, now or later."""
    NODE_GONE = "node_gone"
    NODE_NOT_READY = "node_not_ready"
    EXECUTOR_NOT_OFFERED = "executor_not_offered"
    NODE_FULL = "node_full"


def needs_node(run: Run) -> bool:
    """Whether an evaluation of the run has anything to do: a second delivery of it has not (W-7)."""
    return not (run.ended or run.cancel_requested or run.accepted or run.open_attempt is not None)


def feasible(node: Node, run: Run) -> Verdict:
    """Whether the node could take the run if it had room."""
    if not node.accepts_work:
        return Verdict.NODE_NOT_READY
    return Verdict.FITS if run.executor in node.executors else Verdict.EXECUTOR_NOT_OFFERED


def fits(node: Node, load: int) -> bool:
    """Whether a node with `load` open attempts has room for one more."""
    return load < node.capacity


def verify(run: Run, node_id: str, *, view: PlacementView) -> Verdict:
    """Whether the proposal holds in this state, of which `run` is a part: limits, never optimality."""
    if not needs_node(run):
        return Verdict.NOT_NEEDED
    node = view.node(node_id)
    if node is None:
        return Verdict.NODE_GONE
    verdict = feasible(node, run)
    if verdict is Verdict.FITS and not fits(node, view.node_load(node_id)):
        return Verdict.NODE_FULL
    return verdict
