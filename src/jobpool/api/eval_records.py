"""Evaluations as the original's tools write them."""

from jobpool.api.checks import check_enum, check_id, check_text
from jobpool.api.context import Context
from jobpool.api.evaluations import find_part, part_of
from jobpool.api.jobs import find_run
from jobpool.api.service import Call
from jobpool.model.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from jobpool.model.queued import SERVICE_QUEUE
from jobpool.model.run import Evaluation, Run
from jobpool.model.statuses import EvaluationStatus, EvaluationTrigger
from jobpool.store.commands.added import AddEvaluation
from jobpool.store.commands.by_hand import Forget, UpdateEvaluation
from jobpool.store.records import Forgotten
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import evaluation_message

_MAX_DESCRIPTION = 4096


class EvalRecords:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def add(self, request: pb.ScheduleEvalAddRequest, call: Call) -> pb.ScheduleEvalAddResponse:
        """Have a live job looked at again, under an id of the caller's."""
        command = added(request, "")
        await refuse_known(self._context, "eval", command.alias, call, field="id")
        await self._check(request, command.job_id, call)
        run = await self._context.write(command, call)
        data = evaluation_message(run, run.evaluations[-1])
        return pb.ScheduleEvalAddResponse(header=self._context.header(), data=data)

    async def _check(self, request: pb.ScheduleEvalAddRequest, job_id: str, call: Call) -> None:
        """What an evaluation has from its job can be named, not chosen."""
        run = await find_run(self._context, job_id, call, field="job_id")
        plans = ("", run.plan_id, run.derived_plan_id)
        for field, wanted in (
            ("namespace", ("", run.namespace)),
            ("plan_id", plans),
            ("type", ("", SERVICE_QUEUE, run.type)),
            ("priority", (0, run.priority)),
        ):
            found = getattr(request, field)
            if found not in wanted:
                raise InvalidArgument(field, f"that of job {run.id} is {wanted[-1]!r}, found {str(found)[:80]!r}")

    async def delete(self, request: pb.ScheduleEvalDeleteRequest, call: Call) -> pb.ScheduleEvalDeleteResponse:
        """Out of the history of its job; one that is not there is no error. Refused while the job is live."""
        try:
            run, number = await find_part(self._context, "eval", request.id, call)
        except NotFound:
            return pb.ScheduleEvalDeleteResponse(header=self._context.header())
        await self._context.write(Forget(Forgotten(run.id, "e", number)), call)
        return pb.ScheduleEvalDeleteResponse(header=self._context.header())

    async def update(
        self, request: pb.ScheduleEvalStatusUpdateRequest, call: Call
    ) -> pb.ScheduleEvalStatusUpdateResponse:
        status = check_enum("status", request.status, EvaluationStatus)
        check_text("status_description", request.status_description, _MAX_DESCRIPTION)
        run, number = await find_part(self._context, "eval", request.id, call)
        if self._context.state.run(run.id) is not None:
            run = await self._context.write(UpdateEvaluation(run.id, number, status, request.status_description), call)
        evaluation = _evaluation(run, number)
        if evaluation.status is not status:
            raise FailedPrecondition(
                f"evaluation {request.id} is {evaluation.status} and cannot become {status}", field="id"
            )
        return pb.ScheduleEvalStatusUpdateResponse(
            header=self._context.header(), data=evaluation_message(run, evaluation)
        )


def added(request: pb.ScheduleEvalAddRequest | pb.Evaluation, prefix: str) -> AddEvaluation:
    """The command; `prefix` is where the evaluation stands in its request."""
    check_id(f"{prefix}id", request.id)
    status = check_enum(f"{prefix}status", request.status, EvaluationStatus)
    trigger = EvaluationTrigger.JOB_REGISTER
    if request.triggered_by:
        trigger = check_enum(f"{prefix}triggered_by", request.triggered_by, EvaluationTrigger)
    return AddEvaluation(
        job_id=check_id(f"{prefix}job_id", request.job_id),
        alias=request.id,
        status=status,
        trigger=trigger,
        node_id=check_id(f"{prefix}node_id", request.node_id) if request.node_id else "",
        description=check_text(f"{prefix}status_description", request.status_description, _MAX_DESCRIPTION),
    )


async def refuse_known(context: Context, kind: str, text: str, call: Call, *, field: str) -> None:
    """Raises AlreadyExists for the id of an `eval` or `allocation` that is there, live or finished."""
    try:
        await find_part(context, kind, text, call)
    except NotFound:
        return
    raise AlreadyExists(kind, text, field=field)


def _evaluation(run: Run, number: int) -> Evaluation:
    found = part_of(run, "eval", number)
    assert isinstance(found, Evaluation)
    return found
