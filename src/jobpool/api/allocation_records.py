"""Allocations as the original's agents and tools write them."""

from jobpool.api.checks import check_enum, check_text
from jobpool.api.context import Context
from jobpool.api.evaluations import allocation_of, find_part
from jobpool.api.service import Call
from jobpool.model.errors import InvalidArgument
from jobpool.model.run import Run
from jobpool.model.statuses import AllocationStatus
from jobpool.store.commands.by_hand import MAX_TOGETHER, ReportAllocations
from jobpool.wire import jobpool_pb2 as pb

_MAX_DESCRIPTION = 4096


class AllocationRecords:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def update(
        self, request: pb.ScheduleAllocationStatusUpdateRequest, call: Call
    ) -> pb.ScheduleAllocationStatusUpdateResponse:
        """Every id must exist. Answers the allocations that changed: the end of an allocation never changes again."""
        ids = _ids(request)
        status = check_enum("status", request.status, AllocationStatus) if request.status else None
        check_text("description", request.description, _MAX_DESCRIPTION)
        found = [await find_part(self._context, "allocation", text, call) for text in ids]
        live = [(run.id, number) for run, number in found if self._context.state.run(run.id) is not None]
        changed: tuple[tuple[Run, int], ...] = ()
        if live and status is not None:
            changed = await self._context.write(ReportAllocations(tuple(live), status, request.description), call)
        data = [
            allocation_of(self._context.state, run, attempt)
            for run, number in changed
            for attempt in run.attempts
            if attempt.number == number
        ]
        return pb.ScheduleAllocationStatusUpdateResponse(header=self._context.header(), data=data)


def _ids(request: pb.ScheduleAllocationStatusUpdateRequest) -> list[str]:
    """Those of the body and the one of the path, each once."""
    ids = list(dict.fromkeys(text for text in (*request.ids, request.id) if text))
    if not ids:
        raise InvalidArgument("id", "must not be empty", engine_code=1001)
    if len(ids) > MAX_TOGETHER:
        raise InvalidArgument("ids", f"holds at most {MAX_TOGETHER} ids, found {len(ids)}")
    return ids
