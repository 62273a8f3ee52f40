"""The service as REST: an ASGI application over the routes of the definition.

Strict where the original was lenient: a body member or a query key that is not understood is refused by name.
"""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote_to_bytes

from google.protobuf.message import Message
from starlette.routing import Match
from starlette.routing import Route as PlainRoute
from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send

from jobpool.api.compression import compressed
from jobpool.api.http_errors import NoSuchPath, WrongMediaType, WrongVerb
from jobpool.api.language import wants_chinese
from jobpool.api.pages import PATHS, own_page
from jobpool.api.request_ids import HEADER as REQUEST_ID
from jobpool.api.request_ids import RequestIds
from jobpool.api.rest_body import Answer, Body, BodyLimits, ClientGone, refuse_body, send_answer
from jobpool.api.rest_guard import Guard
from jobpool.api.rest_routes import Route, RouteTable, split_path
from jobpool.api.revisions import expect, tag_of
from jobpool.api.service import Call, Service
from jobpool.api.sse import EventStream, resume, streamed
from jobpool.api.status import http_body, http_headers, http_status
from jobpool.api.texts_zh import chinese
from jobpool.api.ui_pages import is_ui, ui_page
from jobpool.kit.effects.logging import get_logger, logged_with
from jobpool.model.errors import InvalidArgument, JobpoolError
from jobpool.wire.json import bind, decode, encode

_READS = ("GET", "HEAD")
SAFE = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
"""Of every answer that does not say it otherwise: what plans and runs hold is neither kept, guessed at nor embedded."""


