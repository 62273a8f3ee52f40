"""What a placement decision reads: a few of the reads of `ports.ClusterView`, chance, and its own batch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from jobpool.model.node import Node
from jobpool.model.plan import Plan
from jobpool.model.run import Run
from jobpool.scheduler.decision import Wait


class PlacementView(Protocol):
    """One consistent state of the cluster."""

    def node(self, node_id: str) -> Node | None: ...

    def node_load(self, node_id: str) -> int:
        """Open attempts on the node, over all namespaces."""
        ...

    def ready_nodes(self, executor: str) -> Sequence[str]:
        """Nodes that accept work for the executor, in a stable order."""
        ...

    def plan(self, namespace: str, plan_id: str) -> Plan | None: ...

    def plan_version(self, namespace: str, plan_id: str, version: int) -> Plan | None: ...

    def run(self, job_id: str) -> Run | None: ...

    def live_runs(self, namespace: str, plan_id: str) -> Iterable[str]:
        """Ids of the plan's runs that have not ended."""
        ...


class Dice(Protocol):
    """A source of chance."""

    def below(self, limit: int) -> int:
        """A whole number in [0, limit)."""
        ...


class Proposals:
    """What one batch has decided on one state: it counts as load for the decisions that follow in the batch.

    Not to be carried over to a newer state: what was proposed is in its loads by then, and `full_for` no longer true.
    """

    __slots__ = ("_of_plan", "_on_node", "full_for", "full_for_ours")

    def __init__(self) -> None:
        self._on_node: dict[str, int] = {}
        self._of_plan: dict[tuple[str, str], dict[str, int]] = {}
        self.full_for: dict[str, Wait] = {}
        """Executors for which this batch has found no room, and what it saw."""
        self.full_for_ours: dict[str, Wait] = {}
        """The same of runs that agents of the original cannot take."""

    def on_node(self, node_id: str) -> int:
        return self._on_node.get(node_id, 0)

    def of_plan(self, run: Run, view: PlacementView) -> Mapping[str, int]:
        """How many runs of the run's plan each node has; counted once for a batch, for the plans that ask."""
        known = self._of_plan.get(run.plan_key)
        if known is None:
            known = self._of_plan[run.plan_key] = {}
            for job_id in view.live_runs(run.namespace, run.plan_id):
                other = view.run(job_id)
                attempt = other.open_attempt if other is not None else None
                if attempt is not None:
                    known[attempt.node_id] = known.get(attempt.node_id, 0) + 1
        return known

    def add(self, run: Run, node_id: str) -> None:
        self._on_node[node_id] = self._on_node.get(node_id, 0) + 1
        counted = self._of_plan.get(run.plan_key) if self._of_plan else None
        if counted is not None:
            counted[node_id] = counted.get(node_id, 0) + 1
