"""Where programs run: all on this machine's loopback, or each on a machine of its own whose links can be cut.

Such machines are network namespaces on one bridge. Whatever was made is removed by `close`, by name.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from jobpool.kit.effects.dice import Dice

CLIENT_PORT = 2379
PEER_PORT = 2380
_TOOLS = ("ip", "iptables", "nsenter")
_NET = "198.18"  # set apart for tests of networks (RFC 2544): nobody's own
_NAMES = "/var/run/netns"


class Host(Struct, frozen=True):
    """`enter` are the words before a command that make it run there."""

    name: str
    address: str
    enter: tuple[str, ...] = ()


class Site(Protocol):
    """Gives hosts to programs."""

    def host(self, name: str) -> Host: ...

    def close(self) -> None: ...


class Loopback:
    """All on this machine: no link can be cut."""

    def host(self, name: str) -> Host:
        return Host(name, "127.0.0.1")

    def close(self) -> None:
        """Nothing was made."""


class Cut(Struct, frozen=True):
    """Nothing passes between a host and others: on a port of either side, 0 = on all. `inward`: only what comes in."""

    host: str
    others: tuple[str, ...]
    port: int = 0
    inward: bool = False


def why_no_network() -> str:
    """What this machine lacks for hosts of their own; empty when it lacks nothing."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"no {', '.join(missing)} on PATH (on Debian: apt-get install iproute2 iptables util-linux)"
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"jpprobe{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"network namespaces cannot be made here: {made.stderr.strip()}"
    try:
        for command in (("ip", "link", "add", "name", "jpprobe", "type", "bridge"), ("iptables", "-w", "-S")):
            done = subprocess.run(["ip", "netns", "exec", probe, *command], capture_output=True, text=True, check=False)
            if done.returncode:
                return f"{' '.join(command)} fails here: {done.stderr.strip()}"
    finally:
        subprocess.run(["ip", "netns", "del", probe], check=False, capture_output=True)
    return ""


class Network:
    """Hosts on a bridge, which has an address too: this machine reaches all of them, whatever is cut among them.

    All that it makes bears its `name`.
    """

    def __init__(self) -> None:
        self.name = f"jp{Dice().below(1 << 24):06x}"
        self._net = f"{_NET}.{_free_net()}"
        self._hosts: dict[str, Host] = {}
        self._cuts: list[Cut] = []
        try:
            _run("ip", "link", "add", "name", self.name, "type", "bridge")
            _run("ip", "address", "add", f"{self._net}.1/24", "dev", self.name)
            _run("ip", "link", "set", self.name, "up")
        except BaseException:
            self.close()
            raise

    def host(self, name: str) -> Host:
        if name not in self._hosts:
            self._hosts[name] = self._make(name, len(self._hosts) + 2)
        return self._hosts[name]

    def _make(self, name: str, number: int) -> Host:
        space = f"{self.name}-{number}"
        host = Host(name, f"{self._net}.{number}", ("nsenter", f"--net={_NAMES}/{space}", "--"))
        outside, inside = f"{self.name}o{number}", f"{self.name}i{number}"
        _run("ip", "netns", "add", space)
        self._hosts[name] = host
        _run("ip", "link", "add", "name", outside, "type", "veth", "peer", "name", inside, "netns", space)
        _run("ip", "link", "set", outside, "master", self.name, "up")
        _run("ip", "-n", space, "address", "add", f"{host.address}/24", "dev", inside)
        _run("ip", "-n", space, "link", "set", inside, "up")
        _run("ip", "-n", space, "link", "set", "lo", "up")
        return host

    def cut(self, cut: Cut) -> None:
        self._cuts.append(cut)
        self._rules("-A", cut)

    def mend(self, cut: Cut) -> None:
        self._cuts.remove(cut)
        self._rules("-D", cut)

    def heal(self) -> None:
        """No link is cut any more."""
        for cut in list(self._cuts):
            self.mend(cut)

    def _rules(self, change: str, cut: Cut) -> None:
        host = self._hosts[cut.host]
        for other in cut.others:
            address = self._hosts[other].address
            ways = [("INPUT", "-s")] if cut.inward else [("INPUT", "-s"), ("OUTPUT", "-d")]
            for chain, side in ways:
                for match in _ports(cut.port):
                    _run(*host.enter, "iptables", "-w", change, chain, side, address, *match, "-j", "DROP")

    def close(self) -> None:
        """Remove all of it, and end what still runs there."""
        for number in range(2, len(self._hosts) + 2):
            space = f"{self.name}-{number}"
            left = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True, check=False)
            for pid in left.stdout.split():
                subprocess.run(["kill", "-KILL", pid], check=False, capture_output=True)
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", self.name], check=False, capture_output=True)


def _ports(port: int) -> Sequence[Sequence[str]]:
    """A port of the one that is called is the source of what it answers."""
    return [["-p", "tcp", "--dport", str(port)], ["-p", "tcp", "--sport", str(port)]] if port else [[]]


def _free_net() -> int:
    """The third part of addresses that no interface has."""
    taken = subprocess.run(["ip", "-o", "-4", "address"], capture_output=True, text=True, check=True).stdout
    free = [part for part in range(256) if f" {_NET}.{part}." not in taken]
    return free[Dice().below(len(free))]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
