"""A client of etcd's services, at a server's client port or at an etcd: single calls, conversations, watches.

async with Etcd(["127.0.0.1:2379"], user="me", password="secret") as etcd:
    answer = await etcd.call("Range", pb.RangeRequest(key=b"greeting"), reply=pb.RangeResponse)
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Generic, Self, TypeVar

from google.protobuf.message import DecodeError, Message
from grpclib.client import Stream
from grpclib.const import Cardinality
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from jobpool.client.endpoints import parse_endpoint
from jobpool.client.errors import Unreachable
from jobpool.client.link import Link
from jobpool.client.tls import TlsConfig
from jobpool.kit.effects.channel import Keepalive
from jobpool.kit.effects.clock import Clock, SystemClock
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import Code, DeadlineExceeded, InvalidArgument, JobpoolError, Unavailable
from jobpool.wire import etcd_pb2 as pb

CALL_TIMEOUT: Millis = 5 * SECOND
DIAL_TIMEOUT: Millis = 2 * SECOND
FOREVER: Millis = 10 * 365 * 24 * 3600 * SECOND
"""For calls that wait for others: a lock, an election."""

_PACKAGES = {"Lock": "v3lockpb", "Election": "v3electionpb"}
_PATHS = {
    method.name: f"/{_PACKAGES.get(service.name, 'etcdserverpb')}.{service.name}/{method.name}"
    for service in pb.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
_READS = frozenset(
    {"Range", "LeaseTimeToLive", "LeaseLeases", "MemberList", "Status", "HashKV", "Authenticate", "AuthStatus"}
    | {"UserGet", "UserList", "RoleGet", "RoleList", "Leader"}
)
"""What may be asked again elsewhere."""
_NOT_ENABLED = "authentication is not enabled"
_BROKEN = (GRPCError, StreamTerminatedError, ProtocolError, DecodeError, OSError, KeyError, AssertionError)
"""What grpclib raises for a stream that ends otherwise than in order."""
_MAYBE_MADE = "; the change may have been made: look before you repeat it"

Asked = TypeVar("Asked", bound=Message)
Reply = TypeVar("Reply", bound=Message)

log = logging.getLogger(__name__)


class EtcdRefused(JobpoolError):
    """What etcd, or the server before it, answered instead: its text, and its gRPC status in `status`."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


class Conversation(Generic[Asked, Reply]):
    """Both directions of one stream."""

    def __init__(self, stream: Stream[Asked, Reply]) -> None:
        self._stream = stream
        self.open = False
        self.failed = False

    async def send(self, request: Asked, *, end: bool = False) -> None:
        """`end`: nothing will be sent after it."""
        with self._noting():
            await self._stream.send_message(request, end=end)
        self.open = not end

    async def receive(self) -> Reply | None:
        """The next answer, or None at the end."""
        with self._noting():
            answer = await self._stream.recv_message()
            if answer is None:
                if self.open:
                    self.open = False
                    await self._stream.end()
                await self._stream.recv_trailing_metadata()
            return answer

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except _BROKEN:
            self.failed = True
            raise

    async def cancel(self) -> None:
        if self.open:
            await self._stream.cancel()


class _EtcdLink(Link):
    """A connection that calls by paths."""

    async def unary(
        self, name: str, request: Message, *, reply: type[Reply], timeout: Millis, beside: Mapping[str, str]
    ) -> Reply:
        """One call. Raises Unreachable when it was not sent, Unavailable, DeadlineExceeded, or EtcdRefused."""
        channel = await self._dial(min(timeout, self._dial_timeout))
        opened = channel.request(
            _PATHS[name],
            Cardinality.UNARY_UNARY,
            type(request),
            reply,
            timeout=None if timeout >= FOREVER else timeout / 1000,
            metadata=dict(beside),
        )
        try:
            with self._told(name, timeout, "" if name in _READS else _MAYBE_MADE):
                async with opened as stream:
                    await stream.send_message(request, end=True)
                    answer = await stream.recv_message()
        except JobpoolError as error:
            raise _in_its_words(error) from error.__cause__
        if answer is None:
            raise JobpoolError(f"{self.endpoint.url} ended {name} without an answer")
        return answer

    @asynccontextmanager
    async def conversation(
        self, name: str, asked: type[Asked], reply: type[Reply], *, beside: Mapping[str, str]
    ) -> AsyncIterator[Conversation[Asked, Reply]]:
        """Many requests, many answers, without a deadline. Raises what `unary` raises, within the body too."""
        channel = await self._dial(self._dial_timeout)
        opened = channel.request(_PATHS[name], Cardinality.STREAM_STREAM, asked, reply, metadata=dict(beside))
        talk: Conversation[Asked, Reply] | None = None
        try:
            async with opened as stream:
                talk = Conversation(stream)
                yield talk
                await talk.cancel()
        except _BROKEN as failure:
            if talk is not None and not talk.failed:
                raise  # the caller's own
            try:
                with self._told(name, FOREVER):
                    raise failure
            except JobpoolError as error:
                raise _in_its_words(error) from failure

    async def reach(self) -> None:
        """Connect, if that has not been done. Raises Unreachable."""
        await self._dial(self._dial_timeout)


def _in_its_words(error: JobpoolError) -> JobpoolError:
    cause = error.__cause__
    if not isinstance(cause, GRPCError) or isinstance(error, Unavailable | DeadlineExceeded):
        return error
    return EtcdRefused(cause.message or str(error), cause.status.value)


