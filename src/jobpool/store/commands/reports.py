"""What agents say of their attempts, and what the loss of an agent does to them.

A report counts only when its fence is that of the run's open attempt: late results of lost attempts are told apart
and change nothing.
"""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import Millis
from jobpool.model.plan import POISON_LOSSES, Plan
from jobpool.model.reasons import Reason
from jobpool.model.run import Attempt, Run
from jobpool.model.schedule import Delivery, Retry
from jobpool.model.statuses import AllocationStatus, DesiredStatus, EvaluationTrigger, JobStatus
from jobpool.ports import ClusterView
from jobpool.store.change import Decided, put_run
from jobpool.store.commands.lifecycle import (
    MAX_CALLBACK_ATTEMPTS,
    archived,
    finished,
    heard_of,
    tried_again,
    with_attempt,
    with_evaluation,
)

_JOB_END = {
    AllocationStatus.COMPLETE: JobStatus.COMPLETE,
    AllocationStatus.FAILED: JobStatus.FAILED,
    AllocationStatus.CANCELLED: JobStatus.CANCELLED,
    AllocationStatus.EXPIRED: JobStatus.EXPIRED,
    AllocationStatus.SKIPPED: JobStatus.FAILED,
}

FATE_UNKNOWN = "the server was restored from a snapshot; what became of this run since then is not known"
DRAINED = "its node was drained"
_TOO_LATE = "too late it said:"


class Reported(StrEnum):
    """What became of a report. All but an error mean: the agent need not say it again."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    STALE = "stale"
    UNKNOWN = "unknown"


class ReportAttempt(Struct, frozen=True, gc=False):
    """One status of one attempt. Times are the agent's; they are held within what the server knows."""

    job_id: str
    attempt: int
    node_id: str
    fence: int
    status: AllocationStatus
    reason: Reason = Reason.NONE
    description: str = ""
    exit_code: int | None = None
    result: str = ""
    started_at: Millis | None = None
    finished_at: Millis | None = None
    accepted: bool = False

    def decide(self, view: ClusterView, now: Millis) -> Decided[Reported]:
        run = view.run(self.job_id)
        if run is None:
            return Decided(Reported.REPEATED if view.recently_finished(self.job_id) else Reported.UNKNOWN)
        attempt = run.attempt
        if attempt is None or attempt.fence != self.fence or attempt.node_id != self.node_id:
            return self._too_late(run, now)
        if attempt.ended or run.accepted:
            return self._too_late(run, now) if self._contradicts(run, attempt) else Decided(Reported.REPEATED)
        if run.ended:
            return self._callback(run, attempt, view, now)
        if self.status is AllocationStatus.RUNNING:
            return self._running(run, attempt, now)
        return self._end(run, attempt, view, now)

    def _running(self, run: Run, attempt: Attempt, now: Millis) -> Decided[Reported]:
        if attempt.status is AllocationStatus.RUNNING and not self.accepted:
            return Decided(Reported.REPEATED)
        begun = replace(
            attempt,
            status=AllocationStatus.RUNNING,
            started_at=self._started(attempt, now),
            updated_at=now,
            description="",
        )
        running = replace(
            with_attempt(heard_of(run), begun),
            status=JobStatus.RUNNING,
            started_at=begun.started_at,
            accepted=self.accepted,
        )
        return Decided(Reported.ACCEPTED, (put_run(running),))

    def _end(self, run: Run, attempt: Attempt, view: ClusterView, now: Millis) -> Decided[Reported]:
        started_at = self._started(attempt, now) if self.started_at or attempt.started_at else None
        finished_at = min(max(self.finished_at or now, started_at or attempt.created_at), now)
        closed = replace(
            attempt,
            status=self.status,
            started_at=started_at,
            finished_at=finished_at,
            updated_at=now,
            description=self.description,
            exit_code=self.exit_code,
        )
        run = replace(
            with_attempt(heard_of(run), closed), started_at=started_at, exit_code=self.exit_code, result=self.result
        )
        delay = None if self._is_final(run) or run.predates(view.era) else _retry_delay(run, self.reason, view)
        if delay is not None:
            why = f"attempt {attempt.number} failed: {self.description or self.reason}"
            again = tried_again(
                replace(run, retries=run.retries + 1),
                EvaluationTrigger.ALLOC_FAILURE,
                now,
                not_before=now + delay,
                why=why,
            )
            return Decided(Reported.ACCEPTED, (put_run(again),))
        if self._makes_room(run, attempt):
            return moved(run, view, now)
        status = JobStatus.CANCELLED if self._stopped(run) else _JOB_END[self.status]
        info = run.info if status is JobStatus.CANCELLED and run.info else self.description
        info = "" if status is JobStatus.COMPLETE else info
        reason = Reason.CANCELLED if status is JobStatus.CANCELLED else self.reason
        changes, ended = archived(finished(run, status, reason, now, info=info, at=finished_at))
        return Decided(Reported.ACCEPTED, changes, ended)

    def _too_late(self, run: Run, now: Millis) -> Decided[Reported]:
        """An end of an attempt that was given up is refused, and noted with that attempt while the run lives."""
        given_up = next((it for it in run.attempts if it.fence == self.fence and it.node_id == self.node_id), None)
        if given_up is None or self.status is AllocationStatus.RUNNING or _TOO_LATE in given_up.description:
            return Decided(Reported.STALE)
        noted = replace(given_up, description=f"{given_up.description}; {_TOO_LATE} {self.status}", updated_at=now)
        attempts = tuple(noted if it is given_up else it for it in run.attempts)
        return Decided(Reported.STALE, (put_run(replace(run, attempts=attempts, updated_at=now)),))

    def _contradicts(self, run: Run, attempt: Attempt) -> bool:
        """The attempt was given up here, and ended in another way there."""
        trigger = run.evaluations[-1].trigger
        return attempt.ended and trigger is EvaluationTrigger.NODE_UPDATE and self.status is not attempt.status

    def _is_final(self, run: Run) -> bool:
        return run.cancel_requested or self.status in (AllocationStatus.COMPLETE, AllocationStatus.CANCELLED)

    def _stopped(self, run: Run) -> bool:
        return self.status is AllocationStatus.CANCELLED or (
            run.cancel_requested and self.status is not AllocationStatus.COMPLETE
        )

    def _makes_room(self, run: Run, attempt: Attempt) -> bool:
        """The agent has stopped it because its node has to be empty, and not because the run was cancelled."""
        asked = attempt.desired is DesiredStatus.STOP and not run.cancel_requested
        return asked and self.status is AllocationStatus.CANCELLED

    def _started(self, attempt: Attempt, now: Millis) -> Millis:
        """The agent's start, but never before the placement nor after now: its clock may be off."""
        if attempt.started_at is not None:
            return attempt.started_at
        return min(max(self.started_at or now, attempt.created_at), now)

    def _callback(self, run: Run, attempt: Attempt, view: ClusterView, now: Millis) -> Decided[Reported]:
        """The callee of a skipped or slotless tick was told, or could not be."""
        closed = with_attempt(
            run, replace(attempt, status=self.status, finished_at=now, updated_at=now, description=self.description)
        )
        if self.status is AllocationStatus.RUNNING:
            return Decided(Reported.REPEATED)
        told = self.status in (AllocationStatus.COMPLETE, AllocationStatus.SKIPPED)
        return callback_ended(closed, now, told=told or run.predates(view.era))


