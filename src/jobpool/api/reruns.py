"""Running a job again."""

from jobpool.api.checks import check_id, check_text
from jobpool.api.context import Context
from jobpool.api.idempotency import mark_of
from jobpool.api.jobs import find_run, job_of
from jobpool.api.service import Call
from jobpool.model.errors import InvalidArgument, NotFound
from jobpool.model.run import Run
from jobpool.model.schedule import Overlap
from jobpool.store.commands import RerunJob
from jobpool.wire import jobpool_pb2 as pb

_MAX_CREATOR = 256


class Reruns:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def rerun(self, request: pb.JobRerunRequest, call: Call) -> pb.PlanRunResponse:
        """Of a job that runs or has ended, however long ago. Raises NotFound, FailedPrecondition."""
        job_id = check_id("id", request.id)
        if request.overlap not in ("", Overlap.ALLOW):
            raise InvalidArgument(
                "overlap", f"must be allow, or empty for the plan's own policy; found {request.overlap[:40]!r}"
            )
        mark = mark_of(request, call, job_id)
        created_by = check_text("created_by", request.created_by, _MAX_CREATOR)
        job = await find_run(self._context, job_id, call)
        command = RerunJob(
            job,
            call.minted or self._context.dice.ulid(self._context.clock.now()),
            parameters=request.parameters if request.HasField("parameters") else None,
            mark=mark,
            ignore_overlap=bool(request.overlap),
            created_by=created_by,
        )
        made = await self._context.write(command, call)
        return pb.PlanRunResponse(header=self._context.header(), data=await self._job(job, made, call))

    async def _job(self, job: Run, made: str, call: Call) -> pb.Job:
        """The new run; of one that a key stands for and history has forgotten, what is known of it."""
        try:
            run = await find_run(self._context, made, call)
        except NotFound:
            return pb.Job(id=made, plan_id=job.plan_id, namespace=job.namespace, rerun_of=job.id)
        return job_of(self._context.state, run)
