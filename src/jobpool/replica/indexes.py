"""Counts and memberships derived from runs, kept as runs change. Pure.

The same class serves the replica and the overlay of a batch: there it holds differences, so a member's count may be −1
and a lookup adds both.
"""

from collections import defaultdict
from collections.abc import Hashable
from typing import TypeVar

from jobpool.model.run import Run

K = TypeVar("K", bound=Hashable)
Members = dict[str, int]


class RunIndexes:
    """`live` by plan, `on_node` by node, `aliases` by (part, alias): run id → 1 (or ±1 in an overlay).

    The others are plain counts.
    """

    def __init__(self) -> None:
        self.live: defaultdict[tuple[str, str], Members] = defaultdict(dict)
        self.on_node: defaultdict[str, Members] = defaultdict(dict)
        self.aliases: defaultdict[tuple[str, str], Members] = defaultdict(dict)
        self.slots: defaultdict[str, int] = defaultdict(int)
        self.in_namespace: defaultdict[str, int] = defaultdict(int)

    def change(self, old: Run | None, new: Run | None) -> None:
        if old is not None:
            self._count(old, -1)
        if new is not None:
            self._count(new, 1)

    def _count(self, run: Run, by: int) -> None:
        self.in_namespace[run.namespace] += by
        if not run.ended:
            _add(self.live, run.plan_key, run.id, by)
        if run.holds_slot:
            self.slots[run.namespace] += by
        for alias in run.aliases:
            _add(self.aliases, (alias.part, alias.id), run.id, by)
        attempt = run.open_attempt
        if attempt is not None:
            _add(self.on_node, attempt.node_id, run.id, by)


def _add(index: defaultdict[K, Members], key: K, run_id: str, by: int) -> None:
    members = index[key]
    count = members.get(run_id, 0) + by
    if count:
        members[run_id] = count
        return
    members.pop(run_id, None)
    if not members:
        del index[key]
