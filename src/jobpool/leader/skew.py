"""Tells when the wall clock of another server is not ours: ticks are due by the clock of whoever leads."""

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.seldom import Seldom
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.beat import Beat

TELL_BEYOND: Millis = 2 * SECOND
_LASTS: Millis = 3 * SECOND
"""A beat may be late, and many are after a pause of this process; a clock that is wrong stays so."""


class SkewWatch:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[str, Millis] = {}
        self._seldom = Seldom(clock)
        self._log = get_logger("clocks")

    def heard(self, server_id: str, beat: Beat, name: str) -> None:
        """A beat of that server came; at most once a minute it is told that its clock differs."""
        offset = beat.clock - self._clock.now()
        if not beat.clock or abs(offset) <= TELL_BEYOND:
            self._since.pop(server_id, None)
            return
        now = self._clock.monotonic()
        if now - self._since.setdefault(server_id, now) >= _LASTS and self._seldom.allows(server_id):
            self._log.warning(
                "the clock of another server is not ours: ticks come early or late by as much, depending on who leads",
                event_name="clock_skew",
                server=name or server_id,
                offset_ms=offset,
            )
