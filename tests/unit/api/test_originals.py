"""Calls that once broke the original: each is refused for what is wrong with it, and nothing happens."""

from typing import Any

import pytest
from google.protobuf.message import Message

from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import World

NODE: dict[str, Any] = {"ID": "x", "name": "x", "status": "ready", "secret_id": "s", "data_center": "d"}
JOB: dict[str, Any] = {"id": "j", "plan_id": "p", "namespace": "default", "status": "pending"}


@pytest.mark.parametrize(
    ("call", "request_", "field"),
    [
        # A1: a registration that is refused
        ("NodeAdd", pb.NodeAddRequest(ID="x", name="x", status="ready"), "data_center"),
        ("NodeAdd", pb.NodeAddRequest(**{**NODE, "ID": ""}), "ID"),
        ("NodeAdd", pb.NodeAddRequest(**{**NODE, "name": ""}), "name"),
        ("NodeAdd", pb.NodeAddRequest(**{**NODE, "secret_id": ""}), "secret_id"),
        ("NodeAdd", pb.NodeAddRequest(**{**NODE, "status": "shiny"}), "status"),
        # A2: a heartbeat with an unknown status
        ("NodeUpdate", pb.NodeUpdateRequest(ID="x", secret_id="s"), "status"),
        ("NodeUpdate", pb.NodeUpdateRequest(ID="x", status="shiny", secret_id="s"), "status"),
        ("NodeUpdate", pb.NodeUpdateRequest(status="ready"), "ID"),
        # A3: a job of no plan
        ("JobAdd", pb.ScheduleJobAddRequest(id="j"), "plan_id"),
        ("JobAdd", pb.ScheduleJobAddRequest(**{**JOB, "id": "\x00"}), "id"),
        ("JobAdd", pb.ScheduleJobAddRequest(**{**JOB, "namespace": ""}), "namespace"),
        ("JobAdd", pb.ScheduleJobAddRequest(**{**JOB, "status": ""}), "status"),
        # A4: an allocation without an id
        (
            "AllocationAdd",
            pb.ScheduleAllocationAddRequest(allocation_updated=[pb.Allocation(id="a"), pb.Allocation()]),
            "allocation_updated[1].id",
        ),
        (
            "AllocationAdd",
            pb.ScheduleAllocationAddRequest(evaluation_preemption=[pb.Evaluation(id="e", status="odd")]),
            "evaluation_preemption[0].status",
        ),
        # A5: an evaluation of no known status
        ("EvalAdd", pb.ScheduleEvalAddRequest(id="e"), "status"),
        ("EvalAdd", pb.ScheduleEvalAddRequest(status="pending"), "id"),
        # A6: a plan whose schedule does not parse
        (
            "PlanAdd",
            pb.SchedulePlanAddRequest(
                id="p",
                namespace="default",
                name="p",
                type="service",
                status="running",
                executor="noop",
                periodic=pb.PeriodicConfig(enabled=True, spec="every full moon"),
            ),
            "periodic.spec",
        ),
    ],
)
async def test_what_broke_the_original_is_refused_by_field(
    world: World, call: str, request_: Message, field: str
) -> None:
    refusal = await world.refusal(call, request_)
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)
    assert await world.ask("NameSpaceList", pb.ScheduleNameSpaceListRequest())
