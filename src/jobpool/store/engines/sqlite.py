"""The embedded engine: one SQLite file, durable at every commit, for a server that needs nothing but Python.

Statements run inline on the loop and only COMMIT (and the deletion of ranges) leaves it for a thread: Python's sqlite3
gives up the interpreter at every row, so a thread that stepped through 1,000 rows on a busy loop would take a second.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

from msgspec import Struct

from jobpool.model.errors import InvalidArgument, StoreFailed
from jobpool.store.engines import rules
from jobpool.store.engines.ring import RingLimits, StepRing
from jobpool.store.engines.sqlite_file import (
    DELETE,
    DELETE_RANGE,
    PUT,
    Opened,
    Reader,
    describe,
    explained,
    holds_keys,
    open_writer,
    read_fence,
    row_of,
    vacuum,
)
from jobpool.store.operations import Space
from jobpool.store.port import (
    Delete,
    DeleteRange,
    Fence,
    Fenced,
    KeyValue,
    Limits,
    Op,
    OutcomeUnknown,
    Put,
    Step,
    Transaction,
)

T = TypeVar("T")

_PAGE = 4096
_DEFINITE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})
"""Failures of COMMIT after which no whole transaction can be in the log. After a failed write or sync one can be."""


class SqliteTuning(Struct, frozen=True):
    """What the engine keeps and allows.

    `ring`: steps kept for watchers. `read_lag`: bytes that may be written while one read goes on (default 1 GiB); a
    longer read fails, since the log on disk cannot shrink under it.
    """

    ring: RingLimits = RingLimits()
    read_lag: int = 1024 * 1024 * 1024


class SqliteStore:
    """A `Store` on one file. Open it once: the data directory's lock sees to that."""

    def __init__(self, path: Path, opened: Opened, *, thread: ThreadPoolExecutor, tuning: SqliteTuning) -> None:
        self._path = path
        self._writer = opened.connection
        self._thread = thread
        self._tuning = tuning
        self._ring = StepRing(opened.fence, tuning.ring)
        self._writing = asyncio.Lock()
        self._written = 0
        self._idle: list[Reader] = []
        self._busy: WeakSet[Reader] = WeakSet()
        self._closed = False

    @classmethod
    async def open(cls, path: Path, tuning: SqliteTuning | None = None) -> "SqliteStore":
        """Open or create the file.

        Raises StoreFailed when it cannot be used or is damaged, DataDirMismatch when it is not ours.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        try:
            opened = await asyncio.get_running_loop().run_in_executor(thread, open_writer, path)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(path, opened, thread=thread, tuning=tuning or SqliteTuning())

    @property
    def limits(self) -> Limits:
        return Limits()

    async def fence(self) -> Fence:
        return self._fence()

    async def load(self, prefixes: tuple[str, ...]) -> tuple[Fence, AsyncIterator[list[KeyValue]]]:
        reader = self._reader()
        fence = reader.begin(self._written)
        return fence, self._chunks(reader, [rules.span_of(prefix) for prefix in prefixes])

    def watch(self, after: Fence) -> AsyncIterator[Step]:
        return self._ring.follow(after)

    async def commit(self, transaction: Transaction) -> None:
        rules.check(transaction, self.limits)
        async with self._writing:
            await self._commit(transaction, may_be_resent=True)

    async def range(self, first: str, last: str, *, limit: int, reverse: bool = False) -> list[KeyValue]:
        if limit < 0:
            raise InvalidArgument("limit", f"wanted a number ≥ 0, found {limit}")
        reader = self._reader()
        reader.begin(self._written)
        found: list[KeyValue] = []
        try:
            for chunk in reader.scan(first, last, limit=limit, reverse=reverse):
                if found:
                    await asyncio.sleep(0)
                found += chunk
        finally:
            self._release(reader)
        return found

    async def compact(self, before: int) -> None:
        self._ring.drop_before(before)

    async def snapshot(self) -> AsyncIterator[list[KeyValue]]:
        _, chunks = await self.load(("",))
        return chunks

    async def space(self) -> Space:
        """What the file takes, its log included, and what of it is in use."""
        reader = self._reader()
        try:
            return reader.space()
        finally:
            self._release(reader)

    async def vacuum(self) -> None:
        """Write the file anew without what is free in it. Needs as much room again; commits wait meanwhile."""
        async with self._writing:
            if self._closed:
                raise StoreFailed("the store is closed")
            await self._in_thread(lambda: vacuum(self._writer, self._path))

    async def restore(self, chunks: AsyncIterator[list[KeyValue]]) -> Fence:
        async with self._writing:
            with explained(self._path, "restore into"), self._transaction():
                own = read_fence(self._writer, self._path)
                if holds_keys(self._writer):
                    raise StoreFailed(f"cannot restore into {self._path}: it is not empty; use a new data directory")
                found = await self._fill(chunks)
                if found is None:
                    raise StoreFailed("the snapshot holds no fence: it is not a whole one")
                fence = rules.restored(own, found)
                self._stage((), fence)
                error, cancelled = await self._seal()
            failure = self._judge(error, fence)
            if failure is None:
                self._ring.reset(fence)
            _tell(failure, cancelled)
            return fence

    async def campaign(self, server_id: str) -> Fence:
        transaction = rules.campaign(self._fence(), server_id)
        async with self._writing:
            await self._commit(transaction, may_be_resent=False)
        return transaction.leaves

    async def close(self) -> None:
        """Close the file; every watch and read that goes on ends with StoreFailed. Closing twice is harmless."""
        async with self._writing:
            if self._closed:
                return
            self._closed = True
            self._ring.close()
            for reader in [*self._idle, *self._busy]:
                reader.close("the store is closed")
            try:
                with explained(self._path, "close"):
                    await self._in_thread(self._writer.close)
            finally:
                self._thread.shutdown(wait=False)

    async def _commit(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        ranges = [op for op in transaction.ops if isinstance(op, DeleteRange)]
        with explained(self._path, "write"), self._transaction():
            actual = read_fence(self._writer, self._path)
            if may_be_resent and actual == transaction.leaves:
                self._publish(transaction)
                return
            if actual != transaction.expects:
                raise Fenced(actual)
            self._stage(transaction.ops, transaction.leaves)
            if ranges:
                await self._in_thread(lambda: self._delete(ranges))
            error, cancelled = await self._seal()
        failure = self._judge(error, transaction.leaves)
        if failure is None:
            self._publish(transaction)
        _tell(failure, cancelled)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A write transaction, rolled back unless the block committed it."""
        if self._closed:
            raise StoreFailed("the store is closed")
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            # A rollback that fails is tried again, and told, before the next transaction.
            with suppress(sqlite3.Error):
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def _stage(self, ops: Sequence[Op], leaves: Fence) -> None:
        deletes = [(op.key,) for op in ops if isinstance(op, Delete)]
        puts = [row_of(op.key, op.value) for op in ops if isinstance(op, Put)]
        puts.append(row_of(rules.FENCE_KEY, rules.encode_fence(leaves)))
        if deletes:
            self._writer.executemany(DELETE, deletes)
        self._writer.executemany(PUT, puts)

    def _delete(self, ranges: Sequence[DeleteRange]) -> None:
        for op in ranges:
            self._writer.execute(DELETE_RANGE, (op.first, op.last))

    async def _seal(self) -> tuple[sqlite3.Error | None, asyncio.CancelledError | None]:
        """COMMIT in the thread; how it failed, and the cancellation that came meanwhile."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, self._writer.execute, "COMMIT")
        cancelled = await _settled(future)
        error = future.exception()
        if error is not None and not isinstance(error, sqlite3.Error):
            raise error
        return error, cancelled

    def _judge(self, error: sqlite3.Error | None, leaves: Fence) -> StoreFailed | None:
        """What a failed COMMIT means: None when it landed all the same, OutcomeUnknown when it still may."""
        if error is None:
            return None
        reason = describe(self._path, "write", error)
        try:
            actual = self._fence()
        except StoreFailed as failure:
            return OutcomeUnknown(f"{reason}; then {failure.reason}")
        if actual == leaves:
            return None
        return StoreFailed(reason) if error.sqlite_errorcode & 0xFF in _DEFINITE else OutcomeUnknown(reason)

    def _publish(self, transaction: Transaction) -> None:
        self._ring.append(transaction.expects, Step(transaction.leaves, transaction.ops))
        self._written += rules.payload(transaction.ops) + _PAGE * len(transaction.ops)
        for reader in list(self._busy):
            if self._written - reader.began_at > self._tuning.read_lag:
                reader.close("the read took too long: too much was written meanwhile; start it again")

    async def _fill(self, chunks: AsyncIterator[list[KeyValue]]) -> Fence | None:
        found: Fence | None = None
        async for chunk in chunks:
            found = rules.fence_in(chunk) or found
            for at in range(0, len(chunk), rules.CHUNK_KEYS):
                self._writer.executemany(PUT, [row_of(kv.key, kv.value) for kv in chunk[at : at + rules.CHUNK_KEYS]])
                await asyncio.sleep(0)
        return found

    def _fence(self) -> Fence:
        reader = self._reader()
        try:
            return reader.fence()
        finally:
            self._release(reader)

    def _reader(self) -> Reader:
        if self._closed:
            raise StoreFailed("the store is closed")
        reader = self._idle.pop() if self._idle else Reader(self._path)
        self._busy.add(reader)
        return reader

    def _release(self, reader: Reader) -> None:
        self._busy.discard(reader)
        reader.end()
        if reader.usable and not self._idle:
            self._idle.append(reader)
        else:
            reader.close("the read is over")

    async def _chunks(self, reader: Reader, spans: Sequence[rules.Span]) -> AsyncIterator[list[KeyValue]]:
        try:
            for first, last in spans:
                for chunk in reader.scan(first, last):
                    yield chunk
                    await asyncio.sleep(0)
        finally:
            self._release(reader)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        """Run it where COMMIT runs. A cancellation is raised only once it is over: the connection is not shared."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, call)
        cancelled = await _settled(future)
        if cancelled:
            raise cancelled from future.exception()
        return future.result()


async def _settled(future: "asyncio.Future[T]") -> asyncio.CancelledError | None:
    """Wait for the future through any cancellation; the last cancellation that came."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled


def _tell(failure: StoreFailed | None, cancelled: asyncio.CancelledError | None) -> None:
    """Raise what a write came to. A cancellation goes first: whoever cancelled no longer asks for the outcome."""
    if cancelled:
        raise cancelled from failure
    if failure:
        raise failure
