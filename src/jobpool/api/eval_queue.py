"""Evaluations taken from the leader's queue by callers that schedule themselves, and what they make of them.

Only the leader answers: Forwarding brings these calls to it.
"""

from jobpool.api.checks import check_id
from jobpool.api.context import Context, Deliveries
from jobpool.api.evaluations import find_part, part_of
from jobpool.api.service import Call
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import FailedPrecondition, InvalidArgument, NotFound, NotOutstanding
from jobpool.model.queued import FAILED_QUEUE, Delivery
from jobpool.model.run import Evaluation, Run
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import evaluation_message

_LONGEST_WAIT: Millis = 25 * SECOND
"""Below what a forwarded call waits for its answer; a caller that gets nothing asks again."""
_WAY_BACK: Millis = 200
_MOST_SCHEDULERS = 16


class EvalQueue:
    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def _deliveries(self) -> Deliveries:
        return self._context.leader.deliveries

    async def dequeue(self, request: pb.ScheduleEvalDequeueRequest, call: Call) -> pb.ScheduleEvalDequeueResponse:
        """One evaluation with its token; the header alone when none came in time. Timeout 0 = 25 s."""
        types = _schedulers(request)
        patience = min(request.timeout or _LONGEST_WAIT, _LONGEST_WAIT)
        if call.timeout is not None:  # who has given up would hold what comes for a minute
            patience = min(patience, call.timeout - _WAY_BACK)
        ends = self._context.clock.monotonic() + max(1, patience)
        while (left := ends - self._context.clock.monotonic()) > 0:
            for delivery in await self._deliveries.dequeue(types, 1, timeout=left):
                found = self._found(delivery)
                if found is not None:
                    data = evaluation_message(*found)
                    return pb.ScheduleEvalDequeueResponse(
                        header=self._context.header(), data=data, token=delivery.token
                    )
        return pb.ScheduleEvalDequeueResponse(header=self._context.header())

    def _found(self, delivery: Delivery) -> tuple[Run, Evaluation] | None:
        """What was delivered, unless it ended in the same moment: then nobody has to look at it."""
        queued = delivery.evaluation
        run = self._context.state.run(queued.job_id)
        found = part_of(run, "eval", queued.number) if run is not None else None
        if run is None or not isinstance(found, Evaluation):
            self._deliveries.acknowledge(queued.job_id, queued.number, token=delivery.token)
            return None
        return run, found

    async def ack(self, request: pb.ScheduleEvalAckRequest, call: Call) -> pb.ScheduleEvalAckResponse:
        """What the caller left open is handed out again: an acknowledgement loses no work."""
        job_id, number = await self._named(request, call)
        try:
            self._deliveries.acknowledge(job_id, number, token=request.token)
        except NotOutstanding:
            raise self.not_held(request.id, job_id, number, request.token) from None
        return pb.ScheduleEvalAckResponse(header=self._context.header())

    async def nack(self, request: pb.ScheduleEvalNackRequest, call: Call) -> pb.ScheduleEvalNackResponse:
        job_id, number = await self._named(request, call)
        try:
            self._deliveries.give_back(job_id, number, token=request.token)
        except NotOutstanding:
            raise self.not_held(request.id, job_id, number, request.token) from None
        return pb.ScheduleEvalNackResponse(header=self._context.header())

    async def _named(
        self, request: pb.ScheduleEvalAckRequest | pb.ScheduleEvalNackRequest, call: Call
    ) -> tuple[str, int]:
        check_id("id", request.id)
        if not request.token:
            raise InvalidArgument("token", "must not be empty", engine_code=1001)
        try:
            run, number = await find_part(self._context, "eval", request.id, call)
        except NotFound:
            raise FailedPrecondition(f"Evaluation ID not found: {request.id!r}", field="token") from None
        return run.id, number

    def not_held(self, text: str, job_id: str, number: int, token: str) -> FailedPrecondition:
        """Why an evaluation is not in the caller's hands, in the original's words."""
        present = self._deliveries.outstanding(job_id, number)
        if present is None:
            return FailedPrecondition(f"Evaluation ID not found: nobody has {text!r} in hand", field="token")
        if present != token:
            return FailedPrecondition(f"Token does not match for Evaluation ID {text!r}", field="token")
        return FailedPrecondition(f"Evaluation ID Ack'd after Nack timer expiration: {text!r}", field="token")


def _schedulers(request: pb.ScheduleEvalDequeueRequest) -> list[str]:
    types = [name for name in dict.fromkeys(request.schedulers) if name]
    if not types:
        raise InvalidArgument("schedulers", "must not be empty", engine_code=1001)
    if len(types) > _MOST_SCHEDULERS:
        raise InvalidArgument("schedulers", f"holds at most {_MOST_SCHEDULERS} names, found {len(types)}")
    if FAILED_QUEUE in types:
        raise InvalidArgument(
            "schedulers", f"only the leader takes from {FAILED_QUEUE!r}, it tries again by itself", engine_code=1104
        )
    return types
