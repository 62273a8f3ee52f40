"""Real etcd members for tests: started in a moment, killed, paused and resumed on demand.

The binary is the one that the environment names (`JOBPOOL_TEST_ETCD`; `scripts/etcd` prints its path).
"""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jobpool.testing.ports import free_port

ETCD_VARIABLE = "JOBPOOL_TEST_ETCD"

NO_ETCD = f"no etcd: {ETCD_VARIABLE} does not name one (scripts/etcd prints the path of one)"
"""Why tests are skipped where there is none."""

_START_SECONDS = 30.0
_LARGE_TRANSACTIONS = ("--max-txn-ops=20000", "--max-request-bytes=33554432")
_QUICK = ("--heartbeat-interval=20", "--election-timeout=200")
"""The lead is soon another's: without a fault too, where the disk or the processor is busy for so long."""
CALM = (*_LARGE_TRANSACTIONS, "--heartbeat-interval=100", "--election-timeout=1500")
"""The lead stays where it is while nobody takes it away."""


def etcd_binary() -> Path | None:
    """The etcd to test with, if there is one."""
    named = os.environ.get(ETCD_VARIABLE)
    return Path(named) if named else None


class EtcdMember:
    """One member, alone unless `cluster` names it and others (name → peer URL). Its data stays over `kill` and `start`.

    `scheme` and `flags` are for TLS, quotas and the like.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "one",
        cluster: dict[str, str] | None = None,
        flags: Sequence[str] = _LARGE_TRANSACTIONS,
        scheme: str = "http",
    ) -> None:
        self.name = name
        self.address = f"127.0.0.1:{free_port()}"
        self.endpoint = f"{scheme}://{self.address}"
        self._directory = directory
        self._cluster = cluster or {name: f"http://127.0.0.1:{free_port()}"}
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> socket.socket:
        """Start the process; the socket is where it says that it serves."""
        binary = etcd_binary()
        if binary is None:
            raise RuntimeError(NO_ETCD)
        self._directory.mkdir(parents=True, exist_ok=True)
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # An abstract name: paths of sockets are short, those of test directories are not.
        ready.bind(f"\0jobpool-etcd-{os.getpid()}-{ready.fileno()}-{self.address}")
        ready.settimeout(_START_SECONDS)
        name = ready.getsockname()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(binary),
                env={"NOTIFY_SOCKET": "@" + name[1:].decode(), "PATH": os.defpath},
                stdout=log,
                stderr=log,
            )
        return ready

    def start(self) -> None:
        """Start, and return once it serves."""
        self.await_ready(self.launch())

    def await_ready(self, ready: socket.socket) -> None:
        """Return once the member that was launched serves. Raises RuntimeError with the end of its log."""
        try:
            with ready:
                ready.recv(1024)
        except TimeoutError:
            self.kill()
            raise RuntimeError(f"etcd does not start: {self.log.read_text()[-2000:]}") from None

    @property
    def log(self) -> Path:
        return self._directory / f"{self.name}.log"

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The running process. Raises RuntimeError when it was not started."""
        if self._process is None:
            raise RuntimeError(f"the member {self.name} was not started")
        return self._process

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def _command(self, binary: Path) -> list[str]:
        with_parent = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        peer = self._cluster[self.name]
        return [
            *with_parent,
            str(binary),
            f"--name={self.name}",
            f"--data-dir={self._directory / self.name}",
            f"--listen-client-urls={self.endpoint}",
            f"--advertise-client-urls={self.endpoint}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={','.join(f'{name}={url}' for name, url in self._cluster.items())}",
            "--log-level=warn",
            *_QUICK,
            *self._flags,
        ]


def cluster_of(directory: Path, size: int, *, flags: Sequence[str] = _LARGE_TRANSACTIONS) -> list[EtcdMember]:
    """So many members of one cluster, started."""
    peers = {f"m{at}": f"http://127.0.0.1:{free_port()}" for at in range(size)}
    members = [EtcdMember(directory, name=name, cluster=peers, flags=flags) for name in peers]
    for member, ready in [(member, member.launch()) for member in members]:
        member.await_ready(ready)
    return members


@cache
def shared_member() -> EtcdMember:
    """A member for the tests of this process that need nothing special; each keeps to a prefix of its own."""
    directory = Path(tempfile.mkdtemp(prefix="jobpool-etcd-"))
    member = EtcdMember(directory, flags=(*_LARGE_TRANSACTIONS, "--unsafe-no-fsync"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(member.kill)
    member.start()
    return member
