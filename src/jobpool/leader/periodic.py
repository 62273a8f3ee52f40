"""Periodic: decides every plan's ticks when they are due. One heap, one timer.

`DueTimes` knows when; the command `DecideTicks` decides what. A plan leaves the heap when it is taken and comes back by
the commit that moved its cursor, so a decision that fails is repeated until it is made.
"""

import asyncio
from collections.abc import Sequence

from jobpool.kit.effects.clock import Alarm
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.delay_queue import DelayQueue
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.leader.term import Term
from jobpool.model.errors import InvalidArgument, JobpoolError
from jobpool.model.plan import Plan
from jobpool.model.schedule import Cursor
from jobpool.replica.state import Folded, PlanKey
from jobpool.store.change import Turn
from jobpool.store.commands import DecideTicks, ExpirePlan, LiftPause

_BATCH = 2000
_RETRY: Millis = SECOND
_RETRY_REFUSED: Millis = MINUTE


class DueTimes:
    """When each plan needs a decision. Pure.

    At its next tick, at its end time once no tick is left, and where it is paused when the pause runs out.
    """

    def __init__(self) -> None:
        self._queue: DelayQueue[PlanKey] = DelayQueue()

    def __len__(self) -> int:
        return len(self._queue)

    def __contains__(self, key: PlanKey) -> bool:
        return key in self._queue

    def track(self, key: PlanKey, plan: Plan | None, cursor: Cursor | None) -> None:
        """Take a plan and its cursor as they are now."""
        due = None if plan is None or cursor is None else _due(plan, cursor)
        if due is None:
            self._queue.discard(key)
        else:
            self._queue.set(key, due)

    def again(self, key: PlanKey, at: Millis) -> None:
        """A decision failed: repeat it at `at`, unless the plan has come back by itself meanwhile."""
        if key not in self._queue:
            self._queue.set(key, at)

    def take(self, now: Millis, limit: int) -> list[PlanKey]:
        return list(self._queue.pop_due(now, limit=limit))

    def next_due(self) -> Millis | None:
        return self._queue.next_due()


def _due(plan: Plan, cursor: Cursor) -> Millis | None:
    if plan.paused is not None:
        return plan.paused.until
    if not plan.fires or plan.periodic is None:
        return None
    end = plan.periodic.end_time
    return cursor.next_due if cursor.next_due is not None else end + 1 if end is not None else None


class Periodic:
    name = "periodic"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._due = DueTimes()
        self._alarm = Alarm(term.clock)
        self._log = get_logger("periodic")

    def begin(self) -> None:
        for key, plan in self._term.state.plans.items():
            self._due.track(key, plan, self._term.state.cursor(*key))

    def observe(self, folded: Folded) -> None:
        if not folded.cursors and not folded.plans:
            return
        state, before = self._term.state, self._due.next_due()
        keys = {key for key, _ in folded.cursors}
        keys.update((new or old).key for old, new in folded.plans if new is not None or old is not None)  # type: ignore[union-attr]
        for key in keys:
            self._due.track(key, state.plan(*key), state.cursor(*key))
        if self._due.next_due() != before:
            self._alarm.kick()

    def end(self) -> None:
        self._due = DueTimes()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as decisions:
            while True:
                await self._alarm.wait(self._due.next_due())
                now = self._term.clock.now()
                while keys := self._due.take(now, _BATCH):
                    decisions.create_task(self._decide(keys, now))

    async def _decide(self, keys: Sequence[PlanKey], now: Millis) -> None:
        commands = [self._command(key) for key in keys]
        try:
            outcomes = await self._term.writer.submit_all(commands, turn=Turn.BEGIN)
        except JobpoolError as failure:
            outcomes = [failure] * len(keys)
        for key, outcome in zip(keys, outcomes, strict=True):
            if isinstance(outcome, JobpoolError):
                self._repeat(key, outcome, now)
            else:
                self._keep(key)

    def _command(self, key: PlanKey) -> DecideTicks | ExpirePlan | LiftPause:
        plan, cursor = self._term.state.plan(*key), self._term.state.cursor(*key)
        if plan is not None and plan.paused is not None:
            return LiftPause(*key)
        if cursor is not None and cursor.next_due is None:
            return ExpirePlan(*key)
        return DecideTicks(*key)

    def _keep(self, key: PlanKey) -> None:
        """Nothing was due after all, because the clock went back meanwhile: no commit brings the plan back."""
        if key in self._due:
            return
        state = self._term.state
        self._due.track(key, state.plan(*key), state.cursor(*key))
        if key in self._due:
            self._alarm.kick()

    def _repeat(self, key: PlanKey, failure: JobpoolError, now: Millis) -> None:
        self._log.error(
            "a due plan could not be decided; trying again",
            event_name="tick_failed",
            namespace=key[0],
            plan=key[1],
            error=str(failure),
        )
        self._due.again(key, now + (_RETRY_REFUSED if isinstance(failure, InvalidArgument) else _RETRY))
        self._alarm.kick()
