"""etcd's methods as REST: `POST /v3/kv/range` and the like, with the JSON of etcd's own gateway.

A call that etcd answers with a stream answers with a line `{"result": …}` for each message. What is asked by a stream
(a lease kept alive) is asked once.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from google.protobuf.message import Message
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from jobpool.api.etcd.calls import Calls
from jobpool.api.etcd.methods import METHODS, Method
from jobpool.api.etcd.passage import Caller
from jobpool.api.http_errors import WrongMediaType
from jobpool.api.outgoing import Outgoing
from jobpool.api.rest_body import Answer, Body, BodyLimits, ClientGone, send_answer
from jobpool.api.status import http_body, http_headers, http_status
from jobpool.model.errors import InvalidArgument, JobpoolError
from jobpool.wire.json import decode, dump, encode, to_object


def etcd_routes(calls: Calls, outgoing: Outgoing, limits: BodyLimits | None = None) -> Sequence[Route]:
    """To be served beside the API, whose gateway has checked Host and Origin before."""
    limits = limits or BodyLimits()
    return [
        Route(path, _Endpoint(method, calls, outgoing, limits), methods=["POST"])
        for method in METHODS.values()
        for path in method.routes
    ]


class _Endpoint:
    """An ASGI application for one method."""

    def __init__(self, method: Method, calls: Calls, outgoing: Outgoing, limits: BodyLimits) -> None:
        self._method = method
        self._calls = calls
        self._outgoing = outgoing
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = Body(headers, receive, self._limits)
        client = scope.get("client")
        caller = Caller(peer=f"{client[0]}:{client[1]}" if client else "", metadata=_as_metadata(headers))
        try:
            request = await self._read(scope, headers, body)
            if self._method.answers_more and not self._method.asks_more:
                await self._stream(request, caller, send)
                return
            answer = Answer(200, await self._answer(request, caller))
        except ClientGone:
            return
        except JobpoolError as error:
            answer = Answer(http_status(error), http_body(error), tuple(http_headers(error)))
        with self._outgoing.sending(len(answer.body)):
            await send_answer(send, answer, body)

    async def _read(self, scope: Scope, headers: dict[str, str], body: Body) -> Message:
        if scope["query_string"]:
            raise InvalidArgument("query", "this call takes its fields in the body, not in the query")
        found = headers.get("content-type", "application/json")
        if found.partition(";")[0].strip().lower() != "application/json":
            raise WrongMediaType(f"Content-Type: wanted application/json, found {found[:80]!r}")
        self._outgoing.admit()
        try:
            return decode(await body.read(), self._method.request)
        except RecursionError:
            raise InvalidArgument("body", "wanted a JSON object, found one nested too deeply") from None

    async def _answer(self, request: Message, caller: Caller) -> bytes:
        if self._method.asks_more:
            return dump({"result": to_object(self._parsed(await self._once(request, caller)))}) + b"\n"
        return encode(self._parsed(await self._calls.call(self._method.name, request, caller)))

    async def _once(self, request: Message, caller: Caller) -> bytes:
        """The last answer to the one request that is made."""
        asked: list[Message] = [request]
        answers: list[bytes] = []

        async def take() -> Message | None:
            return asked.pop() if asked else None

        async def give(answer: bytes) -> None:
            answers[:] = [answer]

        await self._calls.converse(self._method.name, take, give, caller)
        return answers[-1] if answers else b""

    async def _stream(self, request: Message, caller: Caller, send: Send) -> None:
        """A refusal before the first answer is raised; a later one is the last line."""
        async with aclosing(self._calls.answers(self._method.name, request, caller)) as answers:
            await self._send_all(answers, send)

    async def _send_all(self, answers: AsyncGenerator[bytes, None], send: Send) -> None:
        started = False
        try:
            async for answer in answers:
                if not started:
                    await _start(send)
                    started = True
                line = dump({"result": to_object(self._parsed(answer))}) + b"\n"
                await send({"type": "http.response.body", "body": line, "more_body": True})
        except JobpoolError as error:
            if not started:
                raise
            last = dump({"error": {"grpc_code": int(error.code), "message": error.message}}) + b"\n"
            await send({"type": "http.response.body", "body": last})
        else:
            if not started:
                await _start(send)
            await send({"type": "http.response.body", "body": b""})

    def _parsed(self, answer: bytes) -> Message:
        return self._method.answer.FromString(answer)


async def _start(send: Send) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


def _as_metadata(headers: dict[str, str]) -> dict[str, str]:
    """etcd's gateway hands `Authorization` and `Grpc-Metadata-…` on; a token may come either way."""
    prefix = "grpc-metadata-"
    handed = {name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}
    if "authorization" in headers:
        handed["authorization"] = headers["authorization"]
    return handed
