"""What would be said over and over is said once in a while."""

from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import MINUTE, Millis

_KEYS = 1000


class Seldom:
    """Once in `span` ms for each key, and counted in between. Remembers a bounded number of keys."""

    def __init__(self, clock: Clock, *, span: Millis = MINUTE) -> None:
        self._clock = clock
        self._span = span
        self._said: dict[str, tuple[Millis, int]] = {}

    def times(self, key: str) -> int:
        """How often it was to be said since it was said last, this time included; 0 = not to be said now."""
        now = self._clock.monotonic()
        at, unsaid = self._said.pop(key, (now - self._span, 0))
        if now - at < self._span:
            self._said[key] = (at, unsaid + 1)
            return 0
        if len(self._said) >= _KEYS:
            del self._said[next(iter(self._said))]
        self._said[key] = (now, 0)
        return unsaid + 1

    def allows(self, key: str) -> bool:
        return bool(self.times(key))

    def forget(self, key: str) -> None:
        """The next one is said."""
        self._said.pop(key, None)

    def forget_all(self) -> None:
        """The next one of each key is said."""
        self._said.clear()
