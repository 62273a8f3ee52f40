"""Idempotency keys of commands: the same key and the same request make one thing, however often they come."""

from msgspec import Struct

from jobpool.kit.pure.durations import DAY, Millis
from jobpool.model.errors import FailedPrecondition
from jobpool.model.idempotency import IdempotencyMark
from jobpool.ports import ClusterView
from jobpool.store.change import Change
from jobpool.store.keyspace import Table

IDEMPOTENCY_SPAN = DAY


class Mark(Struct, frozen=True):
    """`key` names the record: a hash of the call, its scope and the caller's key. `digest` is that of the request."""

    key: str
    digest: str

    def made(self, view: ClusterView, now: Millis) -> str | None:
        """The id of what the key has made; None for a new key. Raises FailedPrecondition for another request."""
        known = view.idempotency_mark(self.key, now)
        if known is None:
            return None
        if known.digest != self.digest:
            raise FailedPrecondition(
                "came with another request within the last 24 h; give every request a key of its own",
                field="idempotency_key",
                engine_code=0,
            )
        return known.made

    def remember(self, made: str, now: Millis) -> Change:
        return Change(Table.IDEMPOTENCY, (self.key,), IdempotencyMark(made, now + IDEMPOTENCY_SPAN, self.digest))
