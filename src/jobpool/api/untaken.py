"""What streams together hold of answers that their callers have not taken: a bound on it.

An answer of a watch is as large as what has changed, and each watcher is given its own. Whoever does not read keeps its
answer here, so beyond a bound those who have had theirs for longest are ended. That is told as UNAVAILABLE: our clients
and etcd's then watch again from where they were, and miss nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import JobpoolError, Unavailable

_LIMIT = 64 * 1024 * 1024
TAKEN_WITHIN: Millis = 60 * SECOND


class Untaken:
    """At most `limit` bytes, or one answer of any size."""

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._held = 0
        self._waiting: dict[asyncio.Timeout, int] = {}
        """The oldest first."""

    @property
    def held(self) -> int:
        """Bytes."""
        return self._held

    @asynccontextmanager
    async def handing(self, size: int, *, within: Millis | None = TAKEN_WITHIN) -> AsyncIterator[None]:
        """Hand an answer over in the block. Raises Unavailable when there is too much, or that takes too long.

        `within` None: the block itself sees to that.
        """
        evicted = False
        deadline = asyncio.timeout(None if within is None else within / SECOND)
        try:
            async with deadline:
                self._waiting[deadline] = size
                self._held += size
                try:
                    self._make_room(deadline)
                    yield
                finally:
                    evicted = deadline not in self._waiting
                    self._drop(deadline)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise Unavailable(self._too_much() if evicted else _too_late(within)) from None

    def _make_room(self, newest: asyncio.Timeout) -> None:
        while self._held > self._limit and (oldest := next(iter(self._waiting))) is not newest:
            self._drop(oldest)
            if not oldest.expired():
                oldest.reschedule(0)

    def _drop(self, one: asyncio.Timeout) -> None:
        self._held -= self._waiting.pop(one, 0)

    def _too_much(self) -> str:
        most = self._limit // (1024 * 1024)
        return f"more than {most} MiB of answers wait to be taken, and this stream's for longest; read them, and resume"


def _too_late(within: Millis | None) -> str:
    return f"the answer was not taken within {(within or 0) // SECOND} s; read it, and resume"


def forgetful(error: JobpoolError) -> JobpoolError:
    """The error without what it passed through: that holds the answer for as long as it takes to say why it ended."""
    error.__context__ = None
    return error.with_traceback(None)
