"""The client: reaches whichever server answers, within one deadline, and never does a change twice.

Reads, and changes that carry an idempotency key, are sent again to the next server and in further rounds. Other changes
are sent again only while nothing can have been done: no connection was made, or nobody led. Progress is logged by the
standard library's logging (a library does not choose its host's logs).
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self

from google.protobuf.message import Message

from jobpool.client.endpoints import parse_endpoint
from jobpool.client.errors import Unreachable
from jobpool.client.headers import Headers
from jobpool.client.link import Link, Reply
from jobpool.client.lists import Lists
from jobpool.client.resume import Resuming
from jobpool.client.rounds import Rounds, verdict
from jobpool.client.spans import Span, span_of
from jobpool.client.streams import Streams
from jobpool.client.tls import TlsConfig
from jobpool.kit.effects.channel import Keepalive
from jobpool.kit.effects.clock import Clock, SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument, JobpoolError
from jobpool.wire import jobpool_pb2 as pb

CALL_TIMEOUT: Millis = 5 * SECOND
DIAL_TIMEOUT: Millis = 2 * SECOND
MAYBE_MADE = "; the change may have been made: look before you repeat it"


class Client(Lists, Streams):
    """Calls `endpoints` (`host:port`, `http://…`, `https://…`), starting with the one that answered last.

    `tls` None: https endpoints are verified against the system's authorities, and an endpoint without a scheme is
    spoken to in clear; with `tls` it is https. `timeout` (ms, or a text such as `5s`) bounds every call with all its
    tries, `dial_timeout` each connection. `hasty`: after one round of tries go on only while nobody leads, as suits a
    person; else until the time is over, as suits a program while a server starts again. `keepalive`: by which a machine
    that is gone is noticed while a call lasts; None: only by what is sent to it. `headers` go with every call.
    Use it as an async context manager, in one event loop. Raises InvalidArgument for bad endpoints and spans.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        tls: TlsConfig | None = None,
        *,
        timeout: Span = CALL_TIMEOUT,
        dial_timeout: Span = DIAL_TIMEOUT,
        hasty: bool = False,
        keepalive: Keepalive | None = None,
        headers: Headers | None = None,
        clock: Clock | None = None,
        dice: Dice | None = None,
    ) -> None:
        if isinstance(endpoints, str):
            raise InvalidArgument("endpoints", f"wanted a list of servers, found the text {endpoints!r}")
        if not endpoints:
            raise InvalidArgument("endpoints", "wanted at least one server, found none")
        parsed = [parse_endpoint(text, secure=tls is not None) for text in endpoints]
        dial = span_of("dial_timeout", dial_timeout)
        self._links = [Link(endpoint, tls, dial_timeout=dial, keepalive=keepalive) for endpoint in parsed]
        self._timeout = span_of("timeout", timeout)
        self._clock = clock or SystemClock()
        self._dice = dice or Dice()
        self._rounds = Rounds(self._links, clock=self._clock, dice=self._dice, hasty=hasty)
        self._headers = headers or Headers()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for link in self._links:
            link.close()

    def bound(
        self, *, idempotency_key: str = "", language: str = "", request_id: str = "", token: str = ""
    ) -> "BoundClient":
        """This client with these beside each of its calls. Raises InvalidArgument for what no header can hold."""
        given = Headers(idempotency_key=idempotency_key, language=language, request_id=request_id, token=token)
        return BoundClient(self, given.laid_over(self._headers))

    def new_key(self) -> str:
        return self._dice.ulid(self._clock.now())

    async def call(
        self,
        rpc: str,
        request: Message,
        *,
        reply: type[Reply],
        repeatable: bool = False,
        timeout: Millis | None = None,
    ) -> Reply:
        """One unary call. `repeatable`: it may be sent again when a server may have received it.

        Raises the error that the server raised, Unreachable when no server could be connected to, Unavailable or
        DeadlineExceeded when one could but did not answer (then a write may have been made).
        """
        return await self.call_with(self._headers, rpc, request, reply=reply, repeatable=repeatable, timeout=timeout)

    async def call_with(
        self,
        headers: Headers,
        rpc: str,
        request: Message,
        *,
        reply: type[Reply],
        repeatable: bool = False,
        timeout: Millis | None = None,
    ) -> Reply:
        """The same with other headers. An idempotency key makes it repeatable; InvalidArgument where it cannot."""
        metadata = headers.beside(rpc, request, reads=repeatable)
        safe = repeatable or bool(headers.idempotency_key)

        async def ask(link: Link, left: Millis) -> Reply:
            return await link.call(
                rpc, request, reply=reply, timeout=left, if_lost="" if safe else MAYBE_MADE, metadata=metadata
            )

        return await self._rounds.call(rpc, ask, repeatable=safe, timeout=self._timeout if timeout is None else timeout)

    def resuming(self) -> Resuming:
        return self.resuming_with(self._headers)

    def resuming_with(self, headers: Headers) -> Resuming:
        """Streams that go on from server to server, with these headers."""
        links, metadata = self._rounds.order(), headers.metadata()
        return Resuming(links, clock=self._clock, dice=self._dice, metadata=metadata)

    async def snapshot_save(self) -> AsyncGenerator[bytes, None]:
        """The bytes of a snapshot, for `keep_snapshot`, from the first server that can be reached.

        Each piece is waited for as long as a call. Raises the error that the server raised, Unreachable, Unavailable
        when it breaks half-way, DeadlineExceeded when a piece does not come.
        """
        failures: list[JobpoolError] = []
        for link in self._rounds.order():
            request = pb.SnapshotSaveRequest()
            pieces = link.stream("SnapshotSave", request, reply=pb.SnapshotPiece, patience=self._timeout)
            try:
                async with aclosing(pieces):
                    async for piece in pieces:
                        yield piece.data
            except Unreachable as error:
                failures.append(error)
            else:
                return
        raise verdict(failures, "SnapshotSave")


class BoundClient(Lists, Streams):
    """A client's calls with something beside them; made by `Client.bound`, and closed with that client."""

    def __init__(self, client: Client, headers: Headers) -> None:
        self._client = client
        self._headers = headers

    def new_key(self) -> str:
        return self._headers.idempotency_key or self._client.new_key()

    def resuming(self) -> Resuming:
        return self._client.resuming_with(self._headers)

    async def call(
        self,
        rpc: str,
        request: Message,
        *,
        reply: type[Reply],
        repeatable: bool = False,
        timeout: Millis | None = None,
    ) -> Reply:
        return await self._client.call_with(
            self._headers, rpc, request, reply=reply, repeatable=repeatable, timeout=timeout
        )
