"""What callers of the original's interface say of allocations and evaluations: polling agents, scripts, operators.

They name no fence, so the attempt's own is taken, and only the newest attempt of a run is listened to. Nothing they say
leaves a run that nobody looks after: its last open evaluation stays until it is placed or the job is cancelled.
"""

from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import FailedPrecondition, InvalidArgument, NotFound
from jobpool.model.reasons import Reason
from jobpool.model.run import Attempt, Run, allocation_id, evaluation_id
from jobpool.model.statuses import (
    TERMINAL_ALLOCATION,
    TERMINAL_EVALUATION,
    AllocationStatus,
    EvaluationStatus,
    JobStatus,
)
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Decided
from jobpool.store.commands.lifecycle import ending, keeping, with_evaluation_status
from jobpool.store.commands.placement import FailEvaluation
from jobpool.store.commands.reports import ReportAttempt
from jobpool.store.commands.runs import ReportRun
from jobpool.store.keyspace import Table
from jobpool.store.records import Forgotten

MAX_TOGETHER = 50
"""Allocations that one call may change: each is an operation of the one transaction that changes them all."""


class ReportAllocations(Struct, frozen=True):
    """One status of several allocations, given as (job id, attempt's number); all or none.

    Answers the changed ones, each with the run as it is now. What says nothing new changes nothing: no status, the
    present one, an attempt that has ended or is not its run's newest, a run that has ended. Raises NotFound.
    """

    allocations: tuple[tuple[str, int], ...]
    status: AllocationStatus | None
    description: str = ""

    def decide(self, view: ClusterView, now: Millis) -> Decided[tuple[tuple[Run, int], ...]]:
        if len(self.allocations) > MAX_TOGETHER:
            raise InvalidArgument("ids", f"holds at most {MAX_TOGETHER} ids, found {len(self.allocations)}")
        for job_id, number in self.allocations:
            _demand(view, job_id, number)
        changed: dict[str, tuple[Run, int]] = {}
        changes: list[Change] = []
        ended: list[Run] = []
        for job_id, number in self.allocations if self.status is not None else ():
            decided = reported(view, job_id, number, self.status, self.description, now=now)
            if decided.result is not None and job_id not in changed:
                changed[job_id] = (decided.result, number)
                changes += decided.changes
                ended += decided.ended
        return Decided(tuple(changed.values()), tuple(changes), tuple(ended))


def _demand(view: ClusterView, job_id: str, number: int) -> None:
    run = view.run(job_id)
    known = view.recently_finished(job_id) if run is None else any(it.number == number for it in run.attempts)
    if not known:
        raise NotFound("allocation", allocation_id(job_id, number), field="id")


def reported(
    view: ClusterView, job_id: str, number: int, status: AllocationStatus | None, description: str, *, now: Millis
) -> Decided[Run | None]:
    """The run as that status of one of its attempts leaves it; None when it changes nothing."""
    run = view.run(job_id)
    attempt = run.attempt if run is not None else None
    if run is None or attempt is None or attempt.number != number or attempt.ended:
        return Decided(None)
    if status in (None, AllocationStatus.PENDING):
        return Decided(None)
    if run.accepted:
        return _reported_by_callee(run, status, description).decide(view, now) if _ends(status) else Decided(None)
    decided = _said(run, attempt, status, description, view).decide(view, now)
    return Decided(_left(decided), decided.changes, decided.ended)


def _ends(status: AllocationStatus | None) -> bool:
    return status in TERMINAL_ALLOCATION


def _reported_by_callee(run: Run, status: AllocationStatus | None, description: str) -> ReportRun:
    """Its agent has handed it over, so whoever says that it ended speaks for the callee."""
    end = JobStatus.FAILED if status in (None, AllocationStatus.SKIPPED) else JobStatus(status.value)
    return ReportRun(run.id, end, description)


