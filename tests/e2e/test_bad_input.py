"""Whatever is sent, a real server refuses it by name, stores nothing, stays small and well, and comes back."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpclib.client import Channel, StreamStreamMethod, UnaryUnaryMethod
from grpclib.exceptions import GRPCError, StreamTerminatedError
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from yarl import URL

from jobpool.wire import jobpool_pb2 as pb
from tests.e2e.conftest import Site
from tests.e2e.oracle.bad_requests import ALL, PLAN, Bad
from tests.e2e.oracle.client import Api, Refused
from tests.e2e.oracle.processes import ServerProgram

pytestmark = pytest.mark.xdist_group("bad_input")

SERVICES = ("jobpool.v1.Schedule", "etcdserverpb.Schedule")
HEAD = b"POST /v3/schedule/plans HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_LARGE = 100_000
VICTIM = {**PLAN, "id": "victim", "name": "victim"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProgram]:
    """One server for all refusals, so that what one of them breaks shows in the next."""
    site = Site(tmp_path_factory.mktemp("bad_input"))
    try:
        yield site.server()
    finally:
        site.close()
    assert site.troubles() == []


@pytest.fixture
async def api(server: ServerProgram) -> AsyncIterator[Api]:
    assert server.alive
    async with Api(server.url) as api:
        try:
            await api.post("plans", **VICTIM)
            await api.post("plans/victim/offline", namespace="default")
        except Refused as refusal:
            if refusal.status != 409:
                raise
        yield api


async def stored(api: Api) -> tuple[float, Any, Any, Any]:
    """What a refused request must not change."""
    n = (await api.metrics())["jobpool_replica_n"]
    jobs = await api.everything("jobs")
    return n, await api.everything("plans"), await api.everything("namespaces"), jobs


async def send(api: Api, bad: Bad) -> tuple[int, dict[str, Any]]:
    if bad.raw is not None and len(bad.raw) > _LARGE:
        return await pour(api, HEAD + b"Content-Length: %d\r\n\r\n" % len(bad.raw), [bad.raw])
    url = URL(f"{api.url}/v3/schedule/{bad.path}", encoded=True)
    text = bad.raw if bad.raw is not None else None if bad.body is None else json.dumps(bad.body).encode()
    headers = dict(bad.headers) if bad.headers or text is None else {"Content-Type": "application/json"}
    async with api.session.request(bad.method, url, data=text, headers=headers) as answer:
        return answer.status, json.loads(await answer.read())


async def pour(api: Api, head: bytes, pieces: Iterable[bytes]) -> tuple[int, dict[str, Any]]:
    """A body too large for polite clients: all of it is sent before the answer is read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(api.url).port)
    try:
        async with asyncio.timeout(30):
            writer.write(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            answer = await reader.read()
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)  # transports close in the next step of the loop
    lines, _, body = answer.partition(b"\r\n\r\n")
    return int(lines.split()[1]), json.loads(body)


@pytest.mark.parametrize("name", ALL)
async def test_it_is_refused_by_name_and_nothing_is_stored(api: Api, name: str) -> None:
    bad = ALL[name]
    before = await stored(api)
    status, answer = await send(api, bad)
    assert status == bad.status, answer
    assert answer.keys() == {"error", "code", "message", "details"}
    assert answer["error"] == answer["message"] != ""
    assert len(answer["message"]) <= 1000
    assert [detail["field"] for detail in answer["details"]] == ([bad.field] if bad.field else []), answer
    if bad.field:
        assert answer["message"].startswith(f"{bad.field}: ")
    assert await stored(api) == before
    assert (await api.get("/health"))["health"] == "true"


def _as_message(bad: Bad) -> Any:
    """The same request for gRPC; None when it cannot be said there."""
    try:
        return json_format.ParseDict(bad.body, _request_of(bad.rpc)())
    except json_format.ParseError:
        return None


def _request_of(rpc: str) -> Any:
    method = pb.DESCRIPTOR.services_by_name["Schedule"].methods_by_name[rpc]
    return getattr(pb, method.input_type.name)


def _hello(**change: Any) -> pb.AgentMessage:
    fields = {"node_id": "n1", "secret": "s", "capacity": 4, "executors": ["noop"], **change}
    return pb.AgentMessage(hello=pb.AgentHello(**fields))


@contextlib.asynccontextmanager
async def opened(server: ServerProgram) -> AsyncIterator[Channel]:
    channel = Channel("127.0.0.1", server.port)
    try:
        yield channel
    finally:
        channel.close()
        await asyncio.sleep(0)  # transports close in the next step of the loop


def _call(channel: Channel, service: str, rpc: str) -> UnaryUnaryMethod[Any, Any]:
    method = pb.DESCRIPTOR.services_by_name["Schedule"].methods_by_name[rpc]
    return UnaryUnaryMethod(channel, f"/{service}/{rpc}", _request_of(rpc), getattr(pb, method.output_type.name))


