"""Whether any node could take a run now, by the rules that evaluators and the leader go by."""

from collections import Counter

from msgspec import Struct

from jobpool.explain.finding import Code, Finding, Remedy, facts
from jobpool.explain.view import ExplainView
from jobpool.model.node import Node
from jobpool.model.run import Run
from jobpool.model.statuses import NodeStatus
from jobpool.scheduler import Refusal, feasible, fits


class _Kind(Struct, frozen=True):
    """One way in which a node refuses a run: its word in a text, and what it is when all nodes refuse so."""

    word: str
    code: Code
    remedy: Remedy
    advice: str


_DOWN = _Kind("down", Code.ALL_DOWN, Remedy.START_AGENT, "start their agents, or another one that offers {executor}")
_STARTING = _Kind("starting", Code.ALL_STARTING, Remedy.WAIT, "they are ready within seconds, or their agents say why")
_INELIGIBLE = _Kind(
    "ineligible", Code.ALL_INELIGIBLE, Remedy.NODE_ELIGIBILITY, "jobpoolctl node eligibility {node} --enable"
)
_DRAINING = _Kind("draining", Code.ALL_DRAINING, Remedy.NODE_DRAIN, "jobpoolctl node drain {node} --disable --eligible")
_NOT_PORTABLE = _Kind(
    "not able to run it",
    Code.NOT_PORTABLE,
    Remedy.START_AGENT,
    "start an agent of jobpool that offers {executor}: the others are of the original and lack what the plan needs",
)
_FULL = _Kind("full", Code.ALL_FULL, Remedy.WAIT, "wait until a run ends, or start another agent")


def placement(view: ExplainView, run: Run) -> Finding | None:
    """Why no node could take the run now; None when one could."""
    executor = run.executor
    offering = [node for node in view.nodes.values() if executor in node.executors]
    if not offering:
        return Finding(
            code=Code.NO_EXECUTOR,
            text=f"no agent offers executor {executor}, of {len(view.nodes)} nodes in all",
            blocks=True,
            facts=facts(executor=executor, nodes=len(view.nodes)),
            remedy=Remedy.START_AGENT,
            remedy_text=f"start an agent with {executor} among its executors",
        )
    refusing: dict[str, _Kind] = {}
    for node in offering:
        kind = _refusal(node, run, view)
        if kind is None:
            return None
        refusing[node.id] = kind
    return _refused(executor, refusing)


def _refusal(node: Node, run: Run, view: ExplainView) -> _Kind | None:
    match feasible(node, run, view):
        case None:
            return None if fits(node, view.node_load(node.id)) else _FULL
        case Refusal.NOT_PORTABLE:
            return _NOT_PORTABLE
        case _:
            return _unready(node)


def _unready(node: Node) -> _Kind:
    if node.status is NodeStatus.INITIALIZING:
        return _STARTING
    if node.status is not NodeStatus.READY:
        return _DOWN
    return _DRAINING if node.draining or node.drain is not None else _INELIGIBLE


def _refused(executor: str, refusing: dict[str, _Kind]) -> Finding:
    tally = Counter(kind.word for kind in refusing.values())
    first = next(iter(refusing))
    kinds = {kind.word: kind for kind in refusing.values()}
    number = len(refusing)
    told = facts(executor=executor, nodes=number, **{word.replace(" ", "_"): n for word, n in sorted(tally.items())})
    if len(kinds) > 1:
        parts = ", ".join(f"{count} {word}" for word, count in sorted(tally.items()))
        return Finding(
            code=Code.NO_NODE,
            text=f"none of the {number} nodes that offer executor {executor} can take it: {parts}",
            blocks=True,
            facts=told,
            remedy=Remedy.START_AGENT,
            remedy_text=f"wait, or start another agent that offers {executor}; jobpoolctl node list shows them",
        )
    [kind] = kinds.values()
    which = (
        f"node {first}, which alone offers executor {executor}, is"
        if number == 1
        else (f"all {number} nodes that offer executor {executor} are")
    )
    return Finding(
        code=kind.code,
        text=f"{which} {kind.word}",
        blocks=True,
        facts=told,
        remedy=kind.remedy,
        remedy_text=kind.advice.format(executor=executor, node=first if number == 1 else "ID"),
    )
