"""Processes of a bench: started, paused, killed and weighed by their ids; their output goes to files."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_STOP_SECONDS = 20
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MODULES = {"jobpool": "jobpool.cli.server", "jobpool_agent": "jobpool.cli.agent"}


class Program:
    """`jobpool` or `jobpool_agent`, which can be started again. `enter`: words before its command."""

    def __init__(self, program: str, arguments: Sequence[str], *, log: Path, enter: Sequence[str] = ()) -> None:
        self.log = log
        self._command = [*enter, sys.executable, "-c", f"from {_MODULES[program]} import main; main()", *arguments]
        self._process: Process | None = None
        self._paused: list[int] = []

    async def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=DEVNULL, stdout=output, stderr=output
            )

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Raises RuntimeError when it was never started."""
        if self._process is None:
            raise RuntimeError("this program was not started")
        return self._process.pid

    def children(self, name: str) -> list[int]:
        """The processes that it has started whose command line has `name` in it."""
        return [pid for pid in _children(self.pid) if any(name in word for word in _words(pid))] if self.alive else []

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE

    async def kill(self) -> None:
        """SIGKILL; returns once it is gone."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def pause(self, *pids: int) -> None:
        """SIGSTOP of these processes, which are its own or what it started, until `resume`."""
        self._paused = list(pids)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._paused:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._paused = []

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when that takes too long."""
        if self._process is None or self._process.returncode is not None:
            return
        self.resume()
        self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield int(child)


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
