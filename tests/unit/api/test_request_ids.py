"""The id of a request: the caller's or a fresh one, in the answer, in the call and in every log line it causes."""

import re

import pytest
import structlog
from grpclib.exceptions import GRPCError
from structlog.testing import LogCapture

from jobpool.api.request_ids import RequestIds
from jobpool.api.service import Call, Service
from jobpool.kit.effects.dice import Dice
from jobpool.testing.clock import FakeClock
from jobpool.wire import jobpool_pb2 as pb

ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
NAMED = {"X-Request-Id": "trace-1.a_B"}


@pytest.fixture
def logged():
    """The log lines of the test."""
    before = structlog.get_config()
    capture = LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/v3/schedule/plans/a", 200),
        ("GET", "/v3/schedule/plans?what=1", 400),
        ("GET", "/nowhere", 404),
        ("GET", "/version", 200),
        ("GET", "/broken", 500),
    ],
)
async def test_every_answer_bears_the_callers_id_or_a_fresh_one(server, verb, path, status):
    named = await server.ask(verb, path, headers=NAMED)
    assert (named.status, named.headers["x-request-id"]) == (status, "trace-1.a_B")
    fresh = [(await server.ask(verb, path)).headers["x-request-id"] for _ in range(2)]
    assert fresh[0] != fresh[1]
    assert all(ULID.fullmatch(one) for one in fresh)


@pytest.mark.parametrize("given", ["", "a b", "a\tb", "x" * 129, '"', "ä"])
def test_what_could_garble_a_log_is_replaced(given):
    named = RequestIds(Dice(1), FakeClock(1_760_000_000_000)).named({"x-request-id": given, "host": "h"})
    assert ULID.fullmatch(named["x-request-id"])
    assert named["host"] == "h"


async def test_handlers_learn_it(server):
    await server.ask("GET", "/v3/schedule/plans/a", headers=NAMED)
    assert server.toy.call.request_id == "trace-1.a_B"


async def _ask(stream, request):
    async with stream:
        await stream.send_message(request, end=True)
        return await stream.recv_message()


async def test_a_call_by_grpc_learns_it_from_the_headers_of_its_answer(server, channel):
    stream = server.rpc(channel, "PlanDetail").open(metadata={"x-request-id": "g1"})
    await _ask(stream, pb.SchedulePlanDetailRequest(id="a"))
    assert stream.initial_metadata["x-request-id"] == "g1"
    assert server.toy.call.request_id == "g1"


async def test_a_refusal_by_grpc_is_trailers_only_and_bears_it(server, channel):
    stream = server.rpc(channel, "PlanRun").open(metadata={"x-request-id": "g2"})
    with pytest.raises(GRPCError):
        await _ask(stream, pb.PlanRunRequest())
    assert stream.trailing_metadata["x-request-id"] == "g2"
    assert "x-request-id" not in stream.initial_metadata


async def test_log_lines_bear_it(logged, server, channel):
    await server.ask("POST", "/v3/schedule/jobs/j/cancel", text="{}", headers=NAMED)
    with pytest.raises(GRPCError):
        await server.rpc(channel, "JobCancel")(pb.JobCancelRequest(id="j"), metadata={"x-request-id": "g3"})
    failures = [entry for entry in logged if entry["event_name"] == "call_failed"]
    assert [entry["request_id"] for entry in failures] == ["trace-1.a_B", "g3"]


async def test_so_do_those_of_the_server_it_was_forwarded_to(logged):
    async def fail(request, call):
        raise KeyError("inside")

    service = Service({"JobCancel": fail})
    call = Call(transport="rest", metadata={"x-request-id": "far"}, forwarded=True)
    with pytest.raises(Exception, match="internal error"):
        await service.forwarded("JobCancel", pb.JobCancelRequest(id="j").SerializeToString(), call)
    assert [entry["request_id"] for entry in logged] == ["far"]
