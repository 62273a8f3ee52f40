"""After a restore: runs of the snapshot, of which nobody knows what became since, end and are never run again.

Such a run is told by its era. An agent that still has its attempt vouches for it; then it goes on to its end.
"""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.reasons import Reason
from jobpool.model.run import Attempt, Run, allocation_id
from jobpool.model.statuses import AllocationStatus, JobStatus
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Decided, put_run
from jobpool.store.commands.lifecycle import back_in_reach, ending, finished, untold
from jobpool.store.commands.reports import FATE_UNKNOWN, Reported
from jobpool.store.keyspace import RESTORED, Table


class MarkRestored(Struct, frozen=True):
    """Somebody leads for the first time since the restore: what was due until now is not fired. Once."""

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        restored = view.restored
        if restored is None or restored.until is not None:
            return Decided(None)
        marked = replace(restored, until=max(now, restored.at, restored.taken_at))
        return Decided(None, (Change(Table.META, RESTORED, marked),))


class VouchAttempt(Struct, frozen=True, gc=False):
    """The agent that had the attempt has it still: in the snapshot, or when it was out of reach."""

    job_id: str
    attempt: int
    node_id: str
    fence: int

    def decide(self, view: ClusterView, now: Millis) -> Decided[Reported]:
        run = view.run(self.job_id)
        attempt = run.open_attempt if run is not None else None
        if run is None or attempt is None or attempt.fence != self.fence or attempt.node_id != self.node_id:
            return Decided(Reported.STALE)
        if not _wants_word(run, attempt, view):
            return Decided(Reported.REPEATED)
        if run.predates(view.era):
            run = replace(run, vouched=True, updated_at=now)
        if attempt.status is AllocationStatus.UNKNOWN:
            run = back_in_reach(run, now)
        return Decided(Reported.ACCEPTED, (put_run(run),))


def _wants_word(run: Run, attempt: Attempt, view: ClusterView) -> bool:
    return (run.predates(view.era) and not run.vouched) or attempt.status is AllocationStatus.UNKNOWN


def vouchers(view: ClusterView, node_id: str, held: Mapping[str, int]) -> list[VouchAttempt]:
    """What an agent vouches for that holds these allocations, by fence."""
    commands = []
    for job_id in view.node_runs(node_id):
        run = view.run(job_id)
        attempt = run.open_attempt if run is not None else None
        if run is None or attempt is None or not _wants_word(run, attempt, view):
            continue
        if held.get(allocation_id(job_id, attempt.number)) == attempt.fence:
            commands.append(VouchAttempt(job_id, attempt.number, node_id, attempt.fence))
    return commands


class EndSurvivor(Struct, frozen=True, gc=False):
    """End a run of the snapshot that nobody can report, or of which nobody has spoken once `waited`."""

    job_id: str
    waited: bool

    def decide(self, view: ClusterView, now: Millis) -> Decided[bool]:
        run = view.run(self.job_id)
        if run is None or not is_lost(run, view.era, waited=self.waited):
            return Decided(False)
        if run.ended:
            over = untold(run, now)
        elif run.cancel_requested:
            over = finished(run, JobStatus.CANCELLED, Reason.CANCELLED, now, info=run.info)
        else:
            over = finished(run, JobStatus.FAILED, Reason.NODE_LOST, now, info=FATE_UNKNOWN)
        decided = ending(over)
        return Decided(True, decided.changes, decided.ended)


def is_lost(run: Run, era: int, *, waited: bool) -> bool:
    """Whether a run of the snapshot is to be given up. One that its callee has accepted never is: it can report."""
    if not run.predates(era) or run.accepted:
        return False
    return run.open_attempt is None or (waited and not run.vouched)
