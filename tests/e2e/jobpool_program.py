"""`jobpool` and `jobpool dev` as processes, started as a user starts them."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from jobpool.kit.effects.clock import SystemClock
from jobpool.testing.ports import free_port
from tests.e2e.oracle.processes import Program

MAIN = "from jobpool.cli.server import main; main()"
_CLOCK = SystemClock()
_WITHIN = 60_000


class Jobpool(Program):
    """`words` after the program's name; `{port}` in them becomes a free port, the same at every start."""

    def __init__(self, directory: Path, *words: str, name: str = "jobpool") -> None:
        super().__init__(name, directory)
        self.port = free_port()
        self.words = [word.replace("{port}", str(self.port)) for word in words]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-c", MAIN, *self.words]

    def start_until(self, words: str) -> None:
        """Start, and wait until it has said this since."""
        seen = len(self.text())
        self.start()
        self.wait(lambda: words in self.text()[seen:], f"to say {words!r}")

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        end = _CLOCK.monotonic() + _WITHIN
        while not condition():
            assert self.alive, f"waited for it {what}, but it ended:\n{self.text()[-4000:]}"
            assert _CLOCK.monotonic() < end, f"waited for it {what}:\n{self.text()[-4000:]}"
            time.sleep(0.05)

    def interrupt(self) -> int:
        """SIGINT to its process group, as a terminal does at Ctrl-C; the exit code."""
        assert self._process is not None
        os.killpg(self.pid, 2)
        return self._process.wait(30)
