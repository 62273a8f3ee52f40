"""Jobs (runs), their evaluations and allocations: lists over live runs and history, detail, cancel, report.

Lists take the live matches and send the question to history in one step without awaiting, so every run is seen in
exactly one of the two.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from jobpool.api.checks import (
    check_filter,
    check_id,
    check_page,
    check_statuses,
    check_text,
    check_words,
    optional_time,
)
from jobpool.api.context import Context
from jobpool.api.keyset import Seek, check_seek
from jobpool.api.service import Call
from jobpool.api.tokens import check_token
from jobpool.history.merge import merged, widened
from jobpool.history.queries import GetJob, JobExists, JobFilter, ListJobs
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import FailedPrecondition, InvalidArgument, NotFound
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.statuses import JobStatus, Trigger
from jobpool.replica.state import State
from jobpool.store.commands import CancelRun, ReportRun
from jobpool.store.commands.runs import REPORTABLE
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import job_message

_MAX_DESCRIPTION = 4096
_MAX_RESULT = 65_536
JobQuery = pb.ScheduleJobListRequest | pb.ScheduleJobExistRequest


def job_of(state: State, run: Run) -> pb.Job:
    """The run with what it has from its plan."""
    return job_message(run, state.plan_version(run.namespace, run.plan_id, run.plan_version))


async def find_run(context: Context, job_id: str, call: Call, *, field: str = "id") -> Run:
    """A run, live or finished. Raises NotFound."""
    run = context.state.run(job_id)
    if run is None:
        run = await context.read(context.history.query(GetJob(job_id)), call)
    if run is None:
        raise NotFound("job", job_id, field=field)
    return run


class Jobs:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def list(self, request: pb.ScheduleJobListRequest, call: Call) -> pb.ScheduleJobListResponse:
        seek = check_seek(request, int, str)
        page = check_page(request.pageNumber, request.pageSize)
        wanted = _more(_filter(request, contains=False), request)
        live = self._live(wanted)
        header = self._context.header()  # as of now: who watches from its revision on misses nothing
        if seek is not None:
            asked = self._context.history.query(ListJobs(wanted, 0, seek.limit + 1, sought=True, before=place(seek)))
            found = await self._context.read(asked, call)
            runs, token = seek.take((*live, *found.runs), _newest_first, descending=True)
            response = pb.ScheduleJobListResponse(header=header, data=map(self._message, runs))
            setattr(response, "continue", token)
            return response
        offset, limit = widened(page.offset, page.limit, len(live))
        asked = self._context.history.query(ListJobs(wanted, offset, limit))
        found = await self._context.read(asked, call)
        runs = merged(live, found.runs, key=_newest_first, offset=page.offset, limit=page.limit)
        total = len(live) + found.total
        return pb.ScheduleJobListResponse(
            header=header,
            data=[self._message(run) for run in runs],
            totalElements=total,
            totalPages=page.pages(total),
        )

    async def exist(self, request: pb.ScheduleJobExistRequest, call: Call) -> pb.ScheduleJobExistResponse:
        check_page(request.pageNumber, request.pageSize)
        wanted = _filter(request, contains=True)
        found = any(wanted.matches(run) for run in candidates(self._context.state, wanted.id))
        if not found:
            found = await self._context.read(self._context.history.query(JobExists(wanted)), call)
        return pb.ScheduleJobExistResponse(header=self._context.header(), count=int(found))

    async def detail(self, request: pb.ScheduleJobDetailRequest, call: Call) -> pb.ScheduleJobDetailResponse:
        run = await find_run(self._context, check_id("id", request.id), call)
        return pb.ScheduleJobDetailResponse(header=self._context.header(), data=self._message(run))

    async def report(
        self, request: pb.ScheduleJobStatusUpdateRequest, call: Call
    ) -> pb.ScheduleJobStatusUpdateResponse:
        """What says again how a job ended is a success and changes nothing: callees repeat themselves.

        Raises PermissionDenied and Unauthenticated as `tokens.check_token`.
        """
        job_id = check_id("id", request.id)
        status = _reportable(request.status)
        result = request.result if request.HasField("result") else None
        check_text("description", request.description, _MAX_DESCRIPTION)
        if result is not None and len(result) > _MAX_RESULT:
            raise InvalidArgument(
                "result", f"holds at most {_MAX_RESULT} characters, found {len(result)}", engine_code=1003
            )
        run = await self._reported(ReportRun(job_id, status, request.description, result), call)
        return pb.ScheduleJobStatusUpdateResponse(header=self._context.header(), data=self._message(run))

    async def _reported(self, report: ReportRun, call: Call) -> Run:
        known = await find_run(self._context, report.job_id, call)
        required = self._context.require_callback_token
        fence = check_token(known, self._context.state.cluster, call, required=required)
        if not known.ended:
            try:
                return await self._context.write(replace(report, fence=fence), call)
            except FailedPrecondition:  # it ended meanwhile
                known = await find_run(self._context, report.job_id, call)
                if not known.ended:
                    raise
        if known.status is not report.status:
            raise _has_ended(known)
        return known

    async def cancel(self, request: pb.JobCancelRequest, call: Call) -> pb.JobCancelResponse:
        job_id = check_id("id", request.id)
        check_text("description", request.description, _MAX_DESCRIPTION)
        await self._refuse_ended(job_id, call)
        run = await self._context.write(CancelRun(job_id, request.description), call)
        return pb.JobCancelResponse(header=self._context.header(), data=self._message(run))

    async def _refuse_ended(self, job_id: str, call: Call) -> None:
        """A run that has ended is refused as such however long ago that was."""
        if self._context.state.run(job_id) is None:
            raise _has_ended(await find_run(self._context, job_id, call))

    def _live(self, wanted: JobFilter) -> Sequence[Run]:
        state = self._context.state
        runs = [run for run in candidates(state, wanted.id) if wanted.matches(run)]
        runs.sort(key=_newest_first, reverse=True)
        return runs

    def _message(self, run: Run) -> pb.Job:
        return job_of(self._context.state, run)


def place(seek: Seek) -> tuple[Millis, str] | None:
    """Where a list in (created_at, id) order goes on."""
    if seek.after is None:
        return None
    at, name = seek.after
    assert isinstance(at, int)
    return at, str(name)


def _has_ended(run: Run) -> FailedPrecondition:
    return FailedPrecondition(f"job {run.id} has ended ({run.status}); a terminal status never changes", field="id")


def _reportable(text: str) -> JobStatus:
    """The status that a report asks for; `unknown` is running, as the original took it."""
    if text == JobStatus.UNKNOWN:
        return JobStatus.RUNNING
    if text not in REPORTABLE:
        known = ", ".join(sorted(REPORTABLE))
        raise InvalidArgument("status", f"a job can be set to {known}; found {text[:40]!r}", engine_code=1002)
    return JobStatus(text)


def candidates(state: State, job_id: str) -> Sequence[Run]:
    """The live keys that can match."""
    if job_id:
        run = state.run(job_id)
        return [] if run is None else [run]
    return list(state.runs.values())


def _newest_first(run: Run) -> tuple[int, str]:
    return (run.created_at, run.id)


def _more(wanted: JobFilter, request: pb.ScheduleJobListRequest) -> JobFilter:
    """With the filters that lists have alone."""
    return replace(
        wanted,
        text=check_filter("text", request.text),
        node_id=check_filter("node_id", request.node_id),
        reasons=check_words("reason", request.reason, Reason),
        triggers=check_words("trigger", request.trigger, Trigger),
    )


def _filter(request: JobQuery, *, contains: bool) -> JobFilter:
    for field in ("id", "namespace", "plan_id", "name"):
        check_filter(field, getattr(request, field))
    return JobFilter(
        id=request.id,
        namespace=request.namespace,
        plan_id=request.plan_id,
        statuses=check_statuses(request.status, JobStatus),
        name=request.name,
        name_contains=contains,
        created_after=optional_time(request, "start_time"),
        created_until=optional_time(request, "end_time"),
    )