def _sayable() -> list[str]:
    """What does not fail by its JSON alone."""
    return [
        name
        for name, bad in ALL.items()
        if bad.rpc and bad.body is not None and not name.startswith("type: ") and _as_message(bad) is not None
    ]


@pytest.mark.parametrize("name", _sayable())
async def test_grpc_refuses_the_same_with_the_same_code_and_field(server: ServerProgram, api: Api, name: str) -> None:
    bad = ALL[name]
    before = await stored(api)
    _, answer = await send(api, bad)
    for service in SERVICES:
        async with opened(server) as channel:
            with pytest.raises(GRPCError) as refusal:
                await _call(channel, service, bad.rpc)(_as_message(bad), timeout=20)
        error = refusal.value
        assert (error.status.value, error.message) == (answer["code"], answer["message"])
        fields, codes = [], []
        for detail in error.details or ():
            if isinstance(detail, BadRequest):
                fields += [violation.field for violation in detail.field_violations]
            elif isinstance(detail, ErrorInfo):
                codes.append(int(detail.reason))
        assert fields == [detail["field"] for detail in answer["details"]]
        assert codes == [detail["engine_code"] for detail in answer["details"] if detail["engine_code"]]
    assert await stored(api) == before


async def test_grpc_refuses_times_out_of_range(server: ServerProgram, api: Api) -> None:
    before = await stored(api)
    async with opened(server) as channel:
        for seconds, nanos in ((2**62, 0), (-(2**62), 0), (0, -1), (0, 2**31 - 1), (253402300800, 0)):
            request = json_format.ParseDict({**PLAN, "id": "time"}, pb.SchedulePlanAddRequest())
            request.periodic.start_time.seconds, request.periodic.start_time.nanos = seconds, nanos
            with pytest.raises(GRPCError, match=r"periodic\.start_time"):
                await _call(channel, SERVICES[0], "PlanAdd")(request, timeout=20)
    assert await stored(api) == before


async def test_grpc_refuses_a_message_of_10_mb(server: ServerProgram, api: Api) -> None:
    before, size = await stored(api), _resident(server)
    for _ in range(5):
        request = json_format.ParseDict({**PLAN, "description": "x" * 10_000_000}, pb.SchedulePlanAddRequest())
        async with opened(server) as channel:
            with pytest.raises((GRPCError, StreamTerminatedError, ConnectionError)):
                await _call(channel, SERVICES[0], "PlanAdd")(request, timeout=20)
    assert await stored(api) == before
    assert _resident(server) - size < 40_000


AGENTS = {
    "no hello": ("hello", pb.AgentMessage(beat=pb.AgentBeat(running=1))),
    "nothing": ("hello", pb.AgentMessage()),
    "no secret": ("secret", _hello(secret="")),
    "no id": ("node_id", _hello(node_id="")),
    "an id with a separator": ("node_id", _hello(node_id="a/b")),
    "a negative capacity": ("capacity", _hello(capacity=-1)),
    "a huge capacity": ("capacity", _hello(capacity=2**31 - 1)),
    "an executor with a separator": ("executors", _hello(executors=["a/b"])),
    "a thousand executors": ("executors", _hello(executors=[f"e{at}" for at in range(1000)])),
    "a long name": ("name", _hello(name="n" * 100_000)),
}


@pytest.mark.parametrize("name", AGENTS)
async def test_an_agent_that_makes_no_sense_is_refused(server: ServerProgram, api: Api, name: str) -> None:
    field, message = AGENTS[name]
    before = await stored(api)
    async with opened(server) as channel:
        with pytest.raises(GRPCError) as refusal:
            await _say(channel, message)
    error = refusal.value
    assert (error.status.name, (error.message or "").partition(": ")[0]) == ("INVALID_ARGUMENT", field)
    assert await stored(api) == before
    assert await api.everything("nodes") == []


async def _say(channel: Channel, message: pb.AgentMessage) -> None:
    """Open an agent's stream, say this, and listen until the server ends it."""
    method = StreamStreamMethod(channel, "/jobpool.v1.Schedule/AgentSession", pb.AgentMessage, pb.ServerMessage)
    async with asyncio.timeout(20), method.open() as stream:
        await stream.send_message(message)
        while await stream.recv_message() is not None:
            pass


async def test_huge_bodies_cost_nothing(server: ServerProgram, api: Api) -> None:
    await send(api, ALL["body: 10 MB"])
    size = _resident(server)

    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(_too_large(api, b"Content-Length: 10000000", [b"x" * 10_000_000]))
            group.create_task(_too_large(api, b"Transfer-Encoding: chunked", [chunk] * 160))
    assert _resident(server) - size < 60_000


async def _too_large(api: Api, length: bytes, pieces: Iterable[bytes]) -> None:
    status, answer = await pour(api, HEAD + length + b"\r\n\r\n", pieces)
    assert (status, answer["details"][0]["field"]) == (413, "body")


