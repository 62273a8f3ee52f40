"""The typed methods against the service's own description: none is missing, none has the wrong types."""

import inspect
import re
from typing import get_type_hints

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from jobpool.client.calls import Calls, Reply
from jobpool.kit.pure.durations import Millis
from jobpool.wire import jobpool_pb2 as pb

METHODS = [
    method
    for method in pb.DESCRIPTOR.services_by_name["Schedule"].methods
    if not method.client_streaming and not method.server_streaming
]


class Recorder(Calls):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: tuple[str, type[Message], bool] | None = None

    async def call(
        self,
        rpc: str,
        request: Message,
        *,
        reply: type[Reply],
        repeatable: bool = False,
        timeout: Millis | None = None,
    ) -> Reply:
        self.asked = (rpc, reply, repeatable)
        return reply()


def name_of(method: MethodDescriptor) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", method.name.replace("NameSpace", "Namespace").replace("KV", "Kv")).lower()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
async def test_each_call(method: MethodDescriptor) -> None:
    request, reply = getattr(pb, method.input_type.name), getattr(pb, method.output_type.name)
    typed = getattr(Calls, name_of(method))
    assert get_type_hints(typed) == {"request": request, "return": reply}
    recorder = Recorder()
    await getattr(recorder, name_of(method))(request())
    reads = method.GetOptions().Extensions[annotations_pb2.http].WhichOneof("pattern") == "get"
    assert recorder.asked == (method.name, reply, reads)


async def test_a_run_with_a_key_may_be_sent_again() -> None:
    recorder = Recorder()
    await recorder.plan_run(pb.PlanRunRequest(id="a", idempotency_key="k"))
    assert recorder.asked == ("PlanRun", pb.PlanRunResponse, True)


def test_nothing_beyond_the_service() -> None:
    methods = {name for name, _ in inspect.getmembers(Calls, inspect.iscoroutinefunction)} - {"call"}
    assert methods == {name_of(method) for method in METHODS}
