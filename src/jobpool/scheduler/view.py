"""What a placement decision reads: a few of the reads of `ports.ClusterView`, chance, and its own batch."""

from collections.abc import Sequence
from typing import Protocol

from jobpool.model.node import Node
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


class Dice(Protocol):
    """A source of chance."""

    def below(self, limit: int) -> int:
        """A whole number in [0, limit)."""
        ...


class Proposals:
    """What one batch has decided on one state: it counts as load for the decisions that follow in the batch.

    Not to be carried over to a newer state: what was proposed is in its loads by then, and `full_for` no longer true.
    """

    __slots__ = ("_on_node", "full_for")

    def __init__(self) -> None:
        self._on_node: dict[str, int] = {}
        self.full_for: dict[str, Wait] = {}
        """Executors for which this batch has found no room, and what it saw."""

    def on_node(self, node_id: str) -> int:
        return self._on_node.get(node_id, 0)

    def add(self, node_id: str) -> None:
        self._on_node[node_id] = self._on_node.get(node_id, 0) + 1
