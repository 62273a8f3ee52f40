"""What would be said over and over is said once in a while."""

from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import MINUTE, Millis

_KEYS = 1000


class Seldom:
    """Once in `span` ms for each key. Remembers a bounded number of keys."""

    def __init__(self, clock: Clock, *, span: Millis = MINUTE) -> None:
        self._clock = clock
        self._span = span
        self._said: dict[str, Millis] = {}

    def allows(self, key: str) -> bool:
        now = self._clock.monotonic()
        said = self._said.get(key)
        if said is not None and now - said < self._span:
            return False
        if len(self._said) >= _KEYS:
            self._said.clear()
        self._said[key] = now
        return True

    def forget(self, key: str) -> None:
        """The next one is said."""
        self._said.pop(key, None)
