"""The output of runs, read by offset from the agent that has it."""

from typing import Protocol

from jobpool.api.agent_session import NoOutput
from jobpool.api.checks import check_id
from jobpool.api.context import Context
from jobpool.api.jobs import find_run
from jobpool.api.service import Call
from jobpool.model.errors import InvalidArgument
from jobpool.model.run import allocation_id
from jobpool.wire import jobpool_pb2 as pb

_MAX_LIMIT = 256 * 1024
_DEFAULT_LIMIT = 64 * 1024


class Outputs(Protocol):
    """Where the output of allocations is read."""

    async def read_log(self, node_id: str, allocation: str, *, offset: int, limit: int) -> pb.AgentLogChunk:
        """Raises Unavailable when the agent cannot be asked or is silent, NoOutput when it has none to give."""
        ...


class Logs:
    def __init__(self, context: Context, outputs: Outputs) -> None:
        self._context = context
        self._outputs = outputs

    async def read(self, request: pb.JobLogsRequest, call: Call) -> pb.JobLogsResponse:
        if request.offset < 0:
            raise InvalidArgument("offset", f"must not be negative, found {request.offset}")
        if not 0 <= request.limit <= _MAX_LIMIT:
            raise InvalidArgument("limit", f"must be 1 to {_MAX_LIMIT} (0 = {_DEFAULT_LIMIT}), found {request.limit}")
        run = await find_run(self._context, check_id("id", request.id), call)
        if not run.attempts:
            raise NoOutput(f"job {run.id} has no output: it was not started", field="id")
        number = request.attempt or len(run.attempts)
        if not 1 <= number <= len(run.attempts):
            raise InvalidArgument("attempt", f"must be 1 to {len(run.attempts)}, found {request.attempt}")
        node = self._context.state.node(run.attempts[number - 1].node_id)
        if node is not None and node.polling:
            raise NoOutput(f"node {node.id} has an agent of the original, which keeps no output", field="id")
        chunk = await self._outputs.read_log(
            run.attempts[number - 1].node_id,
            allocation_id(run.id, number),
            offset=request.offset,
            limit=request.limit or _DEFAULT_LIMIT,
        )
        return pb.JobLogsResponse(
            header=self._context.header(),
            data=chunk.data,
            next_offset=chunk.next_offset,
            size=chunk.size,
            complete=chunk.complete,
            truncated=chunk.truncated,
        )
