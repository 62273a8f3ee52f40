"""Runs into the tables and out of them, with every count and word they touch."""

import json
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from sqlite3 import Connection
from typing import TypeAlias

from msgspec.structs import replace

from jobpool.history.counts import Counts, Tally
from jobpool.history.database import ALLOCATION_STATUSES, EVALUATION_STATUSES, JOB_STATUSES, REASONS, TRIGGERS
from jobpool.history.queries import ended_at, node_of
from jobpool.history.records import read_run, sealed, unsealed
from jobpool.history.words import Kind, Words
from jobpool.model.run import Run, allocation_id, evaluation_id
from jobpool.store.records import Forgotten

_JOB_STATUS = {status: number for number, status in enumerate(JOB_STATUSES)}
_EVALUATION_STATUS = {status: number for number, status in enumerate(EVALUATION_STATUSES)}
_ALLOCATION_STATUS = {status: number for number, status in enumerate(ALLOCATION_STATUSES)}

_REASON = {reason: number for number, reason in enumerate(REASONS)}
_TRIGGER = {trigger: number for number, trigger in enumerate(TRIGGERS)}

_RunRow: TypeAlias = tuple[int, str, int, int, int, int, int, int, bytes, int, int, int, int]
_EvaluationRow: TypeAlias = tuple[int, str, int, int, int]
_AttemptRow: TypeAlias = tuple[int, str, int, int, int, int, int]


def without(run: Run, entry: Forgotten) -> Run:
    """The run less one of its evaluations or allocations."""
    return replace(
        run,
        evaluations=tuple(it for it in run.evaluations if (entry.part, entry.number) != ("e", it.number)),
        attempts=tuple(it for it in run.attempts if (entry.part, entry.number) != ("a", it.number)),
        aliases=tuple(it for it in run.aliases if (entry.part, entry.number) != (it.part, it.number)),
    )


class Writer:
    """Writes within the transaction of its caller."""

    def __init__(self, database: Connection, words: Words, counts: Counts) -> None:
        self._database = database
        self._words = words
        self._counts = counts

    def insert(self, numbered: list[tuple[int, Run]]) -> set[int]:
        """Store runs under their row numbers; of two with one id the later stays. Returns the plans touched."""
        newest = {run.id: (row, run) for row, run in numbered}
        known = "SELECT row FROM runs WHERE id IN (SELECT value FROM json_each(?))"
        self.remove([row for (row,) in self._database.execute(known, (json.dumps(list(newest)),))])
        runs: list[_RunRow] = []
        evaluations: list[_EvaluationRow] = []
        attempts: list[_AttemptRow] = []
        for row, run in newest.values():
            line = self._run_row(row, run)
            runs.append(line)
            evaluations += [_evaluation_row(line, run, place) for place in range(len(run.evaluations))]
            attempts += [self._attempt_row(line, run, place) for place in range(len(run.attempts))]
        self._database.executemany("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", runs)
        self._database.executemany("INSERT INTO evaluations VALUES (?, ?, ?, ?, ?)", evaluations)
        self._database.executemany("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?)", attempts)
        aliases = [(alias.part, alias.id, row) for row, run in newest.values() for alias in run.aliases]
        if aliases:
            self._database.executemany("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)", aliases)
        self._count(runs, evaluations, attempts, by=1)
        return {line[4] for line in runs}

    def remove(self, rows: Iterable[int]) -> int:
        """Take runs out. Returns how many there were. Raises CorruptRecord for a damaged one."""
        wanted = "SELECT * FROM runs WHERE row IN (SELECT value FROM json_each(?))"
        runs: list[_RunRow] = self._database.execute(wanted, (json.dumps(list(rows)),)).fetchall()
        evaluations: list[_EvaluationRow] = []
        attempts: list[_AttemptRow] = []
        aliases: list[tuple[str, str, int]] = []
        for line in runs:
            run = read_run(unsealed(line[8]))
            aliases += [(alias.part, alias.id, line[0]) for alias in run.aliases]
            evaluations += [_evaluation_row(line, run, place) for place in range(len(run.evaluations))]
            attempts += [self._attempt_row(line, run, place) for place in range(len(run.attempts))]
        self._database.executemany("DELETE FROM runs WHERE row = ?", [line[:1] for line in runs])
        self._database.executemany(
            "DELETE FROM evaluations WHERE created_at = ? AND id = ?", [line[:2] for line in evaluations]
        )
        self._database.executemany(
            "DELETE FROM attempts WHERE created_at = ? AND id = ?", [line[:2] for line in attempts]
        )
        self._database.executemany("DELETE FROM aliases WHERE part = ? AND id = ? AND run = ?", aliases)
        self._count(runs, evaluations, attempts, by=-1)
        return len(runs)

    def forget(self, entries: Iterable[Forgotten]) -> None:
        """Take out runs, or parts of them; what is not there is no error. Raises CorruptRecord."""
        for entry in entries:
            found = self._database.execute("SELECT row, record FROM runs WHERE id = ?", (entry.job_id,)).fetchone()
            if found is not None and not entry.part:
                self.remove([found[0]])
            elif found is not None:
                self.insert([(found[0], without(read_run(unsealed(found[1])), entry))])

    def save(self) -> None:
        """Bring words and counts up to the rows, before the commit."""
        self._words.forget(self._counts.save())
        self._words.save()

    def _run_row(self, row: int, run: Run) -> _RunRow:
        number = self._words.number
        return (
            row,
            run.id,
            run.created_at,
            number(Kind.NAMESPACE, run.namespace),
            number(Kind.PLAN, f"{run.namespace}/{run.plan_id}"),
            _JOB_STATUS[run.status],
            number(Kind.NAME, run.name),
            number(Kind.NODE, node_of(run)),
            sealed(run),
            run.scheduled_at,
            _REASON[run.reason],
            _TRIGGER[run.trigger],
            ended_at(run),
        )

    def _attempt_row(self, line: _RunRow, run: Run, place: int) -> _AttemptRow:
        attempt = run.attempts[place]
        node = self._words.number(Kind.NODE, attempt.node_id)
        status = _ALLOCATION_STATUS[attempt.status]
        return (attempt.created_at, allocation_id(run.id, attempt.number), line[3], status, line[6], node, line[0])

    def _count(
        self,
        runs: list[_RunRow],
        evaluations: list[_EvaluationRow],
        attempts: list[_AttemptRow],
        *,
        by: int,
    ) -> None:
        words = chain.from_iterable((line[3], line[4], line[6], line[7]) for line in runs)
        for word, uses in Counter(chain(words, (line[5] for line in attempts))).items():
            self._counts.use(word, by=by * uses)
        for tally, pairs in (
            (Tally.RUNS, Counter((line[3], line[5]) for line in runs)),
            (Tally.EVALUATIONS, Counter(line[2:4] for line in evaluations)),
            (Tally.ATTEMPTS, Counter(line[2:4] for line in attempts)),
        ):
            for (namespace, status), count in pairs.items():
                self._counts.add(tally, namespace, status=status, by=by * count)


def _evaluation_row(line: _RunRow, run: Run, place: int) -> _EvaluationRow:
    evaluation = run.evaluations[place]
    status = _EVALUATION_STATUS[evaluation.status]
    return (evaluation.created_at, evaluation_id(run.id, evaluation.number), line[3], status, line[0])
