"""The leader goes in every way there is, again and again: the next due tick starts within two seconds, each once.

By the cluster's own clock: how fast this machine is does not matter.
"""

from collections.abc import Callable

import pytest

from jobpool.kit.pure.durations import SECOND
from jobpool.testing.simulation.clients import Clients
from jobpool.testing.simulation.cluster import Cluster, Shape, Variant
from jobpool.testing.simulation.loop import run
from jobpool.testing.simulation.plans import PLAIN
from jobpool.testing.simulation.runner import simulate
from jobpool.testing.simulation.world import World

ROUNDS = 10
Undo = Callable[[], None]


def killed(cluster: Cluster, leader: str) -> Undo:
    cluster.kill_server(leader)
    return lambda: cluster.start_server(leader)


def lost(cluster: Cluster, leader: str) -> Undo:
    """With its machine: nobody says so."""
    cluster.kill_server(leader, silently=True)
    return lambda: cluster.start_server(leader)


def paused(cluster: Cluster, leader: str) -> Undo:
    process = cluster.servers[leader].process
    process.pause()
    return process.resume


def cut_off_from_the_store(cluster: Cluster, leader: str) -> Undo:
    connection = cluster.servers[leader].connection
    connection.cut()
    return connection.mend


def cut_off_from_everything(cluster: Cluster, leader: str) -> Undo:
    others = [name for name in (*cluster.names, *cluster.machines) if name != leader]
    ways = [way for other in others for way in ((leader, other), (other, leader))]
    for way in ways:
        cluster.network.cut(*way)
    from_store = cut_off_from_the_store(cluster, leader)

    def mend() -> None:
        for way in ways:
            cluster.network.mend(*way)
        from_store()

    return mend


def told_to_stop(cluster: Cluster, leader: str) -> Undo:
    server = cluster.servers[leader]
    server.stop()
    cluster.world.later(300, lambda: cluster.kill_server(leader) if server.process.alive else None)
    return lambda: cluster.start_server(leader)


async def leaders_go(go: Callable[[Cluster, str], Undo], seed: int) -> None:
    world = World(seed)
    cluster, dice = Cluster(world, Shape(), Variant()), world.dice("failover")
    clients = Clients(cluster)
    cluster.start()
    await clients.set_up()
    await world.sleep(5 * SECOND)
    since = world.elapsed
    for _ in range(ROUNDS):
        leader = cluster.leader
        assert leader is not None
        undo = go(cluster, leader)
        await world.sleep(4 * SECOND + dice.below(3 * SECOND))
        assert cluster.leader != leader
        undo()
        await world.sleep(6 * SECOND + dice.below(3 * SECOND))
    assert not cluster.trouble()
    cluster.witness.check_pace(PLAIN, since=since, until=world.elapsed - 3 * SECOND)
    await clients.switch_off()
    await world.sleep(15 * SECOND)
    cluster.witness.check_quiet({name: server.replica.state for name, server in cluster.servers.items()})
    cluster.end()


@pytest.mark.invariant("C-4")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "go",
    [killed, lost, paused, cut_off_from_the_store, cut_off_from_everything, told_to_stop],
    ids=lambda go: go.__name__,
)
def test_the_next_tick_starts_within_two_seconds(go: Callable[[Cluster, str], Undo], seed: int) -> None:
    run(leaders_go(go, seed))


def test_a_server_that_is_alone_gets_over_whatever_befalls_it() -> None:
    for seed in range(6):
        verdict = simulate(seed, shape=Shape(servers=1), span=20 * SECOND)
        assert not verdict.broken, (seed, verdict.broken)
