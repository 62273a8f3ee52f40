"""Writes many keys to an etcd at a rate, and says how long each took."""

import asyncio
from collections.abc import Callable
from statistics import pstdev

from msgspec import Struct

from jobpool.client.etcd import Etcd
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import JobpoolError
from jobpool.wire import etcd_pb2 as pb

PATIENCE: Millis = 60 * SECOND
"""For one write."""


class Load(Struct, frozen=True, kw_only=True):
    """`count` keys under `prefix` by `writers` at once; `rate` a second, 0 = as many as will go."""

    prefix: bytes
    count: int
    rate: int
    writers: int
    key_size: int
    value_size: int


class Found(Struct):
    """What came of it: ms of each write that succeeded, and how often each failure came; `span` in ms."""

    took: list[Millis]
    failures: dict[str, int]
    span: Millis = 0

    @property
    def rate(self) -> float:
        """Writes in a second."""
        return len(self.took) * SECOND / max(1, self.span)

    @property
    def slowest(self) -> float:
        """In seconds."""
        return max(self.took, default=0) / SECOND

    @property
    def deviation(self) -> float:
        """In seconds."""
        return pstdev(self.took) / SECOND if self.took else 0.0


async def write(etcd: Etcd, load: Load, *, clock: Clock, dice: Dice, told: Callable[[int], None]) -> Found:
    """Write them all; `told` hears how many are written."""
    found, began = Found([], {}), clock.monotonic()
    left = iter(range(load.count))

    async def writer() -> None:
        for number in left:
            if load.rate:
                await clock.sleep(max(0, began + number * SECOND // load.rate - clock.monotonic()))
            await _one(etcd, load, found, clock=clock, dice=dice)
            told(len(found.took))

    await asyncio.gather(*(writer() for _ in range(load.writers)))
    found.span = clock.monotonic() - began
    return found


async def _one(etcd: Etcd, load: Load, found: Found, *, clock: Clock, dice: Dice) -> None:
    key = load.prefix + str(dice.below(2**62)).encode().ljust(load.key_size, b"\0")
    begins = clock.monotonic()
    try:
        request = pb.PutRequest(key=key, value=bytes(load.value_size))
        await etcd.call("Put", request, reply=pb.PutResponse, timeout=PATIENCE)
    except JobpoolError as error:
        found.failures[str(error)] = found.failures.get(str(error), 0) + 1
    else:
        found.took.append(clock.monotonic() - begins)
