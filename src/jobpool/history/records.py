"""Stored values as the types they hold, and the seal of those that history stores itself.

SQLite does not notice a flipped bit inside a value; a record that does not match its checksum is damage.
"""

from typing import cast
from zlib import crc32

from jobpool.model.run import Run
from jobpool.store.codec import CorruptRecord, decode, encode
from jobpool.store.keyspace import Table
from jobpool.store.records import Segment

_SEAL = 4  # bytes


def read_run(value: bytes) -> Run:
    """Raises CorruptRecord."""
    return cast(Run, decode(Table.RUN, value))


def read_segment(value: bytes) -> Segment:
    """Raises CorruptRecord."""
    return cast(Segment, decode(Table.SEGMENT, value))


def sealed(run: Run) -> bytes:
    """The run's record behind its CRC-32, as it lies in the file."""
    record = encode(run)
    return crc32(record).to_bytes(_SEAL, "big") + record


def unsealed(stored: bytes) -> bytes:
    """The record. Raises CorruptRecord when it is not what was sealed."""
    record = stored[_SEAL:]
    if crc32(record).to_bytes(_SEAL, "big") != stored[:_SEAL]:
        raise CorruptRecord(Table.RUN, "it does not match its checksum")
    return record
