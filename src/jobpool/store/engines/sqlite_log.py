"""Whether SQLite's write-ahead log holds commits that it will not read.

SQLite takes the first frame with a wrong checksum for the torn end of a crash and forgets it with all that follow. But
every commit is synced before the next one begins, so a crash tears the last at most: where two commits follow, the log
was damaged afterwards, and what was acknowledged would be lost without a word.

The last commit of a damaged log cannot be told from a torn one.
"""

from array import array
from pathlib import Path
from struct import Struct
from sys import byteorder
from typing import BinaryIO, NamedTuple

from jobpool.model.errors import StoreFailed
from jobpool.store.files import explained

_HEADER = Struct(">8I")  # magic, format, page size, checkpoint, salt ×2, checksum ×2
_FRAME = Struct(">6I")  # page, size of the file after a commit (else 0), salt ×2, checksum ×2
_MAGIC = 0x377F0682  # one more when checksums are taken over big-endian words
_WORD = 0xFFFFFFFF
_PAGE = 4096
"""What we write; for a log whose header is damaged."""

_Sums = tuple[int, int]


class _Log(NamedTuple):
    """What its header says; neither `salts` nor `sums` when the header is damaged. `order` is that of words."""

    page: int
    salts: tuple[int, int] | None
    sums: _Sums | None
    order: str


def check_log(database: Path) -> None:
    """Check the log of a database file before SQLite opens it; no log at all is fine.

    Reads all of it, some 20 ms for a megabyte. Raises StoreFailed when it is damaged, or when the database is gone:
    then SQLite would remove the log.
    """
    path = database.with_name(f"{database.name}-wal")
    with explained(path, "read"):
        if not path.exists() or not path.stat().st_size:
            return
        if not database.exists() or not database.stat().st_size:
            raise StoreFailed(f"{database} is gone, though its log {path} is there: put it back, or restore a snapshot")
        with path.open("rb") as file:
            whole, lost = _scan(file)
    if lost > 1:
        raise StoreFailed(
            f"{path} is damaged: behind byte {whole} are {lost} commits that can no longer be read; restore a snapshot "
            f"into a new data directory, or cut the file to {whole} bytes to go on without them"
        )


def _scan(file: BinaryIO) -> tuple[int, int]:
    """(bytes before the first frame that is not whole, commits from there on)."""
    log = _read_header(file.read(_HEADER.size))
    salts, sums, lost = log.salts, log.sums, 0
    whole = _HEADER.size if sums else 0
    while len(frame := file.read(_FRAME.size + log.page)) == _FRAME.size + log.page:
        _, commits, *found, first, second = _FRAME.unpack_from(frame)
        salts = salts or (found[0], found[1])
        ours = tuple(found) == salts
        if sums is not None:
            summed = _sum(frame[_FRAME.size :], _sum(frame[:8], sums, log.order), log.order)
            sums = summed if ours and summed == (first, second) else None
        if sums is not None:
            whole += len(frame)
        elif ours and commits:
            lost += 1
    return whole, lost


def _read_header(header: bytes) -> _Log:
    if len(header) < _HEADER.size:
        return _Log(_PAGE, None, None, byteorder)
    magic, _, page, _, first_salt, second_salt, *stored = _HEADER.unpack(header)
    order = "big" if magic == _MAGIC + 1 else "little"
    sums = _sum(header[:-8], (0, 0), order)
    if magic & ~1 != _MAGIC or sums != tuple(stored):
        return _Log(_PAGE, None, None, order)
    return _Log(page, (first_salt, second_salt), sums, order)


def _sum(data: bytes, sums: _Sums, order: str) -> _Sums:
    """SQLite's checksum, taken on from `sums` over an even number of words."""
    words = array("I", data)
    if order != byteorder:
        words.byteswap()
    first, second = sums
    pairs = iter(words)
    for one, other in zip(pairs, pairs, strict=True):
        first = (first + one + second) & _WORD
        second = (second + other + first) & _WORD
    return first, second
