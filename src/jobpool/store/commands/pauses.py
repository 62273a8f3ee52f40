"""Commands about the pause: while it is there no evaluation is handed out. It outlives leaders."""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.pause import Pause
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Decided
from jobpool.store.keyspace import SCHEDULING, Table


class PauseScheduling(Struct, frozen=True):
    """Nothing new is placed until somebody resumes. Said again it takes the newer words and the older time."""

    by: str
    note: str = ""

    def decide(self, view: ClusterView, now: Millis) -> Decided[Pause]:
        known = view.pause
        pause = Pause(now if known is None else known.since, self.by, self.note)
        if pause == known:
            return Decided(pause)
        return Decided(pause, (Change(Table.PAUSE, SCHEDULING, pause),))


class ResumeScheduling(Struct, frozen=True):
    """What waits is placed. Where nothing is paused it writes nothing."""

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        if view.pause is None:
            return Decided(None)
        return Decided(None, (Change(Table.PAUSE, SCHEDULING, None),))
