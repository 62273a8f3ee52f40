"""The clock: the one reader of time.

Wall time decides ticks (an int of milliseconds since the epoch, UTC); monotonic time measures spans.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from jobpool.kit.pure.durations import MINUTE, Millis


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """What code that waits needs of time; `testing.clock` has one that is told the time."""

    def now(self) -> Millis:
        """Wall time."""
        ...

    def monotonic(self) -> Millis:
        """Milliseconds since some fixed instant of this process; never goes back."""
        ...

    async def sleep(self, span: Millis) -> None:
        """Return after `span` milliseconds of monotonic time."""
        ...

    def call_later(self, span: Millis, callback: Callable[[], None]) -> Timer:
        """Call back after `span` milliseconds of monotonic time. Cheaper than a task that sleeps."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> Millis:
        return time.monotonic_ns() // 1_000_000

    async def sleep(self, span: Millis) -> None:
        await asyncio.sleep(span / 1000)

    def call_later(self, span: Millis, callback: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(span / 1000, callback)


class MonotonicClock:
    """A clock with monotonic time in the place of wall time, for spans that no change of the wall clock may touch."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.monotonic
        self.monotonic = clock.monotonic
        self.sleep = clock.sleep
        self.call_later = clock.call_later


_LONGEST_SLEEP = MINUTE


class Alarm:
    """One timer for a whole queue: `wait` until a due time, or until somebody kicks because it moved.

    A kick between two waits is not lost: the next wait returns at once. Long waits are cut into pieces of a minute, so
    that a jump of the wall clock is noticed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kicked = asyncio.Event()

    def kick(self) -> None:
        self._kicked.set()

    async def wait(self, due: Millis | None) -> None:
        """Return at or after `due` (wall time), after a kick, or within a minute. None = only a kick ends it."""
        timer = None
        if due is not None:
            # One millisecond late is right; one early would find nothing due and spin.
            span = min(max(0, due - self._clock.now()), _LONGEST_SLEEP)
            timer = self._clock.call_later(span, self._kicked.set)
        try:
            await self._kicked.wait()
        finally:
            self._kicked.clear()
            if timer is not None:
                timer.cancel()


@asynccontextmanager
async def deadline(clock: Clock, span: Millis) -> AsyncIterator[None]:
    """Raises TimeoutError out of the block once `span` milliseconds of the clock have passed in it."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        timer = clock.call_later(span, lambda: limit.reschedule(loop.time()))
        try:
            yield
        finally:
            timer.cancel()
