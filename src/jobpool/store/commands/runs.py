"""Commands on single runs: start one by hand, cancel it, report its end from outside, time it out."""

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, ResourceExhausted
from jobpool.model.namespace import WhenFull
from jobpool.model.parameters import check_parameters
from jobpool.model.plan import Plan
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.schedule import Overlap
from jobpool.model.statuses import AllocationStatus, DesiredStatus, JobStatus, Trigger
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Decided, put_run
from jobpool.store.commands.lifecycle import (
    archived,
    ending,
    finished,
    keeping,
    polled,
    untold,
    waits_for_agent,
    with_attempt,
)
from jobpool.store.commands.marks import Mark
from jobpool.store.commands.ticks import MAX_WAITING, new_run, started
from jobpool.store.keyspace import Table

REPORTABLE = frozenset(
    {JobStatus.RUNNING, JobStatus.COMPLETE, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED}
)


class StartRun(Struct, frozen=True):
    """Run a plan now. The answer is the id of the run; of the one that `mark` stands for, when it has made one.

    The plan's overlap policy holds unless `ignore_overlap`; the plan's own next tick does not move. `rerun_of` is the
    job that the run repeats.
    """

    namespace: str
    plan_id: str
    job_id: str
    parameters: str | None = None
    mark: Mark | None = None
    ignore_overlap: bool = False
    created_by: str = ""
    rerun_of: str = ""

    def made(self, view: ClusterView, now: Millis) -> str | None:
        """The run that there is already for the request, which was sent before."""
        made = self.mark.made(view, now) if self.mark is not None else None
        if made is not None:
            return made
        if view.run(self.job_id) is not None or view.recently_finished(self.job_id):
            return self.job_id
        return None

    def decide(self, view: ClusterView, now: Millis) -> Decided[str]:
        made = self.made(view, now)
        if made is not None:
            return Decided(made)
        plan = view.plan(self.namespace, self.plan_id)
        cursor = view.cursor(self.namespace, self.plan_id)
        if plan is None or cursor is None:
            raise NotFound("plan", f"{self.namespace}/{self.plan_id}", field="id")
        if self.parameters is not None:
            check_parameters(plan.executor, self.parameters)
        self._refuse_overlap(plan, view)
        trigger = Trigger.RERUN if self.rerun_of else Trigger.MANUAL
        run = replace(
            new_run(plan, self.job_id, trigger, now, now, era=view.era),
            parameters=self.parameters,
            created_by=self.created_by,
            rerun_of=self.rerun_of,
        )
        run = started(run, now, holds_slot=_slot_or_wait(plan, view))
        moved = replace(cursor, last_job=run.id, last_job_at=now)
        changes = [put_run(run), Change(Table.CURSOR, plan.key, moved)]
        if self.mark is not None:
            changes.append(self.mark.remember(run.id, now))
        return Decided(run.id, tuple(changes), grows=True)

    def _refuse_overlap(self, plan: Plan, view: ClusterView) -> None:
        if plan.overlap is Overlap.SKIP and not self.ignore_overlap and view.live_count(*plan.key):
            blocker = next(iter(view.live_runs(*plan.key)))
            raise FailedPrecondition(
                f"job {blocker} of the plan is live and its overlap policy is skip; "
                "wait for it, cancel it, or run with overlap=allow",
                field="overlap",
            )


class RerunJob(Struct, frozen=True):
    """Run the plan of a job again, as the plan is now, with the parameters that the job had unless others are given.

    `job` may have ended long ago, or run still. Raises FailedPrecondition when its plan is gone, and when the
    parameters that it had of its plan are not known any more.
    """

    job: Run
    job_id: str
    parameters: str | None = None
    mark: Mark | None = None
    ignore_overlap: bool = False
    created_by: str = ""

    def decide(self, view: ClusterView, now: Millis) -> Decided[str]:
        job = self.job
        start = StartRun(
            job.namespace,
            job.plan_id,
            self.job_id,
            mark=self.mark,
            ignore_overlap=self.ignore_overlap,
            created_by=self.created_by,
            rerun_of=job.id,
        )
        if start.made(view, now) is None:
            start = replace(start, parameters=self._parameters(view))
        return start.decide(view, now)

    def _parameters(self, view: ClusterView) -> str | None:
        """Those of the new run; None = what the plan has now."""
        job, plan = self.job, view.plan(*self.job.plan_key)
        if plan is None:
            raise FailedPrecondition(
                f"plan {job.namespace}/{job.plan_id}, which job {job.id} is a run of, is gone; "
                "a job runs again by its plan: add the plan again first",
                field="id",
            )
        if self.parameters is not None:
            return self.parameters
        had = job.parameters
        if had is None:
            begun = view.plan_version(job.namespace, job.plan_id, job.plan_version)
            if begun is None:
                raise FailedPrecondition(
                    f"plan {job.namespace}/{job.plan_id} has changed since job {job.id} (revision {job.plan_version}, "
                    f"now {plan.version}), and the parameters of then are not kept: say which to take, or run the plan",
                    field="parameters",
                )
            had = begun.parameters
        if job.executor != plan.executor:
            raise FailedPrecondition(
                f"job {job.id} ran by executor {job.executor!r} and plan {job.namespace}/{job.plan_id} runs by "
                f"{plan.executor!r} now, which other parameters are for: say which to take, or run the plan",
                field="parameters",
            )
        return None if had == plan.parameters else had


