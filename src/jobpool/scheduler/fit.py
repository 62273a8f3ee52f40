"""Whether a run may go to a node: the one answer for evaluators, which propose, and the leader, which commits (P-7)."""

from enum import StrEnum

from jobpool.model.node import Node
from jobpool.model.run import Run
from jobpool.model.statuses import TERMINAL_EVALUATION
from jobpool.scheduler.view import PlacementView


class Refusal(StrEnum):
    """Why a proposal does not hold."""

    NOT_NEEDED = "not_needed"
    """The run has its node already, ended, is cancelled or has no slot: now there is nothing to place."""
    NODE_GONE = "node_gone"
    NODE_NOT_READY = "node_not_ready"
    EXECUTOR_NOT_OFFERED = "executor_not_offered"
    NODE_FULL = "node_full"


def needs_node(run: Run) -> bool:
    """Whether an evaluation of the run has anything to do; a second delivery has not (W-7).

    A run that has ended needs a node only for a callback: it has an open evaluation again.
    """
    evaluation = run.evaluation
    if evaluation is None or evaluation.status in TERMINAL_EVALUATION:
        return False
    if run.accepted or run.cancel_requested or run.open_attempt is not None:
        return False
    return run.holds_slot or run.ended


def feasible(node: Node, run: Run) -> Refusal | None:
    """Why the node could not take the run even with room; None when it could."""
    if not node.accepts_work:
        return Refusal.NODE_NOT_READY
    return None if run.executor in node.executors else Refusal.EXECUTOR_NOT_OFFERED


def fits(node: Node, load: int) -> bool:
    """Whether a node with `load` open attempts has room for one more."""
    return load < node.capacity


def verify(run: Run, node_id: str, *, view: PlacementView) -> Refusal | None:
    """Why the run cannot go to the node in this state, of which `run` is a part; None when it can.

    Limits, never optimality.
    """
    if not needs_node(run):
        return Refusal.NOT_NEEDED
    node = view.node(node_id)
    if node is None:
        return Refusal.NODE_GONE
    refusal = feasible(node, run)
    if refusal is None and not fits(node, view.node_load(node_id)):
        return Refusal.NODE_FULL
    return refusal
