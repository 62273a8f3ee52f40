"""Whether a run may go to a node: the one answer for evaluators, which propose, and the leader, which commits (P-7)."""

from enum import StrEnum

from jobpool.model.node import Node
from jobpool.model.parameters import is_portable
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
    NOT_PORTABLE = "not_portable"
    """The node's agent is one of the original, which does not know what the run needs."""
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


def feasible(node: Node, run: Run, view: PlacementView) -> Refusal | None:
    """Why the node could not take the run even with room; None when it could."""
    if not node.accepts_work:
        return Refusal.NODE_NOT_READY
    if run.executor not in node.executors:
        return Refusal.EXECUTOR_NOT_OFFERED
    return Refusal.NOT_PORTABLE if node.polling and not portable(run, view) else None


def portable(run: Run, view: PlacementView) -> bool:
    """Whether agents of the original can take the run.

    They ask for the plan as it is by then, and tell a callee of a tick that did not run by the parameters of its time.
    """
    if run.executor != "rest" or run.parameters is not None:
        return False
    present = view.plan(run.namespace, run.plan_id)
    begun = view.plan_version(run.namespace, run.plan_id, run.plan_version)
    return all(plan is not None and is_portable(plan.executor, plan.parameters) for plan in (present, begun))


def room_for(node: Node) -> tuple[str, ...]:
    """The kinds of runs, as `room_kind` names them, that room on the node is for."""
    any_agent = (f"{name} at any agent" for name in node.executors if name == "rest")
    return tuple(any_agent) if node.polling else (*node.executors, *any_agent)


def room_kind(run: Run, view: PlacementView) -> str:
    """Runs of one kind can go to the same nodes."""
    return f"{run.executor} at any agent" if portable(run, view) else run.executor


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
    refusal = feasible(node, run, view)
    if refusal is None and not fits(node, view.node_load(node_id)):
        return Refusal.NODE_FULL
    return refusal
