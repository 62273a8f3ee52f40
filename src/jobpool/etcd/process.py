"""Starts the etcd process and ends it; whatever happens to us, it does not stay behind."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import StoreFailed

_GUARD = Path(__file__).with_name("guard.py")
_NOT_FOR_ETCD = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID")


def environment() -> dict[str, str]:
    """Ours without what would configure etcd behind our back, or let it speak to systemd in our name."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("ETCD") and name not in _NOT_FOR_ETCD
    }


async def spawn(program: Path, arguments: Sequence[str], *, directory: Path, output: Path) -> Process:
    """Start it in `directory`, in a session of its own; what it prints goes to the file `output`, which it replaces.

    It is killed when the thread that runs this event loop ends. Raises StoreFailed.
    """
    if not sys.platform.startswith("linux"):
        raise StoreFailed("an etcd member of our own needs Linux: elsewhere run etcd yourself and give its endpoints")
    try:
        with output.open("wb") as file:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_GUARD), str(os.getpid())),
                *(str(program), *arguments),
                stdin=DEVNULL,
                stdout=file,
                stderr=file,
                cwd=directory,
                env=environment(),
                start_new_session=True,  # Ctrl-C is for the server, which ends etcd in its turn
            )
    except OSError as error:
        raise StoreFailed(f"cannot start {program}: {error}") from error


async def end(process: Process, *, grace: Millis) -> None:
    """SIGTERM, and SIGKILL when it has not ended within `grace`, or when we are cancelled meanwhile."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(grace / 1000):
            await process.wait()
    except TimeoutError:
        get_logger("etcd").warning("etcd did not end in time and is killed", event_name="etcd_killed", pid=process.pid)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
    await process.wait()
