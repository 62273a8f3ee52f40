"""The agent's memory: SQLite, synced, so that nothing received or reported is lost by a restart of either side.

Writes are collected and committed in batches: statements run on the loop (microseconds), the commit with its fsync in
a thread. What depends on a write (`then`) happens after its commit, in order. A commit that fails is retried until it
succeeds; meanwhile nothing starts and nothing is reported, and `broken` is set instead of `healthy`, so that the agent
leaves its server and gets no new work.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from msgspec import Struct

from jobpool.agent.task import Key, Report, Task
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import DAY, SECOND, Millis
from jobpool.kit.pure.garbled import GARBLED

_SCHEMA = """
CREATE TABLE IF NOT EXISTS allocations (
  number INTEGER PRIMARY KEY,
  allocation_id TEXT NOT NULL, fence INTEGER NOT NULL,
  job_id TEXT NOT NULL DEFAULT '', plan_id TEXT NOT NULL DEFAULT '', namespace TEXT NOT NULL DEFAULT '',
  scheduled_time INTEGER NOT NULL DEFAULT 0, executor TEXT NOT NULL DEFAULT '', attempt INTEGER NOT NULL DEFAULT 0,
  received_at INTEGER NOT NULL, started_at INTEGER, finished_at INTEGER,
  status TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', description TEXT NOT NULL DEFAULT '',
  exit_code INTEGER, result TEXT NOT NULL DEFAULT '', accepted INTEGER NOT NULL DEFAULT 0,
  acknowledged_at INTEGER, task BLOB,
  UNIQUE (allocation_id, fence)
);
CREATE INDEX IF NOT EXISTS open_allocations ON allocations (number) WHERE acknowledged_at IS NULL;
"""
_VERSION = 1
_INSERT = (
    "INSERT OR IGNORE INTO allocations (allocation_id, fence, job_id, plan_id, namespace, scheduled_time, executor,"
    " attempt, received_at, started_at, task) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_START = "UPDATE allocations SET started_at = ? WHERE allocation_id = ? AND fence = ?"
_END = (
    "UPDATE allocations SET status = ?, reason = ?, description = ?, exit_code = ?, result = ?, started_at = ?,"
    " finished_at = ?, accepted = ?, task = NULL WHERE allocation_id = ? AND fence = ?"
)
_ACKNOWLEDGE = "UPDATE allocations SET acknowledged_at = ?, task = NULL WHERE allocation_id = ? AND fence = ?"
_REPORT = "allocation_id, fence, status, reason, description, exit_code, result, started_at, finished_at, accepted"
_PRUNE = (
    "DELETE FROM allocations WHERE number IN (SELECT number FROM allocations WHERE acknowledged_at IS NOT NULL"
    " AND (number <= ? OR acknowledged_at < ?) ORDER BY number LIMIT 1000)"
)

Then = Callable[[], None]


class JournalBroken(Exception):
    """The journal's file cannot be opened or read; the message says which and what to do."""


class Open(Struct, frozen=True):
    """What a restart finds of an allocation whose end was not acknowledged: a task to finish, or a report to send."""

    task: Task | None
    started_at: Millis | None
    report: Report | None


class _Writes:
    """Writes of one commit. Receipts before starts before ends: the order within an allocation's life."""

    __slots__ = ("acknowledgements", "ends", "receipts", "starts", "thens")

    def __init__(self) -> None:
        self.receipts: list[tuple[object, ...]] = []
        self.starts: list[tuple[object, ...]] = []
        self.ends: list[tuple[object, ...]] = []
        self.acknowledgements: list[tuple[object, ...]] = []
        self.thens: list[Then] = []

    def __bool__(self) -> bool:
        return bool(self.thens)


