"""Servers on machines of their own, whose cables can be pulled: network namespaces on two bridges.

One network is for clients and for servers among themselves, the other for etcd's members among themselves. A host that
is taken off a bridge sees nothing but silence, as behind a broken switch. Needs `ip` and root; nothing is left of it.
"""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from jobpool.cli.bench.posts import CLIENT_PORT, PEER_PORT, Host
from jobpool.kit.effects.dice import Dice

_CLIENTS, _PEERS = "c", "p"
_NETS = {_CLIENTS: "198.18", _PEERS: "198.19"}  # both set apart for measurements (RFC 2544): nobody's own


class NoNetwork(Exception):
    """This machine gives us no hosts of their own; the message says why."""


class Network:
    """Made by `network`."""

    def __init__(self, mark: str, hosts: Sequence[Host]) -> None:
        self._mark = mark
        self.hosts = hosts

    async def cut_etcd(self, number: int) -> None:
        """The member of that host is alone; its server still has clients, agents and the other servers."""
        await _ip("link", "set", _outside(self._mark, _PEERS, number), "nomaster")

    async def cut_all(self, number: int) -> None:
        await self.cut_etcd(number)
        await _ip("link", "set", _outside(self._mark, _CLIENTS, number), "nomaster")

    async def heal(self, number: int) -> None:
        for kind in _NETS:
            await _ip("link", "set", _outside(self._mark, kind, number), "master", self._mark + kind)


@asynccontextmanager
async def network(count: int) -> AsyncIterator[Network]:
    """So many hosts, which this machine reaches by their client addresses. Raises NoNetwork."""
    if shutil.which("ip") is None:
        raise NoNetwork("there is no `ip` on PATH")
    if os.geteuid():
        raise NoNetwork("network namespaces need root")
    mark = f"jpb{Dice().below(1 << 20):05x}"
    part = await _free_part()
    async with AsyncExitStack() as made:
        for kind in _NETS:
            await _ip("link", "add", "name", mark + kind, "address", _address(), "type", "bridge")
            made.push_async_callback(_ip, "link", "del", mark + kind)
            await _ip("link", "set", mark + kind, "up")
        await _ip("address", "add", f"{_NETS[_CLIENTS]}.{part}.1/24", "dev", mark + _CLIENTS)
        hosts = [await _host(mark, part, number, made) for number in range(count)]
        yield Network(mark, hosts)


async def _host(mark: str, part: int, number: int, made: AsyncExitStack) -> Host:
    space = f"{mark}-{number}"
    await _ip("netns", "add", space)
    made.push_async_callback(_ip, "netns", "del", space)
    await _ip("-n", space, "link", "set", "lo", "up")
    addresses = {}
    for kind, net in _NETS.items():
        outside, inside = _outside(mark, kind, number), f"{mark}{kind}i{number}"
        await _ip("link", "add", "name", outside, "type", "veth", "peer", "name", inside, "netns", space)
        await _ip("link", "set", outside, "master", mark + kind, "up")
        addresses[kind] = f"{net}.{part}.{number + 2}"
        await _ip("-n", space, "address", "add", f"{addresses[kind]}/24", "dev", inside)
        await _ip("-n", space, "link", "set", inside, "up")
    client, peer = f"{addresses[_CLIENTS]}:{CLIENT_PORT}", f"{addresses[_PEERS]}:{PEER_PORT}"
    return Host(client, peer, ("ip", "netns", "exec", space))


def _outside(mark: str, kind: str, number: int) -> str:
    return f"{mark}{kind}o{number}"


def _address() -> str:
    """Of a bridge, by chance: left to itself it takes one of its hosts', and another when that one is cut off.

    Then all others would send to an address that is no more, and look cut off too.
    """
    dice = Dice()
    return ":".join(["02", *(f"{dice.below(256):02x}" for _ in range(5))])


async def _free_part() -> int:
    """The third part of addresses that no interface has."""
    taken = await _ip("-o", "-4", "address")
    free = [part for part in range(256) if not any(f" {net}.{part}." in taken for net in _NETS.values())]
    return free[Dice().below(len(free))]


async def _ip(*words: str) -> str:
    process = await asyncio.create_subprocess_exec("ip", *words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    if process.returncode:
        raise NoNetwork(f"ip {' '.join(words)}: {errors.decode(errors='replace').strip()}")
    return output.decode()
