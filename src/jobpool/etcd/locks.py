"""One supervisor and one etcd on a data directory; both held by locks that end with their process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import StoreFailed
from jobpool.store.files import explained
from jobpool.store.port import DataDirLocked

_LOOK_EVERY: Millis = 50
_LAST_BREATH: Millis = 2 * SECOND


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock file, with our pid in it. Raises DataDirLocked when another does, StoreFailed."""
    with explained(path, "lock"):
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(lock, path)
        yield
    finally:
        os.close(lock)


async def await_free(database: Path, *, clock: Clock) -> None:
    """Return once no etcd uses the database; one whose server was just killed has 2 s to follow it.

    Raises DataDirLocked with its pid.
    """
    waited = 0
    while _is_locked(database):
        if waited >= _LAST_BREATH:
            holder = holder_of(database)
            raise DataDirLocked(
                f"process {holder or 'unknown'}, an etcd that this server did not start, still uses {database}: "
                f"end it{f' (kill {holder})' if holder else ''}, then start again"
            )
        await clock.sleep(_LOOK_EVERY)
        waited += _LOOK_EVERY


def holder_of(path: Path) -> int | None:
    """The process that holds a `flock` on the file, as far as the kernel tells us."""
    try:
        found = path.stat()
        locks = Path("/proc/locks").read_text()
    except OSError:
        return None
    name = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for line in locks.splitlines():
        parts = line.split()
        if len(parts) >= 6 and parts[1] == "FLOCK" and parts[5] == name and int(parts[4]) > 0:
            return int(parts[4])
    return None


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        raise DataDirLocked(
            f"process {holder or 'unknown'} already runs an etcd member in {path.parent}: "
            "stop that server, or give this one a data-dir of its own"
        ) from None
    except OSError as error:
        raise StoreFailed(f"cannot lock {path}: {error.strerror}") from error


def _is_locked(database: Path) -> bool:
    try:
        descriptor = os.open(database, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreFailed(f"cannot read {database}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
