"""How the double of the original's agent reaches servers and callees: gRPC in turn over all servers, and HTTP."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from google.protobuf.message import Message
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.exceptions import GRPCError, StreamTerminatedError

from jobpool.api.service import request_type, response_type
from jobpool.client.errors import from_grpc
from jobpool.model.errors import Unavailable
from jobpool.testing.original_agent import HttpAnswer, HttpCall

_METADATA = {"client-api-version": "3.5.7", "hasleader": "true"}
_AGAIN = 0.2


class Servers:
    """Implements `Ask`: each call goes to the next server, and waits while none can be connected to."""

    def __init__(self, urls: Sequence[str]) -> None:
        parts = [urlsplit(url) for url in urls]
        self._channels = [Channel(part.hostname, part.port) for part in parts]
        self._next = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for channel in self._channels:
            channel.close()

    async def __call__(self, rpc: str, request: Message) -> Message:
        while True:
            for _ in self._channels:
                self._next = (self._next + 1) % len(self._channels)
                channel = self._channels[self._next]
                try:
                    await channel.__connect__()
                except OSError:
                    continue
                return await _ask(channel, rpc, request)
            await asyncio.sleep(_AGAIN)


async def _ask(channel: Channel, rpc: str, request: Message) -> Message:
    path = f"/etcdserverpb.Schedule/{rpc}"
    method = UnaryUnaryMethod[Message, Message](channel, path, request_type(rpc), response_type(rpc))
    try:
        return await method(request, metadata=_METADATA)
    except GRPCError as error:
        raise from_grpc(error, rpc) from None
    except (StreamTerminatedError, OSError) as error:
        raise Unavailable(f"the connection broke: {error}") from None


class Http:
    """Implements `Perform`."""

    async def __call__(self, call: HttpCall) -> HttpAnswer:
        kind = "Accept" if call.method == "GET" else "Content-Type"
        async with aiohttp.ClientSession(headers={kind: call.content_type}) as session:
            try:
                async with session.request(call.method, call.url, data=call.body) as answer:
                    return HttpAnswer(answer.status, await answer.text())
            except aiohttp.ClientError as error:
                raise OSError(str(error)) from None
