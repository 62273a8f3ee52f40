"""Commands about evaluations: place a run on a node, block it, wake it, give it up."""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import MINUTE, Millis
from jobpool.model.reasons import Reason
from jobpool.model.run import Attempt, Run
from jobpool.model.statuses import (
    AllocationStatus,
    EvaluationStatus,
    EvaluationTrigger,
    JobStatus,
)
from jobpool.ports import ClusterView
from jobpool.scheduler import verify
from jobpool.store.change import Decided, put_run
from jobpool.store.commands.lifecycle import desired_of, ending, finished, with_evaluation, with_evaluation_status

_FOLLOW_UP_WAIT = MINUTE
_FOLLOW_UP_LIMIT = 10
_OPEN = (EvaluationStatus.PENDING, EvaluationStatus.BLOCKED)


class Placed(StrEnum):
    """What became of a placement."""

    COMMITTED = "committed"
    REFUSED = "refused"
    """The node cannot take it any more: schedule again on the newest state."""
    OBSOLETE = "obsolete"
    """There is nothing left to place: the run ended, or has an attempt already."""


def open_evaluation(view: ClusterView, job_id: str, number: int) -> Run | None:
    """The run when that evaluation is its newest and still open, and no node has it."""
    run = view.run(job_id)
    if run is None or run.open_attempt is not None or run.accepted or run.predates(view.era):
        return None
    evaluation = run.evaluation
    if evaluation is None or evaluation.number != number or evaluation.status not in _OPEN:
        return None
    return run


class PlaceRun(Struct, frozen=True, gc=False):
    """Commit a placement if it still holds against the newest state."""

    job_id: str
    evaluation: int
    node_id: str

    def decide(self, view: ClusterView, now: Millis) -> Decided[Placed]:
        run = open_evaluation(view, self.job_id, self.evaluation)
        if run is None or (not run.ended and not run.holds_slot):
            return Decided(Placed.OBSOLETE)
        if verify(run, self.node_id, view=view) is not None:
            return Decided(Placed.REFUSED)
        attempt = Attempt(
            len(run.attempts) + 1,
            self.evaluation,
            self.node_id,
            view.next_fence,
            AllocationStatus.PENDING,
            now,
            now,
            desired_of(run),
        )
        last = replace(run.evaluations[-1], status=EvaluationStatus.COMPLETE, updated_at=now, description="")
        reason = run.reason if run.ended else Reason.NONE
        placed = replace(
            run,
            attempts=(*run.attempts, attempt),
            evaluations=(*run.evaluations[:-1], last),
            reason=reason,
            updated_at=now,
        )
        return Decided(Placed.COMMITTED, (put_run(placed),))


class BlockEvaluation(Struct, frozen=True, gc=False):
    """No node can take the run now: its evaluation waits. Blocking twice writes nothing."""

    job_id: str
    evaluation: int
    description: str

    def decide(self, view: ClusterView, now: Millis) -> Decided[bool]:
        run = open_evaluation(view, self.job_id, self.evaluation)
        if run is None:
            return Decided(False)
        last = run.evaluations[-1]
        if last.status is EvaluationStatus.BLOCKED and last.description == self.description:
            return Decided(True)
        blocked = with_evaluation_status(run, EvaluationStatus.BLOCKED, now, description=self.description)
        return Decided(True, (put_run(blocked if run.ended else replace(blocked, reason=Reason.NO_NODE)),))


class GrantSlot(Struct, frozen=True, gc=False):
    """A run that waited for a slot of its namespace gets one, if one is free."""

    job_id: str

    def decide(self, view: ClusterView, now: Millis) -> Decided[bool]:
        run = view.run(self.job_id)
        if run is None or run.ended or run.holds_slot or run.predates(view.era):
            return Decided(False)
        if run.evaluations[-1].not_before > now:
            return Decided(False)
        if view.slots_used(run.namespace) >= view.slot_limit(run.namespace):
            return Decided(False)
        ready = with_evaluation_status(run, EvaluationStatus.PENDING, now)
        return Decided(True, (put_run(replace(ready, holds_slot=True, reason=Reason.NONE)),))


class FailEvaluation(Struct, frozen=True, gc=False):
    """The evaluation was delivered too often without an answer: try again later, and at last give the run up."""

    job_id: str
    evaluation: int
    why: str = "delivered too often"

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        run = open_evaluation(view, self.job_id, self.evaluation)
        if run is None:
            return Decided(None)
        failed = with_evaluation_status(run, EvaluationStatus.FAILED, now, description=self.why)
        tries = sum(1 for evaluation in failed.evaluations if evaluation.status is EvaluationStatus.FAILED)
        if run.ended or tries > _FOLLOW_UP_LIMIT:
            decided = ending(_given_up(failed, now))
            return Decided(None, decided.changes, decided.ended)
        again = with_evaluation(
            failed, EvaluationTrigger.FAILED_FOLLOW_UP, now, not_before=now + _FOLLOW_UP_WAIT, description="follow-up"
        )
        return Decided(None, (put_run(again),))


def _given_up(run: Run, now: Millis) -> Run:
    if run.ended:  # only its callback was left
        return run
    return finished(run, JobStatus.FAILED, Reason.DELIVERY_LIMIT, now, info="evaluation reached delivery limit (3)")
