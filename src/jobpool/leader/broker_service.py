"""The broker with a clock: evaluators wait here for evaluations, and one timer keeps its deadlines."""

import asyncio
from collections.abc import Iterable, Sequence

from jobpool.kit.effects.clock import Alarm, Clock
from jobpool.kit.pure.durations import Millis
from jobpool.leader.broker import Broker
from jobpool.leader.tracked import BrokerStats
from jobpool.model.errors import BrokerDisabled
from jobpool.model.queued import Delivery, QueuedEvaluation


class _Waiter:
    """A `dequeue` that found nothing: `woken` resolves when it should look again or is `late`."""

    def __init__(self, types: Sequence[str], limit: int) -> None:
        self.types = tuple(types)
        self.limit = limit
        self.late = False
        self.woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)

    def give_up(self) -> None:
        self.late = True
        self.wake()

    def fail(self) -> None:
        if not self.woken.done():
            self.woken.set_exception(BrokerDisabled())

    async def wait(self) -> None:
        await self.woken
        self.woken = asyncio.get_running_loop().create_future()


class BrokerQueue:
    """A service: `run` must be running for delays and deadlines to pass.

    A waiter that is woken looks for itself; nothing is handed to a waiter that may be gone. Whoever wakes, or leaves
    without having looked, passes the rest on, so no evaluation is ready while an evaluator waits for it.
    """

    name = "broker"

    def __init__(self, broker: Broker, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self._alarm = Alarm(clock)
        self._planned: Millis | None = None
        self._waiters: dict[_Waiter, None] = {}
        self._superfluous = asyncio.Event()
        self._paused = False

    async def run(self) -> None:
        """Keep the deadlines, until cancelled."""
        while True:
            self._planned = self._broker.next_due()
            await self._alarm.wait(self._planned)
            self._broker.expire(self._clock.now())
            self._changed()

    def enable(self) -> None:
        self._broker.enable()

    def disable(self) -> None:
        """Forget everything and fail every waiter with BrokerDisabled."""
        self._broker.disable()
        self._superfluous.clear()
        for waiter in self._waiters:
            waiter.fail()

    def pause(self) -> None:
        """Hand nothing out until `resume`, whoever asks. What is out may be settled, and its time goes on."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._changed()

    def enqueue(self, evaluations: Iterable[QueuedEvaluation]) -> None:
        """All of them before any waiter looks, so that it gets the best of the batch."""
        self._broker.enqueue(evaluations, self._clock.now())
        self._changed()

    def wake(self, evaluations: Iterable[QueuedEvaluation]) -> None:
        """Enqueue each; one in an evaluator's hands is delivered once more after that."""
        now = self._clock.now()
        for evaluation in evaluations:
            self._broker.wake(evaluation, now)
        self._changed()

    def requeue(self, evaluation: QueuedEvaluation, *, token: str) -> None:
        self._broker.requeue(evaluation, token=token, now=self._clock.now())

    def forget(self, job_id: str) -> None:
        self._broker.forget(job_id)

    async def dequeue(self, types: Sequence[str], limit: int, *, timeout: Millis) -> list[Delivery]:
        """Up to `limit` evaluations, at once when there are any; empty when none came within `timeout`.

        Timeout 0 waits without end. Raises BrokerDisabled, also when it is disabled meanwhile.
        """
        found = self._take(types, limit)
        if found:
            return found
        waiter = _Waiter(types, limit)
        timer = self._clock.call_later(timeout, waiter.give_up) if timeout else None
        self._waiters[waiter] = None
        try:
            while not found and not waiter.late:
                await waiter.wait()
                found = self._take(types, limit)
            return found
        finally:
            if timer is not None:
                timer.cancel()
            del self._waiters[waiter]
            self._wake_waiters()

    def ack(self, job_id: str, number: int, *, token: str) -> None:
        """Raises NotOutstanding."""
        self._broker.ack(job_id, number, token=token, now=self._clock.now())
        self._changed()

    def nack(self, job_id: str, number: int, *, token: str) -> None:
        """Raises NotOutstanding."""
        self._broker.nack(job_id, number, token=token, now=self._clock.now())
        self._changed()

    def hand_back(self, job_id: str, number: int, *, token: str, untouched: bool) -> None:
        """Raises NotOutstanding."""
        self._broker.hand_back(job_id, number, token=token, now=self._clock.now(), untouched=untouched)
        self._changed()

    def reset(self, job_id: str, number: int, *, token: str) -> None:
        """Raises NotOutstanding."""
        self._broker.reset(job_id, number, token=token, now=self._clock.now())

    def pause_nack(self, job_id: str, number: int, *, token: str) -> None:
        """Raises NotOutstanding."""
        self._broker.pause_nack(job_id, number, token=token, now=self._clock.now())

    def resume_nack(self, job_id: str, number: int, *, token: str) -> None:
        """Raises NotOutstanding."""
        self._broker.resume_nack(job_id, number, token=token, now=self._clock.now())
        self._changed()

    def outstanding(self, job_id: str, number: int) -> str | None:
        return self._broker.outstanding(job_id, number)

    def held(self, job_id: str, number: int, *, token: str) -> QueuedEvaluation:
        """Raises NotOutstanding."""
        return self._broker.held(job_id, number, token=token, now=self._clock.now())

    async def cancelable(self, limit: int) -> list[QueuedEvaluation]:
        """Wait for superfluous evaluations and take up to `limit`: the caller cancels them in the store."""
        while True:
            taken = self._broker.cancelable(limit)
            if taken:
                return taken
            self._superfluous.clear()
            await self._superfluous.wait()

    def stats(self) -> BrokerStats:
        return self._broker.stats()

    def _take(self, types: Sequence[str], limit: int) -> list[Delivery]:
        found = self._broker.dequeue(types, 0 if self._paused else limit, now=self._clock.now())
        self._rearm()
        return found

    def _changed(self) -> None:
        self._rearm()
        if self._broker.has_cancelable:
            self._superfluous.set()
        if self._waiters:
            self._wake_waiters()

    def _rearm(self) -> None:
        due = self._broker.next_due()
        if due is not None and (self._planned is None or due < self._planned):
            self._planned = due
            self._alarm.kick()

    def _wake_waiters(self) -> None:
        """Wake as many as it takes to empty what is ready, the longest waiting first."""
        if self._paused:
            return
        left: dict[tuple[str, ...], int] = {}
        for waiter in self._waiters:
            types = waiter.types
            ready = left[types] if types in left else self._broker.ready(types)
            left[types] = ready - waiter.limit
            if ready > 0:
                waiter.wake()
