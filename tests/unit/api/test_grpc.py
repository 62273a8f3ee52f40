"""gRPC: both service names, errors with details, limits, streams, health, reflection, and hostile HTTP/2."""

import asyncio
import struct
from contextlib import suppress

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpclib.client import StreamStreamMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.health.v1.health_grpc import HealthStub
from grpclib.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpclib.reflection.v1.reflection_grpc import ServerReflectionStub
from grpclib.reflection.v1.reflection_pb2 import ServerReflectionRequest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from jobpool.api.grpc import SERVICE_NAMES
from jobpool.api.http2 import MAX_MESSAGE
from jobpool.api.service import request_type
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb


async def _refusal(call) -> GRPCError:
    with pytest.raises(GRPCError) as raised:
        await call
    return raised.value


@pytest.mark.parametrize("service", SERVICE_NAMES)
async def test_calls_under_both_names(server, channel, service):
    metadata = {"client-api-version": "3.5", "hasleader": "true", "idempotency-key": "k", "blob-bin": b"\x00\xff"}
    detail = server.rpc(channel, "PlanDetail", service)
    answer = await detail(pb.SchedulePlanDetailRequest(id="a", namespace="n"), metadata=metadata, timeout=30)
    assert answer.data == pb.Plan(id="a", namespace="n")
    call = server.toy.call
    assert (call.transport, call.idempotency_key) == ("grpc", "k")
    assert call.peer.startswith("127.0.0.1:")
    assert 0 < call.timeout <= 30_000


async def test_errors_carry_field_and_engine_code(server, channel):
    error = await _refusal(server.rpc(channel, "EvalAdd")(pb.ScheduleEvalAddRequest()))
    assert (error.status, error.message) == (Status.INVALID_ARGUMENT, "plan_id: wanted one, found none")
    violation = BadRequest.FieldViolation(field="plan_id", description="wanted one, found none")
    assert error.details == [
        BadRequest(field_violations=[violation]),
        ErrorInfo(reason="1010", domain="jobpool"),
    ]


async def test_exhaustion_says_when_to_come_back(server, channel):
    error = await _refusal(server.rpc(channel, "PlanRun")(pb.PlanRunRequest()))
    assert error.status is Status.RESOURCE_EXHAUSTED
    assert isinstance(error.details[0], RetryInfo)
    assert error.details[0].retry_delay.seconds == 3


async def test_a_call_without_a_handler_is_unimplemented_by_name(server, channel):
    error = await _refusal(server.rpc(channel, "NodeList")(pb.NodeListRequest()))
    assert (error.status, "NodeList" in (error.message or "")) == (Status.UNIMPLEMENTED, True)


@pytest.mark.parametrize("name", ["JobCancel", "EvalList"])
async def test_a_failure_gives_nothing_away(server, channel, capsys, name):
    error = await _refusal(server.rpc(channel, name)(request_type(name)()))
    assert error.status is Status.INTERNAL
    assert "secret" not in (error.message or "")
    assert "Traceback" in capsys.readouterr().out


async def test_the_largest_message_and_one_byte_more(server, channel):
    add = server.rpc(channel, "PlanAdd")
    overhead = len(pb.SchedulePlanAddRequest(parameters="x" * 2_000_000).SerializeToString()) - 2_000_000
    await add(pb.SchedulePlanAddRequest(parameters="x" * (MAX_MESSAGE - overhead)))
    error = await _refusal(add(pb.SchedulePlanAddRequest(parameters="x" * (MAX_MESSAGE - overhead + 1))))
    assert error.status is Status.RESOURCE_EXHAUSTED
    assert (await add(pb.SchedulePlanAddRequest(id="next"))).data.id == "next"


async def _next(stream) -> pb.ServerMessage:
    message: pb.ServerMessage | None = await stream.recv_message()
    assert message is not None
    return message