def _slot_or_wait(plan: Plan, view: ClusterView) -> bool:
    limit, used = view.slot_limit(plan.namespace), view.slots_used(plan.namespace)
    if used < limit:
        return True
    namespace = view.namespace(plan.namespace)
    if namespace is None or namespace.when_full is WhenFull.FAIL:
        reason = f"namespace {plan.namespace!r} has no free slot ({used} of {limit} in use)"
        raise ResourceExhausted(reason, engine_code=1109, terms=("free slot",))
    waiting = view.runs_in(plan.namespace) - used
    if waiting >= MAX_WAITING:
        raise ResourceExhausted(f"{waiting} runs of namespace {plan.namespace!r} wait for a slot already")
    return False


class CancelRun(Struct, frozen=True):
    """Stop a run: at once when no agent has it, or one that polls, else by asking its agent; twice is no error.

    An agent that polls cannot be asked. Of a plan that forbids overlap its word, or the timeout, ends the run.
    """

    job_id: str
    description: str = ""

    def decide(self, view: ClusterView, now: Millis) -> Decided[Run]:
        run = live_run(view, self.job_id)
        info = self.description or "cancelled on request"
        attempt = run.open_attempt
        if attempt is None or (polled(run, view) and not waits_for_agent(run, view)):
            return ending(finished(run, JobStatus.CANCELLED, Reason.CANCELLED, now, info=info))
        if run.cancel_requested:
            return Decided(run)
        stopping = replace(attempt, desired=DesiredStatus.STOP, updated_at=now)
        return keeping(replace(with_attempt(run, stopping), cancel_requested=True, info=info))


class ReportRun(Struct, frozen=True):
    """The status of a run as its asynchronous callee, or an operator, reports it.

    With `fence` only as long as the attempt that has it is the newest.
    """

    job_id: str
    status: JobStatus
    description: str = ""
    result: str | None = None
    fence: int | None = None

    def decide(self, view: ClusterView, now: Millis) -> Decided[Run]:
        if self.status not in REPORTABLE:
            raise InvalidArgument("status", f"a run cannot be set to {self.status}", engine_code=1002)
        run = live_run(view, self.job_id)
        if self.fence is not None and (run.attempt is None or run.attempt.fence != self.fence):
            raise PermissionDenied(f"another attempt of job {run.id} has begun, and the report is of the one before")
        if self.result is not None:
            run = replace(run, result=self.result)
        if self.status is JobStatus.RUNNING:
            return self._running(run, now)
        info = "" if self.status is JobStatus.COMPLETE else self.description
        reason = Reason.NONE if self.status is JobStatus.COMPLETE else Reason.REPORTED
        return ending(finished(run, self.status, reason, now, info=info))

    def _running(self, run: Run, now: Millis) -> Decided[Run]:
        attempt = run.attempt
        if attempt is None or run.status is JobStatus.RUNNING or attempt.ended:
            return keeping(run) if self.result is not None else Decided(run)
        begun = replace(attempt, status=AllocationStatus.RUNNING, started_at=now, updated_at=now)
        return keeping(
            replace(with_attempt(run, begun), status=JobStatus.RUNNING, started_at=now, info=self.description)
        )


class TimeOutRun(Struct, frozen=True):
    """The run has taken longer than its timeout and its agent did not say so (or has handed it over long ago).

    Of a run that has ended and owes its callee word, the patience for that is over.
    """

    job_id: str
    started_at: Millis | None

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        run = view.run(self.job_id)
        if run is None or run.started_at != self.started_at:
            return Decided(None)
        if run.ended:
            changes, ended = archived(untold(run, now))
            return Decided(None, changes, ended)
        decided = ending(
            finished(run, JobStatus.EXPIRED, Reason.TIMEOUT, now, info="the run took longer than its timeout")
        )
        return Decided(None, decided.changes, decided.ended)


def live_run(view: ClusterView, job_id: str) -> Run:
    """The run. Raises NotFound, or FailedPrecondition when it has ended."""
    run = view.run(job_id)
    if run is None:
        if view.recently_finished(job_id):
            raise FailedPrecondition(f"job {job_id} has ended; a terminal status never changes", field="id")
        raise NotFound("job", job_id, field="id")
    if run.ended:
        raise FailedPrecondition(f"job {job_id} has ended ({run.status}); a terminal status never changes", field="id")
    return run
