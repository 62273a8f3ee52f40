"""A clock that is told the time."""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush

from jobpool.kit.pure.durations import Millis


class FakeTimer:
    """A call of a `FakeClock` that is still to come."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """Wall and monotonic time move only by `advance`; `jump` moves the wall clock alone, as an operator would."""

    def __init__(self, now: Millis = 1_760_000_000_000) -> None:
        self._wall = now
        self._monotonic: Millis = 0
        self._timers: list[tuple[Millis, int, FakeTimer]] = []
        self._count = 0

    def now(self) -> Millis:
        return self._wall

    def monotonic(self) -> Millis:
        return self._monotonic

    def call_later(self, span: Millis, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(callback)
        self._count += 1
        heappush(self._timers, (self._monotonic + max(0, span), self._count, timer))
        return timer

    async def sleep(self, span: Millis) -> None:
        woken = asyncio.Event()
        timer = self.call_later(span, woken.set)
        try:
            await woken.wait()
        finally:
            timer.cancel()

    def jump(self, span: Millis) -> None:
        self._wall += span

    def pause(self, span: Millis) -> None:
        """The process is stopped for so long: what was due meanwhile is due as soon as time passes again."""
        self._wall += span
        self._monotonic += span
        self._timers = sorted((max(at, self._monotonic), count, timer) for at, count, timer in self._timers)

    async def advance(self, span: Millis) -> None:
        """Let time pass, timer by timer, and let what each one wakes run before the next."""
        end = self._monotonic + span
        await settle()
        while self._timers and self._timers[0][0] <= end:
            at, _, timer = heappop(self._timers)
            self._wall += at - self._monotonic
            self._monotonic = at
            if timer.callback is not None:
                timer.callback()
                await settle()
        self._wall += end - self._monotonic
        self._monotonic = end
        await settle()


async def settle(turns: int = 50) -> None:
    """Give every task that can run the turns to do so."""
    for _ in range(turns):
        await asyncio.sleep(0)
