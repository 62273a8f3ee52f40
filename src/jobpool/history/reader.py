"""Lists and look-ups over the tables.

Three ways to a page: runs named by id; the runs of a plan (bounded by the cap per plan); or a scan of a covering index
in list order. Totals come from counters where the filter allows, else from a scan that is remembered until something
changes.
"""

import json
from collections.abc import Iterable, Sequence
from sqlite3 import Connection
from typing import NamedTuple, TypeAlias

from jobpool.history.counts import Counts, Tally
from jobpool.history.frames import Rows
from jobpool.history.queries import (
    AllocationFilter,
    Bar,
    End,
    EvaluationFilter,
    JobFilter,
    ListAllocations,
    ListBars,
    ListEnds,
    ListEvaluations,
    ListJobs,
    ListTicks,
    bar_of,
    end_of,
)
from jobpool.history.records import read_run, unsealed
from jobpool.history.where import Value, Where, allocations_where, evaluations_where, jobs_where
from jobpool.history.words import Kind, Words
from jobpool.kit.pure.durations import Millis
from jobpool.model.run import allocation_id, evaluation_id, split_id
from jobpool.store.codec import CorruptRecord
from jobpool.store.keyspace import Table

_Filter: TypeAlias = JobFilter | EvaluationFilter | AllocationFilter
_List: TypeAlias = ListJobs | ListEvaluations | ListAllocations
_Match: TypeAlias = tuple[Millis, str, bytes, int]
"""Created at, id, the run's record, the number of its evaluation or attempt (0 for the run itself)."""

_REMEMBERED_TOTALS = 256
_EARLIEST, _LATEST = -(1 << 63), (1 << 63) - 1


class _Scan(NamedTuple):
    """One table in list order; `source` names the index, `run` the column with the row of the run."""

    source: str
    run: str
    tally: Tally


_JOBS = _Scan("runs INDEXED BY by_time", "row", Tally.RUNS)
_JOBS_OF_PLAN = _Scan("runs INDEXED BY by_plan", "row", Tally.RUNS)
_EVALUATIONS = _Scan("evaluations", "run", Tally.EVALUATIONS)
_ATTEMPTS = _Scan("attempts", "run", Tally.ATTEMPTS)


