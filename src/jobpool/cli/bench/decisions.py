"""Placement decisions of one evaluator, by the library that the evaluators call."""

import time
from pathlib import Path

from jobpool.cli.bench.load import NAMESPACE
from jobpool.cli.bench.measures import Row, Scale
from jobpool.cli.bench.posts import Setup
from jobpool.kit.effects.dice import Dice
from jobpool.model.node import Node
from jobpool.model.run import Evaluation, Run
from jobpool.model.schedule import Delivery
from jobpool.model.statuses import EvaluationStatus, EvaluationTrigger, JobStatus, NodeStatus, Trigger
from jobpool.replica.state import State
from jobpool.scheduler import Place, Proposals, schedule
from jobpool.store.change import Change
from jobpool.store.keyspace import Table
from jobpool.store.port import Fence

_NODES = 1000
_BATCH = 256


async def decisions(directory: Path, scale: Scale, setup: Setup) -> list[Row]:
    """Decisions a second among 1,000 nodes; needs no server."""
    state = State(default_slots=scale.decisions)
    nodes = [
        Node(f"node-{k}", f"node-{k}", "0", NodeStatus.READY, 0, 0, capacity=1 + k % 50 * 40, executors=("noop",))
        for k in range(_NODES)
    ]
    state.fold(Fence(1, 1, 1, "bench"), [Change(Table.NODE, (node.id,), node) for node in nodes])
    runs = [_pending(k) for k in range(scale.decisions)]
    dice, proposals, placed = Dice(1), Proposals(), 0
    begun = time.perf_counter()
    for at, run in enumerate(runs):
        if at % _BATCH == 0:
            proposals = Proposals()
        placed += isinstance(schedule(run, state, proposals=proposals, dice=dice), Place)
    span = time.perf_counter() - begun
    if placed != len(runs):
        raise RuntimeError(f"only {placed} of {len(runs)} runs found a node")
    return [Row("placement decisions, 1,000 nodes", placed / span, "per s", "1,000", "5,000")]


def _pending(k: int) -> Run:
    evaluation = Evaluation(1, EvaluationTrigger.PERIODIC_JOB, EvaluationStatus.PENDING, 0, 0)
    return Run(
        f"job-{k}",
        NAMESPACE,
        "plan",
        "plan",
        "service",
        1,
        1,
        Trigger.SCHEDULE,
        0,
        0,
        0,
        50,
        "noop",
        True,
        1000,
        Delivery.AT_LEAST_ONCE,
        JobStatus.PENDING,
        True,
        (evaluation,),
    )
