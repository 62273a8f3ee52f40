"""The streams that are open to callers of the API: how many there may be, and that they end when the server stops.

A stopping server waits for the calls in progress, and a stream would be in progress for ever.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

from jobpool.model.errors import ResourceExhausted, Unavailable

T = TypeVar("T")

MOST = 256
_RETRY_AFTER = 5
STOPPING = "this server is stopping; ask another one"


class OpenStreams:
    """At most `most` at once. `on_close` is called when the server stops."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._open = 0
        self._closing = asyncio.Event()
        self._told: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return self._open

    def on_close(self, callback: Callable[[], None]) -> None:
        self._told.append(callback)

    def close(self) -> None:
        """Every stream ends, and no further one is opened."""
        self._closing.set()
        for callback in self._told:
            callback()

    def check(self) -> None:
        """Raises Unavailable once the server stops."""
        if self._closing.is_set():
            raise Unavailable(STOPPING)

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Raises ResourceExhausted when there are too many, Unavailable once the server stops."""
        self.check()
        if self._open >= self._most:
            raise ResourceExhausted(
                f"{self._open} streams are open at this server, which is all it gives; ask another one",
                retry_after=_RETRY_AFTER,
            )
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def unless_closed(self, work: "Coroutine[object, object, T] | asyncio.Future[T]") -> T:
        """What `work` returns or raises. Raises Unavailable once the server stops."""
        loop = asyncio.get_running_loop()
        working = work if isinstance(work, asyncio.Future) else loop.create_task(work)
        closing = loop.create_task(self._closing.wait())
        try:
            await asyncio.wait((working, closing), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise Unavailable(STOPPING)
            return working.result()
        finally:
            working.cancel()
            closing.cancel()
            await asyncio.gather(working, closing, return_exceptions=True)
