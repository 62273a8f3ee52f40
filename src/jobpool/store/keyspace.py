"""Keys: which record lives where.

`/` separates; ids are validated before they get here, so nothing is escaped. Numbers are padded so that byte order is
their order.
"""

from enum import IntEnum
from typing import TypeAlias

RecordId: TypeAlias = tuple[str, ...]

_NUMBER_WIDTH = 20


class Table(IntEnum):
    """Kinds of record. The fold, the codec and the key space all dispatch on it."""

    PLAN = 0
    VERSION = 1
    CURSOR = 2
    RUN = 3
    SEGMENT = 4
    NODE = 5
    NAMESPACE = 6
    LEDGER = 7
    IDEMPOTENCY = 8
    META = 9
    SERVER = 10
    CLUSTER = 11
    PAUSE = 12


FOLDERS: dict[Table, str] = {
    Table.PLAN: "plans/",  # <ns>/<id>
    Table.VERSION: "versions/",  # <ns>/<id>/<version>: what a plan was before its last change
    Table.CURSOR: "cursors/",  # <ns>/<id>
    Table.RUN: "runs/",  # <ns>/<id>
    Table.SEGMENT: "hist/",  # <n>
    Table.NODE: "nodes/",  # <id>
    Table.NAMESPACE: "namespaces/",  # <name>
    Table.LEDGER: "ledger/",  # <ns>/<plan>/<first tick>
    Table.IDEMPOTENCY: "idem/",  # <key>
    Table.META: "meta/",  # `restored`
    Table.SERVER: "servers/",  # <id>
    Table.CLUSTER: "cluster/",  # `identity`
    Table.PAUSE: "pause/",  # `scheduling`
}
RESTORED: RecordId = ("restored",)
IDENTITY: RecordId = ("identity",)
SCHEDULING: RecordId = ("scheduling",)
_BY_FOLDER = {folder.rstrip("/"): table for table, folder in FOLDERS.items()}

REPLICATED = (
    Table.NAMESPACE,
    Table.NODE,
    Table.PLAN,
    Table.VERSION,
    Table.CURSOR,
    Table.RUN,
    Table.IDEMPOTENCY,
    Table.META,
    Table.SERVER,
    Table.CLUSTER,
    Table.PAUSE,
)
"""What every server holds in memory, in load order. History and ledger are read by range."""


def number(value: int) -> str:
    """A whole number as text whose byte order is its order. Raises ValueError for a negative one."""
    if value < 0:
        raise ValueError(f"wanted a number ≥ 0, found {value}")
    return str(value).zfill(_NUMBER_WIDTH)


def key_of(table: Table, record: RecordId) -> str:
    return FOLDERS[table] + "/".join(record)


def parse_key(key: str) -> tuple[Table, RecordId] | None:
    """The record a key names; None for keys that are nobody's record (the fence)."""
    folder, *record = key.split("/")
    table = _BY_FOLDER.get(folder)
    return None if table is None or not record else (table, tuple(record))
