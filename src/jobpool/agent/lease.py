"""The agent's lease on its detached work: a file whose text changes as long as the agent lives and goes on.

Whoever watches such work ends it once the text has stayed the same for too long, so that nothing is at work for ever
whose agent is dead or stands still; an agent that is merely cut off from its servers loses nothing. No clock is
compared: watchers count their own looks, so neither a clock that is set nor a machine that slept ends anything.
"""

import os
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import MINUTE, Millis

LOOKS = 4
"""So often a watcher looks before it gives up."""

_RENEWALS = 3
"""So often the text changes between two looks."""

_WIDTH = 20


class Lease(Struct, frozen=True):
    """`patience`: milliseconds that the text of the file may stay the same; it may be a quarter more."""

    path: Path
    patience: Millis = MINUTE

    @property
    def look_every(self) -> Millis:
        return self.patience // LOOKS


class Renewal:
    """Keeps a lease, from the start of the agent on. `run` never returns."""

    def __init__(self, lease: Lease, clock: Clock) -> None:
        self._lease = lease
        self._clock = clock
        self._number = _last(lease.path)
        self._failing = False
        self._log = get_logger("lease")

    def renew(self) -> None:
        """Written over in place: a full disk has room for that, and a reader never finds the file empty."""
        self._number = (self._number + 1) % 10**_WIDTH
        try:
            file = os.open(self._lease.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(file, f"{self._number:0{_WIDTH}}\n".encode(), 0)
            finally:
                os.close(file)
        except OSError as error:
            if not self._failing:
                self._log.error(
                    "the lease cannot be renewed; commands that run will be stopped",
                    event_name="lease_failed",
                    path=str(self._lease.path),
                    error=str(error),
                )
            self._failing = True
        else:
            self._failing = False

    async def run(self) -> None:
        while True:
            self.renew()
            await self._clock.sleep(self._lease.look_every // _RENEWALS)


def _last(path: Path) -> int:
    """The number that the agent before this one wrote; any other will do when there is none."""
    with suppress(OSError, ValueError):
        return int(path.read_text(errors="replace"))
    return 0
