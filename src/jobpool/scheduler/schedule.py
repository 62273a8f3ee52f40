"""The decision about one run. The same function serves evaluators, explanations and benchmarks."""

from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.scheduler.decision import NOTHING, Decision, Place, Wait
from jobpool.scheduler.fit import Verdict, feasible, fits, needs_node
from jobpool.scheduler.strategies import DEFAULT_STRATEGY, STRATEGIES, Look, Room
from jobpool.scheduler.view import Dice, PlacementView, Proposals


def schedule(
    run: Run, view: PlacementView, *, proposals: Proposals, dice: Dice, strategy: str = DEFAULT_STRATEGY
) -> Decision:
    """Decide where the run goes; a placement is noted in `proposals`.

    The run's own strategy comes before `strategy`. A name that is not known here, because a newer server accepted it,
    means the default: the run is not stuck for it. A run that lost a node goes to another one if any has room.
    """
    if not needs_node(run):
        return NOTHING
    found_full = proposals.full_for.get(run.executor)
    if found_full is not None:
        return found_full
    nodes = view.ready_nodes(run.executor)
    choose = STRATEGIES.get(run.strategy or strategy, STRATEGIES[DEFAULT_STRATEGY])
    look = _look(run, view, proposals)
    room: Room | None = None
    if nodes:
        avoided = frozenset(attempt.node_id for attempt in run.attempts) if run.losses else frozenset()
        if avoided:
            room = choose(nodes, lambda node_id: None if node_id in avoided else look(node_id), dice)
        if room is None:
            room = choose(nodes, look, dice)
    if room is None:
        return _no_room(run, view, proposals)
    proposals.add(room.node_id)
    return Place(room.node_id)


def _look(run: Run, view: PlacementView, proposals: Proposals) -> Look:
    find, load_of, proposed_on = view.node, view.node_load, proposals.on_node

    def look(node_id: str) -> Room | None:
        node = find(node_id)
        if node is None or feasible(node, run) is not Verdict.FITS:
            return None
        load = load_of(node_id) + proposed_on(node_id)
        return Room(node_id, load, node.capacity) if fits(node, load) else None

    return look


def _no_room(run: Run, view: PlacementView, proposals: Proposals) -> Wait:
    nodes = view.ready_nodes(run.executor)
    able = sum(1 for node_id in nodes if (node := view.node(node_id)) and feasible(node, run) is Verdict.FITS)
    filtered = len(nodes) - able
    wait = proposals.full_for[run.executor] = Wait(Reason.NO_NODE, len(nodes), filtered, full=able)
    return wait
