"""What may go, and taking it out in bounded steps.

Two limits meet here: the store's (whole segments, by age and count, the same cut on every server) and the read model's
own (the newest runs of each plan).
"""

from sqlite3 import Connection

from jobpool.history.counts import Counts
from jobpool.history.queries import RetentionCut
from jobpool.history.words import Kind
from jobpool.history.writer import Writer
from jobpool.kit.pure.durations import Millis

RUNS_PER_PLAN = 10_000


class Retention:
    """`floor`: segments below it are gone from the store. Chores remove at most what they are told to at a time."""

    def __init__(self, database: Connection, writer: Writer, *, counts: Counts, runs_per_plan: int) -> None:
        self._database = database
        self._writer = writer
        self._counts = counts
        self._runs_per_plan = runs_per_plan
        self.floor: int = database.execute("SELECT floor FROM meta").fetchone()[0]
        self._below_floor = True
        plans = database.execute("SELECT no FROM words WHERE kind = ?", (int(Kind.PLAN),))
        self._crowded = {plan for (plan,) in plans if counts.uses(plan) > runs_per_plan}

    @property
    def has_chores(self) -> bool:
        return self._below_floor or bool(self._crowded)

    def cut(self, query: RetentionCut) -> int | None:
        """Walks from the oldest segment to the first that stays."""
        kept = "SELECT coalesce(sum(runs), 0) FROM segments WHERE n >= ?"
        remaining: int = self._database.execute(kept, (self.floor,)).fetchone()[0]
        cut: int | None = None
        walk = self._database.execute("SELECT n, at, runs FROM segments WHERE n >= ? ORDER BY n", (self.floor,))
        for n, at, runs in walk:
            if at >= query.older_than and remaining <= query.keep_runs:
                break
            cut = n
            remaining -= runs
        walk.close()
        return cut

    def known_from(self, plan: int | None) -> Millis:
        """Of the plan's runs none is missing whose tick is not before this; 0 = none has gone."""
        known = 0
        if self.floor:
            oldest = "SELECT at FROM segments WHERE n >= ? ORDER BY n LIMIT 1"
            found = self._database.execute(oldest, (self.floor,)).fetchone()
            known = 0 if found is None else found[0]
        if plan is not None and self._counts.uses(plan) >= self._runs_per_plan:
            first = "SELECT min(created_at) FROM runs INDEXED BY by_plan WHERE plan = ?"
            known = max(known, self._database.execute(first, (plan,)).fetchone()[0] or 0)
        return known

    def raise_floor(self, n: int) -> None:
        if n > self.floor:
            self.floor = n
            self._below_floor = True
            self._database.execute("UPDATE meta SET floor = ?", (n,))

    def touched(self, plans: set[int]) -> None:
        """These plans have got runs."""
        self._crowded |= {plan for plan in plans if self._counts.uses(plan) > self._runs_per_plan}

    def chore(self, limit: int) -> int:
        """Remove up to `limit` runs; returns how many."""
        removed = self._sink_to_floor(limit) if self._below_floor else 0
        while self._crowded and removed < limit:
            removed += self._thin(next(iter(self._crowded)), limit - removed)
        return removed

    def _sink_to_floor(self, limit: int) -> int:
        boundary = "SELECT first_row FROM segments WHERE n >= ? ORDER BY n LIMIT 1"
        first_kept = self._database.execute(boundary, (self.floor,)).fetchone()
        below = (first_kept[0] if first_kept else 1 << 62, limit)
        rows = [
            row for (row,) in self._database.execute("SELECT row FROM runs WHERE row < ? ORDER BY row LIMIT ?", below)
        ]
        gone = "DELETE FROM segments WHERE n IN (SELECT n FROM segments WHERE n < ? ORDER BY n LIMIT ?)"
        segments = self._database.execute(gone, (self.floor, limit)).rowcount
        self._below_floor = len(rows) == limit or segments == limit
        return self._writer.remove(rows)

    def _thin(self, plan: int, limit: int) -> int:
        excess = max(0, self._counts.uses(plan) - self._runs_per_plan)
        oldest = "SELECT row FROM runs INDEXED BY by_plan WHERE plan = ? ORDER BY created_at, id LIMIT ?"
        removed = self._writer.remove([row for (row,) in self._database.execute(oldest, (plan, min(excess, limit)))])
        if excess <= limit:
            self._crowded.discard(plan)
        return removed
