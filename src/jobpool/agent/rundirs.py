"""The directories of runs: `<data>/runs/<allocation id>/`, with the run's output in the file `output`.

They go after a day, or oldest first when they fill more than their share of the disk; those of runs that have not
ended stay.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from jobpool.kit.pure.durations import DAY, Millis
from jobpool.model.errors import InvalidArgument

OUTPUT = "output"
TRUNCATED = "truncated"
"""A file of this name beside the output says that more was written than is kept."""

CHUNK_LIMIT = 256 * 1024
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class Chunk(Struct, frozen=True):
    """Output from an offset on. `complete`: the run has ended and nothing follows `next_offset`."""

    data: bytes
    next_offset: int
    size: int
    complete: bool
    truncated: bool


class Retention(Struct, frozen=True):
    """`age`: milliseconds since the directory changed; `size`: bytes of all; `removals`: at most in one sweep."""

    age: Millis = DAY
    size: int = 1 << 30
    removals: int = 20_000


def check_id(allocation_id: str) -> None:
    """Raise InvalidArgument for an id that cannot name a directory."""
    if not _ID.fullmatch(allocation_id):
        raise InvalidArgument(
            "allocation_id",
            f"wanted up to 200 letters, digits, '.', '_' or '-', found {allocation_id[:60]!r}",
        )


def read_output(runs: Path, allocation_id: str, *, offset: int, limit: int, ended: bool) -> Chunk:
    """At most `limit` bytes (256 KiB) of a run's output. A run that has written nothing has an empty output.

    Raises InvalidArgument for a bad id or a negative offset, OSError when the file cannot be read.
    """
    check_id(allocation_id)
    if offset < 0:
        raise InvalidArgument("offset", f"wanted a number of bytes from 0 on, found {offset}")
    limit = min(limit, CHUNK_LIMIT) if limit > 0 else CHUNK_LIMIT
    directory = runs / allocation_id
    try:
        with (directory / OUTPUT).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(min(offset, size))
            data = file.read(min(limit, max(0, size - offset)))
    except FileNotFoundError:
        return Chunk(b"", 0, 0, ended, False)
    reached = min(offset, size) + len(data)
    return Chunk(data, reached, size, ended and reached >= size, (directory / TRUNCATED).exists())


def sweep(runs: Path, retention: Retention, *, now: Millis, live: Callable[[str], bool]) -> int:
    """Remove what is too old, then the oldest of what is too much; returns how many directories went.

    Blocks on the disk: call it in a thread. `live` says whether a run is still held; it is asked from that thread.
    """
    found = sorted(_sizes(runs))
    total = sum(size for _, size, _ in found)
    removed = 0
    for changed, size, name in found:
        if removed >= retention.removals or (now - changed <= retention.age and total <= retention.size):
            break
        if not live(name):
            shutil.rmtree(runs / name, ignore_errors=True)
            if not os.path.lexists(runs / name):
                total -= size
                removed += 1
    return removed


def _sizes(runs: Path) -> Iterator[tuple[Millis, int, str]]:
    with os.scandir(runs) as entries:
        for entry in entries:
            changed = entry.stat(follow_symlinks=False).st_mtime_ns // 1_000_000
            yield changed, _size(entry.path), entry.name


def _size(path: str) -> int:
    """Bytes on disk below a directory; what vanishes meanwhile counts nothing."""
    return sum(
        os.lstat(os.path.join(folder, name)).st_blocks * 512
        for folder, _, names in os.walk(path)
        for name in names
        if os.path.lexists(os.path.join(folder, name))
    )