def callback_ended(run: Run, now: Millis, *, told: bool) -> Decided[Reported]:
    """The run leaves the live keys once its callee was told, or after three tries.

    Of a run from before a restore, the callee is as good as told: it is not tried again.
    """
    if told or len(run.attempts) >= MAX_CALLBACK_ATTEMPTS:
        changes, ended = archived(run)
        return Decided(Reported.ACCEPTED, changes, ended)
    again = with_evaluation(
        run,
        EvaluationTrigger.ALLOC_FAILURE,
        now,
        not_before=now + exponential(len(run.attempts), base=1000, limit=60_000),
    )
    return Decided(Reported.ACCEPTED, (put_run(again),))


def _retry_delay(run: Run, reason: Reason, view: ClusterView) -> Millis | None:
    """How long to wait before the next try; None = there is none."""
    retry = _retry_of(view.plan_version(run.namespace, run.plan_id, run.plan_version))
    if run.retries >= retry.attempts or (retry.on and reason.value not in retry.on):
        return None
    return exponential(run.retries + 1, base=retry.backoff, limit=retry.max_backoff)


def _retry_of(plan: Plan | None) -> Retry:
    return plan.retry if plan is not None else Retry()


def moved(run: Run, view: ClusterView, now: Millis) -> Decided[Reported]:
    """The run after its attempt ended because its node has to be empty: elsewhere, if it may be repeated.

    Not a loss: it does not count towards `poison`.
    """
    if run.predates(view.era):
        return _ended(run, JobStatus.FAILED, Reason.NODE_DRAINED, f"{DRAINED} and the server was restored", now)
    if run.delivery is Delivery.AT_MOST_ONCE:
        return _ended(run, JobStatus.FAILED, Reason.NODE_DRAINED, f"{DRAINED} and the plan says at-most-once", now)
    again = tried_again(run, EvaluationTrigger.NODE_UPDATE, now, why=DRAINED)
    return Decided(Reported.ACCEPTED, (put_run(again),))


class LoseAttempt(Struct, frozen=True, gc=False):
    """The node that had the attempt is gone, or does not know of it any more."""

    job_id: str
    attempt: int
    node_id: str
    fence: int
    why: str

    def decide(self, view: ClusterView, now: Millis) -> Decided[Reported]:
        run = view.run(self.job_id)
        attempt = run.open_attempt if run is not None else None
        if run is None or attempt is None or attempt.fence != self.fence or attempt.node_id != self.node_id:
            return Decided(Reported.STALE)
        closed = replace(attempt, status=AllocationStatus.FAILED, finished_at=now, updated_at=now, description=self.why)
        lost = replace(with_attempt(heard_of(run), closed), losses=run.losses + 1)
        if run.ended:
            return callback_ended(lost, now, told=run.predates(view.era))
        if run.cancel_requested:
            return _ended(lost, JobStatus.CANCELLED, Reason.CANCELLED, run.info, now)
        if run.predates(view.era):
            return _ended(lost, JobStatus.FAILED, Reason.NODE_LOST, f"{self.why}; {FATE_UNKNOWN}", now)
        if lost.losses >= POISON_LOSSES:
            return _ended(lost, JobStatus.FAILED, Reason.POISON, f"its node was lost {lost.losses} times", now)
        if run.delivery is Delivery.AT_MOST_ONCE:
            return _ended(lost, JobStatus.FAILED, Reason.NODE_LOST, self.why, now)
        again = tried_again(lost, EvaluationTrigger.NODE_UPDATE, now, why=self.why)
        return Decided(Reported.ACCEPTED, (put_run(again),))


def _ended(run: Run, status: JobStatus, reason: Reason, info: str, now: Millis) -> Decided[Reported]:
    changes, ended = archived(finished(run, status, reason, now, info=info))
    return Decided(Reported.ACCEPTED, changes, ended)
