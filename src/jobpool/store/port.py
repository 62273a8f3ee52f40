"""The `Store` port: a durable, ordered key space whose every change is one numbered, fenced transaction.

A transaction names the fence it expects and the fence it leaves behind. It is applied whole or not at all, and only
when the expected fence is the one in force: a leader that was deposed can therefore commit nothing, and n orders
everything that ever happens. The fence itself is stored under the key `fence` by the engine, in the same transaction.
"""

from collections.abc import AsyncIterator
from typing import Protocol, TypeAlias

from msgspec import Struct

from jobpool.model.errors import StoreFailed


class Fence(Struct, frozen=True, array_like=True):
    """Who may write, and how far the log is. Ordered by (incarnation, n); a restore starts a new incarnation.

    `batch` names the transaction that left this fence behind, so that a writer whose outcome is unknown can tell
    whether its own transaction landed.
    """

    incarnation: int
    term: int
    n: int
    batch: str


class Put(Struct, frozen=True):
    key: str
    value: bytes


class Delete(Struct, frozen=True):
    key: str


class DeleteRange(Struct, frozen=True):
    """Every key in [first, last)."""

    first: str
    last: str


Op: TypeAlias = Put | Delete | DeleteRange


class KeyValue(Struct, frozen=True):
    key: str
    value: bytes


class Transaction(Struct, frozen=True):
    """`ops` hold at most one operation per key. `leaves.n` is `expects.n` + 1."""

    expects: Fence
    leaves: Fence
    ops: tuple[Op, ...]


class Step(Struct, frozen=True):
    """All that one transaction changed, as a watcher sees it."""

    fence: Fence
    ops: tuple[Op, ...]


class Limits(Struct, frozen=True):
    """What one transaction may hold."""

    max_ops: int = 1000
    max_bytes: int = 512 * 1024


class Fenced(StoreFailed):
    """A definite refusal: another fence is in force. Nothing of the transaction was stored."""

    def __init__(self, actual: Fence) -> None:
        super().__init__(f"another writer is in force (term {actual.term}, n {actual.n})")
        self.actual = actual


class OutcomeUnknown(StoreFailed):
    """The transaction may or may not land, now or later. Only the fence can tell: resend the same one."""


class Compacted(StoreFailed):
    """The watch asked for steps that are no longer kept: load again."""


class DataDirLocked(StoreFailed):
    """Another process serves this data directory."""


class DataDirMismatch(StoreFailed):
    """The data directory belongs to another engine, or to a newer version."""


class Store(Protocol):
    """One engine. Keys are plain text in byte order; every value is opaque.

    All calls raise StoreFailed when the engine breaks. `load`, `range` and `snapshot` never show half a transaction.
    """

    @property
    def limits(self) -> Limits: ...

    async def fence(self) -> Fence:
        """The fence in force (linearizable)."""
        ...

    async def load(self, prefixes: tuple[str, ...]) -> tuple[Fence, AsyncIterator[list[KeyValue]]]:
        """Every key under the prefixes as of one fence, in chunks of at most 1,000, in key order per prefix."""
        ...

    def watch(self, after: Fence) -> AsyncIterator[Step]:
        """The steps after that fence, each once, in order, for ever. Raises Compacted when some are gone."""
        ...

    async def commit(self, transaction: Transaction) -> None:
        """Returns once it is durable. Raises Fenced (definitely not stored) or OutcomeUnknown."""
        ...

    async def range(self, first: str, last: str, *, limit: int, reverse: bool = False) -> list[KeyValue]:
        """Up to `limit` keys of [first, last), from its end when `reverse`."""
        ...

    async def compact(self, before: int) -> None:
        """Steps with n < `before` need not be watchable any more."""
        ...

    async def snapshot(self) -> AsyncIterator[list[KeyValue]]:
        """Every key, the fence included, as of one fence, in chunks."""
        ...

    async def restore(self, chunks: AsyncIterator[list[KeyValue]]) -> Fence:
        """Fill an empty engine from a snapshot; returns the fence of the new incarnation, with a higher term.

        Raises StoreFailed when the engine is not empty or the snapshot holds no fence.
        """
        ...

    async def campaign(self, server_id: str) -> Fence:
        """Take the lead: commits and returns a fence with the next term, and n + 1.

        Raises Fenced when another server took it meanwhile.
        """
        ...

    async def close(self) -> None: ...
