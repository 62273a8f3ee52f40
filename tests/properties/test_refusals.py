"""The leader refuses a placement only for what was committed since the evaluator looked (P-13).

So nothing about a node alone can make the leader refuse it again and again: whoever decides anew, on a state that has
the commit, is not refused for it any more. A tracker of nodes that are refused too often would track how busy they are.
"""

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from jobpool.evaluator.worker import decide
from jobpool.kit.effects.dice import Dice
from jobpool.model.queued import Delivery, QueuedEvaluation
from jobpool.model.statuses import AllocationStatus, NodeStatus
from jobpool.model.verdict import Verdict, VerdictKind
from jobpool.replica.state import State
from jobpool.store.commands import (
    BlockEvaluation,
    CancelDrain,
    CancelRun,
    Placed,
    PlaceRun,
    RegisterNode,
    SetEligibility,
    SetNodeStatus,
    StartDrain,
    StartRun,
)
from tests.unit.store.commands.bench import Bench

NODES = ("a", "b", "c")
EVENTS = ("start", "end", "cancel", "down", "up", "close", "open", "drain", "resize", "nothing")


def happen(bench: Bench, event: str, at: int) -> None:
    """Something else that is committed; `at` chooses whom it befalls."""
    node = bench.state.nodes[NODES[at % len(NODES)]]
    runs = bench.runs
    run = runs[at % len(runs)] if runs else None
    if event == "start":
        bench.do(StartRun("default", "p", f"r{bench.state.fence.n}"))
    elif event == "end" and run is not None and run.open_attempt is not None:
        bench.report(run, AllocationStatus.COMPLETE)
    elif event == "cancel" and run is not None and not run.cancel_requested:
        bench.do(CancelRun(run.id))
    elif event in ("down", "up"):
        bench.do(SetNodeStatus(node.id, NodeStatus.DOWN if event == "down" else NodeStatus.READY))
    elif event in ("close", "open"):
        bench.do(
            SetEligibility(node.id, event == "open") if node.drain is None else CancelDrain(node.id, eligible=True)
        )
    elif event == "drain":
        bench.do(StartDrain(node.id, None))
    elif event == "resize":
        bench.do(RegisterNode(replace(node, capacity=1 + at % 3), node.server))
        bench.do(SetNodeStatus(node.id, NodeStatus.READY))


def looked_at(state: State, seed: int) -> list[Verdict]:
    """What an evaluator proposes for every run that waits."""
    waiting = [
        Delivery(QueuedEvaluation(run.id, run.evaluations[-1].number, "default", "p", 50, 0, 0), "t", 1)
        for run in state.runs.values()
        if run.open_attempt is None
    ]
    return decide(waiting, state, Dice(seed))


def what_speaks_against(state: State, node_id: str) -> tuple[object, int]:
    """All of a state that a node can be refused for."""
    return state.nodes.get(node_id), state.node_load(node_id)


def settle(bench: Bench, verdicts: list[Verdict]) -> list[tuple[Verdict, Placed]]:
    answers = []
    for verdict in verdicts:
        if verdict.kind is VerdictKind.PLACE:
            answers.append((verdict, bench.do(PlaceRun(verdict.job_id, verdict.number, verdict.node_id))))
        elif verdict.kind is VerdictKind.NO_NODE:
            bench.do(BlockEvaluation(verdict.job_id, verdict.number, verdict.description))
    return answers


@pytest.mark.invariant("P-13")
@pytest.mark.invariant("P-7")
@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 5)), max_size=8),
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 5)), max_size=8),
    st.integers(0, 9),
)
def test_a_refusal_is_explained_by_a_newer_commit_and_not_repeated(
    before: list[tuple[str, int]], between: list[tuple[str, int]], seed: int
) -> None:
    bench = Bench()
    for at, node_id in enumerate(NODES):
        bench.node(node_id, capacity=1 + at % 2)
    bench.plan()
    for job in ("one", "two", "three"):
        bench.do(StartRun("default", "p", job))
    for event, at in before:
        happen(bench, event, at)
    seen = deepcopy(bench.state)
    verdicts = looked_at(seen, seed)
    for event, at in between:
        happen(bench, event, at)
    for verdict, answer in settle(bench, verdicts):
        if answer is Placed.REFUSED:
            assert bench.state.fence.n > verdict.n
            now = what_speaks_against(bench.state, verdict.node_id)
            assert now != what_speaks_against(seen, verdict.node_id), "nothing has changed, and it is refused"
    again = settle(bench, looked_at(bench.state, seed + 1))
    assert {answer for _, answer in again} <= {Placed.COMMITTED}, "on the newest state nothing is refused"
