"""The SQLite file of the embedded engine: its schema, its checks at opening, its rows.

Every row carries a CRC-32 of its key and value, because SQLite itself does not notice a flipped bit inside a value.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias
from zlib import crc32

from jobpool.model.errors import StoreFailed
from jobpool.store.engines.rules import CHUNK_BYTES, CHUNK_KEYS, FENCE_KEY, INITIAL_FENCE, decode_fence, encode_fence
from jobpool.store.engines.sqlite_log import check_log
from jobpool.store.files import explained as explained_file
from jobpool.store.operations import Space
from jobpool.store.port import DataDirMismatch, Fence, KeyValue

Row: TypeAlias = tuple[str, bytes, int]

PUT = "INSERT INTO kv VALUES (?, ?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v, c = excluded.c"
DELETE = "DELETE FROM kv WHERE k = ?"
DELETE_RANGE = "DELETE FROM kv WHERE k >= ? AND k < ?"

_APPLICATION_ID = 0x6A6F6270  # "jobp"
_FORMAT = 1
_WRITER = (
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = OFF",
    "PRAGMA cache_size = -32768",  # 32 MiB
    "PRAGMA journal_size_limit = 67108864",  # a log that grew under a long read is cut back to 64 MiB
)
_SCHEMA = (
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_FORMAT}",
    "CREATE TABLE kv (k TEXT NOT NULL PRIMARY KEY, v BLOB NOT NULL, c INTEGER NOT NULL) WITHOUT ROWID",
)
_CHECKED_WHOLE = 64 * 1024 * 1024
"""Bytes up to which opening checks every page (some 0.1 s); in a larger file damage shows when it is read."""
_BUSY = 1.0  # seconds to wait for a process that is just letting go of the file


@contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Tell an SQLite error as a StoreFailed that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreFailed(describe(path, doing, error)) from error


def describe(path: Path, doing: str, error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    damaged = name.startswith("SQLITE_CORRUPT") or name == "SQLITE_NOTADB"
    advice = ": the file is damaged, restore a snapshot into a new data directory" if damaged else ""
    return f"cannot {doing} {path}: {error}{f' ({name})' if name else ''}{advice}"


def row_of(key: str, value: bytes) -> Row:
    return key, value, crc32(value, crc32(key.encode()))


class Opened(NamedTuple):
    """The one connection that writes, and the fence it found."""

    connection: sqlite3.Connection
    fence: Fence


def open_writer(path: Path) -> Opened:
    """Create the file if it is not there, and check it.

    Raises StoreFailed when the file cannot be used or is damaged, DataDirMismatch when it is not ours.
    """
    check_log(path)
    with explained(path, "open"):
        connection = _connect(path)
    try:
        with explained(path, "open"):
            _prepare(connection, path)
            connection.execute("PRAGMA busy_timeout = 0")  # from now on it is used on the loop
            return Opened(connection, read_fence(connection, path))
    except StoreFailed:
        with suppress(sqlite3.Error):  # the reason is on its way already
            connection.close()
        raise


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    new = _is_new(connection, path)
    mode = _number_or_text(connection, "PRAGMA journal_mode = WAL")
    if mode != "wal":
        raise StoreFailed(f"cannot open {path}: the file system cannot hold a write-ahead log (journal mode {mode})")
    for pragma in _WRITER:
        connection.execute(pragma)
    if new:
        _create(connection)
    _check(connection, path)


def _is_new(connection: sqlite3.Connection, path: Path) -> bool:
    owner = _number_or_text(connection, "PRAGMA application_id")
    if owner == 0 and _number_or_text(connection, "SELECT count(*) FROM sqlite_master") == 0:
        return True
    if owner != _APPLICATION_ID:
        raise DataDirMismatch(f"{path} is a database of another program")
    version = _number_or_text(connection, "PRAGMA user_version")
    if version != _FORMAT:
        raise DataDirMismatch(f"{path} has format {version}, this version reads format {_FORMAT}")
    return False


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute(PUT, row_of(FENCE_KEY, encode_fence(INITIAL_FENCE)))
    connection.execute("COMMIT")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    whole = _checkpoint(connection)
    pages = _number_or_text(connection, "PRAGMA page_count")
    page_size = _number_or_text(connection, "PRAGMA page_size")
    wanted, found = int(pages) * int(page_size), path.stat().st_size
    if whole and found < wanted:
        raise StoreFailed(f"{path} is damaged: wanted {wanted} bytes, found {found}; restore a snapshot")
    if found <= _CHECKED_WHOLE:
        verdict = _number_or_text(connection, "PRAGMA quick_check(1)")
        if verdict != "ok":
            raise StoreFailed(f"{path} is damaged: {verdict}; restore a snapshot into a new data directory")


def _checkpoint(connection: sqlite3.Connection) -> bool:
    """Move the log into the file, so that the file is whole by itself.

    False on a full disk: the store still opens, so that what is in it can be read and deleted.
    """
    try:
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        return False
    return not busy


def _number_or_text(connection: sqlite3.Connection, statement: str) -> int | str:
    answer: int | str = connection.execute(statement).fetchone()[0]
    return answer


def read_fence(connection: sqlite3.Connection, path: Path) -> Fence:
    """The stored fence. Raises StoreFailed when it is missing or damaged, sqlite3.Error."""
    row = connection.execute("SELECT k, v, c FROM kv WHERE k = ?", (FENCE_KEY,)).fetchone()
    if row is None:
        raise StoreFailed(f"{path} is damaged: it holds no fence")
    return decode_fence(_checked(row, path).value)


def vacuum(connection: sqlite3.Connection, path: Path) -> None:
    """Write the file anew without free pages. Raises StoreFailed; what was there is then untouched."""
    with explained(path, "defragment"):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("VACUUM")
        # A read that goes on needs the log; it is then cut back later.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def holds_keys(connection: sqlite3.Connection) -> bool:
    """Whether there is any key but the fence."""
    return connection.execute("SELECT 1 FROM kv WHERE k != ? LIMIT 1", (FENCE_KEY,)).fetchone() is not None


def _checked(row: Row, path: Path) -> KeyValue:
    key, value, checksum = row
    if crc32(value, crc32(key.encode())) != checksum:
        raise StoreFailed(f"{path} is damaged: the value of {key!r} does not match its checksum; restore a snapshot")
    return KeyValue(key, value)


class Reader:
    """A connection that only reads. While a transaction is open it shows the file as of its beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ended = ""
        self.began_at = 0
        """The writer's measure of what it had written when the transaction began."""
        with explained(path, "read"):
            self._connection = _connect(path)
            self._connection.execute("PRAGMA query_only = ON")

    @property
    def usable(self) -> bool:
        return not self._ended

    def fence(self) -> Fence:
        with self._reading():
            return read_fence(self._connection, self._path)

    def space(self) -> Space:
        """The file with its log, and the pages in use."""
        path, log = self._path, self._path.with_name(self._path.name + "-wal")
        with self._reading(), explained_file(path, "read"):
            pages, free, page = (
                int(_number_or_text(self._connection, f"PRAGMA {name}"))
                for name in ("page_count", "freelist_count", "page_size")
            )
            return Space(path.stat().st_size + (log.stat().st_size if log.exists() else 0), (pages - free) * page)

    def begin(self, written: int) -> Fence:
        """Start a transaction; returns the fence that it shows."""
        self.began_at = written
        with self._reading():
            self._connection.execute("BEGIN")
            return read_fence(self._connection, self._path)

    def end(self) -> None:
        if self.usable and self._connection.in_transaction:
            with self._reading():
                self._connection.execute("ROLLBACK")

    def close(self, reason: str) -> None:
        """Whoever still reads gets StoreFailed with this reason."""
        if self.usable:
            self._ended = reason
            self._connection.close()

    def scan(self, first: str, last: str | None, *, limit: int = -1, reverse: bool = False) -> Iterator[list[KeyValue]]:
        """Keys of [first, last) in chunks; a negative limit is none."""
        where, arguments = ("", (first,)) if last is None else (" AND k < ?", (first, last))
        order = "DESC" if reverse else "ASC"
        with self._reading():
            rows = self._connection.execute(
                f"SELECT k, v, c FROM kv WHERE k >= ?{where} ORDER BY k {order} LIMIT ?",  # noqa: S608 — constants
                (*arguments, limit),
            )
        while chunk := self._chunk(rows):
            yield chunk

    def _chunk(self, rows: Iterable[Row]) -> list[KeyValue]:
        chunk: list[KeyValue] = []
        size = 0
        with self._reading():
            for row in rows:
                chunk.append(_checked(row, self._path))
                size += len(row[1])
                if len(chunk) == CHUNK_KEYS or size >= CHUNK_BYTES:
                    break
        return chunk

    @contextmanager
    def _reading(self) -> Iterator[None]:
        if self._ended:
            raise StoreFailed(self._ended)
        with explained(self._path, "read"):
            yield
