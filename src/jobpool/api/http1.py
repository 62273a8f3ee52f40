"""One HTTP/1.1 connection: uvicorn's protocol, held to our limits.

uvicorn waits for ever for the rest of a request's head and keeps whatever comes meanwhile, and waits for ever for a
client that does not read. Here a head has a time limit and a size limit, an answer must be taken, and what is no HTTP
gets the API's error body.
"""

import asyncio
from types import MethodType
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from jobpool.api.connections import Connections
from jobpool.api.status import http_body
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument, JobpoolError

MAX_HEAD = 64 * 1024
"""Bytes of a request's line and headers."""

_KEEP_ALIVE_SECONDS = 75


def http_config(app: ASGIApp) -> Config:
    """uvicorn's settings for an ASGI application of ours; it neither logs accesses nor trusts proxy headers."""

    async def quiet(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            return  # only our abort() cancels a request, and uvicorn would log it as a failure

    config = Config(
        quiet,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    config.load()
    return config


class Http1(HttpToolsProtocol):
    """A connection of HTTP requests. `take_timeout`: how long a client may take nothing of what waits for it."""

    def __init__(self, config: Config, connections: Connections, *, head_timeout: Millis, take_timeout: Millis) -> None:
        super().__init__(config, ServerState(), app_state={})
        self.app = self._while_open(self.app)
        self._open = connections
        self._head_timeout = head_timeout
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._take_timeout = take_timeout
        self._take_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._open.add(self)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > MAX_HEAD:
            self.send_400_response(f"wanted a request head of at most {MAX_HEAD} bytes")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._head_arrived()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        body = http_body(InvalidArgument("request", msg, engine_code=0))
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def pause_writing(self) -> None:
        """Some 64 KiB wait for the client."""
        super().pause_writing()
        if self._take_timer is None:
            loop = asyncio.get_running_loop()
            self._take_timer = loop.call_later(self._take_timeout / SECOND, self.transport.abort)

    def resume_writing(self) -> None:
        self._taken()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        self._taken()
        super().connection_lost(exc)
        self._open.discard(self)

    def drain(self) -> None:
        """Answer what has arrived, then close."""
        self.shutdown()

    def abort(self) -> None:
        """Close now; requests in progress are cancelled."""
        self.transport.abort()
        if self.cycle is not None:
            self.cycle.disconnected = True
        for task in self.running():
            task.cancel()

    def running(self) -> set[asyncio.Task[None]]:
        """The requests in progress."""
        return set(self.tasks)

    def _await_head(self) -> None:
        self._head_bytes = 0
        loop = asyncio.get_running_loop()
        self._head_timer = loop.call_later(self._head_timeout / SECOND, self.transport.close)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _while_open(self, app: ASGIApp) -> ASGIApp:
        """The app, whose answers go nowhere once the transport closes; uvicorn learns of that a step too late."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            cycle = cast(RequestResponseCycle, cast(MethodType, send).__self__)

            async def send_while_open(message: Message) -> None:
                cycle.disconnected = cycle.disconnected or self.transport.is_closing()
                if scope["http_version"] == "1.0":
                    _end_by_closing(cycle, message)
                try:
                    await send(message)
                except RuntimeError:  # uvloop's, when the transport closed while this waited for room
                    if not self.transport.is_closing():
                        raise
                    cycle.disconnected = True

            try:
                await app(scope, receive, send_while_open)
            except JobpoolError:  # an answer that has begun cannot go on: what is there must not be taken for all
                cycle.disconnected = True
                self.transport.abort()

        return answer

    def _taken(self) -> None:
        if self._take_timer is not None:
            self._take_timer.cancel()
            self._take_timer = None


def _end_by_closing(cycle: RequestResponseCycle, message: Message) -> None:
    """What has no length ends with the connection: HTTP/1.0 knows no chunks, and uvicorn sends them."""
    if message["type"] == "http.response.body":
        cycle.expected_content_length = len(message.get("body", b""))
    elif all(name != b"content-length" for name, _ in message.get("headers", ())):
        cycle.chunked_encoding = False
