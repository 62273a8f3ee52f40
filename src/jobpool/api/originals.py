"""Calls of the original's agents and tools that this version does not answer yet.

What would have broken the original is refused for what is wrong with it, before anything else is said.
"""

from jobpool.api.checks import check_enum, check_id
from jobpool.api.service import Call
from jobpool.model.errors import InvalidArgument, Unimplemented
from jobpool.model.statuses import NodeStatus
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


def _demand(field: str, text: str) -> None:
    if not text:
        raise InvalidArgument(field, "must not be empty", engine_code=1001)
