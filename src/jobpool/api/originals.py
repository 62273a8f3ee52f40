"""Calls of the original's agents and tools that this version does not answer yet.

What would have broken the original is refused for what is wrong with it, before anything else is said.
"""

from jobpool.api.checks import check_enum, check_id, check_namespace
from jobpool.api.service import Call
from jobpool.model.errors import InvalidArgument, Unimplemented
from jobpool.model.statuses import EvaluationStatus, JobStatus, NodeStatus
from jobpool.wire import jobpool_pb2 as pb


async def node_add(request: pb.NodeAddRequest, call: Call) -> pb.NodeAddResponse:
    check_id("ID", request.ID)
    for field in ("data_center", "name", "secret_id"):
        _demand(field, getattr(request, field))
    check_enum("status", request.status, NodeStatus)
    raise Unimplemented("NodeAdd is not part of this version; agents of this version register by their stream")


async def node_update(request: pb.NodeUpdateRequest, call: Call) -> pb.NodeUpdateResponse:
    check_id("ID", request.ID)
    check_enum("status", request.status, NodeStatus)
    raise Unimplemented("NodeUpdate is not part of this version; agents of this version beat by their stream")


async def job_add(request: pb.ScheduleJobAddRequest, call: Call) -> pb.ScheduleJobAddResponse:
    check_id("id", request.id)
    check_id("plan_id", request.plan_id)
    check_namespace("namespace", request.namespace)
    check_enum("status", request.status, JobStatus)
    raise Unimplemented("JobAdd is not part of this version; start a run with POST /v3/schedule/plans/{id}/run")


async def eval_add(request: pb.ScheduleEvalAddRequest, call: Call) -> pb.ScheduleEvalAddResponse:
    check_id("id", request.id)
    check_enum("status", request.status, EvaluationStatus)
    raise Unimplemented("EvalAdd is not part of this version; evaluations are made by the leader")


async def allocation_add(request: pb.ScheduleAllocationAddRequest, call: Call) -> pb.ScheduleAllocationAddResponse:
    for field in ("allocation_stopped", "allocation_updated", "allocation_preempted"):
        for at, allocation in enumerate(getattr(request, field)):
            check_id(f"{field}[{at}].id", allocation.id)
    for at, evaluation in enumerate(request.evaluation_preemption):
        check_id(f"evaluation_preemption[{at}].id", evaluation.id)
        check_enum(f"evaluation_preemption[{at}].status", evaluation.status, EvaluationStatus)
    raise Unimplemented("AllocationAdd is not part of this version; allocations are made by evaluators")


def _demand(field: str, text: str) -> None:
    if not text:
        raise InvalidArgument(field, "must not be empty", engine_code=1001)
