"""The way to the etcd beneath: bytes to one of its endpoints, with the caller's own token and never with ours.

The connections are not those of the store, so that no load, error or end of a client's call disturbs it. What etcd
refuses is told with its status and in its words: clients compare texts.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar, cast

import grpc
from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import Code, JobpoolError
from jobpool.store.engines.etcd.link import Link, raise_if_cancelled

T = TypeVar("T")

_PASSED = ("token", "authorization", "hasleader", "client-api-version")
"""The metadata that mean something to etcd."""

STOPPED = "etcdserver: server stopped"
_SILENT = "etcdserver: the member beneath this server does not answer; try again, or another endpoint"
_ETCDS = ("etcdserver:", "auth:", "lease", "rpc error", "client:", "membership:")
"""How what etcd itself says begins. gRPC's own words name sockets."""

_KINDS: dict[int, type[JobpoolError]] = {
    code: type("EtcdRefused", (JobpoolError,), {"code": code, "__doc__": "Said by etcd."}) for code in Code
}


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks: `address:port`, its metadata by name in lower case, and for how long it will wait (None = for ever)."""

    peer: str = ""
    metadata: Mapping[str, str] = {}
    timeout: Millis | None = None

    @property
    def passed(self) -> tuple[tuple[str, str], ...]:
        """What of its metadata goes on to etcd. What no metadata can hold is no token either, and is left out."""
        return tuple((name, self.metadata[name]) for name in _PASSED if _is_sound(self.metadata.get(name)))


RawCall: TypeAlias = "grpc.aio.StreamStreamCall[bytes, bytes]"


class Stream(Protocol):
    """A call at etcd with any number of requests and answers. Close it when done."""

    async def send(self, request: bytes) -> None: ...

    async def end(self) -> None:
        """Nothing more is asked."""
        ...

    async def recv(self) -> bytes | None:
        """The next answer; None at the end. Raises what etcd refuses."""
        ...

    def close(self) -> None: ...


class Passage(Protocol):
    """Raises JobpoolError with etcd's own status and text."""

    async def call(self, path: str, request: bytes, caller: Caller, *, waits: bool = False) -> bytes:
        """`waits`: etcd answers when something happens, which may be never; the end of this server ends it."""
        ...

    def stream(self, path: str, caller: Caller) -> Stream: ...

    @property
    def closing(self) -> asyncio.Event:
        """Set when this server stops: what waits for something to happen is to end."""
        ...


def refused(code: int, text: str) -> JobpoolError:
    """An error with this gRPC status and exactly this text."""
    return _KINDS.get(code, _KINDS[Code.UNKNOWN])(text)


class EtcdPassage:
    """To the first of these endpoints that answers. `close` them with it."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = links
        self._preferred = 0
        self.closing = asyncio.Event()

    async def call(self, path: str, request: bytes, caller: Caller, *, waits: bool = False) -> bytes:
        link = self._links[self._preferred]
        timeout = None if caller.timeout is None else max(0, caller.timeout) / 1000
        try:
            method = cast("grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]", link.channel().unary_unary(path))
            answer = method(request, timeout=timeout, metadata=caller.passed)
            return await (self._until_closing(answer) if waits else answer)
        except grpc.aio.AioRpcError as error:
            raise self.told(error, link) from error
        except asyncio.CancelledError:
            raise_if_cancelled()
            raise refused(Code.UNAVAILABLE, STOPPED) from None

    def stream(self, path: str, caller: Caller) -> Stream:
        link = self._links[self._preferred]
        timeout = None if caller.timeout is None else max(0, caller.timeout) / 1000
        method = cast("grpc.aio.StreamStreamMultiCallable[bytes, bytes]", link.channel().stream_stream(path))
        return _EtcdStream(self, method(timeout=timeout, metadata=caller.passed), link)

    def stop(self) -> None:
        """End what waits for something to happen; other calls may be made and end in their own time."""
        self.closing.set()

    async def close(self) -> None:
        self.stop()
        for link in self._links:
            await link.close()

    async def _until_closing(self, answer: Awaitable[T]) -> T:
        loop = asyncio.get_running_loop()
        closing = loop.create_task(self.closing.wait())
        answered = loop.create_task(_awaited(answer))
        try:
            await asyncio.wait((answered, closing), return_when=asyncio.FIRST_COMPLETED)
            if not answered.done():
                raise refused(Code.UNAVAILABLE, STOPPED)
            return answered.result()
        finally:
            closing.cancel()
            answered.cancel()
            await asyncio.gather(closing, answered, return_exceptions=True)

    def told(self, error: grpc.aio.AioRpcError, link: Link) -> JobpoolError:
        """The error as etcd's, and another endpoint for the next call when this one is not there."""
        text = error.details() or ""
        code: int = error.code().value[0]
        if error.code() is grpc.StatusCode.UNAVAILABLE and not text.startswith(_ETCDS):
            if self._links[self._preferred] is link:
                self._preferred = (self._preferred + 1) % len(self._links)
            text = _SILENT
        return refused(code, text)


class _EtcdStream:
    def __init__(self, passage: EtcdPassage, call: RawCall, link: Link) -> None:
        self._passage = passage
        self._call = call
        self._link = link

    async def send(self, request: bytes) -> None:
        try:
            await self._call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # it has ended: whoever reads is told why
        except asyncio.CancelledError:
            raise_if_cancelled()

    async def end(self) -> None:
        try:
            await self._call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # it has ended: whoever reads is told why
        except asyncio.CancelledError:
            raise_if_cancelled()

    async def recv(self) -> bytes | None:
        try:
            found = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise self._passage.told(error, self._link) from error
        except asyncio.CancelledError:
            raise_if_cancelled()
            raise refused(Code.UNAVAILABLE, STOPPED) from None
        return found if isinstance(found, bytes) else None

    def close(self) -> None:
        self._call.cancel()


def _is_sound(value: str | None) -> bool:
    return value is not None and value.isascii() and value.isprintable()


async def _awaited(answer: Awaitable[T]) -> T:
    return await answer
