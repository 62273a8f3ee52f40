"""When somebody looks at how full an etcd is, and who is told what was found."""

from collections.abc import Callable
from typing import Protocol

from jobpool.kit.effects.clock import Alarm, Clock, MonotonicClock
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.store.operations import Space

LOOK_EVERY: Millis = 5 * SECOND
LOOK_AGAIN: Millis = SECOND
"""While nothing can be committed, and at the earliest."""
_SETTLES: Millis = SECOND // 5
"""What etcd tells of its space is a tenth of a second old: it writes its database in portions."""


class Account(Protocol):
    """What the leader goes by when it lets clients add something."""

    def on_stale(self, wake: Callable[[], None]) -> None:
        """Call `wake` when somebody has to look again soon."""
        ...

    def about_to_look(self) -> None:
        """What is written from now on may not be in what `looked` tells."""
        ...

    def tightest(self, space: Space) -> Space:
        """With the smallest quota of all servers: the first member that is full stops all."""
        ...

    def looked(self, space: Space) -> None:
        """The database, after whatever can be dropped was."""
        ...


class Rests:
    """The pauses between looks; a stale account ends one early, yet never before `LOOK_AGAIN`."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._alarm = Alarm(MonotonicClock(clock))
        account.on_stale(self._alarm.kick)

    async def rest(self, span: Millis) -> None:
        began = self._clock.monotonic()
        await self._alarm.wait(began + span - _SETTLES)
        await self._clock.sleep(max(0, began + LOOK_AGAIN - _SETTLES - self._clock.monotonic()))
        self._account.about_to_look()
        await self._clock.sleep(_SETTLES)
