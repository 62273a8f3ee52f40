"""How the last runs of several plans ended: what a table of plans shows of each, by one question."""

import asyncio
from collections.abc import Sequence

from jobpool.api.checks import check_name, check_namespace
from jobpool.api.context import Context
from jobpool.api.service import Call
from jobpool.history.queries import End, ListEnds, end_of
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument, NotFound
from jobpool.model.run import Run
from jobpool.model.statuses import JobStatus
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp

MOST_PLANS = 100
ENDS = 20
_BETWEEN_BREATHS = 25
_COUNTED = frozenset({JobStatus.COMPLETE, JobStatus.FAILED, JobStatus.EXPIRED})
"""Neither a skip nor somebody's cancel says whether the plan works."""


class Outcomes:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def read(self, request: pb.PlanOutcomesRequest, call: Call) -> pb.PlanOutcomesResponse:
        """Raises InvalidArgument, NotFound for the namespace."""
        namespace, wanted = check_namespace("namespace", request.namespace), _wanted(request)
        if self._context.state.namespace(namespace) is None:
            raise NotFound("namespace", namespace, field="namespace")
        there = tuple(plan for plan in wanted if self._context.state.plan(namespace, plan) is not None)
        # What is live and the question to history in one step: every run is seen in exactly one of the two.
        live = [self._live(namespace, plan) for plan in there]
        ended = await self._context.read(self._context.history.query(ListEnds(namespace, there, ENDS)), call)
        response = pb.PlanOutcomesResponse(header=self._context.header())
        for at, (plan, (count, last), ends) in enumerate(zip(there, live, ended, strict=True), 1):
            response.data.append(outcomes_of(namespace, plan, ends, live=count, last=last))
            if at % _BETWEEN_BREATHS == 0:
                await asyncio.sleep(0)
        return response

    def _live(self, namespace: str, plan: str) -> tuple[int, Run | None]:
        """How many runs of the plan have not ended, and its newest when that is in the live keys."""
        state = self._context.state
        cursor = state.cursor(namespace, plan)
        newest = state.run(cursor.last_job) if cursor is not None and cursor.last_job else None
        return state.live_count(namespace, plan), newest


def outcomes_of(namespace: str, plan: str, ends: Sequence[End], *, live: int, last: Run | None) -> pb.PlanOutcomes:
    """`ends`, newest first, as a message with their figures. `last` None: the newest run has ended."""
    complete = [end for end in ends if end.status is JobStatus.COMPLETE]
    told = pb.PlanOutcomes(
        id=plan,
        namespace=namespace,
        ends=map(_message, ends),
        counted=sum(end.status in _COUNTED for end in ends),
        succeeded=len(complete),
        live=live,
    )
    if took := sorted(end.took for end in complete if end.took is not None):
        told.median_ms, told.p95_ms = _percentile(took, 50), _percentile(took, 95)
    if last is not None:
        told.last.CopyFrom(_of_live(last))
    elif ends:
        told.last.CopyFrom(told.ends[0])
    return told


def _wanted(request: pb.PlanOutcomesRequest) -> Sequence[str]:
    """Each once, in their order."""
    if not 0 < len(request.id) <= MOST_PLANS:
        raise InvalidArgument("id", f"wanted 1 to {MOST_PLANS} plans, found {len(request.id)}")
    return tuple(dict.fromkeys(check_name("id", plan) for plan in request.id))


def _percentile(ordered: Sequence[Millis], percent: int) -> Millis:
    """The smallest value that so many percent do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1]


def _message(end: End) -> pb.RunOutcome:
    return pb.RunOutcome(
        job_id=end.job_id,
        status=end.status,
        reason=end.reason,
        finished_at=timestamp(end.finished_at),
        duration_ms=end.took,
    )


def _of_live(run: Run) -> pb.RunOutcome:
    if run.ended:
        return _message(end_of(run))
    return pb.RunOutcome(job_id=run.id, status=run.status, reason=run.reason)
