"""Deadlines: a run that has taken longer than its timeout ends as expired.

Agents enforce timeouts themselves; this is for asynchronous runs that a callee has accepted, and for agents that
cannot speak any more (with a grace, so that the agent's own word comes first). Where a run must not overlap with the
next one, what the agent may need to stop its command is added: out of reach it enforces the timeout all the same.

The wall clock says how much of its time a run has left when it is met; from then on monotonic time counts, so that a
clock that is set forward ends nothing that runs.
"""

from jobpool.kit.effects.clock import Alarm, MonotonicClock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.delay_queue import DelayQueue
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.leader.term import Term
from jobpool.model.errors import JobpoolError
from jobpool.model.parameters import stopping_time
from jobpool.model.run import Run
from jobpool.replica.state import Folded, State
from jobpool.store.change import Command
from jobpool.store.commands import TimeOutRun, waits_for_agent
from jobpool.store.commands.lifecycle import polled
from jobpool.store.commands.pollers import TimeOutPolled

_BATCH = 500
_CALLBACK_PATIENCE: Millis = 10 * MINUTE


def deadline_of(run: Run, grace: Millis, *, given_at: Millis | None = None) -> Millis | None:
    """When a started run is to be ended from here; None before its start.

    `given_at`: when an agent got it that does not say that it has begun. A run that has ended and owes its callee word
    waits no longer than ten minutes for an agent that delivers it.
    """
    if run.ended:
        return run.created_at + _CALLBACK_PATIENCE
    if run.started_at is None:
        return None if given_at is None else given_at + run.timeout + grace
    return run.started_at + run.timeout + (0 if run.accepted else grace)


def time_to_stop(run: Run, state: State) -> Millis:
    """How long after its timeout the run may still be at work, when it would be in the way of the next one."""
    plan = state.plan_version(run.namespace, run.plan_id, run.plan_version)
    if plan is None or not waits_for_agent(run, state):
        return 0
    return stopping_time(run.executor, plan.parameters if run.parameters is None else run.parameters)


def _end_of(run: Run, state: State) -> Command[None]:
    attempt = polled(run, state)
    if attempt is None or run.ended or run.started_at is not None:
        return TimeOutRun(run.id, run.started_at)
    return TimeOutPolled(run.id, attempt.number)


class Deadlines:
    name = "deadlines"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._known: dict[str, Millis] = {}
        self._queue: DelayQueue[str] = DelayQueue()  # by monotonic time
        self._alarm = Alarm(MonotonicClock(term.clock))
        self._log = get_logger("deadlines")

    def begin(self) -> None:
        for run in self._term.state.runs.values():
            self._track(run)

    def observe(self, folded: Folded) -> None:
        before = self._queue.next_due()
        for old, new in folded.runs:
            if new is not None and (new.started_at is not None or new.ended or polled(new, self._term.state)):
                self._track(new)
            elif old is not None and old.id in self._known:
                self._forget(old.id)
        if self._queue.next_due() != before:
            self._alarm.kick()

    def _track(self, run: Run) -> None:
        state, attempt = self._term.state, polled(run, self._term.state)
        grace = self._term.config.timeout_grace + time_to_stop(run, state)
        due = deadline_of(run, grace, given_at=None if attempt is None else attempt.created_at)
        if due is None:
            self._forget(run.id)
        elif self._known.get(run.id) != due:
            self._known[run.id] = due
            self._queue.set(run.id, self._term.clock.monotonic() + due - self._term.clock.now())

    def _forget(self, job_id: str) -> None:
        self._known.pop(job_id, None)
        self._queue.discard(job_id)

    def end(self) -> None:
        self._known.clear()
        self._queue.clear()

    async def run(self) -> None:
        while True:
            await self._alarm.wait(self._queue.next_due())
            now = self._term.clock.monotonic()
            while due := list(self._queue.pop_due(now, limit=_BATCH)):
                await self._expire(due, now)

    async def _expire(self, job_ids: list[str], now: Millis) -> None:
        runs = [run for job_id in job_ids if (run := self._term.state.run(job_id)) is not None]
        outcomes = await self._term.writer.submit_all([_end_of(run, self._term.state) for run in runs])
        for run, outcome in zip(runs, outcomes, strict=True):
            if isinstance(outcome, JobpoolError):
                self._log.error(
                    "a run could not be timed out; trying again",
                    event_name="timeout_failed",
                    job=run.id,
                    error=str(outcome),
                )
                self._queue.set(run.id, now + SECOND)
