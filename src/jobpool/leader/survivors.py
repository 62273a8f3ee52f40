"""Survivors: after a restore, the runs that were live in the snapshot are waited for, then ended, and never run again.

What became of them since the snapshot only their agents can tell. Those that no agent has are ended at once; the others
when their agents have had the failover time to come back. Level-triggered: a crash half-way ends none twice.
"""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import islice

from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND
from jobpool.leader.term import Term
from jobpool.model.errors import JobpoolError
from jobpool.replica.state import Folded, State
from jobpool.store.commands import EndSurvivor, MarkRestored, is_lost

_BATCH = 200


def lost_survivors(state: State, job_ids: Iterable[str], *, waited: bool, limit: int) -> list[EndSurvivor]:
    """Commands for up to `limit` of these runs that are to be given up. Pure."""
    runs = (run for job_id in job_ids if (run := state.run(job_id)) is not None)
    lost = (EndSurvivor(run.id, waited) for run in runs if is_lost(run, state.era, waited=waited))
    return list(islice(lost, limit))


class Survivors:
    name = "survivors"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._left: dict[str, None] = {}
        self._changed = asyncio.Event()
        self._log = get_logger("survivors")

    def begin(self) -> None:
        state = self._term.state
        self._left = {run.id: None for run in state.runs.values() if run.predates(state.era)}
        self._changed.set()

    def observe(self, folded: Folded) -> None:
        for old, new in folded.runs:
            if old is not None and old.id in self._left:
                if new is None:
                    del self._left[old.id]
                self._changed.set()

    def end(self) -> None:
        self._left.clear()

    async def run(self) -> None:
        if self._left or self._term.state.restored is not None:
            await self._mark()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._end_unreported())
            await self._term.clock.sleep(self._term.config.failover_grace(len(self._term.state.nodes)))
            await self._give_up(waited=True)

    async def _mark(self) -> None:
        """Fix what is not fired. Until that is durable, nothing that is due is."""
        restored = self._term.state.restored
        if restored is None or restored.until is not None:
            return
        self._log.warning(
            "this server was restored from a snapshot: what was due since is not run, and runs that were live in it "
            "end unless their agents report them",
            event_name="restored",
            n=restored.n,
            runs=len(self._left),
        )
        while self._failed(await self._term.writer.submit_all([MarkRestored()])):
            await self._term.clock.sleep(SECOND)

    async def _end_unreported(self) -> None:
        """Those that no agent has, now and whenever one loses its agent."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._give_up(waited=False)

    async def _give_up(self, *, waited: bool) -> None:
        while commands := lost_survivors(self._term.state, self._left, waited=waited, limit=_BATCH):
            if self._failed(await self._term.writer.submit_all(commands)):
                await self._term.clock.sleep(SECOND)

    def _failed(self, outcomes: Sequence[object]) -> bool:
        failures = [outcome for outcome in outcomes if isinstance(outcome, JobpoolError)]
        if failures:
            self._log.error(
                "what a restore left could not be settled; trying again",
                event_name="survivors_failed",
                error=str(failures[0]),
            )
        return bool(failures)
