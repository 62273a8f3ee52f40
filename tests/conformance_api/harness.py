"""The whole core in one process behind a real port, asked by gRPC and by REST as a client of the original would.

Time is virtual (`world.clock.advance`), the store is in memory, and agents do nothing unless a test makes them.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
import pytest
from google.protobuf.message import Message
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.exceptions import GRPCError

from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.rest_routes import Route, RouteTable
from jobpool.api.service import request_type, response_type
from jobpool.client.errors import from_grpc
from jobpool.model.errors import HTTP_STATUS, Code
from jobpool.testing.clock import settle
from jobpool.wire.json import decode, to_object
from tests.unit.api.nouns import World, world_of

_SECONDS = 20


class Refusal(msgspec.Struct, frozen=True):
    """How a call was refused. `code` is the name of the gRPC status, also over REST."""

    code: str
    text: str
    field: str = ""
    engine_code: int = 0


class Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.text}")
        self.refusal = refusal


class Api(ABC):
    """One way to ask. `world` is the server's inside, to look at and to move its time."""

    transport: str

    def __init__(self, world: World) -> None:
        self.world = world

    async def ask(self, rpc: str, request: Message | None = None, **fields: Any) -> Any:
        """The answer to a request given whole or by its fields. Raises Refused."""
        request = request_type(rpc)(**fields) if request is None else request
        answer = await self._send(rpc, request)
        header = answer.header  # type: ignore[attr-defined]
        assert all((header.cluster_id, header.member_id, header.revision, header.raft_term)), f"{rpc}: {header}"
        return answer

    async def refused(self, rpc: str, request: Message | None = None, **fields: Any) -> Refusal:
        """How the call is refused, with nothing stored by it."""
        await settle()
        before, content = self.world.n, self.world.store.content()
        with pytest.raises(Refused) as found:
            await self.ask(rpc, request, **fields)
        assert (self.world.n, self.world.store.content()) == (before, content), "a refusal leaves nothing behind"
        return found.value.refusal

    @abstractmethod
    async def _send(self, rpc: str, request: Message) -> Message: ...


class Grpc(Api):
    transport = "grpc"

    def __init__(self, world: World, channel: Channel) -> None:
        super().__init__(world)
        self._channel = channel

    async def _send(self, rpc: str, request: Message) -> Message:
        path = f"/etcdserverpb.Schedule/{rpc}"
        method = UnaryUnaryMethod[Message, Message](self._channel, path, request_type(rpc), response_type(rpc))
        try:
            return await method(request, timeout=_SECONDS)
        except GRPCError as error:
            told = from_grpc(error, rpc)
            raise Refused(Refusal(told.code.name, told.reason, told.field, told.engine_code)) from None


class Rest(Api):
    transport = "rest"

    def __init__(self, world: World, http: aiohttp.ClientSession, base: str) -> None:
        super().__init__(world)
        self._http = http
        self._base = base
        self._routes: dict[str, Route] = {}
        for route in RouteTable().all:
            self._routes.setdefault(route.rpc, route)

    async def _send(self, rpc: str, request: Message) -> Message:
        route = self._routes[rpc]
        fields = to_object(request)
        values = {name: str(fields.pop(name, "")) for _, name in route.variables}
        path = route.path
        for name, value in values.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        options: dict[str, Any] = {}
        if route.takes_body:
            options = {"data": msgspec.json.encode(fields), "headers": {"Content-Type": "application/json"}}
        elif fields:
            path += f"?{urlencode(_query(fields))}"
        async with self._http.request(route.verb, self._base + path, **options) as response:
            body = await response.read()
        if response.status == 200:
            return decode(body, response_type(rpc))
        raise Refused(_refusal(response.status, msgspec.json.decode(body)))


def _query(fields: Mapping[str, object], outer: str = "") -> list[tuple[str, str]]:
    """What is nested is spelled with dots."""
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, Mapping):
            pairs += _query(value, f"{outer}{name}.")
            continue
        for item in value if isinstance(value, list) else [value]:
            pairs.append((outer + name, str(item).lower() if isinstance(item, bool) else str(item)))
    return pairs


def _refusal(status: int, body: Mapping[str, Any]) -> Refusal:
    detail = (body.get("details") or [{}])[0]
    assert status in (HTTP_STATUS[Code(body["code"])], 413), body
    field, text = detail.get("field", ""), body["message"]
    reason = text.removeprefix(f"{field}: ") if field else text
    return Refusal(Code(body["code"]).name, reason, field, detail.get("engine_code", 0))


@asynccontextmanager
async def serving(transport: str, **world: Any) -> AsyncIterator[Api]:
    """A server of one's own, with the settings of `world_of`, and the way to ask it."""
    async with AsyncExitStack() as stack:
        inside = await stack.enter_async_context(world_of(**world))
        listener = Listener(inside.service, Gateway(inside.service), ListenerConfig(urls=("http://127.0.0.1:0",)))
        await stack.enter_async_context(listener)
        host, port = listener.addresses[0]
        if transport == "grpc":
            channel = Channel(host, port)
            stack.callback(channel.close)
            yield Grpc(inside, channel)
        else:
            http = await stack.enter_async_context(aiohttp.ClientSession())
            yield Rest(inside, http, f"http://{host}:{port}")
