"""Slots: runs that wait for a slot of their namespace get one when it is free, best priority first, then the oldest."""

import asyncio
from heapq import heappop, heappush

from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND
from jobpool.leader.term import Term
from jobpool.model.errors import JobpoolError
from jobpool.model.run import Run
from jobpool.replica.state import Folded, State
from jobpool.store.commands import GrantSlot

_BATCH = 500


class SlotWaiters:
    """Who waits, by namespace. Pure. A run that is taken comes back only by `add`."""

    def __init__(self) -> None:
        self._heaps: dict[str, list[tuple[int, int, str]]] = {}
        self._waiting: set[str] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def namespaces(self) -> list[str]:
        return list(self._heaps)

    def add(self, run: Run) -> None:
        if run.id not in self._waiting:
            self._waiting.add(run.id)
            heappush(self._heaps.setdefault(run.namespace, []), (-run.priority, run.created_at, run.id))

    def discard(self, job_id: str) -> None:
        """It ended, or has its slot. Its entry is skipped when it surfaces."""
        self._waiting.discard(job_id)

    def take(self, namespace: str, free: int) -> list[str]:
        """Up to `free` of those who wait."""
        heap, taken = self._heaps.get(namespace, []), list[str]()
        while heap and len(taken) < free:
            job_id = heappop(heap)[2]
            if job_id in self._waiting:
                self._waiting.discard(job_id)
                taken.append(job_id)
        if not heap:
            self._heaps.pop(namespace, None)
        return taken


def waits_for_slot(run: Run) -> bool:
    return not run.ended and not run.holds_slot


class Slots:
    name = "slots"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._waiters = SlotWaiters()
        self._changed = asyncio.Event()
        self._log = get_logger("slots")

    def begin(self) -> None:
        for run in self._term.state.runs.values():
            if waits_for_slot(run):
                self._waiters.add(run)
        self._changed.set()

    def observe(self, folded: Folded) -> None:
        for old, new in folded.runs:
            if new is not None and waits_for_slot(new):
                if old is None:
                    self._waiters.add(new)
            elif old is not None and waits_for_slot(old):
                self._waiters.discard(old.id)
        if len(self._waiters) and (folded.runs or folded.namespaces):
            self._changed.set()

    def end(self) -> None:
        self._waiters = SlotWaiters()

    async def run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while granted := self._grantable(self._term.state):
                await self._grant(granted)

    def _grantable(self, state: State) -> list[str]:
        granted: list[str] = []
        for namespace in self._waiters.namespaces():
            free = state.slot_limit(namespace) - state.slots_used(namespace)
            granted += self._waiters.take(namespace, min(free, _BATCH))
        return granted

    async def _grant(self, job_ids: list[str]) -> None:
        outcomes = await self._term.writer.submit_all([GrantSlot(job_id) for job_id in job_ids])
        failed = False
        for job_id, outcome in zip(job_ids, outcomes, strict=True):
            run = self._term.state.run(job_id)
            if run is not None and waits_for_slot(run):
                self._waiters.add(run)
            if isinstance(outcome, JobpoolError):
                failed = True
                self._log.error("a slot could not be granted", event_name="grant_failed", error=str(outcome))
        if failed:
            await self._term.clock.sleep(SECOND)
