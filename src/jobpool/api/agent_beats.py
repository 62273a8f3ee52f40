"""When each agent must next hear from its server: one timer for all streams.

What a stream said meanwhile is looked at only when its time has come, so that talking costs nothing here.
"""

from collections.abc import Callable

from jobpool.api.agent_session import Session
from jobpool.kit.effects.clock import Clock, Timer
from jobpool.kit.pure.delay_queue import DelayQueue
from jobpool.kit.pure.durations import Millis

_LEAST: Millis = 500
_OF_EACH: Millis = 1


def beat_of(sessions: int) -> Millis:
    """How often an agent that comes now hears from us: seldom enough that many cost little."""
    return max(_LEAST, sessions * _OF_EACH)


class Beats:
    """`visit` is called for every session at least once in its beat."""

    def __init__(self, clock: Clock, visit: Callable[[Session], None]) -> None:
        self._clock = clock
        self._visit = visit
        self._due: DelayQueue[Session] = DelayQueue()
        self._timer: Timer | None = None
        self._set_for: Millis = 0

    def add(self, session: Session) -> None:
        self._due.set(session, self._clock.monotonic() + session.beat)
        self._arm()

    def remove(self, session: Session) -> None:
        self._due.discard(session)

    def _arm(self) -> None:
        due = self._due.next_due()
        if self._timer is not None and (due is None or due < self._set_for):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and due is not None:
            self._set_for = due
            self._timer = self._clock.call_later(due - self._clock.monotonic(), self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._clock.monotonic()
        for session in list(self._due.pop_due(now)):
            self._visit(session)
            quiet_at = session.spoke + session.beat
            if quiet_at <= now:
                session.outbox.beat()
                quiet_at = now + session.beat
            self._due.set(session, quiet_at)
        self._arm()
