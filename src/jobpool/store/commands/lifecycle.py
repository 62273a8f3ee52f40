"""How a run changes: new evaluations, new attempts, the end. Shared by the commands; pure."""

from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.reasons import Reason
from jobpool.model.run import Attempt, Evaluation, Run
from jobpool.model.schedule import Overlap
from jobpool.model.statuses import (
    TERMINAL_EVALUATION,
    AllocationStatus,
    DesiredStatus,
    EvaluationStatus,
    EvaluationTrigger,
    JobStatus,
)
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Decided, put_run
from jobpool.store.keyspace import Table

_ALLOCATION_END = {
    JobStatus.COMPLETE: AllocationStatus.COMPLETE,
    JobStatus.FAILED: AllocationStatus.FAILED,
    JobStatus.CANCELLED: AllocationStatus.CANCELLED,
    JobStatus.EXPIRED: AllocationStatus.EXPIRED,
    JobStatus.SKIPPED: AllocationStatus.SKIPPED,
}
MAX_CALLBACK_ATTEMPTS = 3


def with_evaluation(
    run: Run,
    trigger: EvaluationTrigger,
    now: Millis,
    *,
    status: EvaluationStatus = EvaluationStatus.PENDING,
    not_before: Millis = 0,
    node_id: str = "",
    description: str = "",
) -> Run:
    """The run, to be looked at again."""
    evaluation = Evaluation(len(run.evaluations) + 1, trigger, status, now, now, not_before, node_id, description)
    return replace(run, evaluations=(*run.evaluations, evaluation), updated_at=now)


def with_evaluation_status(run: Run, status: EvaluationStatus, now: Millis, *, description: str = "") -> Run:
    """The run with its newest evaluation in that status."""
    last = replace(run.evaluations[-1], status=status, updated_at=now, description=description)
    return replace(run, evaluations=(*run.evaluations[:-1], last), updated_at=now)


def with_attempt(run: Run, attempt: Attempt) -> Run:
    """The run with its newest attempt replaced."""
    return replace(run, attempts=(*run.attempts[:-1], attempt), updated_at=attempt.updated_at)


def finished(
    run: Run,
    status: JobStatus,
    reason: Reason,
    now: Millis,
    *,
    info: str = "",
    at: Millis | None = None,
) -> Run:
    """The run as it ends: its evaluation, its attempt and its slot end with it. `at` is when the work ended."""
    evaluations, attempts = run.evaluations, run.attempts
    if evaluations and evaluations[-1].status not in TERMINAL_EVALUATION:
        closed = replace(
            evaluations[-1], status=EvaluationStatus.CANCELED, updated_at=now, description=f"the run ended: {status}"
        )
        evaluations = (*evaluations[:-1], closed)
    if attempts and not attempts[-1].ended:
        closed_attempt = replace(
            attempts[-1], status=_ALLOCATION_END[status], updated_at=now, finished_at=at or now, description=info
        )
        attempts = (*attempts[:-1], closed_attempt)
    return replace(
        run,
        status=status,
        reason=reason,
        info=info,
        holds_slot=False,
        evaluations=evaluations,
        attempts=attempts,
        finished_at=at or now,
        updated_at=now,
    )


def archived(run: Run) -> tuple[tuple[Change, ...], tuple[Run, ...]]:
    """The change and the end that move a run from the live keys to history."""
    return (Change(Table.RUN, (run.namespace, run.id), None),), (run,)


def ending(run: Run) -> Decided[Run]:
    changes, ended = archived(run)
    return Decided(run, changes, ended)


def keeping(run: Run) -> Decided[Run]:
    return Decided(run, (put_run(run),))


def wants_callback(run: Run) -> bool:
    """Whether an asynchronous callee is told of a tick that did not run."""
    return not run.synchronous and run.status in (JobStatus.SKIPPED, JobStatus.FAILED)


def with_callback(run: Run, now: Millis) -> Run:
    """A run that has ended, on its way to an agent that tells its callee so."""
    return with_evaluation(run, EvaluationTrigger.PERIODIC_JOB, now, description="tell the callee")


def untold(run: Run, now: Millis) -> Run:
    """A run that has ended, whose callee nobody could tell that it did not run."""
    info = f"{run.info} (its callee was not told)"
    return replace(finished(run, run.status, run.reason, now, info=info), finished_at=run.finished_at)


def desired_of(run: Run) -> DesiredStatus:
    """What a new attempt of the run is for."""
    if run.status is JobStatus.SKIPPED:
        return DesiredStatus.SKIP
    return DesiredStatus.FAIL if run.status is JobStatus.FAILED else DesiredStatus.RUN


def tried_again(run: Run, trigger: EvaluationTrigger, now: Millis, *, not_before: Millis = 0, why: str = "") -> Run:
    """The run after a failed or lost attempt: pending, with its slot, to be placed anew."""
    waiting = replace(
        run,
        status=JobStatus.PENDING,
        started_at=None,
        accepted=False,
        reason=Reason.RETRY_WAIT if not_before else run.reason,
    )
    return with_evaluation(waiting, trigger, now, not_before=not_before, description=why)


def waits_for_agent(run: Run, view: ClusterView) -> bool:
    """Whether only its agent's word ends an attempt of the run: the plan, as the run started with it, forbids overlap.

    A callback does no work. Of a run from before a restore nobody knows anything, unless its agent has vouched for it.
    """
    if run.ended or (run.predates(view.era) and not run.vouched):
        return False
    plan = view.plan_version(run.namespace, run.plan_id, run.plan_version)
    return plan is not None and plan.overlap is not Overlap.ALLOW


def polled(run: Run, view: ClusterView) -> Attempt | None:
    """The open attempt of the run when its agent polls: nobody can tell it anything, nor does it say that it began."""
    attempt = run.open_attempt
    node = view.node(attempt.node_id) if attempt is not None else None
    return attempt if node is not None and node.polling else None


def out_of_reach(run: Run, now: Millis, *, why: str) -> Run:
    """The run with its open attempt, whose fate is open until the agent is back. It keeps its slot."""
    attempt = replace(run.attempts[-1], status=AllocationStatus.UNKNOWN, updated_at=now, description=why)
    info = run.info if run.cancel_requested else why
    return replace(with_attempt(run, attempt), status=JobStatus.UNKNOWN, reason=Reason.NODE_LOST, info=info)


def heard_of(run: Run) -> Run:
    """The run without what was said of it while its agent was out of reach."""
    if run.status is not JobStatus.UNKNOWN:
        return run
    return replace(run, reason=Reason.NONE, info=run.info if run.cancel_requested else "")


def back_in_reach(run: Run, now: Millis) -> Run:
    """The run as it was before its agent was out of reach: the agent has it still."""
    started = run.attempts[-1].started_at is not None
    status = AllocationStatus.RUNNING if started else AllocationStatus.PENDING
    attempt = replace(run.attempts[-1], status=status, updated_at=now, description="")
    back = replace(heard_of(run), status=JobStatus.RUNNING if started else JobStatus.PENDING)
    return with_attempt(back, attempt)
