"""The server's side of the read model: feed it, ask it, start it again.

A run that ends leaves the replica in the same synchronous step in which its segment is written to the child, and a
query is written when it is asked: so a list that takes live runs and asks history without awaiting in between finds
each run in exactly one of the two. A query asked while the child is away or behind keeps its place: it is sent after
the segments folded before it and before the next one.
"""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import overload

from jobpool.history.frames import Bars, Cut, DeleteBefore, Ends, Found, Hello, Ingest, Reset, Rows, Ticks
from jobpool.history.link import Link, open_link
from jobpool.history.queries import (
    AllocationPage,
    BarPage,
    End,
    EvaluationPage,
    GetJob,
    GetPart,
    JobExists,
    JobPage,
    ListAllocations,
    ListBars,
    ListEnds,
    ListEvaluations,
    ListJobs,
    ListTicks,
    Query,
    RetentionCut,
    TickPage,
)
from jobpool.history.questions import Question, Waiting
from jobpool.history.records import read_run
from jobpool.history.source import SegmentSource
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import StoreFailed, Unavailable
from jobpool.model.run import Attempt, Evaluation, Run

_MOST_BACKLOG = 32 * 1024 * 1024
_FIRST_PAUSE: Millis = 100
_LONGEST_PAUSE: Millis = 10 * SECOND
_STEADY: Millis = 10 * SECOND