async def test_a_session_both_ways(server, channel):
    session = StreamStreamMethod(channel, "/jobpool.v1.Schedule/AgentSession", pb.AgentMessage, pb.ServerMessage)
    async with session.open() as stream:
        await stream.send_message(pb.AgentMessage(reports=pb.AgentReports(sequence=1)))
        assert (await _next(stream)).welcome.server == "grpc"
        for sequence in range(2, 102):
            await stream.send_message(pb.AgentMessage(reports=pb.AgentReports(sequence=sequence)))
            assert (await _next(stream)).reports_ack.sequence == sequence - 1
        await stream.end()
        assert (await _next(stream)).reports_ack.sequence == 101
        assert await stream.recv_message() is None


async def test_a_session_is_refused_with_its_reason(server, channel):
    session = StreamStreamMethod(channel, "/jobpool.v1.Schedule/AgentSession", pb.AgentMessage, pb.ServerMessage)

    async def talk():
        async with session.open() as stream:
            await stream.send_message(pb.AgentMessage(), end=True)
            while await stream.recv_message() is not None:
                pass

    error = await _refusal(talk())
    assert (error.status, error.message) == (
        Status.INVALID_ARGUMENT,
        "kind: wanted a message, found an empty one",
    )


async def test_a_call_that_fails_as_its_caller_leaves_is_no_fault(server, channel, caplog):
    """grpclib would log a traceback for whatever is raised instead of the cancellation, or if nothing is."""
    for name, request in (
        ("EvalDequeue", pb.ScheduleEvalDequeueRequest()),
        ("EvalAck", pb.ScheduleEvalAckRequest()),
        ("EvalNack", pb.ScheduleEvalNackRequest()),
    ):
        server.toy.held.clear()
        server.toy.cancelled.clear()
        waiting = asyncio.get_running_loop().create_task(server.rpc(channel, name)(request))
        await server.toy.held.wait()
        channel.close()
        await server.toy.cancelled.wait()
        await asyncio.gather(waiting, return_exceptions=True)
    await settle()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_caller_that_leaves_cancels_its_call(server, channel):
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(server.rpc(channel, "EvalDequeue")(pb.ScheduleEvalDequeueRequest()))
        await server.toy.held.wait()
        waiting.cancel()
        await server.toy.cancelled.wait()
    assert (await server.rpc(channel, "JobExist")(pb.ScheduleJobExistRequest())).count == 7


async def test_a_deadline_ends_the_call(server, channel):
    with pytest.raises(TimeoutError):
        await server.rpc(channel, "EvalDequeue")(pb.ScheduleEvalDequeueRequest(), timeout=1)
    await server.toy.cancelled.wait()


async def test_a_deadline_is_told(peer):
    peer.call("/jobpool.v1.Schedule/EvalDequeue", [("grpc-timeout", "50m")], _frame(b""))
    assert await peer.status() == Status.DEADLINE_EXCEEDED.value


@pytest.mark.parametrize("name", ["", *SERVICE_NAMES])
async def test_health(server, channel, name):
    answer = await HealthStub(channel).Check(HealthCheckRequest(service=name))
    assert answer.status == HealthCheckResponse.SERVING


async def test_reflection_describes_our_service(server, channel):
    request = ServerReflectionRequest(file_containing_symbol="jobpool.v1.Schedule")
    [answer] = await ServerReflectionStub(channel).ServerReflectionInfo([request])
    assert b"SchedulePlanAddRequest" in answer.file_descriptor_response.file_descriptor_proto[0]


