"""Jobs as the original's tools write them."""

from jobpool.api.checks import check_enum, check_id, check_namespace, check_text, optional_time
from jobpool.api.context import Context
from jobpool.api.jobs import find_run, job_of
from jobpool.api.service import Call
from jobpool.history.queries import GetJob
from jobpool.kit.pure.durations import DAY, Millis
from jobpool.model.errors import AlreadyExists, InvalidArgument
from jobpool.model.statuses import JobStatus
from jobpool.store.commands.added import AddRun
from jobpool.store.commands.by_hand import Forget
from jobpool.store.records import Forgotten
from jobpool.wire import jobpool_pb2 as pb

_MAX_NAME = 512
_MAX_INFO = 4096
_MAX_SECONDS = 253_402_300_799
_LONGEST: Millis = 365 * DAY


class JobRecords:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def add(self, request: pb.ScheduleJobAddRequest, call: Call) -> pb.ScheduleJobAddResponse:
        """The record alone: an evaluation makes it run, a report ends it."""
        command = _added(request)
        if await self._context.read(self._context.history.query(GetJob(command.job_id)), call) is not None:
            raise AlreadyExists("job", command.job_id, field="id")
        run = await self._context.write(command, call)
        return pb.ScheduleJobAddResponse(header=self._context.header(), data=job_of(self._context.state, run))

    async def delete(self, request: pb.ScheduleJobDeleteRequest, call: Call) -> pb.ScheduleJobDeleteResponse:
        """Out of history, with its evaluations and allocations. Raises NotFound; FailedPrecondition while live."""
        run = await find_run(self._context, check_id("id", request.id), call)
        await self._context.write(Forget(Forgotten(run.id)), call)
        return pb.ScheduleJobDeleteResponse(header=self._context.header())


def _added(request: pb.ScheduleJobAddRequest) -> AddRun:
    job_id, plan_id = check_id("id", request.id), check_id("plan_id", request.plan_id)
    namespace = check_namespace("namespace", request.namespace)
    status = check_enum("status", request.status, JobStatus)
    if request.timeout > _LONGEST:
        raise InvalidArgument("timeout", f"wanted at most {_LONGEST} ms, found {request.timeout}")
    return AddRun(
        job_id=job_id,
        namespace=namespace,
        plan_id=plan_id,
        status=status,
        name=check_text("name", request.name, _MAX_NAME),
        parameters=request.parameters or None,
        timeout=request.timeout,
        info=check_text("info", request.info, _MAX_INFO),
        created_by=check_text("operatorId", request.operatorId, _MAX_NAME),
        tick=_tick(request),
        created_at=optional_time(request, "create_time"),
        updated_at=optional_time(request, "update_time"),
    )


def _tick(request: pb.ScheduleJobAddRequest) -> Millis | None:
    """The instant in the derived id of a plan's run; None of one that was started by hand."""
    derived = request.derived_plan_id
    if derived in ("", request.plan_id, f"{request.plan_id}/manual-{request.id}"):
        return None
    seconds = derived.removeprefix(f"{request.plan_id}/periodic-")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 13 and int(seconds) <= _MAX_SECONDS):
        raise InvalidArgument(
            "derived_plan_id", f"wanted {request.plan_id}/periodic-<unix seconds> or nothing, found {derived[:80]!r}"
        )
    return int(seconds) * 1000
