"""Which server is asked, how often and for how long: rounds over all of them, within one deadline.

A request goes on to the next server, and after a pause into the next round, only while that cannot do anything twice:
it is repeatable, or its failure says that nothing was done (no connection, nobody leads).
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from jobpool.client.errors import Unreachable
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import DeadlineExceeded, JobpoolError, Unavailable

FIRST_PAUSE: Millis = 50
LONGEST_PAUSE: Millis = 1000
LEADER = "leader"
"""The field at fault when nobody led: nothing was done then."""

Site = TypeVar("Site")
Answer = TypeVar("Answer")

log = logging.getLogger("jobpool.client")


class Rounds(Generic[Site]):
    """The servers, in the order in which they are asked: the one that answered last comes first.

    `hasty`: there is another round only while nobody leads.
    """

    def __init__(self, sites: Sequence[Site], *, clock: Clock, dice: Dice, hasty: bool = False) -> None:
        self._sites = tuple(sites)
        self._clock = clock
        self._dice = dice
        self._hasty = hasty
        self._good = 0

    def order(self) -> list[Site]:
        return [self._sites[index] for index in self._indexes()]

    async def call(
        self, rpc: str, ask: Callable[[Site, Millis], Awaitable[Answer]], *, repeatable: bool, timeout: Millis
    ) -> Answer:
        """The answer of the first server that gives one; `ask(site, ms)` has so long.

        Raises what a server refuses with, and when the time is over what each server failed with last: Unreachable
        when none could be connected to, else Unavailable or DeadlineExceeded. A request that is not repeatable may
        have been carried out then, unless it was Unreachable or `is_definite`.
        """
        ends = self._clock.monotonic() + timeout
        failures: dict[int, JobpoolError] = {}
        count = 0
        while True:
            order = self._indexes()
            for tried, index in enumerate(order):
                left = ends - self._clock.monotonic()
                if left <= 0:
                    raise verdict([failures[at] for at in order if at in failures], rpc)
                share = left // (len(order) - tried) if repeatable else left
                try:
                    answer = await ask(self._sites[index], max(1, share))
                except (Unavailable, DeadlineExceeded) as error:
                    if not repeatable and not is_definite(error):
                        raise
                    failures[index] = error
                    log.debug("%s goes on to the next server: %s", rpc, error)
                except JobpoolError:
                    self._good = index
                    raise
                else:
                    self._good = index
                    return answer
            count += 1
            pause = self._pause(count)
            enough = self._hasty and not any(error.field == LEADER for error in failures.values())
            if enough or self._clock.monotonic() + pause >= ends:
                raise verdict([failures[at] for at in order], rpc)
            await self._clock.sleep(pause)

    def _indexes(self) -> list[int]:
        return [(self._good + step) % len(self._sites) for step in range(len(self._sites))]

    def _pause(self, count: int) -> Millis:
        """Half of it is left to chance: those who lost the same server do not come back at the same moment."""
        span = exponential(count, base=FIRST_PAUSE, limit=LONGEST_PAUSE)
        return span // 2 + self._dice.below(span // 2 + 1)


def is_definite(error: JobpoolError) -> bool:
    """Whether a failure says that nothing was done: the request was not sent, or nobody led."""
    return isinstance(error, Unreachable) or (isinstance(error, Unavailable) and error.field == LEADER)


def verdict(failures: Sequence[JobpoolError], rpc: str) -> JobpoolError:
    """The first failure of a server that could be reached says most; else all that could not be."""
    for error in failures:
        if not isinstance(error, Unreachable):
            return error
    lost = [failure for error in failures if isinstance(error, Unreachable) for failure in error.failures]
    return Unreachable(lost) if lost else DeadlineExceeded(f"no time was left for {rpc}")
