"""The ranges of the ledger as the store has them: order, bounds, and one that cannot be read."""

import pytest

from jobpool.model.reasons import LedgerReason
from jobpool.model.schedule import LedgerRange
from jobpool.server.ledger import StoredRanges
from jobpool.store.codec import encode
from jobpool.store.keyspace import Table, key_of, number
from jobpool.store.port import Put
from jobpool.testing.store import MemoryStore, write


def at(first: int, *, plan: str = "p") -> Put:
    entry = LedgerRange(LedgerReason.PAUSED, first, first + 5, 1)
    return Put(key_of(Table.LEDGER, ("default", plan, number(first))), encode(entry))


async def firsts(store: MemoryStore, *, until: int = 1000, limit: int = 10) -> list[int]:
    ranges = await StoredRanges(store, keep=1).newest("default", "p", until=until, limit=limit)
    return [entry.first for entry in ranges]


async def test_newest_first_and_no_more_than_asked() -> None:
    store = MemoryStore()
    await write(store, *(at(first) for first in (10, 20, 100, 30)), at(40, plan="p2"), at(50, plan="o"))
    assert await firsts(store) == [100, 30, 20, 10]
    assert await firsts(store, limit=2) == [100, 30]
    assert await firsts(store, until=30) == [30, 20, 10]
    assert await firsts(store, until=29, limit=1) == [20]
    assert await firsts(store, until=9) == []
    assert await firsts(store, until=-1) == []


async def test_one_that_cannot_be_read_is_told_and_hides_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    store = MemoryStore()
    broken = Put(key_of(Table.LEDGER, ("default", "p", number(20))), b"\xff")
    await write(store, at(10), broken, at(30))
    assert await firsts(store, limit=2) == [30, 10]
    assert "ledger_broken" in capsys.readouterr().out
