"""The calls of the API as plain async functions over messages; which wire they came by does not matter here.

A handler knows nothing of gRPC or HTTP. Whatever it raises leaves here as a JobpoolError: its own refusals as they
are, anything else as INTERNAL with a text that gives nothing away, while the log has the traceback.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Protocol, TypeAlias

import msgspec
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from jobpool.api.outgoing import Outgoing
from jobpool.api.request_ids import HEADER as REQUEST_ID
from jobpool.api.untaken import Untaken
from jobpool.kit.effects.logging import get_logger, logged_with
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import JobpoolError, Unimplemented
from jobpool.wire import jobpool_pb2 as pb

METHODS: Mapping[str, MethodDescriptor] = dict(pb.DESCRIPTOR.services_by_name["Schedule"].methods_by_name)
"""Every RPC of the API by name, in the order of the definition."""

_READS = frozenset(
    name
    for name, method in METHODS.items()
    if method.GetOptions().Extensions[annotations_pb2.http].WhichOneof("pattern") == "get"
)


_UNARY = frozenset(
    name for name, method in METHODS.items() if not method.client_streaming and not method.server_streaming
)
_STREAMS = frozenset(
    name for name, method in METHODS.items() if method.server_streaming and not method.client_streaming
)
WRITES = _UNARY - _READS
"""The unary calls that change something."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler may want to know about a call besides its request."""

    transport: str
    """`grpc` or `rest`."""
    peer: str = ""
    """`address:port` of the caller; empty when not known."""
    metadata: Mapping[str, str] = {}
    """gRPC metadata or HTTP headers, names in lower case."""
    minted: str = ""
    """The id that the server which was asked has chosen for what the call creates; empty: none yet."""
    forwarded: bool = False
    """Whether another server sent it here."""
    timeout: Millis | None = None
    """Milliseconds the caller was still ready to wait when the call arrived; None: it did not say."""

    @property
    def idempotency_key(self) -> str:
        """The caller's key for a safe repeat; empty when none was given."""
        return self.metadata.get("idempotency-key", "")

    @property
    def request_id(self) -> str:
        """What the request is known by in logs, on every server it passes."""
        return self.metadata.get(REQUEST_ID, "")

    @property
    def language(self) -> str:
        """The caller's `Accept-Language`; empty when none was given."""
        return self.metadata.get("accept-language", "")


class MessageStream(Protocol):
    """An agent's open stream, as its handler sees it. It ends when the handler returns.

    A broken connection cancels the handler.
    """

    @property
    def call(self) -> Call: ...

    async def recv(self) -> pb.AgentMessage | None:
        """The next message; None once the agent has closed its side. Raises JobpoolError for what is no message."""
        ...

    async def send(self, message: pb.ServerMessage) -> None:
        """Send; waits while the agent does not read."""
        ...


Handler: TypeAlias = Callable[..., Awaitable[Message]]
"""`async (request, call: Call) -> response`, with the messages that the definition names for the RPC."""

StreamHandler: TypeAlias = Callable[[MessageStream], Awaitable[None]]

Route: TypeAlias = Callable[[str, Message, Call, Callable[[Call], Awaitable[Message]]], Awaitable[Message]]
"""`async (rpc, request, call, here) -> response`: where a call is answered; `here` answers it by this server."""

ServerStream: TypeAlias = Callable[..., AsyncGenerator[Message, None]]
"""`(request, call: Call) -> responses`, for an RPC whose response is a stream. It ends when the caller goes."""


class Service:
    """The table of calls. An RPC without a handler answers Unimplemented, by name.

    Whoever sends an answer counts it in `outgoing` meanwhile, one of a stream in `untaken`.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        agent_session: StreamHandler | None = None,
        streams: Mapping[str, ServerStream] | None = None,
        outgoing: Outgoing | None = None,
        untaken: Untaken | None = None,
        route: Route | None = None,
    ) -> None:
        """`route` None: all are answered here; streams always are. Raises ValueError for a name that is none."""
        for name in handlers.keys() - _UNARY:
            raise ValueError(f"no unary call of the API is named {name!r}")
        self._streams = dict(streams or {})
        for name in self._streams.keys() - _STREAMS:
            raise ValueError(f"no call of the API that answers with a stream is named {name!r}")
        self._handlers = dict(handlers)
        self._agent_session = agent_session
        self._route = route
        self.outgoing = outgoing or Outgoing()
        self.untaken = untaken or Untaken()
        self._log = get_logger("api")

    @property
    def served(self) -> frozenset[str]:
        """The calls that have a handler, but for the agents' streams."""
        return frozenset((*self._handlers, *self._streams))

    async def call(self, name: str, request: Message, call: Call) -> Message:
        """Answer one unary call. Raises JobpoolError, nothing else."""
        handler = self._handlers.get(name)
        if handler is None:
            raise _unimplemented(name)
        if name in _READS:
            self.outgoing.admit()
        try:
            if self._route is None:
                response = await handler(request, call)
            else:
                response = await self._route(name, request, call, lambda again: handler(request, again))
            if not isinstance(response, response_type(name)):
                raise TypeError(f"{name} answered with {type(response).__name__}")
        except JobpoolError:
            raise
        except Exception as error:  # noqa: BLE001 — the edge: a caller gets an answer, the log the traceback
            raise self._hidden(name, error) from None
        return response

    async def forwarded(self, name: str, request: bytes, call: Call) -> bytes:
        """The same for a call that another server took, in protobuf. Raises JobpoolError, nothing else."""
        if name not in _UNARY:
            raise _unimplemented(name)
        with logged_with(request_id=call.request_id):
            response = await self.call(name, request_type(name).FromString(request), call)
        return response.SerializeToString()

    async def session(self, stream: MessageStream) -> None:
        """Serve one agent's stream to its end. Raises JobpoolError, nothing else."""
        if self._agent_session is None:
            raise _unimplemented("AgentSession")
        try:
            await self._agent_session(stream)
        except JobpoolError:
            raise
        except Exception as error:  # noqa: BLE001 — the edge: a caller gets an answer, the log the traceback
            raise self._hidden("AgentSession", error) from None

    async def stream(self, name: str, request: Message, call: Call) -> AsyncGenerator[Message, None]:
        """The responses of a call that answers with a stream. Raises JobpoolError, nothing else."""
        handler = self._streams.get(name)
        if handler is None:
            raise _unimplemented(name)
        try:
            async with aclosing(handler(request, call)) as responses:
                async for response in responses:
                    yield response
        except JobpoolError:
            raise
        except Exception as error:  # noqa: BLE001 — the edge: a caller gets an answer, the log the traceback
            raise self._hidden(name, error) from None

    def _hidden(self, name: str, error: Exception) -> JobpoolError:
        self._log.error("a call failed", event_name="call_failed", rpc=name, exc_info=error)
        return JobpoolError("internal error; the server's log says more")


def request_type(name: str) -> type[Message]:
    """The class of an RPC's request."""
    return GetMessageClass(METHODS[name].input_type)


def response_type(name: str) -> type[Message]:
    """The class of an RPC's response."""
    return GetMessageClass(METHODS[name].output_type)


def _unimplemented(name: str) -> Unimplemented:
    return Unimplemented(f"{name} is not part of this version")
