"""A listener with TLS: it shakes hands, and finds words for both ends when that fails.

asyncio ends a connection whose handshake fails without the alert that TLS has for it, and tells nobody: the other end
would see its connection close, and nobody would know why. So the failure is kept from asyncio until the alert is sent.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import TypeAlias

HANDSHAKE_SECONDS = 10
_LINGER_SECONDS = 1
"""Between the alert and the end: closed at once, what is on its way here would take the alert from its reader."""
_REST_SECONDS = 1
"""When no further connection can be accepted, for want of descriptors or memory."""
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)

Failed: TypeAlias = Callable[[str, ssl.SSLError], None]
"""Hears the address of the other end, and what was wrong."""


class SecureServer:
    """As `asyncio.Server`: listens from `start_secure_server` on until it is closed. Give it a context by `telling`."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        context: ssl.SSLContext,
        secured: Callable[[], asyncio.Protocol],
        *,
        limit: int,
        failed: Failed,
    ) -> None:
        """`secured` makes the protocol of each connection; more than `limit` handshakes at once are not begun."""
        self.sockets = tuple(sockets)
        self._context = context
        self._secured = secured
        self._limit = limit
        self._failed = failed
        loop = asyncio.get_running_loop()
        self._accepting = [loop.create_task(self._accept(one)) for one in sockets]
        self._shaking: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Listen no more, and give up the handshakes that are not over."""
        for task in (*self._accepting, *self._shaking):
            task.cancel()

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._accepting, *self._shaking, return_exceptions=True)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listening:
            while True:
                try:
                    connection, address = await loop.sock_accept(listening)
                except OSError:
                    await asyncio.sleep(_REST_SECONDS)
                    continue
                if len(self._shaking) >= self._limit:
                    connection.close()
                    continue
                task = loop.create_task(self._shake_hands(connection, str(address[0])))
                self._shaking.add(task)
                task.add_done_callback(partial(self._has_shaken, connection))

    async def _shake_hands(self, connection: socket.socket, address: str) -> None:
        loop = asyncio.get_running_loop()
        giving_up = asyncio.timeout(None)

        def fail(error: ssl.SSLError) -> None:
            self._failed(address, error)
            giving_up.reschedule(loop.time() + _LINGER_SECONDS)

        _refusal.set(fail)
        try:
            async with giving_up:
                await loop.connect_accepted_socket(
                    self._secured, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_SECONDS
                )
        except OSError:  # among them TimeoutError; what was wrong was told, or it went away by itself
            connection.close()

    def _has_shaken(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self._shaking.discard(task)
        if task.cancelled():
            connection.close()


async def start_secure_server(
    secured: Callable[[], asyncio.Protocol],
    host: str,
    port: int,
    context: ssl.SSLContext,
    *,
    backlog: int,
    limit: int,
    failed: Failed,
) -> SecureServer:
    """Listen on every address of the host. Raises OSError when one cannot be had."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            sockets.append(socket.create_server(address[:2], family=family, backlog=backlog))
        except OSError as error:
            missing = error
            if error.errno not in _NO_SUCH_FAMILY:
                break
    if missing is not None and (not sockets or missing.errno not in _NO_SUCH_FAMILY):
        for one in sockets:
            one.close()
        raise missing
    for one in sockets:
        one.setblocking(False)
    return SecureServer(sockets, telling(context), secured, limit=limit, failed=failed)


def telling(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context, whose handshakes tell why they fail."""
    context.sslobject_class = _Telling
    return context


_refusal: ContextVar[Callable[[ssl.SSLError], None] | None] = ContextVar("refusal", default=None)


class _Telling(ssl.SSLObject):
    """asyncio takes its failure for a wait, and so sends what is to be sent."""

    _refused = False

    def do_handshake(self) -> None:
        if self._refused:
            raise ssl.SSLWantReadError
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise
        except ssl.SSLError as error:
            tell = _refusal.get()
            if tell is None:
                raise
            self._refused = True
            tell(error)
            raise ssl.SSLWantReadError from error
