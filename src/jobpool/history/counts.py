"""Counters kept beside the tables, so that common totals cost no scan.

They live in memory; `save` writes those that moved in the transaction of the rows they count.
"""

from collections.abc import Iterable
from enum import IntEnum
from sqlite3 import Connection

_USES = 0


class Tally(IntEnum):
    """What is counted by (namespace, status)."""

    RUNS = 1
    EVALUATIONS = 2
    ATTEMPTS = 3


class Counts:
    """By (namespace, status): runs, evaluations, attempts. By word: the rows that refer to it."""

    def __init__(self, database: Connection) -> None:
        self._database = database
        self._uses: dict[int, int] = {}
        self._totals: dict[tuple[int, int, int], int] = {}
        self._used: set[int] = set()
        self._moved: set[tuple[int, int, int]] = set()
        for kind, word, status, value in database.execute("SELECT kind, word, status, value FROM counts"):
            if kind == _USES:
                self._uses[word] = value
            else:
                self._totals[kind, word, status] = value

    def use(self, word: int, *, by: int) -> None:
        self._uses[word] = self._uses.get(word, 0) + by
        self._used.add(word)

    def uses(self, word: int) -> int:
        return self._uses.get(word, 0)

    def add(self, tally: Tally, namespace: int, *, status: int, by: int) -> None:
        key = (int(tally), namespace, status)
        self._totals[key] = self._totals.get(key, 0) + by
        self._moved.add(key)

    def total(self, tally: Tally, *, namespace: int | None, statuses: Iterable[int]) -> int:
        """How many, over all namespaces when None, over all statuses when none is given."""
        wanted = frozenset(statuses)
        return sum(
            value
            for (kind, word, status), value in self._totals.items()
            if kind == tally and namespace in (None, word) and (not wanted or status in wanted)
        )

    def save(self) -> list[int]:
        """Write what moved; returns the words that nothing refers to any more."""
        rows = [(*key, self._totals[key]) for key in self._moved]
        rows += [(_USES, word, 0, self._uses[word]) for word in self._used]
        unused = [word for word in self._used if not self._uses[word]]
        self._database.executemany("INSERT OR REPLACE INTO counts VALUES (?, ?, ?, ?)", rows)
        self._database.executemany("DELETE FROM counts WHERE kind = ? AND word = ?", [(_USES, word) for word in unused])
        for word in unused:
            del self._uses[word]
        self._used.clear()
        self._moved.clear()
        return unused
