"""What streams together hold of answers that their callers have not taken: a bound on it.

An answer of a watch is as large as what was put, twice with what was there before, and each watcher is given its own.
Whoever does not read keeps its answer here, so beyond a bound those who have had theirs for longest are ended. That
is told as UNAVAILABLE: etcd's clients then watch again from where they were, and miss nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import Unavailable

_LIMIT = 64 * 1024 * 1024
_TAKEN_WITHIN: Millis = 60 * SECOND


class Untaken:
    """At most `limit` bytes, or one answer of any size; none for longer than `within`."""

    def __init__(self, limit: int = _LIMIT, within: Millis = _TAKEN_WITHIN) -> None:
        self._limit = limit
        self._within = within
        self._held = 0
        self._waiting: dict[asyncio.Timeout, int] = {}
        """The oldest first."""

    @property
    def held(self) -> int:
        """Bytes."""
        return self._held

    @asynccontextmanager
    async def handing(self, size: int) -> AsyncIterator[None]:
        """Hand an answer over in the block. Raises Unavailable when that takes too long, or there is too much."""
        evicted = False
        try:
            async with asyncio.timeout(self._within / SECOND) as deadline:
                self._waiting[deadline] = size
                self._held += size
                try:
                    self._make_room(deadline)
                    yield
                finally:
                    evicted = deadline not in self._waiting
                    self._drop(deadline)
        except TimeoutError:
            raise Unavailable(self._too_much() if evicted else self._too_late()) from None

    def _make_room(self, newest: asyncio.Timeout) -> None:
        while self._held > self._limit and (oldest := next(iter(self._waiting))) is not newest:
            self._drop(oldest)
            oldest.reschedule(0)

    def _drop(self, one: asyncio.Timeout) -> None:
        self._held -= self._waiting.pop(one, 0)

    def _too_much(self) -> str:
        most = self._limit // (1024 * 1024)
        return f"more than {most} MiB of answers wait to be taken, and this stream's for longest; read them, and resume"

    def _too_late(self) -> str:
        return f"the answer was not taken within {self._within // SECOND} s; read it, and resume"
