"""Feeds history: what the fold says has ended goes to the read model in the same step."""

from jobpool.history.process import HistoryProcess
from jobpool.kit.pure.durations import Millis
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded
from jobpool.store.codec import encode
from jobpool.store.keyspace import FOLDERS, Table, number
from jobpool.store.port import Store


class HistoryFeed:
    """Also answers the collector, as `leader.term.Retention`."""

    def __init__(self, history: HistoryProcess, replica: Replica) -> None:
        self._history = history
        self._replica = replica
        replica.listen(self._observe)
        replica.on_restore(self._stand)

    def _stand(self) -> None:
        """What the read model lacks up to here it reads from the store."""
        fence = self._replica.state.fence
        self._history.stand_at(fence.incarnation, fence.n)

    async def forget_dropped(self, store: Store) -> None:
        """What the store dropped while the read model was not told, it drops too."""
        fence = self._replica.state.fence
        folder = FOLDERS[Table.SEGMENT]
        oldest = await store.range(folder, folder + number(fence.n + 1), limit=1)
        self._history.delete_before(int(oldest[0].key.removeprefix(folder)) if oldest else fence.n + 1)

    def _observe(self, folded: Folded) -> None:
        if folded.segment is not None:
            self._history.ingest(self._replica.state.fence.incarnation, folded.n, encode(folded.segment))

    async def retention_cut(self, *, older_than: Millis, keep_runs: int) -> int | None:
        return await self._history.retention_cut(older_than=older_than, keep_runs=keep_runs)

    def dropped_before(self, n: int) -> None:
        self._history.delete_before(n)
