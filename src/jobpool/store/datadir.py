"""The data directory of one server: who may use it, which engine it belongs to, and who that server is.

Its lock is a `flock` held by the process, so it dies with the process and is never stale.
"""

import fcntl
import os
import secrets
import shutil
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from jobpool.kit.effects.files import replace_durably, sync_directory
from jobpool.kit.pure.garbled import GARBLED
from jobpool.model.errors import StoreFailed
from jobpool.store.files import explained
from jobpool.store.port import DataDirLocked, DataDirMismatch

T = TypeVar("T")

_FORMAT = 1
_LOCK = "LOCK"
_MARKER = "engine"
_IDENTITY = "identity"
_DATABASE = "store.db"
_ETCD = "etcd"
_RESTORING = "restoring"
"""A file that is there while a snapshot is being restored: what is beside it is half of something."""

_DISREGARDED = frozenset({_LOCK, "lost+found"})


class _Marker(Struct, frozen=True):
    engine: str
    format: int


class _Identity(Struct, frozen=True):
    member_id: int
    cluster_id: int


class DataDir:
    """A locked data directory, until `close` or the end of the process.

    `member_id` and `cluster_id` are 64-bit numbers, never 0, and the same every time the directory is opened.
    """

    def __init__(self, path: Path, engine: str, *, lock: int, identity: _Identity) -> None:
        self.path = path
        self.engine = engine
        self.member_id = identity.member_id
        self.cluster_id = identity.cluster_id
        self._lock: int | None = lock

    @classmethod
    def open(cls, path: Path, engine: str) -> "DataDir":
        """Lock the directory for `engine`; made, with mode 0700, if it is not there.

        Raises DataDirLocked when another process serves it, DataDirMismatch when it belongs to another engine or a
        newer version, StoreFailed when it cannot be used or is damaged.
        """
        with explained(path, "use the data directory"):
            _make(path)
            lock = _locked(path)
        try:
            with explained(path, "use the data directory"):
                _refuse_half(path)
                _claim(path, engine)
                identity = _identity(path)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, engine, lock=lock, identity=identity)

    @classmethod
    def open_empty(cls, path: Path, engine: str) -> "DataDir":
        """Lock a directory that is to be filled from a snapshot; until `filled`, `open` refuses it.

        What a restore that was cut short has left is removed. Raises DataDirLocked, or StoreFailed when there is
        anything else in it, or it cannot be used.
        """
        with explained(path, "use the data directory"):
            _make(path)
            _refuse_used(path)
            lock = _locked(path)
        try:
            with explained(path, "use the data directory"):
                _refuse_used(path)
                replace_durably(path / _RESTORING, b"")
                _remove_remains(path)
                _claim(path, engine)
                identity = _identity(path)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, engine, lock=lock, identity=identity)

    def filled(self) -> None:
        """The restore is done, durably: the directory is as any other. Raises StoreFailed."""
        with explained(self.path, "use the data directory"):
            sync_directory(self.path)
            (self.path / _RESTORING).unlink()
            sync_directory(self.path)

    @property
    def database(self) -> Path:
        """Where the embedded engine keeps its file."""
        return self.path / _DATABASE

    def close(self) -> None:
        """Give the lock up. Closing twice is harmless."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def _make(path: Path) -> None:
    if path.is_dir():
        return
    for place in (path, *path.parents):
        if place.exists() and not place.is_dir():
            raise StoreFailed(f"cannot use the data directory {path}: wanted a directory at {place}, found a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def _locked(path: Path) -> int:
    """The lock's descriptor, with our pid in the file."""
    lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise DataDirLocked(
            f"the data directory {path} is in use by process {holder or 'unknown'}: "
            "stop that server, or give this one a data directory of its own"
        ) from error
    except OSError:
        os.close(lock)
        raise
    return lock


def _refuse_half(path: Path) -> None:
    if (path / _RESTORING).exists():
        raise StoreFailed(
            f"a restore into the data directory {path} was cut short: run it again, or start with another directory"
        )


def _refuse_used(path: Path) -> None:
    """Refuse a directory that holds anything that a restore has not made."""
    found = sorted(entry.name for entry in path.iterdir() if entry.name not in _DISREGARDED)
    if found and _RESTORING not in found:
        raise StoreFailed(
            f"cannot restore into {path}: it is not empty, it holds {found[0]!r}; name a new data directory"
        )


def _remove_remains(path: Path) -> None:
    names = (_MARKER, _IDENTITY, *(_DATABASE + suffix for suffix in ("", "-wal", "-shm", "-journal")))
    for name in (*names, *(entry.name for entry in path.glob(f"{_ETCD}.*"))):
        (path / name).unlink(missing_ok=True)
    if (path / _ETCD).exists():
        shutil.rmtree(path / _ETCD)


def _claim(path: Path, engine: str) -> None:
    """Refuse a directory of another engine or format; mark a fresh one."""
    marker = _read(path / _MARKER, _Marker)
    if marker is None:
        _write(path / _MARKER, _Marker(engine, _FORMAT))
    elif marker.engine != engine:
        raise DataDirMismatch(
            f"the data directory {path} belongs to the engine {marker.engine!r}, not {engine!r}: "
            f"start with engine {marker.engine!r}, or save a snapshot there and restore it into a new directory"
        )
    elif marker.format != _FORMAT:
        raise DataDirMismatch(
            f"the data directory {path} has format {marker.format}, this version reads format {_FORMAT}: "
            "start the version that wrote it"
        )


def _identity(path: Path) -> _Identity:
    identity = _read(path / _IDENTITY, _Identity)
    if identity is None:
        identity = _Identity(_some_id(), _some_id())
        _write(path / _IDENTITY, identity)
    if not identity.member_id or not identity.cluster_id:
        raise StoreFailed(f"{path / _IDENTITY} is damaged: wanted ids that are not 0")
    return identity


def _some_id() -> int:
    return secrets.randbelow(2**64 - 1) + 1


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except GARBLED as error:
        raise StoreFailed(f"{path} is damaged: {error}") from error


def _write(path: Path, value: Struct) -> None:
    replace_durably(path, msgspec.json.encode(value) + b"\n")
