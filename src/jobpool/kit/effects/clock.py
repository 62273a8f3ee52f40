"""The clock: the one reader of time.

Wall time decides ticks (an int of milliseconds since the epoch, UTC); monotonic time measures spans.
"""

import asyncio
import time
from typing import Protocol

from jobpool.kit.pure.durations import Millis


class Clock(Protocol):
    """What code that waits needs of time; `testing` has one that is told the time."""

    def now(self) -> Millis:
        """Wall time."""
        ...

    def monotonic(self) -> Millis:
        """Milliseconds since some fixed instant of this process; never goes back."""
        ...

    async def sleep(self, span: Millis) -> None:
        """Return after `span` milliseconds of monotonic time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> Millis:
        return time.monotonic_ns() // 1_000_000

    async def sleep(self, span: Millis) -> None:
        await asyncio.sleep(span / 1000)
