"""The read model: segments in, answers out.

Runs gather in memory and reach the tables before the next answer, or when enough have gathered; one transaction spans
many segments until `commit`. What a crash takes back is fed again, because `n` is committed with its rows.
"""

from pathlib import Path

from jobpool.history.counts import Counts
from jobpool.history.database import open_database, wipe
from jobpool.history.frames import Answer, Bars, Cut, Ends, Found, Hello, Ticks
from jobpool.history.queries import (
    GetJob,
    GetPart,
    JobExists,
    ListAllocations,
    ListBars,
    ListEnds,
    ListEvaluations,
    ListJobs,
    ListTicks,
    Query,
    RetentionCut,
)
from jobpool.history.reader import Reader
from jobpool.history.retention import RUNS_PER_PLAN, Retention
from jobpool.history.words import Words
from jobpool.history.writer import Writer
from jobpool.model.run import Run
from jobpool.store.records import Segment

_GATHER = 2_000

# Above every row and above every segment's rows, removed ones too: `first_row` orders segments and rows alike.
_NEXT_ROW = """
SELECT max(coalesce((SELECT max(row) FROM runs), 0) + 1,
           coalesce((SELECT first_row + runs FROM segments ORDER BY n DESC LIMIT 1), 1))
"""


class ReadModel:
    """Owns the file at `path`. Raises sqlite3.DatabaseError from every method, CorruptRecord where a record is read."""

    def __init__(self, path: Path, *, runs_per_plan: int = RUNS_PER_PLAN) -> None:
        self._path = path
        self._runs_per_plan = runs_per_plan
        self._open()

    def _open(self) -> None:
        self._database = open_database(self._path)
        self._counts = Counts(self._database)
        words = Words(self._database)
        self._writer = Writer(self._database, words, self._counts)
        self._reader = Reader(self._database, words, self._counts)
        self._retention = Retention(
            self._database, self._writer, counts=self._counts, runs_per_plan=self._runs_per_plan
        )
        self._incarnation, self._n = self._database.execute("SELECT incarnation, n FROM meta").fetchone()
        self._next_row: int = self._database.execute(_NEXT_ROW).fetchone()[0]
        self._gathered: list[tuple[int, Run]] = []
        self._changes = 0
        self._database.execute("BEGIN")

    @property
    def position(self) -> Hello:
        return Hello(self._incarnation, self._n)

    @property
    def uncommitted(self) -> int:
        """Changes that a crash would take back."""
        return self._changes

    @property
    def has_chores(self) -> bool:
        return self._retention.has_chores

    def ingest(self, n: int, segment: Segment) -> None:
        """Take the runs of commit n, unless they are there already."""
        if n <= self._n:
            return
        row = (n, segment.at, self._next_row, len(segment.runs))
        self._database.execute("INSERT INTO segments VALUES (?, ?, ?, ?)", row)
        self._gathered += enumerate(segment.runs, self._next_row)
        self._next_row += len(segment.runs)
        self._n = n
        self._changes += 1 + len(segment.runs)
        if segment.forgotten:
            self._flush()
            self._writer.forget(segment.forgotten)
            self._changes += len(segment.forgotten)
            self._reader.changed()
        if len(self._gathered) >= _GATHER:
            self._flush()

    def delete_before(self, n: int) -> None:
        """Segments below n may go; chores take them out."""
        self._retention.raise_floor(n)
        self._changes += 1

    def reset(self, incarnation: int) -> None:
        """Forget everything; what comes next is of this incarnation."""
        self._database.close()
        wipe(self._path)
        self._open()
        self._incarnation = incarnation
        self._database.execute("UPDATE meta SET incarnation = ?", (incarnation,))
        self._changes += 1

    def answer(self, query: Query) -> Answer:
        """Sees all that was ingested before. Raises CorruptRecord when a record in the tables cannot be read."""
        self._flush()
        match query:
            case ListJobs():
                return self._reader.jobs(query)
            case ListEvaluations():
                return self._reader.evaluations(query)
            case ListAllocations():
                return self._reader.allocations(query)
            case ListTicks():
                plan, records = self._reader.ticks(query)
                return Ticks(self._retention.known_from(plan), records)
            case ListEnds():
                return Ends(self._reader.ends(query))
            case ListBars():
                return Bars(self._reader.bars(query))
            case JobExists(wanted):
                return Found(self._reader.exists(wanted))
            case GetJob(job_id):
                return self._reader.job(job_id)
            case GetPart(part, alias):
                return self._reader.part(part, alias)
            case RetentionCut():
                return Cut(self._retention.cut(query))

    def chore(self, limit: int) -> None:
        """Remove up to `limit` runs that are due to go."""
        self._flush()
        removed = self._retention.chore(limit)
        self._changes += 1 + removed
        self._reader.changed()

    def commit(self) -> None:
        self._flush()
        self._writer.save()
        self._database.execute("UPDATE meta SET n = ?", (self._n,))
        self._database.execute("COMMIT")
        self._database.execute("BEGIN")
        self._changes = 0

    def close(self) -> None:
        self.commit()
        self._database.close()

    def _flush(self) -> None:
        if self._gathered:
            self._retention.touched(self._writer.insert(self._gathered))
            self._gathered = []
            self._reader.changed()
