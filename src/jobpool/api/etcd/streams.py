"""Calls with a stream at one end or both: watches, leases kept alive, observed elections, snapshots.

Two pumps, of what is asked and of what is answered. The call ends with the first end of either: etcd's, the caller's,
or that of this server. Nothing is collected in between but one answer, so who does not read holds up only itself; there
are so many streams at once and no more, because each can hold an answer of any size.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeAlias

from google.protobuf.message import Message

from jobpool.api.etcd.administration import Administrators
from jobpool.api.etcd.guard import Guard
from jobpool.api.etcd.methods import METHODS
from jobpool.api.etcd.passage import STOPPED, Caller, Passage, Stream, refused
from jobpool.api.etcd.site import Site
from jobpool.api.etcd.watching import WatchFilter
from jobpool.api.open_streams import OpenStreams
from jobpool.model.errors import Code
from jobpool.wire import etcd_pb2 as etcd

Take: TypeAlias = Callable[[], Awaitable[Message | None]]
"""The caller's next request, stripped of what is not known; None at the end."""

Give: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Send an answer to the caller. May be called again before it returns."""


class Filter(Protocol):
    """What happens to the messages of one call."""

    def asked(self, request: Message) -> tuple[Message | None, Sequence[Message]]:
        """What goes on to etcd, and what is answered at once. Raises JobpoolError, which ends the call."""
        ...

    def told(self, answer: bytes) -> Sequence[bytes]: ...


class _Watches:
    def __init__(self, guard: Guard) -> None:
        self._filter = WatchFilter(guard)

    def asked(self, request: Message) -> tuple[Message | None, Sequence[Message]]:
        assert isinstance(request, etcd.WatchRequest)
        return self._filter.asked(request)

    def told(self, answer: bytes) -> Sequence[bytes]:
        response = etcd.WatchResponse.FromString(answer)
        size = response.ByteSize()
        told = self._filter.told(response)
        if len(told) == 1 and told[0] is response and response.ByteSize() == size:
            return (answer,)
        return [one.SerializeToString() for one in told]


class _KeepAlives:
    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def asked(self, request: Message) -> tuple[Message | None, Sequence[Message]]:
        assert isinstance(request, etcd.LeaseKeepAliveRequest)
        self._guard.lease(request.ID)
        return request, ()

    def told(self, answer: bytes) -> Sequence[bytes]:
        return (answer,)


class Streams:
    """The calls by name: those that are asked more than once, and those that only answer more than once."""

    def __init__(self, passage: Passage, guard: Guard, administrators: Administrators, site: Site) -> None:
        self._passage = passage
        self._guard = guard
        self._administrators = administrators
        self._site = site
        self._open = OpenStreams()

    async def converse(self, name: str, take: Take, give: Give, caller: Caller) -> None:
        """Watch or LeaseKeepAlive, to its end. Raises JobpoolError."""
        rules: Filter = _Watches(self._guard) if name == "Watch" else _KeepAlives(self._guard)
        with self._opened(name, caller) as stream:
            await self._until_closing(_conversation(stream, rules, take, give))

    async def answers(self, name: str, request: Message, caller: Caller) -> AsyncGenerator[bytes, None]:
        """Observe or Snapshot. Raises JobpoolError."""
        await self._check(request, caller)
        with self._opened(name, caller) as stream:
            await stream.send(request.SerializeToString())
            await stream.end()
            while (answer := await self._until_closing(stream.recv())) is not None:
                yield answer

    @contextmanager
    def _opened(self, name: str, caller: Caller) -> Iterator[Stream]:
        """Raises ResourceExhausted when too many are open."""
        with self._open.one_more():
            stream = self._passage.stream(METHODS[name].path, caller)
            try:
                yield stream
            finally:
                stream.close()

    async def _check(self, request: Message, caller: Caller) -> None:
        """A snapshot has all that is stored, the parameters of plans and the cluster's secret too."""
        if isinstance(request, etcd.LeaderRequest):
            self._guard.name(request.name)
        elif not self._site.allows_remote_snapshots:
            await self._administrators.check(caller, "to save a snapshot")

    async def _until_closing(self, work: "Awaitable[bytes | None]") -> bytes | None:
        loop = asyncio.get_running_loop()
        closing = loop.create_task(self._passage.closing.wait())
        working = loop.create_task(_awaited(work))
        try:
            await asyncio.wait((working, closing), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise refused(Code.UNAVAILABLE, STOPPED)
            return working.result()
        finally:
            closing.cancel()
            working.cancel()
            await asyncio.gather(closing, working, return_exceptions=True)


async def _awaited(work: Awaitable[bytes | None]) -> bytes | None:
    return await work


async def _conversation(stream: Stream, rules: Filter, take: Take, give: Give) -> None:
    """Until etcd ends it, or a caller that asks nothing more has all answers."""
    asking = asyncio.get_running_loop().create_task(_ask(stream, rules, take, give))
    telling = asyncio.get_running_loop().create_task(_tell(stream, rules, give))
    try:
        done, _ = await asyncio.wait((asking, telling), return_when=asyncio.FIRST_EXCEPTION)
        if asking in done and asking.exception() is None and telling not in done:
            await telling
        for task in done:
            task.result()
    finally:
        asking.cancel()
        telling.cancel()
        await asyncio.gather(asking, telling, return_exceptions=True)


async def _ask(stream: Stream, rules: Filter, take: Take, give: Give) -> None:
    while (request := await take()) is not None:
        sent, answers = rules.asked(request)
        for answer in answers:
            await give(answer.SerializeToString())
        if sent is not None:
            await stream.send(sent.SerializeToString())
    await stream.end()


async def _tell(stream: Stream, rules: Filter, give: Give) -> None:
    while (answer := await stream.recv()) is not None:
        for one in rules.told(answer):
            await give(one)
