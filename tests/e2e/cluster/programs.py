"""A server of a cluster with its etcd member, and an agent, as processes: killed, paused and found by their ids."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from jobpool.testing.etcd import etcd_binary
from jobpool.testing.ports import free_port
from tests.e2e.cluster.hosts import CLIENT_PORT, PEER_PORT, Host
from tests.e2e.oracle.processes import AgentProgram, Program, ServerProgram


class Pausable(Program):
    """On a host. Paused is this process only, not what it started."""

    host: Host
    paused = False

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        if self.alive:
            os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        super().kill()
        self.paused = False


class Server(Pausable, ServerProgram):
    """On hosts of their own all have the usual ports; on one machine each has free ones."""

    def __init__(self, directory: Path, host: Host, **flags: str) -> None:
        self.host = host
        super().__init__(directory, host.name, **flags)
        self.port, self.peer_port = (CLIENT_PORT, PEER_PORT) if host.enter else (self.port, free_port())
        self.flags |= {
            "name": host.name,
            "etcd-binary": str(etcd_binary()),
            "listen-client-urls": self.url,
            "advertise-client-urls": self.url,
            "listen-peer-urls": self.peer_url,
            "initial-advertise-peer-urls": self.peer_url,
            "initial-cluster-token": directory.name,
        }

    @property
    def url(self) -> str:
        return f"http://{self.host.address}:{self.port}"

    @property
    def peer_url(self) -> str:
        return f"http://{self.host.address}:{self.peer_port}"

    def command(self) -> list[str]:
        return [*self.host.enter, *super().command()]

    @property
    def member(self) -> int | None:
        """The process id of its etcd member, while there is one."""
        if self.alive:
            for pid in _children(self.pid):
                if _words_of(pid)[:1] == [str(etcd_binary())]:
                    return pid
        return None

    def kill_member(self) -> None:
        os.kill(self._member(), signal.SIGKILL)

    def pause_member(self) -> None:
        os.kill(self._member(), signal.SIGSTOP)

    def _member(self) -> int:
        pid = self.member
        assert pid is not None, f"{self.name} has no etcd member"
        return pid

    def resume_member(self) -> None:
        if (pid := self.member) is not None:
            os.kill(pid, signal.SIGCONT)

    @property
    def member_endpoint(self) -> str:
        """Where the member answers etcd's own clients; empty while there is none."""
        flag = "--listen-client-urls="
        words = [] if (pid := self.member) is None else _words_of(pid)
        told = next((word.removeprefix(flag) for word in words if word.startswith(flag)), "")
        return told.replace("unix://", f"unix://{self.data.absolute()}/")


class Agent(Pausable, AgentProgram):
    """An agent of all servers."""

    def __init__(self, directory: Path, host: Host, urls: list[str], **flags: str) -> None:
        super().__init__(directory, ",".join(urls), host.name, **flags)
        self.host = host

    def command(self) -> list[str]:
        return [*self.host.enter, *super().command()]


def strays(directory: Path) -> list[int]:
    """The processes that were started for a directory and run still: their command or their place names it."""
    name = str(directory).encode()
    processes = [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [int(one.name) for one in processes if int(one.name) != os.getpid() and _names(one, name)]


def _names(process: Path, name: bytes) -> bool:
    try:
        return name in (process / "cmdline").read_bytes() or name in os.fsencode((process / "cwd").readlink())
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (thread / "children").read_text().split()]
    return found


def _words_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
