"""Servers and agents as processes: started, killed and started again on the same port and data directory."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from jobpool.kit.effects.clock import SystemClock
from jobpool.testing.ports import free_port

ROOT = Path(__file__).parents[3]
SERVER = "from jobpool.cli.server import main; main()"
AGENT = "from jobpool.cli.agent import main; main()"
CTL = "import sys; from jobpool.cli.ctl import main; sys.exit(main())"
_CLOCK = SystemClock()


def environment() -> dict[str, str]:
    """Nothing of ours but what finds the package."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ", "TMPDIR") if name in os.environ}
    return keep | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}


class Program:
    """One program that can be started any number of times; its log is kept whole."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.data = directory / name
        self.log = directory / f"{name}.log"
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        assert not self.alive
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                cwd=self.data.parent,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, this process only: what it started must cope by itself."""
        self._end(signal.SIGKILL)

    def terminate(self, within: float = 30) -> int:
        return self._end(signal.SIGTERM, within)

    def ended(self, within: float = 30) -> int:
        """Its exit code, once it has ended by itself."""
        assert self._process is not None
        return self._process.wait(within)

    def _end(self, number: signal.Signals, within: float = 30) -> int:
        process = self._process
        assert process is not None
        if process.poll() is None:
            process.send_signal(number)
        return process.wait(within)

    def close(self) -> None:
        """For the end of a test: nothing of it stays behind, whatever state it is in."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class ServerProgram(Program):
    def __init__(self, directory: Path, name: str = "server", **flags: str) -> None:
        super().__init__(name, directory)
        self.port = free_port()
        self.flags = {"data-dir": str(self.data), "listen-client-urls": self.url, "default-time-zone": "UTC"}
        self.flags |= _dashed(flags)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-c", SERVER, *_words(self.flags)]

    def start(self, *, wait: bool = True) -> None:
        super().start()
        if wait:
            self.await_ready()

    def await_ready(self, within: int = 60_000) -> None:
        """Until `/readyz` says so."""
        end = _CLOCK.monotonic() + within
        while not self._ready():
            assert self.alive, f"the server ended by itself:\n{self.text()[-4000:]}"
            assert _CLOCK.monotonic() < end, f"the server is not ready:\n{self.text()[-4000:]}"
            time.sleep(0.05)

    def _ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


class AgentProgram(Program):
    def __init__(self, directory: Path, url: str, name: str = "agent-1", **flags: str) -> None:
        super().__init__(name, directory)
        self.flags = {"advertise-server-urls": url, "executors": "rest,noop,shell"}
        self.flags |= _dashed(flags)

    def command(self) -> list[str]:
        flags = {"name": self.name, "data-dir": str(self.data), **self.flags}
        return [sys.executable, "-c", AGENT, "agent", *_words(flags)]

    @property
    def journal(self) -> Path:
        return self.data / "journal.db"

    @property
    def node_id(self) -> str:
        return (self.data / "client-id").read_text().strip()


def _dashed(flags: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in flags.items()}


def _words(flags: dict[str, str]) -> list[str]:
    return [part for name, value in flags.items() for part in (f"--{name}", value)]
