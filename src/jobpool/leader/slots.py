"""Slots: runs that wait for a slot of their namespace get one when it is free, best priority first, then the oldest."""

from heapq import heappop, heappush

from jobpool.kit.effects.clock import Alarm
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.delay_queue import DelayQueue
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.term import Term
from jobpool.model.errors import JobpoolError
from jobpool.model.run import Run
from jobpool.replica.state import Folded, State
from jobpool.store.commands import GrantSlot

_BATCH = 500


class SlotWaiters:
    """Who waits, by namespace, and who is not to start yet. Pure. A run that is taken comes back only by `add`."""

    def __init__(self) -> None:
        self._heaps: dict[str, list[tuple[int, int, str]]] = {}
        self._waiting: set[str] = set()
        self._early: DelayQueue[str] = DelayQueue()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._early)

    def set_aside(self, run: Run) -> None:
        """It takes no slot before its evaluation may start."""
        self._early.set(run.id, run.evaluations[-1].not_before)

    def due(self, now: Millis) -> list[str]:
        """Those set aside whose time has come: to be added."""
        return list(self._early.pop_due(now))

    def next_due(self) -> Millis | None:
        return self._early.next_due()

    def namespaces(self) -> list[str]:
        return list(self._heaps)

    def add(self, run: Run) -> None:
        if run.id not in self._waiting:
            self._waiting.add(run.id)
            heappush(self._heaps.setdefault(run.namespace, []), (-run.priority, run.created_at, run.id))

    def discard(self, job_id: str) -> None:
        """It ended, or has its slot. Its entry is skipped when it surfaces."""
        self._waiting.discard(job_id)
        self._early.discard(job_id)

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
    """A job that a caller has added without an evaluation waits for one first."""
    return not run.ended and not run.holds_slot and bool(run.evaluations)


class Slots:
    name = "slots"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._waiters = SlotWaiters()
        self._alarm = Alarm(term.clock)
        self._log = get_logger("slots")

    def begin(self) -> None:
        for run in self._term.state.runs.values():
            if waits_for_slot(run) and not run.predates(self._term.state.era):
                self._add(run)
        self._alarm.kick()

    def observe(self, folded: Folded) -> None:
        for old, new in folded.runs:
            if new is not None and waits_for_slot(new):
                if old is None:
                    self._add(new)
            elif old is not None and waits_for_slot(old):
                self._waiters.discard(old.id)
        if len(self._waiters) and (folded.runs or folded.namespaces):
            self._alarm.kick()

    def end(self) -> None:
        self._waiters = SlotWaiters()

    async def run(self) -> None:
        while True:
            await self._alarm.wait(self._waiters.next_due())
            while granted := self._grantable(self._term.state):
                await self._grant(granted)

    def _add(self, run: Run) -> None:
        if run.evaluations[-1].not_before > self._term.clock.now():
            self._waiters.set_aside(run)
        else:
            self._waiters.add(run)

    def _grantable(self, state: State) -> list[str]:
        for job_id in self._waiters.due(self._term.clock.now()):
            run = state.run(job_id)
            if run is not None:
                self._waiters.add(run)
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
                self._add(run)
            if isinstance(outcome, JobpoolError):
                failed = True
                self._log.error("a slot could not be granted", event_name="grant_failed", error=str(outcome))
        if failed:
            await self._term.clock.sleep(SECOND)
