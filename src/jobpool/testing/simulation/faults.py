"""What befalls a cluster. Every fault says what it did and how it is undone; undoing it twice is harmless."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.testing.simulation.cluster import Cluster
from jobpool.testing.simulation.store import Mishap


class Fault(Struct):
    """`text` tells the story; `undo` ends it."""

    text: str
    undo: Callable[[], None]


Make: TypeAlias = Callable[[Cluster, Dice], Fault]

_MISHAPS: tuple[Mishap, ...] = ("refused", "lost", "unanswered", "delayed")
_MOST_SKEW: Millis = 300


def _one(names: list[str], dice: Dice) -> str:
    return names[dice.below(len(names))]


def _server(cluster: Cluster, dice: Dice) -> str:
    """One that lives, if there is any; every other time the leader."""
    leader, throw = cluster.leader, dice.below(2)
    living = [name for name in cluster.names if cluster.servers[name].process.alive]
    if throw and leader in living:
        return leader
    return _one(living or cluster.names, dice)


def _machine(cluster: Cluster, dice: Dice) -> str:
    living = [name for name in cluster.machines if cluster.agents[name].alive]
    return _one(living or list(cluster.machines), dice)


def kill_server(cluster: Cluster, dice: Dice) -> Fault:
    name, silently = _server(cluster, dice), dice.below(3) == 0
    if cluster.servers[name].process.alive:
        cluster.kill_server(name, silently=silently)
    return Fault(f"{name} is killed", lambda: cluster.start_server(name))


def lose_follower(cluster: Cluster, dice: Dice) -> Fault:
    """The machine of a server that does not lead is gone without a word, and comes back."""
    leader = cluster.leader
    name = _one([name for name in cluster.names if name != leader] or cluster.names, dice)
    if cluster.servers[name].process.alive:
        cluster.kill_server(name, silently=True)
    return Fault(f"{name}, which follows, is lost", lambda: cluster.start_server(name))


def lose_leader(cluster: Cluster, dice: Dice) -> Fault:
    """The same for the one that leads."""
    name = _server(cluster, dice) if cluster.leader is None else cluster.leader
    if cluster.servers[name].process.alive:
        cluster.kill_server(name, silently=True)
    return Fault(f"{name}, which leads, is lost", lambda: cluster.start_server(name))


def stop_server(cluster: Cluster, dice: Dice) -> Fault:
    """SIGTERM, and SIGKILL soon after it: a rolling restart."""
    name = _server(cluster, dice)
    server = cluster.servers[name]
    if server.process.runs:
        server.stop()

    def end() -> None:
        if cluster.servers[name] is server and server.process.alive:
            cluster.kill_server(name)
        cluster.start_server(name)

    return Fault(f"{name} is told to stop", end)


def pause_server(cluster: Cluster, dice: Dice) -> Fault:
    process = cluster.servers[_server(cluster, dice)].process
    process.pause()
    return Fault(f"{process.name} is paused", process.resume)


def cut_servers(cluster: Cluster, dice: Dice) -> Fault:
    one = _server(cluster, dice)
    return _cut(cluster, dice, one, _one([name for name in cluster.names if name != one] or [one], dice))


def cut_agent(cluster: Cluster, dice: Dice) -> Fault:
    return _cut(cluster, dice, _machine(cluster, dice), _server(cluster, dice))


def isolate_agent(cluster: Cluster, dice: Dice) -> Fault:
    """From all servers; what it runs goes on."""
    name = _machine(cluster, dice)
    ways = [way for server in cluster.names for way in ((name, server), (server, name))]
    for way in ways:
        cluster.network.cut(*way)

    def mend() -> None:
        for way in ways:
            cluster.network.mend(*way)

    return Fault(f"{name} is cut off from all servers", mend)


def _cut(cluster: Cluster, dice: Dice, one: str, other: str) -> Fault:
    network, one_way = cluster.network, dice.below(2) == 0
    ways = [(one, other)] if one_way else [(one, other), (other, one)]
    for way in ways:
        network.cut(*way)

    def mend() -> None:
        for way in ways:
            network.mend(*way)

    return Fault(f"{one} {'→' if one_way else '↔'} {other} is cut", mend)


def cut_store(cluster: Cluster, dice: Dice) -> Fault:
    server = cluster.servers[_server(cluster, dice)]
    server.connection.cut()
    return Fault(f"{server.process.name} is cut off from the store", server.connection.mend)


def isolate(cluster: Cluster, dice: Dice) -> Fault:
    """From everybody and everything."""
    name = _server(cluster, dice)
    server = cluster.servers[name]
    others = [other for other in (*cluster.names, *cluster.machines) if other != name]
    ways = [way for other in others for way in ((name, other), (other, name))]
    for way in ways:
        cluster.network.cut(*way)
    server.connection.cut()

    def mend() -> None:
        for way in ways:
            cluster.network.mend(*way)
        server.connection.mend()

    return Fault(f"{name} is cut off from everything", mend)


def slow_commits(cluster: Cluster, dice: Dice) -> Fault:
    connection = cluster.servers[_server(cluster, dice)].connection
    connection.slow = 300 + dice.below(2 * SECOND)

    def undo() -> None:
        connection.slow = 0

    return Fault(f"commits of {connection.process.name} take {connection.slow} ms", undo)


def mishaps(cluster: Cluster, dice: Dice) -> Fault:
    connection = cluster.servers[_server(cluster, dice)].connection
    kinds = [_MISHAPS[dice.below(len(_MISHAPS))] for _ in range(1 + dice.below(3))]
    connection.mishaps.extend(kinds)
    return Fault(f"the next transactions of {connection.process.name}: {', '.join(kinds)}", connection.mishaps.clear)


def late_watch(cluster: Cluster, dice: Dice) -> Fault:
    connection = cluster.servers[_server(cluster, dice)].connection
    connection.watch_lag = 200 + dice.below(3 * SECOND)

    def undo() -> None:
        connection.watch_lag = 0

    return Fault(f"{connection.process.name} sees the log {connection.watch_lag} ms late", undo)


def silent_watch(cluster: Cluster, dice: Dice) -> Fault:
    connection = cluster.servers[_server(cluster, dice)].connection
    connection.silence()
    return Fault(f"{connection.process.name} hears nothing of the log", connection.listen)


def lost_watch(cluster: Cluster, dice: Dice) -> Fault:
    connection = cluster.servers[_server(cluster, dice)].connection
    connection.lose_watches()
    return Fault(f"{connection.process.name} loses its watch", lambda: None)


def store_down(cluster: Cluster, dice: Dice) -> Fault:
    cluster.store.down = True
    return Fault("the store answers nobody", cluster.store.recover)


def skew(cluster: Cluster, dice: Dice) -> Fault:
    name = _server(cluster, dice)
    ahead = dice.below(2 * _MOST_SKEW) - _MOST_SKEW
    cluster.skewed = True
    cluster.skews[name] = cluster.servers[name].process.clock.skew = ahead
    return Fault(f"the clock of {name} is {ahead} ms ahead", lambda: None)


def slow_network(cluster: Cluster, dice: Dice) -> Fault:
    cluster.network.slow = 50 + dice.below(300)

    def undo() -> None:
        cluster.network.slow = 0

    return Fault(f"frames take {cluster.network.slow} ms", undo)


def kill_agent(cluster: Cluster, dice: Dice) -> Fault:
    name, machine = _machine(cluster, dice), dice.below(2) == 0
    if cluster.agents[name].alive:
        cluster.kill_agent(name, machine=machine)
    return Fault(f"{name} is killed{' with its machine' if machine else ''}", lambda: cluster.start_agent(name))


def pause_agent(cluster: Cluster, dice: Dice) -> Fault:
    process = cluster.agents[_machine(cluster, dice)]
    process.pause()
    return Fault(f"{process.name} is paused", process.resume)


FAULTS: tuple[Make, ...] = (
    kill_server,
    lose_follower,
    lose_leader,
    stop_server,
    pause_server,
    pause_server,
    cut_servers,
    cut_agent,
    cut_store,
    isolate,
    slow_commits,
    mishaps,
    mishaps,
    late_watch,
    silent_watch,
    lost_watch,
    store_down,
    skew,
    slow_network,
    kill_agent,
    pause_agent,
    isolate_agent,
)