class Reader:
    """Reads what is in the tables, committed or not. Raises CorruptRecord for a record that is damaged."""

    def __init__(self, database: Connection, words: Words, counts: Counts) -> None:
        self._database = database
        self._words = words
        self._counts = counts
        self._totals: dict[_Filter, int] = {}

    def changed(self) -> None:
        """Rows came or went."""
        self._totals.clear()

    def job(self, job_id: str) -> Rows:
        found = self._by_id([job_id])
        return Rows(len(found), tuple((record, 0) for record in found))

    def part(self, part: str, alias: str) -> Rows:
        found = self._by_part(part, [alias])
        return Rows(len(found), tuple((record, 0) for record in found))

    def jobs(self, query: ListJobs) -> Rows:
        wanted = query.filter
        if wanted.id:
            return _sliced(self._matching_jobs(wanted), query)
        scan, where = self._jobs_scan(wanted)
        return self._page(scan, where, query)

    def exists(self, wanted: JobFilter) -> bool:
        if wanted.id:
            return any(self._matching_jobs(wanted))
        scan, where = self._jobs_scan(wanted)
        if not where.possible:
            return False
        found = _sql("SELECT 1 FROM", scan.source, "WHERE", where.sql, "LIMIT 1")
        return self._database.execute(found, where.values).fetchone() is not None

    def ticks(self, query: ListTicks) -> tuple[int | None, tuple[bytes, ...]]:
        """The plan's number, None where no run of it is known, and the encoded runs.

        The index alone tells how far back the page goes; only runs of the page, and of its first tick, are looked up.
        """
        plan = self._words.find(Kind.PLAN, f"{query.namespace}/{query.plan_id}")
        if plan is None or not query.limit:
            return plan, ()
        since = _EARLIEST if query.since is None else query.since
        until = _LATEST if query.until is None else query.until
        place = (_LATEST, "") if query.before is None else query.before
        furthest = self._database.execute(
            "SELECT tick FROM runs INDEXED BY by_plan WHERE plan = ? AND tick >= ? AND tick <= ? AND tick < ? "
            "ORDER BY tick DESC LIMIT 1 OFFSET ?",
            (plan, since, until, place[0], query.limit - 1),
        ).fetchone()
        page = self._database.execute(
            "SELECT row FROM runs INDEXED BY by_plan WHERE plan = ? AND tick >= ? AND tick <= ? "
            "AND (tick < ? OR (tick = ? AND id < ?)) ORDER BY tick DESC, id DESC LIMIT ?",
            (plan, since if furthest is None else furthest[0], until, place[0], *place, query.limit),
        ).fetchall()
        return plan, tuple(self._record(row) for (row,) in page)

    def ends(self, query: ListEnds) -> tuple[tuple[End, ...], ...]:
        """In the order of the plans; nothing for one of which no run is known."""
        return tuple(self._ends_of(f"{query.namespace}/{plan_id}", query.limit) for plan_id in query.plan_ids)

    def _ends_of(self, plan: str, limit: int) -> tuple[End, ...]:
        number = self._words.find(Kind.PLAN, plan)
        if number is None:
            return ()
        newest = self._database.execute(
            "SELECT record FROM runs INDEXED BY by_plan WHERE plan = ? ORDER BY created_at DESC, tick DESC LIMIT ?",
            (number, limit),
        )
        return tuple(end_of(read_run(unsealed(record))) for (record,) in newest)

    def bars(self, query: ListBars) -> tuple[Bar, ...]:
        scan, where = self._jobs_scan(query.filter)
        where.ended(query.since)
        if query.placed:
            where.on_any_node()
        if not where.possible:
            return ()
        page = _sql("SELECT", scan.run, ", id FROM", scan.source, "WHERE", where.sql, _IN_ORDER)
        found = self._items(scan, page, (*where.values, query.limit, 0))
        return tuple(bar_of(read_run(record)) for record, _ in found)

    def evaluations(self, query: ListEvaluations) -> Rows:
        wanted = query.filter
        if wanted.job_id or wanted.id:
            records = self._by_id([wanted.job_id]) if wanted.job_id else self._by_part("e", [wanted.id])
        elif wanted.plan_id:
            records = self._by_plan(wanted.namespace, wanted.plan_id)
        else:
            return self._page(_EVALUATIONS, evaluations_where(wanted, self._words), query)
        return _sliced(_matching_evaluations(wanted, records), query)

    def allocations(self, query: ListAllocations) -> Rows:
        wanted = query.filter
        if wanted.job_id:
            records = self._by_id([wanted.job_id])
        elif wanted.id or wanted.ids:
            records = self._by_part("a", [wanted.id] if wanted.id else wanted.ids)
        elif wanted.evaluation_id:
            records = self._by_part("e", [wanted.evaluation_id])
        elif wanted.plan_id:
            records = self._by_plan(wanted.namespace, wanted.plan_id)
        else:
            return self._page(_ATTEMPTS, allocations_where(wanted, self._words), query)
        return _sliced(_matching_allocations(wanted, records), query)

    def _matching_jobs(self, wanted: JobFilter) -> Iterable[_Match]:
        for record in self._by_id([wanted.id]):
            run = read_run(record)
            if wanted.matches(run):
                yield run.created_at, run.id, record, 0

    def _jobs_scan(self, wanted: JobFilter) -> tuple[_Scan, Where]:
        plans = self._plans(wanted.namespace, wanted.plan_id)
        return _JOBS_OF_PLAN if plans else _JOBS, jobs_where(wanted, self._words, plans)

    def _page(self, scan: _Scan, where: Where, query: _List) -> Rows:
        if query.sought:
            return self._sought(scan, where, query) if where.possible else Rows(0, ())
        total = self._total(scan, where, query.filter) if where.possible else 0
        # Ends the scan at the last match instead of at the end of the table.
        limit = min(query.limit, total - query.offset)
        if limit <= 0:
            return Rows(total, ())
        page = _sql("SELECT", scan.run, ", id FROM", scan.source, "WHERE", where.sql, _IN_ORDER)
        return Rows(total, self._items(scan, page, (*where.values, limit, query.offset)))

    def _sought(self, scan: _Scan, where: Where, query: _List) -> Rows:
        where.before(query.before)
        page = _sql("SELECT", scan.run, ", id FROM", scan.source, "WHERE", where.sql, _IN_ORDER)
        return Rows(0, self._items(scan, page, (*where.values, query.limit, 0)))

    def _items(self, scan: _Scan, page: str, values: Sequence[Value]) -> tuple[tuple[bytes, int], ...]:
        found = self._database.execute(page, values).fetchall()
        records = [self._record(row) for row, _ in found]
        numbers = [0 if scan.tally is Tally.RUNS else _number_in(text) for _, text in found]
        return tuple(zip(records, numbers, strict=True))

    def _total(self, scan: _Scan, where: Where, wanted: _Filter) -> int:
        if where.counted:
            return self._counts.total(scan.tally, namespace=where.namespace, statuses=where.statuses)
        total = self._totals.get(wanted)
        if total is None:
            if len(self._totals) >= _REMEMBERED_TOTALS:
                self._totals.clear()
            count = _sql("SELECT count(*) FROM", scan.source, "WHERE", where.sql)
            total = self._totals[wanted] = self._database.execute(count, where.values).fetchone()[0]
        return total

    def _plans(self, namespace: str, plan_id: str) -> list[int]:
        if not plan_id:
            return []
        if not namespace:
            return self._words.plans(plan_id)
        plan = self._words.find(Kind.PLAN, f"{namespace}/{plan_id}")
        return [] if plan is None else [plan]

    def _by_plan(self, namespace: str, plan_id: str) -> list[bytes]:
        wanted = "SELECT record FROM runs WHERE plan IN (SELECT value FROM json_each(?))"
        return self._records(wanted, json.dumps(self._plans(namespace, plan_id)))

    def _by_id(self, job_ids: list[str]) -> list[bytes]:
        wanted = "SELECT record FROM runs WHERE id IN (SELECT value FROM json_each(?))"
        return self._records(wanted, json.dumps(job_ids))

    def _by_part(self, part: str, ids: Iterable[str]) -> list[bytes]:
        """Runs that these ids of evaluations or allocations name, ours or a caller's."""
        named = list(ids)
        wanted = (
            "SELECT record FROM runs WHERE id IN (SELECT value FROM json_each(?)) OR row IN "
            "(SELECT run FROM aliases WHERE part = ? AND id IN (SELECT value FROM json_each(?)))"
        )
        return self._records(wanted, json.dumps(_jobs_of(named)), part, json.dumps(named))

    def _records(self, sql: str, *values: str) -> list[bytes]:
        return [unsealed(record) for (record,) in self._database.execute(sql, values)]

    def _record(self, row: int) -> bytes:
        """The record of a row that an index names."""
        found = self._database.execute("SELECT record FROM runs WHERE row = ?", (row,)).fetchone()
        if found is None:
            raise CorruptRecord(Table.RUN, f"an index names row {row}, which is not there")
        return unsealed(found[0])


