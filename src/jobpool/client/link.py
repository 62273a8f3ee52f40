"""One server's connection: dial it, make one unary call, say what became of it.

The difference that matters to a caller is whether the request can have arrived: `Unreachable` says that it did not.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

from google.protobuf.message import DecodeError, Message
from grpclib.client import Stream
from grpclib.const import Cardinality
from grpclib.exceptions import GRPCError, StreamTerminatedError

from jobpool.client.endpoints import Endpoint
from jobpool.client.errors import Unreachable, from_grpc
from jobpool.client.tls import TlsConfig, client_context
from jobpool.kit.effects.channel import Keepalive, LiveChannel, connect_failure
from jobpool.kit.pure.durations import Millis, format_duration
from jobpool.model.errors import DeadlineExceeded, JobpoolError, Unavailable

SERVICE = "jobpool.v1.Schedule"
DEAD_AFTER: Millis = 10_000
"""Bytes unacknowledged for so long mean that the machine is gone."""

_GARBLED = (KeyError, NotImplementedError, AssertionError)
"""What grpclib raises for an answer without status, a compressed one, and a message that is cut short."""

Metadata: TypeAlias = Mapping[str, str]
"""What goes beside a request, by lower-case names."""

NOTHING_BESIDE: Metadata = {}

Asked = TypeVar("Asked", bound=Message)
Reply = TypeVar("Reply", bound=Message)


class Link:
    """Connects at the first call and again after a loss. Any number of calls at once."""

    def __init__(
        self, endpoint: Endpoint, tls: TlsConfig | None, *, dial_timeout: Millis, keepalive: Keepalive | None = None
    ) -> None:
        self.endpoint = endpoint
        self._keepalive = keepalive
        self._tls = tls
        self._dial_timeout = dial_timeout
        self._channel: LiveChannel | None = None

    async def call(
        self,
        rpc: str,
        request: Message,
        *,
        reply: type[Reply],
        timeout: Millis,
        if_lost: str = "",
        metadata: Metadata = NOTHING_BESIDE,
    ) -> Reply:
        """The answer, within `timeout` ms; `if_lost` is added to what an error says when the answer was lost.

        Raises Unreachable (not sent), Unavailable (refused, or broken half-way), DeadlineExceeded, or what the
        server answered.
        """
        channel = await self._dial(min(timeout, self._dial_timeout))
        opened = channel.request(
            f"/{SERVICE}/{rpc}",
            Cardinality.UNARY_UNARY,
            type(request),
            reply,
            timeout=timeout / 1000,
            metadata=metadata,
        )
        with self._told(rpc, timeout, if_lost):
            async with opened as stream:
                await stream.send_message(request, end=True)
                answer = await stream.recv_message()
        if answer is None:
            raise JobpoolError(f"{self.endpoint.url} ended {rpc} without an answer")
        return answer

    async def stream(
        self, rpc: str, request: Message, *, reply: type[Reply], patience: Millis, metadata: Metadata = NOTHING_BESIDE
    ) -> AsyncGenerator[Reply, None]:
        """The answers to one request, as they come; `patience` ms for each. Raises what `call` raises."""
        channel = await self._dial(min(patience, self._dial_timeout))
        path = f"/{SERVICE}/{rpc}"
        opened = channel.request(path, Cardinality.UNARY_STREAM, type(request), reply, metadata=metadata)
        with self._told(rpc, patience):
            async with opened as stream:
                async with asyncio.timeout(patience / 1000):
                    await stream.send_message(request, end=True)
                while True:
                    async with asyncio.timeout(patience / 1000):
                        answer = await self._next(stream, rpc)
                    if answer is None:
                        break
                    yield answer

    async def _next(self, stream: Stream[Asked, Reply], rpc: str) -> Reply | None:
        try:
            return await stream.recv_message()
        except AssertionError as error:  # how grpclib tells that a message was cut short
            await stream.recv_trailing_metadata()  # raises why, if the server has said so
            raise Unavailable(f"{self.endpoint.url} broke off in the middle of {rpc}") from error

    @contextmanager
    def _told(self, rpc: str, timeout: Millis, if_lost: str = "") -> Iterator[None]:
        """Tell what can go wrong with a call in the words of the one error tree."""
        try:
            yield
        except GRPCError as error:
            raise from_grpc(error, rpc) from error
        except TimeoutError as error:
            late = f"no answer to {rpc} from {self.endpoint.url} within {format_duration(timeout)}"
            raise DeadlineExceeded(late + if_lost) from error
        except StreamTerminatedError as error:
            if self._channel is not None and (refused := self._channel.refused):
                raise Unreachable([(self.endpoint, refused)]) from error
            broken = f"the connection to {self.endpoint.url} broke before it answered {rpc}"
            raise Unavailable(broken + if_lost) from error
        except OSError as error:  # only a redial inside grpclib raises it
            raise Unreachable([(self.endpoint, connect_failure(error))]) from error
        except _GARBLED as error:
            odd = f"{self.endpoint.url} answers {rpc} as no server of jobpool does"
            raise Unavailable(odd + if_lost) from error
        except DecodeError as error:
            raise JobpoolError(f"the answer of {self.endpoint.url} to {rpc} cannot be read") from error

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    async def _dial(self, timeout: Millis) -> LiveChannel:
        channel = self._channel
        if channel is None:
            channel = self._channel = self._new_channel()
        try:
            async with asyncio.timeout(timeout / 1000):
                await channel.__connect__()
        except TimeoutError as error:
            raise Unreachable([(self.endpoint, f"no connection within {format_duration(timeout)}")]) from error
        except OSError as error:
            raise Unreachable([(self.endpoint, connect_failure(error))]) from error
        return channel

    def _new_channel(self) -> LiveChannel:
        context = None
        if self.endpoint.secure:
            context = client_context(self._tls or TlsConfig(), protocol="h2")
        host, port = self.endpoint.host, self.endpoint.port
        return LiveChannel(host, port, tls=context, dead_after=DEAD_AFTER, keepalive=self._keepalive)