def _resident(server: ServerProgram) -> int:
    """KiB."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


GARBAGE = {
    "noise": bytes(range(256)) * 64,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 512,
    "half an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r",
    "an HTTP/2 preface and noise": PREFACE + b"\xff" * 4096,
    "a giant HTTP/2 frame": PREFACE + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + b"x" * 70_000,
    "HTTP/0.9": b"GET /\r\n\r\n",
    "a header without end": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000,
    "headers without end": b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 100_000,
    "a path without end": b"GET /" + b"a" * 1_000_000,
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a negative length": HEAD + b"Content-Length: -5\r\n\r\n{}",
    "a length of 5000 digits": HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
    "chunks that are none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "length and chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{}",
    "a proxy request": b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "CONNECT": b"CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_on_the_port_ends_its_connection_only(server: ServerProgram, api: Api, name: str) -> None:
    before = await stored(api)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        async with asyncio.timeout(60):
            writer.write(GARBAGE[name])
            writer.write_eof()
            while await reader.read(65_536):
                pass
    except OSError:
        pass  # the server closed it first
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    assert server.alive
    assert await stored(api) == before


async def test_half_open_connections_keep_nobody_out(server: ServerProgram, api: Api) -> None:
    before = await stored(api)
    openings = (b"", b"P", HEAD, PREFACE, HEAD + b"Content-Length: 99\r\n\r\n{")
    connections = []
    try:
        for at in range(200):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            connections.append(connection)
            connection.sendall(openings[at % len(openings)])
        assert await stored(api) == before
        async with opened(server) as channel:
            answer = await _call(channel, SERVICES[0], "PlanList")(pb.SchedulePlanListRequest(), timeout=20)
        assert answer.totalElements == len(before[1])
    finally:
        for connection in connections:
            connection.close()
    assert (await api.get("/health"))["health"] == "true"


# ---- whatever comes to a generator's mind

TEXTS = st.one_of(
    st.sampled_from(
        ["", "running", "service", "default", "noop", "rest", "shell", "skip", "all", "1h", "UTC", "@daily"]
    ),
    st.text(max_size=20),
    st.sampled_from(["\0", "a/b", "* * * * *", "{}", '{"sleep": "1s"}', "9" * 30, "-1s", "2026-01-01T00:00:00Z"]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


def _fields(descriptor: Any, most: int) -> st.SearchStrategy[dict[str, Any]]:
    """Up to `most` fields of the message, sound or not; few, so that each gets past the checks of the others."""
    pairs = []
    for field in descriptor.fields:
        inner = field.message_type
        nested = inner is not None and inner.full_name.startswith("jobpool")
        values = st.one_of(VALUES, _fields(inner, 2)) if nested else st.one_of(TEXTS, st.integers(0, 100), VALUES)
        pairs.append(st.tuples(st.just(field.name), values))
    return st.lists(st.one_of(pairs), max_size=most).map(dict)


CHANGES = _fields(pb.SchedulePlanAddRequest.DESCRIPTOR, 3)
UPDATES = _fields(pb.SchedulePlanUpdateRequest.DESCRIPTOR, 3)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    change=CHANGES,
    update=UPDATES,
    extra=st.one_of(st.just({}), st.just({}), st.dictionaries(TEXTS, VALUES, max_size=1)),
)
def test_no_plan_makes_the_server_fail(
    server: ServerProgram, change: dict[str, Any], update: dict[str, Any], extra: dict[str, Any]
) -> None:
    """A plan is added or refused; one that was added can be read, changed or not, and deleted."""
    plan = {**PLAN, "id": "fuzz", **change, **extra}
    status, answer = _ask(server, "POST", "plans", plan)
    assert status in (200, 400, 404, 409), (plan, answer)
    event(f"added: {status}")
    if status != 200:
        return
    added = answer["data"]
    where = f"plans/{added['id']}"
    status, answer = _ask(server, "POST", where, {**update, "id": added["id"], "namespace": added["namespace"]})
    assert status in (200, 400, 404, 409), (update, answer)
    event(f"changed: {status}")
    _ask(server, "POST", f"{where}/offline", {"namespace": added["namespace"]})
    status, answer = _ask(server, "DELETE", f"{where}?namespace={added['namespace']}")
    assert status == 200, (plan, answer)


def _ask(server: ServerProgram, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, f"/v3/schedule/{path}", data, {"Content-Type": "application/json"} if data else {})
        with connection.getresponse() as answer:
            return answer.status, json.loads(answer.read())
    finally:
        connection.close()


async def test_afterwards_it_is_killed_and_comes_back_as_it_was(server: ServerProgram, api: Api) -> None:
    before = await stored(api)
    assert (await api.get("/health"))["health"] == "true"
    server.kill()
    server.start()
    after = await stored(api)
    assert after[1:] == before[1:]
    assert after[0] >= before[0]
    assert (await api.get("/health"))["health"] == "true"
