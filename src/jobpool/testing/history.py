"""History in memory: answers the same queries as the history process, as exactly, without a child."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar, overload

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
    TickPage,
    bar_of,
    end_of,
)
from jobpool.history.writer import without
from jobpool.model.errors import JobpoolError
from jobpool.model.run import Run, allocation_id, evaluation_id
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded

T = TypeVar("T")
HistoryQuery = (
    ListJobs | ListEvaluations | ListAllocations | ListTicks | ListBars | ListEnds | JobExists | GetJob | GetPart
)


class MemoryHistory:
    """Finished runs of a replica. What a query finds is fixed when it is asked; `hold` keeps the answers back.

    `trouble`, when set, is what every query meets.
    """

    def __init__(self, replica: Replica) -> None:
        self.runs: dict[str, Run] = {}
        self.trouble: JobpoolError | None = None
        self._free = asyncio.Event()
        self._free.set()
        replica.listen(self._observe)

    def _observe(self, folded: Folded) -> None:
        if folded.segment is not None:
            self.runs.update((run.id, run) for run in folded.segment.runs)
            for entry in folded.segment.forgotten:
                run = self.runs.pop(entry.job_id, None)
                if run is not None and entry.part:
                    self.runs[run.id] = without(run, entry)

    def hold(self) -> None:
        self._free.clear()

    def release(self) -> None:
        self._free.set()

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
    def query(self, query: HistoryQuery) -> Awaitable[object]:
        """Raises `trouble` from the awaitable."""
        return self._later(self._found(query))

    async def _later(self, answer: object) -> object:
        await self._free.wait()
        if self.trouble is not None:
            raise self.trouble
        return answer

    def _ends(self, namespace: str, plan: str, limit: int) -> tuple[End, ...]:
        runs = [run for run in self.runs.values() if run.plan_key == (namespace, plan)]
        return tuple(map(end_of, sorted(runs, key=_newest_first, reverse=True)[:limit]))

    def _found(self, query: HistoryQuery) -> object:
        runs = self.runs.values()
        match query:
            case GetJob(job_id):
                return self.runs.get(job_id)
            case GetPart(part, alias):
                return next((run for run in runs for it in run.aliases if (it.part, it.id) == (part, alias)), None)
            case JobExists(wanted):
                return any(wanted.matches(run) for run in runs)
            case ListTicks():
                found = _ordered((run.scheduled_at, run.id, run) for run in runs if query.matches(run))
                return TickPage(0, tuple(run for _, _, run in found[: query.limit]))
            case ListEnds():
                return tuple(self._ends(query.namespace, plan, query.limit) for plan in query.plan_ids)
            case ListBars():
                drawn = _ordered((run.created_at, run.id, bar_of(run)) for run in runs if query.matches(run))
                return BarPage(tuple(bar for _, _, bar in drawn[: query.limit]))
            case ListJobs(wanted_jobs):
                jobs = _ordered((run.created_at, run.id, run) for run in runs if wanted_jobs.matches(run))
                return JobPage(*_page(jobs, query))
            case ListEvaluations(wanted_evaluations):
                evaluations = _ordered(
                    (item.created_at, evaluation_id(run.id, item.number), (run, item))
                    for run in runs
                    for item in run.evaluations
                    if wanted_evaluations.matches(run, item)
                )
                return EvaluationPage(*_page(evaluations, query))
            case ListAllocations(wanted_allocations):
                allocations = _ordered(
                    (item.created_at, allocation_id(run.id, item.number), (run, item))
                    for run in runs
                    for item in run.attempts
                    if wanted_allocations.matches(run, item)
                )
                return AllocationPage(*_page(allocations, query))


def _newest_first(run: Run) -> tuple[int, int]:
    return (run.created_at, run.scheduled_at)


def _ordered(found: Iterable[tuple[int, str, T]]) -> list[tuple[int, str, T]]:
    """By the two first descending."""
    return sorted(found, key=lambda entry: entry[:2], reverse=True)


def _page(
    found: list[tuple[int, str, T]], query: ListJobs | ListEvaluations | ListAllocations
) -> tuple[int, tuple[T, ...]]:
    """The total, 0 where the list is sought, and what was asked for."""
    if query.sought:
        found = [entry for entry in found if query.before is None or entry[:2] < query.before]
    items = tuple(item for _, _, item in found[query.offset : query.offset + query.limit])
    return (0 if query.sought else len(found)), items