class Journal:
    """One file. `run` commits what is written; without it nothing is ever durable.

    Acknowledged rows stay for `keep_for` milliseconds and at most `keep_rows` rows, so that a late duplicate is
    recognized and anyone can read what was started and how it ended.
    """

    def __init__(self, path: Path, clock: Clock, *, keep_for: Millis = DAY, keep_rows: int = 200_000) -> None:
        self._clock = clock
        self._keep_for = keep_for
        self._keep_rows = keep_rows
        self._writes = _Writes()
        self._wake = asyncio.Event()
        self._log = get_logger("journal")
        self._path = path
        self._thread = ThreadPoolExecutor(1, "journal")
        self.healthy = asyncio.Event()
        self.healthy.set()
        self.broken = asyncio.Event()
        try:
            self._writer = _open(path)
            self._reader = sqlite3.connect(path, isolation_level=None)
        except sqlite3.Error as error:
            raise JournalBroken(f"cannot open the journal {path}: {error}") from error

    def load(self) -> list[Open]:
        """Everything whose end was not acknowledged, in order of receipt."""
        query = f"SELECT task, {_REPORT} FROM allocations WHERE acknowledged_at IS NULL ORDER BY number"  # noqa: S608
        try:
            return [_open_row(row) for row in self._reader.execute(query)]
        except (sqlite3.Error, *GARBLED) as error:
            raise JournalBroken(f"cannot read the journal {self._path}: {error}") from error

    def remembered(self, allocation_ids: Sequence[str]) -> dict[str, Report | int]:
        """Of these, the ones in the file: the end when it is known, else the fence under which they are held.

        Raises JournalBroken.
        """
        found: dict[str, Report | int] = {}
        for start in range(0, len(allocation_ids), 500):
            some = allocation_ids[start : start + 500]
            marks = ",".join("?" * len(some))
            query = f"SELECT {_REPORT} FROM allocations WHERE allocation_id IN ({marks})"  # noqa: S608
            try:
                rows = self._reader.execute(query, some).fetchall()
            except sqlite3.Error as error:
                raise JournalBroken(f"cannot read the journal {self._path}: {error}") from error
            for row in rows:
                found[row[0]] = _report(row) if row[2] else int(row[1])
        return found

    def received(self, task: Task, now: Millis, *, started_at: Millis | None, then: Then) -> None:
        row = (task.allocation_id, task.fence, task.job_id, task.plan_id, task.namespace, task.scheduled_time)
        more = (task.executor, task.attempt, now, started_at, msgspec.msgpack.encode(task))
        self._writes.receipts.append(row + more)
        self._after(then)

    def started(self, key: Key, now: Millis, then: Then) -> None:
        self._writes.starts.append((now, *key))
        self._after(then)

    def ended(self, report: Report, then: Then) -> None:
        self._writes.ends.append(
            (
                report.status.value,
                report.reason,
                report.description,
                report.exit_code,
                report.result,
                report.started_at or None,
                report.finished_at or None,
                report.accepted,
                *report.key,
            )
        )
        self._after(then)

    def acknowledged(self, keys: Iterable[Key], now: Millis, then: Then) -> None:
        self._writes.acknowledgements.extend((now, *key) for key in keys)
        self._after(then)

    async def settled(self) -> None:
        """Until everything written so far is committed and what depended on it is done."""
        settled = asyncio.Event()
        self._after(settled.set)
        await settled.wait()

    async def run(self) -> None:
        """Commit in batches, for ever: at once when idle, else what gathered during the last commit."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._writes:
                await self.flush()

    async def flush(self) -> None:
        """Commit what is written now, however often that takes, then do what depended on it."""
        writes, self._writes = self._writes, _Writes()
        while (failure := await self._commit(writes)) is not None:
            self.healthy.clear()
            self.broken.set()
            self._log.error(
                "the journal cannot be written; nothing starts until it can: free space or repair the disk",
                event_name="journal_failed",
                path=str(self._path),
                error=str(failure),
            )
            await self._clock.sleep(SECOND)
        self.broken.clear()
        self.healthy.set()
        for then in writes.thens:
            then()

    def close(self) -> None:
        """After the commit under way; what is not committed is as if it had never been written."""
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()

    def _after(self, then: Then) -> None:
        self._writes.thens.append(then)
        self._wake.set()

    async def _commit(self, writes: _Writes) -> sqlite3.Error | None:
        try:
            self._apply(writes)
            await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.commit)
        except sqlite3.Error as error:
            self._writer.rollback()
            return error
        return None

    def _apply(self, writes: _Writes) -> None:
        """Deletes ride along with writes, at most 1,000 rows a commit: as many as can have come in with it."""
        execute = self._writer.executemany
        self._writer.execute("BEGIN")
        execute(_INSERT, writes.receipts)
        execute(_START, writes.starts)
        execute(_END, writes.ends)
        execute(_ACKNOWLEDGE, writes.acknowledgements)
        if writes.acknowledgements:
            self._prune()

    def _prune(self) -> None:
        newest, oldest = self._writer.execute("SELECT MAX(number), MIN(number) FROM allocations").fetchone()
        if newest is None:
            return
        surplus = newest - self._keep_rows
        expired = self._clock.now() - self._keep_for
        if oldest <= surplus or self._expired(oldest, expired):
            self._writer.execute(_PRUNE, (surplus, expired))

    def _expired(self, number: int, before: Millis) -> bool:
        row = self._writer.execute("SELECT acknowledged_at FROM allocations WHERE number = ?", (number,)).fetchone()
        return row[0] is not None and row[0] < before


def _open(path: Path) -> sqlite3.Connection:
    """Commits run in a thread while the loop waits for them, hence check_same_thread."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, _VERSION):
        connection.close()
        raise JournalBroken(f"the journal {path} has version {version}, this agent reads version {_VERSION}")
    connection.executescript(f"{_SCHEMA} PRAGMA user_version = {_VERSION};")
    return connection


def _open_row(row: Sequence[object]) -> Open:
    if row[3]:
        return Open(None, None, _report(row[1:]))
    started_at = row[8]
    assert isinstance(row[0], bytes)
    assert started_at is None or isinstance(started_at, int)
    return Open(msgspec.msgpack.decode(row[0], type=Task), started_at, None)


def _report(row: Sequence[object]) -> Report:
    allocation_id, fence, status, reason, description, exit_code, result, started_at, finished_at, accepted = row
    fields = (status, reason, description, exit_code, result, started_at or 0, finished_at or 0, bool(accepted))
    return msgspec.convert(
        dict(zip(Report.__struct_fields__, (allocation_id, fence, *fields), strict=True)), type=Report
    )
