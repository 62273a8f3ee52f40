"""Waiting for a run to change. Costs the fold nothing while nobody waits."""

import asyncio

from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import Millis
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded


class RunWaits:
    """Who waits, by the id of the run."""

    def __init__(self, replica: Replica) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        replica.listen(self._observe)
        replica.on_restore(self._wake_all)

    def changed(self, job_id: str, clock: Clock, *, within: Millis) -> "asyncio.Future[None]":
        """Done when the run has changed or ended since this call, or after `within` ms."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = clock.call_later(within, lambda: _resolve(waiter))
        self._waiting.setdefault(job_id, set()).add(waiter)

        def forget(_: "asyncio.Future[None]") -> None:
            timer.cancel()
            waiters = self._waiting.get(job_id, set())
            waiters.discard(waiter)
            if not waiters:
                self._waiting.pop(job_id, None)

        waiter.add_done_callback(forget)
        return waiter

    def _observe(self, folded: Folded) -> None:
        if not self._waiting:
            return
        for old, new in folded.runs:
            run = new if new is not None else old
            if run is not None:
                self._wake(run.id)
        for run in folded.segment.runs if folded.segment is not None else ():
            self._wake(run.id)

    def _wake_all(self) -> None:
        for job_id in list(self._waiting):
            self._wake(job_id)

    def _wake(self, job_id: str) -> None:
        for waiter in self._waiting.pop(job_id, ()):
            _resolve(waiter)


def _resolve(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
