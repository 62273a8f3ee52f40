"""WHO COORDINATES: the duties of the leader, in start order.

Admits what must be done once in a cluster. Duties never import each other: they meet through commits. Adding one is a
file and a line here.
"""

from collections.abc import Callable

from jobpool.leader.attendance import Attendance
from jobpool.leader.collector import Collector
from jobpool.leader.deadlines import Deadlines
from jobpool.leader.drains import Drains
from jobpool.leader.heartbeats import Heartbeats
from jobpool.leader.losses import Losses
from jobpool.leader.periodic import Periodic
from jobpool.leader.queues import Queues
from jobpool.leader.slots import Slots
from jobpool.leader.survivors import Survivors
from jobpool.leader.term import Duty, Term

SERVICES: tuple[Callable[[Term], Duty], ...] = (
    Attendance,  # first: nodes whose server is gone are given nothing
    Queues,  # evaluations to evaluators and back: broker, blocked, verification of placements
    Slots,  # runs that wait for a slot of their namespace
    Survivors,  # after a restore: the runs that were live in the snapshot
    Losses,  # the runs of nodes that are down
    Drains,  # the runs of nodes that are to be empty
    Heartbeats,  # silent nodes are marked down
    Deadlines,  # runs beyond their timeout
    Periodic,  # ticks when they are due
    Collector,  # retention
)
"""Started in this order once the committer runs and the state is restored, ended in reverse."""