_IN_ORDER = "ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?"


def _sql(*parts: str) -> str:
    """The parts are texts of this package, never a caller's."""
    return " ".join(parts)


def _number_in(text: str) -> int:
    named = split_id(text)
    return named[2] if named is not None else 0


def _jobs_of(ids: Iterable[str]) -> list[str]:
    """The runs that evaluation or allocation ids name."""
    return list({named[0] for text in ids if (named := split_id(text)) is not None})


def _matching_evaluations(wanted: EvaluationFilter, records: Iterable[bytes]) -> Iterable[_Match]:
    for record in records:
        run = read_run(record)
        for item in run.evaluations:
            if wanted.matches(run, item):
                yield item.created_at, evaluation_id(run.id, item.number), record, item.number


def _matching_allocations(wanted: AllocationFilter, records: Iterable[bytes]) -> Iterable[_Match]:
    for record in records:
        run = read_run(record)
        for item in run.attempts:
            if wanted.matches(run, item):
                yield item.created_at, allocation_id(run.id, item.number), record, item.number


def _sliced(matches: Iterable[_Match], query: _List) -> Rows:
    before = query.before if query.sought else None
    wanted = matches if before is None else (match for match in matches if match[:2] < before)
    ordered = sorted(wanted, key=lambda match: match[:2], reverse=True)
    page = ordered[query.offset : query.offset + query.limit]
    return Rows(0 if query.sought else len(ordered), tuple((record, number) for _, _, record, number in page))
