"""Follows a log file that its writer replaces by a new one when it is large.

The writer never waits for us, unlike at a pipe, where etcd hangs once it is full (etcd issue 22214). A reader that
falls two files behind loses lines; the files have them.
"""

import os
from pathlib import Path

_CHUNK = 64 * 1024
_LONGEST_LINE = 64 * 1024


class LogTail:
    """Lines that are written to `path` from now on, through every replacement. Close it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()
        self._partial = b""
        if self._file is not None:
            os.lseek(self._file, 0, os.SEEK_END)

    def read(self) -> list[bytes]:
        """New whole lines, of at most 64 KiB together, so that a flood does not hold us up. Raises OSError."""
        chunk = self._read()
        if not chunk and self._moved_on():
            chunk = self._read()
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        if len(self._partial) > _LONGEST_LINE:
            lines.append(self._partial)
            self._partial = b""
        return [line for line in lines if line]

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self) -> bytes:
        return b"" if self._file is None else os.read(self._file, _CHUNK)

    def _moved_on(self) -> bool:
        """Whether there is a newer file, which is then the one that we read."""
        newer = self._open()
        if newer is None:
            return False
        if self._file is not None and os.path.sameopenfile(self._file, newer):
            os.close(newer)
            return False
        self.close()
        self._file = newer
        return True

    def _open(self) -> int | None:
        try:
            return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
