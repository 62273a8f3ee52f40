"""Allocations as the original's agents and tools write them."""

from jobpool.api.checks import check_enum, check_id, check_text
from jobpool.api.context import Context
from jobpool.api.eval_records import added, refuse_known
from jobpool.api.evaluations import allocation_of, find_part
from jobpool.api.jobs import find_run
from jobpool.api.service import Call
from jobpool.model.errors import FailedPrecondition, InvalidArgument, NotFound, NotOutstanding
from jobpool.model.run import Attempt, Run
from jobpool.model.statuses import AllocationStatus, DesiredStatus, EvaluationStatus
from jobpool.store.change import Command
from jobpool.store.commands.added import AddEvaluation, PlaceByHand, Together
from jobpool.store.commands.by_hand import MAX_TOGETHER, Forget, ReportAllocations, UpdateEvaluation
from jobpool.store.records import Forgotten
from jobpool.wire import jobpool_pb2 as pb

_MAX_DESCRIPTION = 4096
_MOST_RECORDS = 30


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
        data = [allocation_of(self._context.state, run, attempt_of(run, number)) for run, number in changed]
        return pb.ScheduleAllocationStatusUpdateResponse(header=self._context.header(), data=data)

    async def add(self, request: pb.ScheduleAllocationAddRequest, call: Call) -> pb.ScheduleAllocationAddResponse:
        """All or nothing: reports of allocations that are there, at most one new one, and evaluations likewise."""
        given = [
            (f"{field}[{at}].", allocation)
            for field in ("allocation_stopped", "allocation_updated", "allocation_preempted")
            for at, allocation in enumerate(getattr(request, field))
        ]
        evaluations = [(f"evaluation_preemption[{at}].", it) for at, it in enumerate(request.evaluation_preemption)]
        if len(given) + len(evaluations) > _MOST_RECORDS:
            raise InvalidArgument("allocation_updated", f"one request holds at most {_MOST_RECORDS} records in all")
        for prefix, record in (*given, *evaluations):
            check_id(f"{prefix}id", record.id)
        for prefix, evaluation in evaluations:
            check_enum(f"{prefix}status", evaluation.status, EvaluationStatus)
        commands = [await self._evaluation(prefix, it, call) for prefix, it in evaluations]
        commands += [await self._allocation(prefix, it, call) for prefix, it in given]
        for kind in (PlaceByHand, AddEvaluation):
            if sum(isinstance(command, kind) for command in commands) > 1:
                raise InvalidArgument(
                    "allocation_updated", "one request adds at most one new record; send more requests"
                )
        if wanted := tuple(command for command in commands if command is not None):
            await self._context.write(Together(wanted), call)
        return pb.ScheduleAllocationAddResponse(header=self._context.header())

    async def _allocation(self, prefix: str, given: pb.Allocation, call: Call) -> Command[object] | None:
        """What the record asks for; None when it asks for nothing that can still change."""
        status = None
        if given.client_status:
            status = check_enum(f"{prefix}client_status", given.client_status, AllocationStatus)
        desired = check_enum(f"{prefix}desired_status", given.desired_status, DesiredStatus)
        description = check_text(f"{prefix}client_description", given.client_description, _MAX_DESCRIPTION)
        try:
            run, number = await find_part(self._context, "allocation", given.id, call)
        except NotFound:
            return await self._placement(prefix, given, call)
        attempt = attempt_of(run, number)
        if desired not in (DesiredStatus.RUN, attempt.desired):
            raise InvalidArgument(
                f"{prefix}desired_status", f"is {attempt.desired or 'empty'!r} and stays; JobCancel stops a job"
            )
        if self._context.state.run(run.id) is None:
            return None
        return ReportAllocations(((run.id, number),), status, description)

    async def _placement(self, prefix: str, given: pb.Allocation, call: Call) -> PlaceByHand:
        """An allocation that is not there yet: the job on that node."""
        for field, text in (("client_status", given.client_status), ("desired_status", given.desired_status)):
            if text not in ("", "pending"):
                raise InvalidArgument(f"{prefix}{field}", f"a new allocation is pending, found {text!r}")
        job_id = check_id(f"{prefix}job_id", given.job_id)
        node_id = check_id(f"{prefix}node_id", given.node_id)
        run = await find_run(self._context, job_id, call, field=f"{prefix}job_id")
        number = await self._number(f"{prefix}eval_id", given.eval_id, run, call)
        return PlaceByHand(job_id=run.id, number=number, node_id=node_id, alias=given.id, demanded=True)

    async def _number(self, field: str, text: str, run: Run, call: Call) -> int:
        """The evaluation that a placement answers: the named one, else the newest of the job."""
        if not text:
            return len(run.evaluations)
        found, number = await find_part(self._context, "eval", text, call, field=field)
        if found.id != run.id:
            raise InvalidArgument(field, f"evaluation {text} is of job {found.id}, not of {run.id}")
        return number

    async def _evaluation(self, prefix: str, given: pb.Evaluation, call: Call) -> Command[object] | None:
        try:
            run, number = await find_part(self._context, "eval", given.id, call)
        except NotFound:
            return added(given, prefix)
        if self._context.state.run(run.id) is None:
            return None
        description = check_text(f"{prefix}status_description", given.status_description, _MAX_DESCRIPTION)
        return UpdateEvaluation(run.id, number, EvaluationStatus(given.status), description)

    async def delete(
        self, request: pb.ScheduleAllocationDeleteRequest, call: Call
    ) -> pb.ScheduleAllocationDeleteResponse:
        """Out of the history of its job. Raises NotFound, FailedPrecondition while the job is live."""
        run, number = await find_part(self._context, "allocation", request.id, call)
        await self._context.write(Forget(Forgotten(run.id, "a", number)), call)
        return pb.ScheduleAllocationDeleteResponse(header=self._context.header())

    async def enqueue(self, request: pb.PlanAllocationEnqueueRequest, call: Call) -> pb.PlanAllocationEnqueueResponse:
        """Commit a placement of the evaluation that the caller has in hand; without data when it does not hold."""
        check_id("eval_id", request.eval_id)
        given = _one(request)
        try:
            run, number = await find_part(self._context, "eval", request.eval_id, call)
        except NotFound:
            raise _not_held(None, request.eval_token) from None
        for field, text, wanted in (
            ("job_id", request.job_id, run.id),
            ("allocations[0].job_id", given.job_id, run.id),
        ):
            if text not in ("", wanted):
                raise InvalidArgument(field, f"the evaluation is of job {wanted}, found {text[:80]!r}")
        if await self._number("allocations[0].eval_id", given.eval_id or request.eval_id, run, call) != number:
            raise InvalidArgument("allocations[0].eval_id", f"wanted {request.eval_id}, found {given.eval_id}")
        if given.id:
            await refuse_known(self._context, "allocation", given.id, call, field="allocations[0].id")
        command = PlaceByHand(job_id=run.id, number=number, node_id=given.node_id, alias=given.id)
        deliveries = self._context.leader.deliveries
        try:
            placed = await deliveries.place(command, run.id, number, token=request.eval_token)
        except NotOutstanding:
            raise _not_held(deliveries.outstanding(run.id, number), request.eval_token) from None
        data = [] if placed is None else [allocation_of(self._context.state, placed, placed.attempts[-1])]
        return pb.PlanAllocationEnqueueResponse(header=self._context.header(), data=data)


