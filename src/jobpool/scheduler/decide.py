"""The decision about one run. The same function serves evaluators, explanations and benchmarks."""

from collections.abc import Mapping

from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.scheduler.decision import NOTHING, Decision, Place, Wait
from jobpool.scheduler.fit import Refusal, feasible, fits, needs_node, portable
from jobpool.scheduler.strategies import DEFAULT_STRATEGY, STRATEGIES, Look, Room, spread
from jobpool.scheduler.view import Dice, PlacementView, Proposals


def schedule(run: Run, view: PlacementView, *, proposals: Proposals, dice: Dice, strategy: str = "") -> Decision:
    """Decide where the run goes; a placement is noted in `proposals`.

    The run's own strategy comes before `strategy`. A name that is not known here, because a newer server accepted it,
    means the default: the run is not stuck for it. A run that lost a node goes to another one if any has room.
    """
    if not needs_node(run):
        return NOTHING
    found_full = _known_full(run, view, proposals)
    if found_full is not None:
        return found_full
    room = _room_for(run, view, proposals=proposals, dice=dice, strategy=strategy)
    if room is None:
        return _wait(run, view, proposals)
    proposals.add(run, room.node_id)
    return Place(room.node_id)


def _known_full(run: Run, view: PlacementView, proposals: Proposals) -> Wait | None:
    """What this batch saw when it found no room for such a run."""
    ours = proposals.full_for_ours.get(run.executor)
    if ours is not None and not portable(run, view):
        return ours
    return proposals.full_for.get(run.executor)


def _room_for(run: Run, view: PlacementView, *, proposals: Proposals, dice: Dice, strategy: str) -> Room | None:
    nodes = view.ready_nodes(run.executor)
    if not nodes:
        return None
    choose = STRATEGIES.get(run.strategy or strategy, STRATEGIES[DEFAULT_STRATEGY])
    own = proposals.of_plan(run, view) if choose is spread else {}
    look = _look(run, view, proposals=proposals, own=own)
    if run.losses:
        used = {attempt.node_id for attempt in run.attempts}
        room = choose(nodes, lambda node_id: None if node_id in used else look(node_id), dice)
        if room is not None:
            return room
    return choose(nodes, look, dice)


def _look(run: Run, view: PlacementView, *, proposals: Proposals, own: Mapping[str, int]) -> Look:
    find, load_of, proposed_on = view.node, view.node_load, proposals.on_node

    def look(node_id: str) -> Room | None:
        node = find(node_id)
        if node is None or feasible(node, run, view) is not None:
            return None
        load = load_of(node_id) + proposed_on(node_id)
        return Room(node_id, load, node.capacity, own.get(node_id, 0)) if fits(node, load) else None

    return look


def _wait(run: Run, view: PlacementView, proposals: Proposals) -> Wait:
    """What there is to say when no node has room; noted in `proposals`, for whom it is true."""
    ready = view.ready_nodes(run.executor)
    nodes = [node for node_id in ready if (node := view.node(node_id)) is not None]
    refusals = [feasible(node, run, view) for node in nodes]
    full = refusals.count(None)
    wait = Wait(Reason.NO_NODE, len(ready), len(ready) - full, full)
    narrowed = Refusal.NOT_PORTABLE in refusals
    (proposals.full_for_ours if narrowed else proposals.full_for)[run.executor] = wait
    return wait
