"""The ranges of the ledger, which no server holds in memory, as the store has them."""

from collections.abc import Sequence

from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import Millis
from jobpool.model.schedule import LedgerRange
from jobpool.store.codec import CorruptRecord, decode
from jobpool.store.keyspace import Table, key_of, number
from jobpool.store.port import Store


class StoredRanges:
    """Implements `api.ledger.Ranges`. `keep`: how long a range stays, in ms."""

    def __init__(self, store: Store, *, keep: Millis) -> None:
        self._store = store
        self._log = get_logger("ledger")
        self.keep = keep

    async def newest(self, namespace: str, plan_id: str, *, until: Millis, limit: int) -> Sequence[LedgerRange]:
        """Those that begin at `until` or before, the newest first, at most `limit`. Raises StoreFailed.

        One that cannot be read is reported and left out.
        """
        folder = key_of(Table.LEDGER, (namespace, plan_id)) + "/"
        last = folder + number(max(0, until) + 1)
        found: list[LedgerRange] = []
        while len(found) < limit:
            wanted = limit - len(found)
            keys = await self._store.range(folder, last, limit=wanted, reverse=True)
            for item in keys:
                last = item.key
                try:
                    entry = decode(Table.LEDGER, item.value)
                except CorruptRecord as error:
                    self._log.error(
                        "a range of the ledger cannot be read",
                        event_name="ledger_broken",
                        key=item.key,
                        error=str(error),
                    )
                    continue
                assert isinstance(entry, LedgerRange)
                found.append(entry)
            if len(keys) < wanted:
                break
        return found

    def _tell(self, key: str, error: CorruptRecord) -> None:
        self._log.error("a range of the ledger cannot be read", event_name="ledger_broken", key=key, error=str(error))
