"""Why: explanations of plans and of jobs, as messages. Any server answers, by what it knows."""

from collections.abc import Callable

from jobpool.api.checks import check_id, check_name, check_namespace
from jobpool.api.context import Context
from jobpool.api.jobs import find_run, job_of
from jobpool.api.ledger import Ranges
from jobpool.api.plan_preview import existing_plan
from jobpool.api.service import Call
from jobpool.explain import Finding, explain_job, explain_plan
from jobpool.model.errors import DeadlineExceeded, NotFound, StoreFailed
from jobpool.model.run import Run
from jobpool.model.schedule import LedgerRange
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp


class Explain:
    """`has_leader`: whether this server knows of one. `ranges` are asked for ticks that did not run, where given."""

    def __init__(self, context: Context, *, has_leader: Callable[[], bool], ranges: Ranges | None = None) -> None:
        self._context = context
        self._has_leader = has_leader
        self._ranges = ranges

    async def plan(self, request: pb.PlanExplainRequest, call: Call) -> pb.PlanExplainResponse:
        """Raises InvalidArgument, NotFound."""
        key = check_namespace("namespace", request.namespace), check_name("id", request.id)
        existing_plan(self._context, *key)
        last, unrun = await self._last(key, call), await self._unrun(key, call)
        plan, state = existing_plan(self._context, *key), self._context.state
        found = explain_plan(
            state, plan, now=self._context.clock.now(), leader=self._has_leader(), last=last, unrun=unrun
        )
        cursor = state.cursor(*key)
        due = cursor.next_due if cursor is not None and plan.fires else None
        return pb.PlanExplainResponse(
            header=self._context.header(),
            verdict=found.verdict,
            data=map(_message, found.findings),
            next_time=None if due is None else timestamp(due),
            last_job=cursor.last_job if cursor is not None else "",
            time_zone=plan.periodic.time_zone if plan.periodic is not None else "",
        )

    async def job(self, request: pb.JobExplainRequest, call: Call) -> pb.JobExplainResponse:
        """Raises InvalidArgument, NotFound."""
        run = await find_run(self._context, check_id("id", request.id), call)
        state = self._context.state
        found = explain_job(state, run, now=self._context.clock.now(), leader=self._has_leader())
        return pb.JobExplainResponse(
            header=self._context.header(),
            verdict=found.verdict,
            data=map(_message, found.findings),
            job=job_of(state, run),
        )

    async def _last(self, key: tuple[str, str], call: Call) -> Run | None:
        """The plan's newest job, unless history has forgotten it."""
        cursor = self._context.state.cursor(*key)
        if cursor is None or not cursor.last_job:
            return None
        try:
            return await find_run(self._context, cursor.last_job, call)
        except NotFound:
            return None

    async def _unrun(self, key: tuple[str, str], call: Call) -> LedgerRange | None:
        """The newest ticks that did not run. A store that does not answer must not keep the rest from being said."""
        if self._ranges is None or not self._has_leader():
            return None
        try:
            newest = await self._context.read(self._ranges.newest(*key, until=self._context.clock.now(), limit=1), call)
        except (StoreFailed, DeadlineExceeded):
            return None
        return newest[0] if newest else None


def _message(finding: Finding) -> pb.Finding:
    return pb.Finding(
        code=finding.code,
        text=finding.text,
        blocks=finding.blocks,
        since=None if finding.since is None else timestamp(finding.since),
        until=None if finding.until is None else timestamp(finding.until),
        facts=dict(finding.facts),
        remedy=finding.remedy,
        remedy_text=finding.remedy_text,
    )
