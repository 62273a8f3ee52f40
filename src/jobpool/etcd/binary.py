"""Finds the etcd program, asks its version, and refuses those that are known to be bad."""

import asyncio
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from msgspec import Struct

from jobpool.etcd.process import environment
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND
from jobpool.model.errors import InvalidArgument
from jobpool.store.engines.etcd.versions import judge_version

_KEY = "etcd-binary"
_ANSWER = 20 * SECOND
_VERSION = re.compile(r"etcd Version: ((\d+)\.(\d+)\.(\d+)\S*)")
_INSTALL = (
    "install etcd 3.5.28 or newer so that it is on PATH (for Debian: the package etcd-server; for others: a release "
    "of etcd-io/etcd), or give its path by --etcd-binary"
)


class Version(Struct, frozen=True):
    """`text` as etcd tells it, such as `3.6.0-rc.1`."""

    text: str
    numbers: tuple[int, int, int]


class Binary(Struct, frozen=True):
    """An etcd program that may be used."""

    path: Path
    version: Version


async def choose(explicit: str = "") -> Binary:
    """The program that `find` finds, once its version is accepted. Raises InvalidArgument, which says why not."""
    path = find(explicit)
    version = await ask_version(path)
    verdict = judge_version(version.text)
    if verdict.refusal:
        raise InvalidArgument(_KEY, f"{path}: {verdict.refusal}")
    if verdict.warning:
        get_logger("etcd").warning(verdict.warning, event_name="etcd_version", path=str(path))
    return Binary(path, version)


def find(explicit: str = "") -> Path:
    """The program at `explicit`, or without it the one on PATH. Raises InvalidArgument."""
    if explicit:
        path = Path(explicit).absolute()
        if not path.is_file() or not os.access(path, os.X_OK):
            raise InvalidArgument(_KEY, f"wanted a program that we may run, found {explicit!r}; {_INSTALL}")
        return path
    found = shutil.which("etcd")
    if found is None:
        raise InvalidArgument(_KEY, f"found no etcd on PATH; {_INSTALL}")
    return Path(found).absolute()


async def ask_version(path: Path) -> Version:
    """What `--version` says, within 20 s. Raises InvalidArgument when it is not etcd that answers."""
    try:
        process = await asyncio.create_subprocess_exec(
            path, "--version", stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env=environment()
        )
    except OSError as error:
        raise InvalidArgument(_KEY, f"{path} cannot be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(_ANSWER / 1000):
            output, _ = await process.communicate()
    except TimeoutError:
        raise InvalidArgument(_KEY, f"{path} --version gave no answer within {_ANSWER // SECOND} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return parse_version(output.decode(errors="replace"), path)


def parse_version(output: str, path: Path) -> Version:
    """The version in the answer to `--version`. Raises InvalidArgument for any other text."""
    found = _VERSION.search(output)
    if found is None:
        raise InvalidArgument(_KEY, f"{path} is not etcd: wanted 'etcd Version: …', found {output[:80]!r}")
    text, major, minor, patch = found.groups()
    return Version(text, (int(major), int(minor), int(patch)))
