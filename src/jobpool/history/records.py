"""Stored values as the types they hold."""

from typing import cast

from jobpool.model.run import Run
from jobpool.store.codec import decode
from jobpool.store.keyspace import Table
from jobpool.store.records import Segment


def read_run(value: bytes) -> Run:
    """Raises CorruptRecord."""
    return cast(Run, decode(Table.RUN, value))


def read_segment(value: bytes) -> Segment:
    """Raises CorruptRecord."""
    return cast(Segment, decode(Table.SEGMENT, value))
