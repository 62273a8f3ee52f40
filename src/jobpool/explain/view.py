"""What an explanation reads: all that a decision may, and every node."""

from collections.abc import Mapping
from typing import Protocol

from jobpool.model.node import Node
from jobpool.ports import ClusterView


class ExplainView(ClusterView, Protocol):
    @property
    def nodes(self) -> Mapping[str, Node]:
        """All of them, ready or not, by id."""
        ...
