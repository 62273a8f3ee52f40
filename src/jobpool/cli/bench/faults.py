"""What is done to the leader: each fault strikes one server and is mended before the next."""

from collections.abc import Awaitable, Callable

from msgspec import Struct

from jobpool.cli.bench.network import Network
from jobpool.cli.bench.running import Server

Act = Callable[[Server, int], Awaitable[None]]


class Fault(Struct, frozen=True):
    """`title` says what happens. Both acts are given the server and its number."""

    name: str
    title: str
    strike: Act
    mend: Act
    detail: str = ""


async def _kill(server: Server, number: int) -> None:
    await server.kill()


async def _start(server: Server, number: int) -> None:
    await server.start()


async def _pause(server: Server, number: int) -> None:
    server.pause(server.pid)


async def _freeze(server: Server, number: int) -> None:
    server.pause(server.pid, *server.member, *server.history)


async def _pause_member(server: Server, number: int) -> None:
    server.pause(*server.member)


async def _resume(server: Server, number: int) -> None:
    server.resume()


KILL = Fault("kill", "kill -9 of the leader", _kill, _start, "its etcd member dies with it")
PAUSE = Fault("pause", "SIGSTOP of the leader", _pause, _resume, "the server's process; its etcd member goes on")
FREEZE = Fault("freeze", "SIGSTOP of the leader and its etcd", _freeze, _resume, "all processes of that machine")
NAMES = ("kill", "pause", "freeze", "cut", "isolate")


def on_this_machine(why_no_network: str) -> dict[str, Fault]:
    """The faults that need no network of our own; a partition is a member that answers nobody."""
    stopped = f"by SIGSTOP of its etcd member, as {why_no_network}"
    cut = Fault("cut", "partition of the leader from etcd", _pause_member, _resume, stopped)
    return {fault.name: fault for fault in (KILL, PAUSE, FREEZE, cut)}


def on_network(network: Network) -> dict[str, Fault]:
    """All faults."""

    async def cut(server: Server, number: int) -> None:
        await network.cut_etcd(number)

    async def isolate(server: Server, number: int) -> None:
        await network.cut_all(number)

    async def heal(server: Server, number: int) -> None:
        await network.heal(number)

    partition = "network namespaces: its etcd member reaches no other"
    alone = "network namespaces: it reaches nobody, agents neither"
    faults = (
        *(KILL, PAUSE, FREEZE),
        Fault("cut", "partition of the leader from etcd", cut, heal, partition),
        Fault("isolate", "partition of the leader from everybody", isolate, heal, alone),
    )
    return {fault.name: fault for fault in faults}
