"""Files that are whole or absent: written aside, synced, then renamed into place. All raise OSError."""

import os
from pathlib import Path
from typing import BinaryIO


def open_aside(path: Path) -> BinaryIO:
    """A new file beside `path`, mode 0600, for `keep` or `discard`."""
    descriptor = os.open(_aside(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(descriptor, "wb")


def keep(file: BinaryIO, path: Path) -> None:
    """Sync the file and put it in the place of `path`, durably."""
    file.flush()
    os.fsync(file.fileno())
    _aside(path).replace(path)
    sync_directory(path.parent)


def discard(file: BinaryIO, path: Path) -> None:
    """Close the file; if it was not kept, nothing of it is left."""
    try:
        file.close()
    finally:
        _aside(path).unlink(missing_ok=True)


def replace_durably(path: Path, content: bytes) -> None:
    """`path` holds its old content or all of the new, whatever happens meanwhile."""
    file = open_aside(path)
    try:
        file.write(content)
        keep(file, path)
    finally:
        discard(file, path)


def sync_directory(directory: Path) -> None:
    """Make the names in the directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")
