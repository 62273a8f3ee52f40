"""What the programs that run for long (`jobpool`, `jobpool_agent`) share: how they are told settings, and to stop."""

import asyncio
import errno
import os
import signal
import sqlite3
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import click

from jobpool.kit.pure.settings import BadSetting, Setting, parse_yaml
from jobpool.model.errors import InvalidArgument

HALTED = 1
_DISK = ("SQLITE_FULL", "SQLITE_IOERR")


def read_config(path: str) -> dict[str, Setting]:
    """The top-level keys of a YAML file. Raises InvalidArgument when it cannot be read or is no mapping."""
    try:
        return parse_yaml(Path(path).read_bytes(), path)
    except OSError as error:
        raise InvalidArgument("config-file", f"cannot read {path!r}: {error.strerror}") from error
    except BadSetting as error:
        raise InvalidArgument(error.key, error.reason) from error


def double_dashes(arguments: Sequence[str], names: Collection[str]) -> list[str]:
    """`-config-file` as the original wrote it → `--config-file`, for the options called `names`."""
    long = {f"-{name}" for name in (*names, "help", "version")}
    return [f"-{word}" if word.split("=", 1)[0] in long else word for word in arguments]


def on_signals(stop: Callable[[], None], again: Callable[[], None] | None = None) -> None:
    """Call `stop` at the first SIGTERM or SIGINT, `again` at the next; without it that ends the process on the spot.

    What is stored is whole at every moment, so such an end loses no more than the calls in progress.
    """
    loop = asyncio.get_running_loop()
    told: list[int] = []

    def handle(number: int) -> None:
        told.append(number)
        if len(told) == 1:
            stop()
        else:
            (again or _end)()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle, number)


def _end() -> None:
    click.echo("told again: ending at once", err=True)
    os._exit(HALTED)


def advice(error: BaseException) -> str:
    """What to do about an error at start whose text does not say so; begins with `; ` or is empty."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorname", "").startswith(_DISK):
        return "; make room on that disk, or see the system's log for what ails it"
    number = cause.errno if isinstance(cause, OSError) else None
    match number:
        case errno.EADDRINUSE:
            return "; stop what runs there, or choose another place by --listen-client-urls"
        case errno.EADDRNOTAVAIL:
            return "; --listen-client-urls takes only addresses of this machine"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"; user {os.geteuid()} may not do this"
        case errno.ENOSPC | errno.EDQUOT:
            return "; make room on that disk"
    return ""
