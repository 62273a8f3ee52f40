"""What all of a simulation shares: the loop, wall time, chance, and the record of what happened."""

import asyncio
from collections.abc import Callable
from typing import cast
from zlib import crc32

from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import Millis
from jobpool.testing.simulation.loop import VirtualLoop

BEGIN: Millis = 1_760_000_000_000


class World:
    """`now` is true wall time; processes see it through their own clocks. `told` collects (time, who, what)."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.loop = cast("VirtualLoop", asyncio.get_running_loop())
        self.told: list[tuple[Millis, str, str]] = []
        self.hear: Callable[[Millis, str, str], None] = lambda at, who, what: None

    @property
    def elapsed(self) -> Millis:
        return round(self.loop.time() * 1000)

    @property
    def now(self) -> Millis:
        return BEGIN + self.elapsed

    def dice(self, name: str) -> Dice:
        """Throws of their own for each name, so that more of one kind change none of another."""
        return Dice(crc32(f"{self.seed}/{name}".encode()))

    def later(self, span: Millis, call: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_at((self.elapsed + max(0, span)) / 1000, call)

    async def sleep(self, span: Millis) -> None:
        await asyncio.sleep(span / 1000)

    def tell(self, who: str, what: str) -> None:
        self.told.append((self.elapsed, who, what))
        self.hear(self.elapsed, who, what)