class Gateway:
    """Answers HTTP requests. `extra_routes` are served beside the API, after it."""

    def __init__(
        self,
        service: Service,
        *,
        allowed_hosts: Iterable[str] = (),
        extra_routes: Sequence[PlainRoute] = (),
        limits: BodyLimits | None = None,
        ids: RequestIds | None = None,
    ) -> None:
        """`allowed_hosts`: names or addresses, besides loopback and our own, that a writing request may be sent to."""
        self._service = service
        self._guard = Guard(allowed_hosts)
        self._extra_routes = tuple(extra_routes)
        self._limits = limits or BodyLimits()
        self._ids = ids or RequestIds()
        self._routes = RouteTable()
        self._log = get_logger("api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        headers = self._ids.named(headers)
        with logged_with(request_id=headers[REQUEST_ID]):
            await self._serve(scope, headers, receive, send)

    async def _serve(self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        body = Body(headers, receive, self._limits)
        zh = wants_chinese(headers.get("accept-language", ""))
        name = (REQUEST_ID.encode(), headers[REQUEST_ID].encode())
        started = False

        async def tracked(message: AsgiMessage) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                message = {**message, "headers": _with_safe([*message["headers"], name])}
            started = True
            await send(message)

        try:
            answer = await self._answer(scope, headers, body)
            if answer is None:
                await self._plain(scope, receive, tracked)
            elif isinstance(answer, EventStream):
                await answer.send(tracked, receive, head_only=scope["method"] == "HEAD")
                return
        except ClientGone:
            return
        except JobpoolError as error:
            if started:
                raise
            answer = _refusal(error, zh=zh)
        except Exception as error:
            if started:
                raise
            self._log.error("a request failed", event_name="request_failed", path=scope["path"], exc_info=error)
            answer = _refusal(JobpoolError("internal error; the server's log says more"), zh=zh)
        if answer is not None:
            with self._service.outgoing.sending(len(answer.body)):
                await send_answer(tracked, await compressed(answer, headers.get("accept-encoding", "")), body)

    async def _answer(self, scope: Scope, headers: Mapping[str, str], body: Body) -> Answer | EventStream | None:
        """None when the path is none of the API's."""
        verb = "GET" if scope["method"] == "HEAD" else scope["method"]
        segments = split_path(scope["raw_path"])
        route = self._routes.find(verb, segments)
        if route is not None or verb not in _READS:
            # Reads too: a page whose name was bound to our address must not read plans with what they hold.
            own_address, _ = scope.get("server") or ("", None)
            self._guard.check(scope["headers"], scope["scheme"], own_address)
        if route is None:
            allowed = self._routes.verbs(segments)
            if allowed:
                raise WrongVerb(verb, scope["path"], allowed=_with_head(allowed))
            return self._own_page(verb, scope["path"], headers)
        request = await _read(route, scope["query_string"], headers, body)
        for field, text in route.values(segments):
            bind(request, field, [text])
        expect(request, route.rpc, headers.get("if-match"))
        client = scope.get("client")
        call = Call(transport="rest", peer=f"{client[0]}:{client[1]}" if client else "", metadata=headers)
        if name := streamed(route.rpc, request):
            resume(request, headers.get("last-event-id", ""))
            return EventStream(self._service.stream(name, request, call), self._service.untaken)
        response = await self._service.call(route.rpc, request, call)
        tag = tag_of(response)
        return Answer(200, encode(response), (("etag", tag),) if tag else ())

    def _own_page(self, verb: str, path: str, headers: Mapping[str, str]) -> Answer | None:
        if (path in PATHS or is_ui(path)) and verb != "GET":
            raise WrongVerb(verb, path, allowed=_READS)
        return own_page(path, self._service.served) or (ui_page(path, headers) if verb == "GET" else None)

    async def _plain(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a route beside the API. Raises NoSuchPath or WrongVerb."""
        allowed: set[str] = set()
        for route in self._extra_routes:
            match, inner = route.matches(scope)
            if match is Match.FULL:
                await route.handle({**scope, **inner}, receive, send)
                return
            if match is Match.PARTIAL:
                allowed |= route.methods or set()
        if allowed:
            raise WrongVerb(scope["method"], scope["path"], allowed=sorted(allowed))
        raise NoSuchPath(f"nothing is served under {scope['path'][:200]!r}")


async def _read(route: Route, query: bytes, headers: Mapping[str, str], body: Body) -> Message:
    values = _parse_query(query)
    if not route.takes_body:
        refuse_body(body)
        return _bind_query(route.request(), values)
    for key in values:
        raise InvalidArgument(key[:80], "this call takes its fields in the body, not in the query")
    if body.unread or "content-type" in headers:
        _check_media_type(headers)
    return decode(await body.read(), route.request)


def _bind_query(request: Message, values: Mapping[str, list[str]]) -> Message:
    spelled: dict[str, str] = {}
    for key, texts in values.items():
        field = bind(request, key, texts)
        if field in spelled:
            raise InvalidArgument(field, f"given twice, as {spelled[field]} and as {key}")
        spelled[field] = key
    return request


def _check_media_type(headers: Mapping[str, str]) -> None:
    found = headers.get("content-type", "none")
    if found.partition(";")[0].strip().lower() != "application/json":
        raise WrongMediaType(f"Content-Type: wanted application/json, found {found[:80]!r}")
    coding = headers.get("content-encoding", "identity")
    if coding.strip().lower() != "identity":
        raise WrongMediaType(f"Content-Encoding: wanted none, found {coding[:80]!r}")


def _parse_query(query: bytes) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for pair in query.split(b"&"):
        if pair:
            key, _, value = pair.partition(b"=")
            values.setdefault(_query_text(key), []).append(_query_text(value))
    return values


def _query_text(raw: bytes) -> str:
    try:
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise InvalidArgument("query", f"wanted UTF-8, found {raw[:40]!r}") from None


def _with_head(verbs: Sequence[str]) -> list[str]:
    return [name for verb in verbs for name in (("GET", "HEAD") if verb == "GET" else (verb,))]


def _with_safe(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    said = {name for name, _ in headers}
    return headers + [header for header in SAFE if header[0] not in said]


def _refusal(error: JobpoolError, *, zh: bool) -> Answer:
    headers = [*http_headers(error), ("vary", "Accept-Language")]
    if zh and chinese(error) != error.message:
        headers.append(("content-language", "zh"))
    if isinstance(error, WrongVerb):
        headers.append(("allow", ", ".join(error.allowed)))
    return Answer(http_status(error), http_body(error, zh=zh), tuple(headers))
