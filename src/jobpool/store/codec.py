"""Values: one version byte, then msgpack of an array-like Struct whose fields are append-only."""

from typing import TypeAlias

from msgspec.msgpack import Decoder, Encoder

from jobpool.kit.pure.garbled import GARBLED
from jobpool.model.errors import StoreFailed
from jobpool.model.idempotency import IdempotencyMark
from jobpool.model.namespace import Namespace
from jobpool.model.node import Node
from jobpool.model.pause import Pause
from jobpool.model.plan import Plan
from jobpool.model.restored import Restored
from jobpool.model.run import Run
from jobpool.model.schedule import Cursor, LedgerRange
from jobpool.model.server import Cluster, ServerRecord
from jobpool.store.keyspace import Table
from jobpool.store.records import Segment

Record: TypeAlias = (
    Plan
    | Cursor
    | Run
    | Segment
    | Node
    | Namespace
    | LedgerRange
    | IdempotencyMark
    | Restored
    | ServerRecord
    | Cluster
    | Pause
)

_VERSION = b"\x01"
_encoder = Encoder()
_DECODERS: dict[Table, "Decoder[Record]"] = {
    Table.PLAN: Decoder(Plan),
    Table.VERSION: Decoder(Plan),
    Table.CURSOR: Decoder(Cursor),
    Table.RUN: Decoder(Run),
    Table.SEGMENT: Decoder(Segment),
    Table.NODE: Decoder(Node),
    Table.NAMESPACE: Decoder(Namespace),
    Table.LEDGER: Decoder(LedgerRange),
    Table.IDEMPOTENCY: Decoder(IdempotencyMark),
    Table.META: Decoder(Restored),
    Table.SERVER: Decoder(ServerRecord),
    Table.CLUSTER: Decoder(Cluster),
    Table.PAUSE: Decoder(Pause),
}


class CorruptRecord(StoreFailed):
    """A stored value cannot be read: damaged, or written by a newer version."""

    def __init__(self, table: Table, detail: str) -> None:
        super().__init__(f"a stored {table.name.lower()} record cannot be read: {detail}")


def encode(record: Record) -> bytes:
    return _VERSION + _encoder.encode(record)


def decode(table: Table, value: bytes) -> Record:
    """The record. Raises CorruptRecord."""
    if value[:1] != _VERSION:
        raise CorruptRecord(table, f"unknown record version {value[:1].hex() or 'none'}")
    try:
        return _DECODERS[table].decode(value[1:])
    except GARBLED as error:
        raise CorruptRecord(table, str(error)) from error
