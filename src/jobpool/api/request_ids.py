"""One id for each request: the caller's own or a fresh one, in every log line it causes and in its answer."""

import re
from collections.abc import Mapping

from jobpool.kit.effects.clock import Clock, SystemClock
from jobpool.kit.effects.dice import Dice

HEADER = "x-request-id"
_TAKEN = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


class RequestIds:
    def __init__(self, dice: Dice | None = None, clock: Clock | None = None) -> None:
        self._dice = dice or Dice()
        self._clock = clock or SystemClock()

    def named(self, metadata: Mapping[str, str]) -> dict[str, str]:
        """The metadata with an id in it. One that could garble a log is replaced: proxies, not people, send them."""
        given = metadata.get(HEADER, "")
        return {**metadata, HEADER: given if _TAKEN.fullmatch(given) else self._dice.ulid(self._clock.now())}
