"""The open connections of a listener: how many there may be, and when the last one is gone."""

import asyncio
from typing import Protocol


class Connection(Protocol):
    """One open connection, whatever it speaks."""

    def drain(self) -> None:
        """Finish what is in progress, take nothing new, then close."""
        ...

    def abort(self) -> None:
        """Close now."""
        ...

    def running(self) -> set[asyncio.Task[None]]:
        """What is still in progress."""
        ...


class Connections:
    """Those that are open. `limit` is how many there may be."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._draining = False
        self._open: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        """No further connection may be opened."""
        return self._draining or len(self._open) >= self._limit

    def add(self, connection: Connection) -> None:
        self._open.add(connection)
        self._empty.clear()

    def discard(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open:
            self._empty.set()

    def drain(self) -> None:
        """Let all end in their own time; no further one is opened."""
        self._draining = True
        for connection in tuple(self._open):
            connection.drain()

    def abort(self) -> set[asyncio.Task[None]]:
        """Close all; what was in progress and is being cancelled."""
        tasks: set[asyncio.Task[None]] = set()
        for connection in tuple(self._open):
            tasks |= connection.running()
            connection.abort()
        return tasks

    async def wait_empty(self) -> None:
        await self._empty.wait()
