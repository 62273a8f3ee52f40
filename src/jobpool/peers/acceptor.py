"""The side that was dialed: admits servers that prove themselves, one stream of each at a time.

A stranger costs little: it has five seconds, small frames, and one of a few places; the oldest makes room for the next.
"""

import asyncio
from collections.abc import Callable, Iterable

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.seldom import Seldom
from jobpool.kit.pure.durations import format_duration
from jobpool.model.errors import JobpoolError, Unavailable
from jobpool.peers.incoming import Answerer, Ears, Incoming
from jobpool.peers.introduction import INTRODUCED_WITHIN, receive
from jobpool.peers.stream import FrameStream

MAX_STRANGERS = 64
"""Streams that are not admitted yet."""


class Acceptor:
    """Nobody is admitted before `trust`. `admitted` is called with the id of each server that is."""

    def __init__(
        self, me: str, *, clock: Clock, answerer: Answerer, ears: Ears, admitted: Callable[[str], None]
    ) -> None:
        self._me = me
        self._clock = clock
        self._answerer = answerer
        self._ears = ears
        self._admitted = admitted
        self._secret: bytes | None = None
        self._known: frozenset[str] = frozenset()
        self._closed = False
        self._strangers: dict[asyncio.Timeout, None] = {}
        self._streams: dict[str, Incoming] = {}
        self._seldom = Seldom(clock)
        self._log = get_logger("peers")

    def trust(self, secret: bytes | None, known: Iterable[str]) -> None:
        """The cluster's secret, and the ids of its servers. Another secret ends all streams."""
        self._known = frozenset(known)
        if secret != self._secret:
            self._end_all("this server belongs to another cluster now")
            self._secret = secret

    def close(self) -> None:
        """End all streams; admit nobody any more."""
        self._closed = True
        self._end_all("this server stops")

    async def serve(self, stream: FrameStream) -> None:
        """One stream, to its end. Raises JobpoolError that says why we ended it."""
        server_id = await self._admit(stream)
        incoming = Incoming(
            server_id,
            stream,
            clock=self._clock,
            answerer=self._answerer,
            ears=self._ears,
            known=lambda server_id: server_id in self._known,
        )
        if (older := self._streams.get(server_id)) is not None:
            older.end("a newer stream of the same server took its place")
        self._streams[server_id] = incoming
        self._admitted(server_id)
        try:
            await incoming.run()
        finally:
            if self._streams.get(server_id) is incoming:
                del self._streams[server_id]
            self._ears.gone(server_id)

    async def _admit(self, stream: FrameStream) -> str:
        if self._secret is None or self._closed:
            raise Unavailable("this server takes no streams of other servers now")
        secret = self._secret
        try:
            async with asyncio.timeout(None) as limit:
                server_id = await self._receive(stream, limit, secret)
        except TimeoutError:
            within = format_duration(INTRODUCED_WITHIN)
            raise Unavailable(f"no handshake within {within}, or before too many others came") from None
        except JobpoolError as error:
            self._tell(error)
            raise
        if self._secret != secret or self._closed:
            raise Unavailable("this server takes no streams of other servers now")
        return server_id

    async def _receive(self, stream: FrameStream, limit: asyncio.Timeout, secret: bytes) -> str:
        """Within five seconds, or until too many came later."""
        if len(self._strangers) >= MAX_STRANGERS:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            _expire(oldest)
        self._strangers[limit] = None
        timer = self._clock.call_later(INTRODUCED_WITHIN, lambda: _expire(limit))
        try:
            return await receive(self._me, stream, secret=secret)
        finally:
            timer.cancel()
            self._strangers.pop(limit, None)

    def _tell(self, error: JobpoolError) -> None:
        if self._seldom.allows(type(error).__name__):
            self._log.warning("a stream was not admitted", event_name="peer_refused", error=str(error))

    def _end_all(self, reason: str) -> None:
        for incoming in self._streams.values():
            incoming.end(reason)


def _expire(limit: asyncio.Timeout) -> None:
    if not limit.expired():
        limit.reschedule(asyncio.get_running_loop().time())
