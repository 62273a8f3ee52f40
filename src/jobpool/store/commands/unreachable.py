"""What becomes of the runs on a node that is down: tried elsewhere, ended, or held until its agent is back.

A node that does not answer may be cut off and at work. So a run whose plan forbids overlap stays live where it is, and
keeps its slot, until its agent has spoken, its timeout has passed, or an operator has said that the node is gone.
"""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.statuses import AllocationStatus, NodeStatus
from jobpool.ports import ClusterView
from jobpool.store.change import Decided, put_run
from jobpool.store.commands.lifecycle import out_of_reach, waits_for_agent
from jobpool.store.commands.reports import LoseAttempt, Reported

SILENT = "its node stopped answering"
DELETED = "its node was deleted"
HELD = f"{SILENT}; the plan forbids overlap, so the run stays live until the agent says what became of it"


class ReleaseAttempt(Struct, frozen=True, gc=False):
    """Take from a node that is down what it had. `for_good`: an operator says that its machine will not come back.

    A node that has come back says itself what it holds: then nothing is taken.
    """

    job_id: str
    attempt: int
    node_id: str
    fence: int
    for_good: bool = False

    def decide(self, view: ClusterView, now: Millis) -> Decided[Reported]:
        run, node = view.run(self.job_id), view.node(self.node_id)
        attempt = run.open_attempt if run is not None else None
        if run is None or attempt is None or attempt.fence != self.fence or attempt.node_id != self.node_id:
            return Decided(Reported.STALE)
        if node is not None and node.status is not NodeStatus.DOWN:
            return Decided(Reported.STALE)
        if self.for_good or not waits_for_agent(run, view):
            why = DELETED if self.for_good else SILENT
            return LoseAttempt(run.id, attempt.number, self.node_id, self.fence, why).decide(view, now)
        if attempt.status is AllocationStatus.UNKNOWN:
            return Decided(Reported.REPEATED)
        return Decided(Reported.ACCEPTED, (put_run(out_of_reach(run, now, why=HELD)),))


def releases(view: ClusterView, node_id: str, limit: int, *, for_good: bool = False) -> list[ReleaseAttempt]:
    """Commands for up to `limit` runs of a node that is down, without those that are held already; none of another.

    A node whose record cannot be read is as one that is down. `for_good`: those that are held, too.
    """
    node = view.node(node_id)
    if node is not None and node.status is not NodeStatus.DOWN:
        return []
    commands: list[ReleaseAttempt] = []
    for job_id in view.node_runs(node_id):
        run = view.run(job_id)
        attempt = run.open_attempt if run is not None else None
        if attempt is None or (attempt.status is AllocationStatus.UNKNOWN and not for_good):
            continue
        commands.append(ReleaseAttempt(job_id, attempt.number, node_id, attempt.fence, for_good))
        if len(commands) == limit:
            break
    return commands