class Etcd:
    """Calls `endpoints` in order, starting with the one that answered last; `tls` as for `Client`.

    `user` None: no authentication. Where authentication is off, a user is passed over. `timeout` (ms) bounds each
    call; `keepalive` as for `Client`. Use it as an async context manager, in one event loop. Raises InvalidArgument for
    bad endpoints.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        tls: TlsConfig | None = None,
        *,
        user: str = "",
        password: str = "",
        timeout: Millis = CALL_TIMEOUT,
        dial_timeout: Millis = DIAL_TIMEOUT,
        keepalive: Keepalive | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not endpoints:
            raise InvalidArgument("endpoints", "wanted at least one server, found none")
        parsed = [parse_endpoint(text, secure=tls is not None) for text in endpoints]
        self._links = [_EtcdLink(endpoint, tls, dial_timeout=dial_timeout, keepalive=keepalive) for endpoint in parsed]
        self._user, self._password = user, password
        self._timeout = timeout
        self._clock = clock or SystemClock()
        self._good = 0
        self._token: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for link in self._links:
            link.close()

    async def call(self, name: str, request: Message, *, reply: type[Reply], timeout: Millis | None = None) -> Reply:
        """One call of etcd's by its name (`Range`). A token that has become invalid is renewed once.

        Raises EtcdRefused, Unreachable when no endpoint could be connected to, Unavailable or DeadlineExceeded when one
        could but did not answer (then a change may have been made).
        """
        try:
            return await self._somewhere(name, request, reply=reply, timeout=timeout)
        except EtcdRefused as error:
            if not self._token or error.status != Code.UNAUTHENTICATED:
                raise
        self._token = None
        return await self._somewhere(name, request, reply=reply, timeout=timeout)

    async def _somewhere(self, name: str, request: Message, *, reply: type[Reply], timeout: Millis | None) -> Reply:
        beside = await self._beside()

        async def ask(link: _EtcdLink, left: Millis) -> Reply:
            return await link.unary(name, request, reply=reply, timeout=left, beside=beside)

        return await self._first(name, ask, timeout)

    async def _first(
        self, name: str, ask: Callable[[_EtcdLink, Millis], Awaitable[Reply]], timeout: Millis | None
    ) -> Reply:
        """The answer of the first endpoint that gives one."""
        given = self._timeout if timeout is None else timeout
        ends = self._clock.monotonic() + given
        failures: list[JobpoolError] = []
        order = self._order()
        for tried, index in enumerate(order):
            left = ends - self._clock.monotonic()
            if left <= 0:
                break
            share = left if given >= FOREVER or name not in _READS else max(1, left // (len(order) - tried))
            try:
                answer = await ask(self._links[index], given if given >= FOREVER else share)
            except Unreachable as error:
                failures.append(error)
            except (Unavailable, DeadlineExceeded) as error:
                if name not in _READS:
                    raise
                failures.append(error)
            else:
                self._good = index
                return answer
            log.debug("%s goes on to the next endpoint: %s", name, failures[-1])
        raise _verdict(failures, name)

    def _order(self) -> list[int]:
        return [(self._good + step) % len(self._links) for step in range(len(self._links))]

    async def _beside(self) -> dict[str, str]:
        """The token, after asking for one where there is a user."""
        if self._user and self._token is None:
            request = pb.AuthenticateRequest(name=self._user, password=self._password)

            async def ask(link: _EtcdLink, left: Millis) -> pb.AuthenticateResponse:
                return await link.unary("Authenticate", request, reply=pb.AuthenticateResponse, timeout=left, beside={})

            try:
                self._token = (await self._first("Authenticate", ask, None)).token
            except EtcdRefused as error:
                if _NOT_ENABLED not in error.reason:
                    raise
                self._token = ""
        return {"token": self._token} if self._token else {}

    @asynccontextmanager
    async def conversation(
        self, name: str, asked: type[Asked], reply: type[Reply], *, needs_leader: bool = False
    ) -> AsyncIterator[Conversation[Asked, Reply]]:
        """A stream to the first endpoint that can be connected to, without a deadline.

        `needs_leader`: it fails where the member has no leader. Raises what `call` raises, within the body too.
        """
        beside = await self._beside() | ({"hasleader": "true"} if needs_leader else {})
        failures: list[JobpoolError] = []
        for index in self._order():
            try:
                await self._links[index].reach()
            except Unreachable as error:
                failures.append(error)
                continue
            self._good = index
            async with self._links[index].conversation(name, asked, reply, beside=beside) as opened:
                yield opened
            return
        raise _verdict(failures, name)

    async def answers(self, name: str, request: Message, reply: type[Reply]) -> AsyncGenerator[Reply, None]:
        """The answers to one request, as they come, from the first endpoint that can be connected to."""
        async with self.conversation(name, type(request), reply) as talk:
            await talk.send(request, end=True)
            while (answer := await talk.receive()) is not None:
                yield answer


def _verdict(failures: Sequence[JobpoolError], name: str) -> JobpoolError:
    """The first failure of an endpoint that could be reached says most; else all that could not be."""
    for error in failures:
        if not isinstance(error, Unreachable):
            return error
    lost = [failure for error in failures if isinstance(error, Unreachable) for failure in error.failures]
    return Unreachable(lost) if lost else DeadlineExceeded(f"no time was left for {name}")
