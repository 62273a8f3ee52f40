"""What becomes of transactions whose sender has gone, and of those whose outcome was not told.

For a store at the other end of a network: a transaction that was given up can still land there.
"""

import asyncio
from typing import Protocol

from jobpool.model.errors import StoreFailed
from jobpool.store.port import Fence, Fenced, OutcomeUnknown, Transaction


class Write(Protocol):
    async def __call__(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        """Send it once. Raises Fenced, OutcomeUnknown, and StoreFailed where this one was definitely refused."""
        ...


class Outcomes:
    """Over one connection's `write`."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._doubtful: Fence | None = None
        self._abandoned: set[asyncio.Task[None]] = set()

    async def send(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        """Decide the transaction. One whose caller is cancelled goes on: `settled` waits for it. Raises as `write`."""
        task = asyncio.get_running_loop().create_task(self._decide(transaction, may_be_resent=may_be_resent))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                self._abandoned.add(task)
                task.add_done_callback(self._end)
            raise

    async def settled(self) -> None:
        """Return once every transaction that was abandoned is decided, or will never be."""
        if self._abandoned:
            await asyncio.wait(self._abandoned)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # nobody asks for it any more

    async def _decide(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        try:
            await self._write(transaction, may_be_resent=may_be_resent)
        except Fenced:
            self._doubtful = None
            raise
        except OutcomeUnknown:
            self._doubtful = transaction.leaves
            raise
        except StoreFailed as failure:
            if self._doubtful == transaction.leaves:
                # This time it was refused; the time before it was not, and that one can still land.
                raise OutcomeUnknown(failure.reason) from failure
            raise
        self._doubtful = None