class HistoryProcess:
    """A service; its owner tells it where the replica stands (`stand_at`) and every segment that is folded after that.

    Segments that a new child lacks are read again through `source`; so nothing is kept here for a child that is away.
    """

    name = "history"

    def __init__(self, path: Path, source: SegmentSource, *, clock: Clock) -> None:
        self._path = path
        self._source = source
        self._clock = clock
        self._log = get_logger("history")
        self._link: Link | None = None
        self._standing: tuple[int, int] | None = None
        self._handed: tuple[int, int] = (0, 0)
        self._floor = 0
        self._online = False
        self._behind = asyncio.Event()
        self._waiting = Waiting()

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return None if self._link is None else self._link.pid

    @property
    def backlog_bytes(self) -> int:
        """What is written and not yet taken by the child; at most 32 MiB, then the child catches up from the store."""
        return 0 if self._link is None else self._link.backlog_bytes

    def last_n(self) -> tuple[int, int]:
        """(incarnation, n) of the newest segment that the child has or is being handed; (0, 0) before any."""
        return self._handed

    async def drained(self) -> None:
        """Return when the backlog is below 1 MiB (at once while the child is away: then nothing is written)."""
        if self._link is not None:
            await self._link.drained()

    def stand_at(self, incarnation: int, n: int) -> None:
        """The replica was loaded as of n; `ingest` tells the segments after it. Must come before any query."""
        if self._standing is None or self._standing[0] != incarnation:
            self._waiting.fail_all("the state was restored from a snapshot: ask again")
            self._floor = 0
        self._standing = (incarnation, n)
        self._catch_up_later()

    def ingest(self, incarnation: int, n: int, segment: bytes) -> None:
        """The replica folded segment n, given as the store holds it. Writes to the pipe's buffer, never waits."""
        if self._standing is None or self._standing[0] != incarnation:
            self.stand_at(incarnation, n)
            return
        if n <= self._standing[1]:
            return
        self._standing = (incarnation, n)
        if self._link is None or not self._online:
            return  # read from the store when the child has come that far
        self._hand(self._link, n, segment)
        if self._link.backlog_bytes > _MOST_BACKLOG:
            self._log.warning("history falls behind and will catch up from the store", event_name="history_behind")
            self._catch_up_later()

    def delete_before(self, n: int) -> None:
        """The store dropped the segments below n."""
        self._floor = max(self._floor, n)
        if self._link is not None and self._online:
            self._link.write(DeleteBefore(self._floor))

    @overload
    def query(self, query: ListJobs) -> Awaitable[JobPage]: ...
    @overload
    def query(self, query: ListEvaluations) -> Awaitable[EvaluationPage]: ...
    @overload
    def query(self, query: ListAllocations) -> Awaitable[AllocationPage]: ...
    @overload
    def query(self, query: ListTicks) -> Awaitable[TickPage]: ...
    @overload
    def query(self, query: ListEnds) -> Awaitable[tuple[tuple[End, ...], ...]]: ...
    @overload
    def query(self, query: ListBars) -> Awaitable[BarPage]: ...
    @overload
    def query(self, query: JobExists) -> Awaitable[bool]: ...
    @overload
    def query(self, query: GetJob | GetPart) -> Awaitable[Run | None]: ...
    @overload
    def query(self, query: RetentionCut) -> Awaitable[int | None]: ...
    def query(self, query: Query) -> Awaitable[object]:
        """Sends at the call; await the answer. It sees exactly the segments ingested before the call.

        Raises Unavailable, at the call or from the awaitable: no state loaded yet, or no child within 5 s, or it died.
        """
        if self._standing is None:
            raise Unavailable("history is not ready: the state is not loaded yet")
        question = Question(query, self._standing[1], clock=self._clock)
        if self._link is not None and self._online:
            question.send(self._link)
        else:
            self._waiting.add(question)
        return _read(question, query)

    async def retention_cut(self, *, older_than: Millis, keep_runs: int) -> int | None:
        """The newest n at or below which every segment is to go; see `RetentionCut`. Raises Unavailable."""
        return await self.query(RetentionCut(older_than, keep_runs))

    async def run(self) -> None:
        """Keep a child running until cancelled. A damaged file is built anew."""
        rebuild, failures = False, 0
        while True:
            began = self._clock.monotonic()
            rebuild = await self._live(rebuild=rebuild)
            steady = self._clock.monotonic() - began >= _STEADY
            failures = 1 if steady else failures + 1
            await self._clock.sleep(exponential(failures, base=_FIRST_PAUSE, limit=_LONGEST_PAUSE))

    async def _live(self, *, rebuild: bool) -> bool:
        """One life of the child; returns whether the next one must start from nothing."""
        try:
            link = await open_link(self._path, rebuild=rebuild)
        except OSError as error:
            self._log.error("the history process cannot be started", event_name="history_start", error=str(error))
            return rebuild
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(link.log_errors(), name="history-errors")
                feeding = group.create_task(self._feed(link), name="history-feed")
                await link.serve()
                self._online = False
                self._link = None
                feeding.cancel()
        finally:
            self._online = False
            self._link = None
            await link.close()
        return link.damaged

    async def _feed(self, link: Link) -> None:
        hello: Hello = await link.hello
        self._handed = (hello.incarnation, hello.n)
        self._link = link
        self._behind.set()
        while True:
            await self._behind.wait()
            self._behind.clear()
            while self._standing is not None and not self._online:
                await self._catch_up(link, *self._standing)

    async def _catch_up(self, link: Link, incarnation: int, until: int) -> None:
        """One step towards where the replica stands; online when it is reached."""
        if self._handed[0] != incarnation or self._handed[1] > until:
            self._tell_loss(incarnation, until)
            link.write(Reset(incarnation))
            self._handed = (incarnation, 0)
        segments = await self._missing(self._handed[1], until)
        if self._standing is None or self._standing[0] != incarnation:
            return
        for n, segment in segments:
            self._waiting.release(link, before=n)
            self._hand(link, n, segment)
        if not segments:
            self._handed = (incarnation, until)
        await link.drained()
        if self._standing == self._handed:
            self._waiting.release(link, before=self._handed[1] + 1)
            link.write(DeleteBefore(self._floor))
            self._online = True

    def _tell_loss(self, incarnation: int, until: int) -> None:
        """Commits are handed on once they are durable; a store that has not come as far as history has lost some."""
        if self._handed[0] == incarnation:
            self._log.error(
                "the store has lost commits that history has seen; history is built anew from what is left",
                event_name="store_went_back",
                store_n=until,
                history_n=self._handed[1],
            )

    async def _missing(self, after: int, until: int) -> list[tuple[int, bytes]]:
        """From the store, again and again until it answers."""
        failures = 0
        while after < until:
            try:
                return await self._source(after, until)
            except StoreFailed as error:
                failures += 1
                self._log.warning("history cannot read the store", event_name="history_source", error=str(error))
                await self._clock.sleep(exponential(failures, base=_FIRST_PAUSE, limit=_LONGEST_PAUSE))
        return []

    def _hand(self, link: Link, n: int, segment: bytes) -> None:
        link.write(Ingest(n, segment))
        self._handed = (self._handed[0], n)

    def _catch_up_later(self) -> None:
        self._online = False
        self._behind.set()


async def _read(question: Question, query: Query) -> object:
    """The answer as the query's kind of page."""
    match await question.answer:
        case Found(exists):
            return exists
        case Cut(n):
            return n
        case Bars(bars):
            return BarPage(bars)
        case Ticks(known_from, records):
            return TickPage(known_from, tuple(map(read_run, records)))
        case Ends(plans):
            return plans
        case Rows(total, items):
            read = [(read_run(record), number) for record, number in items]
    match query:
        case ListEvaluations():
            return EvaluationPage(total, tuple((run, _evaluation(run, number)) for run, number in read))
        case ListAllocations():
            return AllocationPage(total, tuple((run, _attempt(run, number)) for run, number in read))
        case GetJob() | GetPart():
            return read[0][0] if read else None
        case _:
            return JobPage(total, tuple(run for run, _ in read))


def _evaluation(run: Run, number: int) -> Evaluation:
    return next(item for item in run.evaluations if item.number == number)


def _attempt(run: Run, number: int) -> Attempt:
    return next(item for item in run.attempts if item.number == number)