def _one(request: pb.PlanAllocationEnqueueRequest) -> pb.Allocation:
    if not request.allocations:
        raise InvalidArgument("allocations", "cannot submit nil plan allocation", engine_code=1001)
    if len(request.allocations) > 1:
        raise InvalidArgument("allocations", f"a job is on one node at a time, found {len(request.allocations)}")
    given = request.allocations[0]
    if given.id:
        check_id("allocations[0].id", given.id)
    check_id("allocations[0].node_id", given.node_id)
    return given


def _not_held(present: str | None, token: str) -> FailedPrecondition:
    """Why an evaluation is not in the caller's hands, in the original's words."""
    if present is None:
        return FailedPrecondition("evaluation is not outstanding", field="eval_token")
    if present != token:
        return FailedPrecondition("evaluation token does not match", field="eval_token")
    return FailedPrecondition("evaluation nack timeout reached", field="eval_token")


def attempt_of(run: Run, number: int) -> Attempt:
    return next(attempt for attempt in run.attempts if attempt.number == number)


def _ids(request: pb.ScheduleAllocationStatusUpdateRequest) -> list[str]:
    """Those of the body and the one of the path, each once."""
    ids = list(dict.fromkeys(text for text in (*request.ids, request.id) if text))
    if not ids:
        raise InvalidArgument("id", "must not be empty", engine_code=1001)
    if len(ids) > MAX_TOGETHER:
        raise InvalidArgument("ids", f"holds at most {MAX_TOGETHER} ids, found {len(ids)}")
    return ids