def _said(
    run: Run, attempt: Attempt, status: AllocationStatus | None, description: str, view: ClusterView
) -> ReportAttempt:
    """What an agent of ours would have said. `unknown` is running, as the original took it."""
    if not _ends(status):
        status = AllocationStatus.RUNNING
    assert status is not None
    node = view.node(attempt.node_id)
    polls = node is None or not node.server
    return ReportAttempt(
        run.id,
        attempt.number,
        attempt.node_id,
        attempt.fence,
        status,
        reason=_reason(run, status),
        description=description,
        accepted=status is AllocationStatus.RUNNING and not run.synchronous and not run.ended and polls,
    )


def _reason(run: Run, status: AllocationStatus) -> Reason:
    if status in (AllocationStatus.RUNNING, AllocationStatus.COMPLETE):
        return Reason.NONE
    if status is AllocationStatus.EXPIRED:
        return Reason.TIMEOUT
    return Reason.REQUEST_FAILED if run.executor == "rest" and run.synchronous else Reason.REPORTED


def _left(decided: Decided[object]) -> Run | None:
    """The run that a decision about one run leaves behind."""
    if decided.ended:
        return decided.ended[0]
    runs = [change.value for change in decided.changes if change.table is Table.RUN]
    return cast("Run | None", runs[0]) if runs else None


class Forget(Struct, frozen=True):
    """Take a finished run out of history, or one of its parts; a live one is refused. Twice is no error."""

    what: Forgotten

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        if view.run(self.what.job_id) is not None:
            raise FailedPrecondition(f"job {self.what.job_id} is live: cancel it first", field="id")
        return Decided(None, forgotten=(self.what,))


class UpdateEvaluation(Struct, frozen=True):
    """The status of an evaluation. Saying again what it is changes nothing; a terminal status never changes.

    Answers the run as it is now. `failed` is tried again after a minute, as when nobody could deal with it. Raises
    NotFound, FailedPrecondition.
    """

    job_id: str
    number: int
    status: EvaluationStatus
    description: str = ""

    def decide(self, view: ClusterView, now: Millis) -> Decided[Run]:
        name = evaluation_id(self.job_id, self.number)
        run = view.run(self.job_id)
        if run is None and view.recently_finished(self.job_id):
            raise FailedPrecondition(f"job {self.job_id} has ended, and evaluation {name} with it", field="id")
        found = next((it for it in run.evaluations if it.number == self.number), None) if run is not None else None
        if run is None or found is None:
            raise NotFound("eval", name, field="id")
        if found.status is self.status:
            return Decided(run)
        if found.status in TERMINAL_EVALUATION:
            told = f"evaluation {name} is {found.status}; a terminal status never changes"
            raise FailedPrecondition(told, field="id")
        if self.status is EvaluationStatus.FAILED:
            return self._failed(run, view, now)
        if self.status in TERMINAL_EVALUATION:
            return self._closed(run, name, now)
        if not run.ended and not run.holds_slot:
            raise FailedPrecondition(f"job {run.id} waits for a slot of its namespace first", field="status")
        changed = with_evaluation_status(run, self.status, now, description=self.description)
        waits = Reason.NO_NODE if self.status is EvaluationStatus.BLOCKED else Reason.NONE
        return keeping(changed if run.ended else replace(changed, reason=waits))

    def _failed(self, run: Run, view: ClusterView, now: Millis) -> Decided[Run]:
        decided = FailEvaluation(run.id, self.number, self.description or "failed by hand").decide(view, now)
        return Decided(_left(decided) or run, decided.changes, decided.ended)

    def _closed(self, run: Run, name: str, now: Millis) -> Decided[Run]:
        if not run.ended:
            raise FailedPrecondition(
                f"evaluation {name} is what job {run.id} will be placed by; cancel the job, or place it", field="status"
            )
        # Its callee will not be told by us any more: whoever closes this has done so.
        return ending(with_evaluation_status(run, self.status, now, description=self.description))
