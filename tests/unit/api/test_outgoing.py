"""Answers that nobody takes: what they may weigh together, over both protocols."""

import asyncio
from types import SimpleNamespace

import pytest

from jobpool.api.grpc import GrpcCalls
from jobpool.api.outgoing import Outgoing
from jobpool.api.rest import Gateway
from jobpool.api.service import Call, Service
from jobpool.model.errors import ResourceExhausted
from jobpool.wire import jobpool_pb2 as pb

pytestmark = pytest.mark.timeout(30)
LIMIT = 100_000
CALL = Call(transport="test")


async def _list(request, call):
    return pb.SchedulePlanListResponse(data=[pb.Plan(parameters="x" * (LIMIT + 1))])


async def _delete(request, call):
    return pb.SchedulePlanDeleteResponse()


def _service() -> Service:
    return Service({"PlanList": _list, "PlanDelete": _delete}, outgoing=Outgoing(LIMIT))


async def _read(service: Service) -> None:
    await service.call("PlanList", pb.SchedulePlanListRequest(), CALL)


async def _write(service: Service) -> None:
    await service.call("PlanDelete", pb.SchedulePlanDeleteRequest(), CALL)


class Slow:
    """A caller that takes nothing until it is let, by either protocol."""

    deadline = None
    metadata = None
    peer = SimpleNamespace(addr=lambda: None)
    _stream = SimpleNamespace(wrapper=None)

    def __init__(self) -> None:
        self.offered = asyncio.Event()
        self.takes = asyncio.Event()
        self.pieces: list[int] = []

    async def send(self, message) -> None:
        self.pieces.append(len(message.get("body", b"")))
        await self._take()

    async def recv_message(self):
        return pb.SchedulePlanListRequest()

    async def send_initial_metadata(self, *, metadata) -> None:
        """Headers go out whatever the caller takes."""

    async def send_message(self, message) -> None:
        await self._take()

    async def _take(self) -> None:
        self.offered.set()
        await self.takes.wait()


async def _by_rest(service: Service, caller: Slow) -> None:
    scope: dict[str, object] = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "headers": [(b"host", b"localhost")],
        "query_string": b"",
        "client": None,
    }
    path = "/v3/schedule/plans"
    await Gateway(service)(scope | {"path": path, "raw_path": path.encode()}, _nothing, caller.send)


async def _nothing():
    return {"type": "http.request"}


async def _by_grpc(service: Service, caller: Slow) -> None:
    await GrpcCalls(service).mapping["/jobpool.v1.Schedule/PlanList"].func(caller)


@pytest.mark.parametrize("ask", [_by_rest, _by_grpc])
async def test_nobody_may_read_more_while_too_much_waits_to_be_taken(ask):
    service, caller = _service(), Slow()
    asking = asyncio.get_running_loop().create_task(ask(service, caller))
    await caller.offered.wait()
    with pytest.raises(ResourceExhausted, match="with smaller pages"):
        await _read(service)
    await _write(service)
    caller.takes.set()
    await asking
    await _read(service)


@pytest.mark.parametrize("ask", [_by_rest, _by_grpc])
async def test_a_caller_that_goes_away_frees_what_waited_for_it(ask):
    service, caller = _service(), Slow()
    asking = asyncio.get_running_loop().create_task(ask(service, caller))
    await caller.offered.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await _read(service)


async def test_a_large_answer_is_handed_on_in_pieces():
    service, caller = _service(), Slow()
    caller.takes.set()
    await _by_rest(service, caller)
    assert sum(caller.pieces) > LIMIT
    assert max(caller.pieces) <= 64 * 1024
    assert caller.pieces[-1] > 0
