"""Evaluations as the original's tools write them."""

from jobpool.api.checks import check_enum, check_text
from jobpool.api.context import Context
from jobpool.api.evaluations import find_part, part_of
from jobpool.api.service import Call
from jobpool.model.errors import FailedPrecondition
from jobpool.model.run import Evaluation, Run
from jobpool.model.statuses import EvaluationStatus
from jobpool.store.commands.by_hand import UpdateEvaluation
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import evaluation_message

_MAX_DESCRIPTION = 4096


class EvalRecords:
    def __init__(self, context: Context) -> None:
        self._context = context

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


def _evaluation(run: Run, number: int) -> Evaluation:
    found = part_of(run, "eval", number)
    assert isinstance(found, Evaluation)
    return found