class _Peer:
    """A bare HTTP/2 client that can say what a proper one would not."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.h2 = H2Connection(H2Configuration(validate_outbound_headers=False, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.events = []

    def call(self, path="/jobpool.v1.Schedule/PlanDetail", extra=(), data=None):
        stream = self.h2.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "x"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            *extra,
        ]
        self.h2.send_headers(stream, headers)
        if data is not None:
            self.h2.send_data(stream, data, end_stream=True)
        self.flush()
        return stream

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    async def until(self, *kinds):
        while True:
            for event in self.events:
                if isinstance(event, kinds):
                    self.events.remove(event)
                    return event
            data = await self.reader.read(65536)
            assert data, "the server closed the connection"
            self.events += self.h2.receive_data(data)
            self.flush()

    async def status(self):
        event = await self.until(TrailersReceived, ResponseReceived)
        while "grpc-status" not in dict(event.headers):
            event = await self.until(TrailersReceived)
        return int(dict(event.headers)["grpc-status"])


@pytest.fixture
async def peer(server):
    async with server.raw() as (reader, writer):
        yield _Peer(reader, writer)


def _frame(body: bytes, *, compressed: int = 0, length: int | None = None) -> bytes:
    return struct.pack(">BI", compressed, len(body) if length is None else length) + body


pytestmark = pytest.mark.timeout(30)
GOOD = _frame(pb.SchedulePlanDetailRequest(id="a").SerializeToString())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (GOOD, 0),
        (_frame(b"", compressed=1), 12),
        (_frame(b"\xff\xff\xff"), 3),
        (_frame(b"\x0a\x01\xff"), 3),
        (_frame(b"abc", length=100), 3),
        (_frame(b"abc", length=2**32 - 1), 8),
        (b"\x00\x00", 3),
        (b"", 3),
    ],
    ids=["good", "compressed", "garbage", "bad utf-8", "cut short", "4 GiB", "half a header", "nothing"],
)
async def test_hostile_frames_get_a_status_and_harm_nothing(peer, caplog, data, status):
    peer.call(data=data)
    assert await peer.status() == status
    await peer.until(StreamEnded)
    peer.call(data=GOOD)
    assert await peer.status() == 0
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


async def test_unknown_frames_and_pings_are_tolerated(peer):
    peer.writer.write(peer.h2.data_to_send())
    peer.writer.write(b"\x00\x00\x04\xbb\x00\x00\x00\x00\x00junk")
    for number in range(100):
        peer.h2.ping(struct.pack(">Q", number))
    peer.flush()
    for _ in range(100):
        await peer.until(PingAckReceived)
    peer.call(data=GOOD)
    assert await peer.status() == 0


async def test_a_stream_without_a_path_is_reset(peer):
    stream = peer.h2.get_next_available_stream_id()
    peer.h2.send_headers(stream, [(":method", "POST"), (":scheme", "http")], end_stream=True)
    peer.flush()
    assert (await peer.until(StreamReset)).stream_id == stream
    peer.call(data=GOOD)
    assert await peer.status() == 0


async def test_a_get_over_http2_is_refused(peer):
    stream = peer.h2.get_next_available_stream_id()
    headers = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "x")]
    peer.h2.send_headers(stream, headers, end_stream=True)
    peer.flush()
    assert dict((await peer.until(ResponseReceived)).headers)[":status"] == "405"


@pytest.mark.parametrize("metadata", [("x-name", "中"), ("x-bin", "%%%"), ("x-bin", "中"), ("X Y", "\x00")])
async def test_metadata_of_any_kind_is_accepted(peer, metadata):
    peer.call(extra=[metadata], data=GOOD)
    assert await peer.status() == 0


@pytest.mark.parametrize(
    "frame",
    [b"\xff" * 50_000, bytes(9) * 10, b"\x00\x00\x01\x04\x00" + bytes(5)],
    ids=["16 MiB", "data on stream 0", "settings of one byte"],
)
async def test_broken_http2_ends_that_connection_only(server, channel, caplog, frame):
    async with server.raw() as (reader, writer):
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame)
        with suppress(ConnectionResetError):
            await reader.read()
    assert (await server.rpc(channel, "JobExist")(pb.ScheduleJobExistRequest())).count == 7
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


async def test_a_hundred_calls_at_once(server, channel):
    detail = server.rpc(channel, "PlanDetail")
    answers = await asyncio.gather(*(detail(pb.SchedulePlanDetailRequest(id=f"p{n}")) for n in range(300)))
    assert [answer.data.id for answer in answers] == [f"p{n}" for n in range(300)]


@pytest.mark.parametrize("path", ["/etcdserverpb.KV/Range", "/jobpool.v1.Schedule/Nothing", "/x"])
async def test_a_method_that_is_not_there_is_refused_as_a_call(peer, path):
    peer.call(data=GOOD, path=path)
    headers = dict((await peer.until(ResponseReceived)).headers)
    assert (headers[":status"], headers["grpc-status"]) == ("200", "12")
    assert headers["content-type"].startswith("application/grpc"), "clients in Go ask for it"
    peer.call(data=GOOD)
    assert await peer.status() == 0
