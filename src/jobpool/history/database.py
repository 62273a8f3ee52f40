"""The SQLite file: its tables, and opening, wiping and recognizing a damaged one.

A file of another schema is wiped, not migrated: everything in it can be fed again from the store.
"""

import sqlite3
import zlib
from pathlib import Path

from jobpool.model.reasons import Reason
from jobpool.model.statuses import AllocationStatus, EvaluationStatus, JobStatus, Trigger

JOB_STATUSES = tuple(JobStatus)
EVALUATION_STATUSES = tuple(EvaluationStatus)
ALLOCATION_STATUSES = tuple(AllocationStatus)
REASONS = tuple(Reason)
TRIGGERS = tuple(Trigger)

# Texts are numbers (`words`), so that one covering index in list order answers every combination of filters by a scan
# of ~0.1 µs a run. `by_plan` is narrow because its inserts are the only ones at random places.
_SCHEMA = """
CREATE TABLE meta (incarnation INTEGER NOT NULL, n INTEGER NOT NULL, floor INTEGER NOT NULL);
INSERT INTO meta VALUES (0, 0, 0);
CREATE TABLE segments (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, first_row INTEGER NOT NULL, runs INTEGER NOT NULL);
CREATE TABLE words (no INTEGER PRIMARY KEY, kind INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE counts (
  kind INTEGER NOT NULL, word INTEGER NOT NULL, status INTEGER NOT NULL, value INTEGER NOT NULL,
  PRIMARY KEY (kind, word, status)
) WITHOUT ROWID;
CREATE TABLE runs (
  row INTEGER PRIMARY KEY, id TEXT NOT NULL, created_at INTEGER NOT NULL, namespace INTEGER NOT NULL,
  plan INTEGER NOT NULL, status INTEGER NOT NULL, name INTEGER NOT NULL, node INTEGER NOT NULL,
  record BLOB NOT NULL, -- behind its checksum
  tick INTEGER NOT NULL, reason INTEGER NOT NULL, cause INTEGER NOT NULL, ended_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX by_id ON runs (id);
CREATE INDEX by_time ON runs (created_at, id, namespace, status, name, node, plan, reason, cause, ended_at);
CREATE INDEX by_plan ON runs (plan, created_at, tick);
CREATE TABLE evaluations (
  created_at INTEGER NOT NULL, id TEXT NOT NULL, namespace INTEGER NOT NULL, status INTEGER NOT NULL,
  run INTEGER NOT NULL, PRIMARY KEY (created_at, id)
) WITHOUT ROWID;
CREATE TABLE aliases (
  part TEXT NOT NULL, id TEXT NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (part, id)
) WITHOUT ROWID;
CREATE TABLE attempts (
  created_at INTEGER NOT NULL, id TEXT NOT NULL, namespace INTEGER NOT NULL, status INTEGER NOT NULL,
  name INTEGER NOT NULL, node INTEGER NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (created_at, id)
) WITHOUT ROWID;
"""
_ENUMS = (JOB_STATUSES, EVALUATION_STATUSES, ALLOCATION_STATUSES, REASONS, TRIGGERS)
# Their words are stored as places in the enum: another order is another schema.
_VERSION = zlib.crc32((_SCHEMA + repr(_ENUMS)).encode()) & 0x7FFFFFFF

_PRAGMAS = (
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA cache_size=-65536",
    "PRAGMA temp_store=MEMORY",
)
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT)


def open_database(path: Path, *, wait_s: float = 5) -> sqlite3.Connection:
    """The file with its tables, made anew when its schema is another.

    Waits `wait_s` seconds for another process to let go of it: the child of a killed server ends a moment after it.
    Raises sqlite3.DatabaseError; see `is_damage`.
    """
    database = _connect(path, wait_s)
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    if version == _VERSION:
        return database
    if version or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        database.close()
        wipe(path)
        database = _connect(path, wait_s)
    database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={_VERSION}; COMMIT")
    return database


def _connect(path: Path, wait_s: float) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, timeout=wait_s)
    for pragma in _PRAGMAS:
        database.execute(pragma)
    return database


def wipe(path: Path) -> None:
    """Remove the file and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether only a rebuild helps, as opposed to a full disk or another process on the file.

    A constraint that is broken by a row which is not there, and a text that is no UTF-8, are damage too; the latter
    SQLite itself does not notice, so the error has no code.
    """
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _DAMAGE
