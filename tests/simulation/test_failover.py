"""The leader goes in every way there is, again and again: the next due tick starts within two seconds, each once.

By the cluster's own clock: how fast this machine is does not matter.
"""

import asyncio
from collections.abc import Callable

import pytest

from jobpool.kit.pure.durations import SECOND
from jobpool.model.errors import FailedPrecondition
from jobpool.testing.simulation.clients import Clients
from jobpool.testing.simulation.cluster import Cluster, Shape, Variant
from jobpool.testing.simulation.loop import run
from jobpool.testing.simulation.plans import PLAIN
from jobpool.testing.simulation.runner import simulate
from jobpool.testing.simulation.world import World
from jobpool.wire import jobpool_pb2 as pb

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


async def leads_are_moved(seed: int, *, at_once: bool) -> None:
    world = World(seed)
    cluster, dice = Cluster(world, Shape(), Variant()), world.dice("moves")
    clients = Clients(cluster)
    cluster.start()
    await world.sleep(4 * SECOND)

    async def move() -> None:
        """By any server, to any or to nobody named. The one that leads already refuses, and nobody else does."""
        to, asked = ("", *cluster.names)[dice.below(4)], cluster.names[dice.below(3)]
        answer = await clients.ask(cluster.servers[asked], "MoveLeader", pb.MoveLeaderRequest(to=to))
        if isinstance(answer, FailedPrecondition):
            assert str(answer) == f"to: {to!r} leads already"
        else:
            assert isinstance(answer, pb.MoveLeaderResponse), (asked, to, answer)
            assert to in ("", answer.data.name)

    for _ in range(ROUNDS):
        if at_once:
            await asyncio.gather(move(), move(), move())
        else:
            for _ in range(3):
                await move()
        await world.sleep(dice.below(SECOND))
    assert not cluster.trouble()
    cluster.end()


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_leads_that_are_moved_back_to_back_all_get_there(seed: int, at_once: bool) -> None:
    run(leads_are_moved(seed, at_once=at_once))


async def one_stops(seed: int) -> None:
    world = World(seed)
    cluster = Cluster(world, Shape(), Variant())
    clients = Clients(cluster)
    cluster.start()
    await world.sleep(4 * SECOND)
    leader = cluster.leader
    assert leader is not None
    stops, stays = (name for name in cluster.names if name != leader)
    cluster.servers[stops].stop()
    await world.sleep(100)
    named = await clients.ask(cluster.servers[leader], "MoveLeader", pb.MoveLeaderRequest(to=stops))
    assert str(named) == f"to: server {stops} is not there, or stops: it could not take over"
    answer = await clients.ask(cluster.servers[leader], "MoveLeader", pb.MoveLeaderRequest())
    assert isinstance(answer, pb.MoveLeaderResponse)
    assert answer.data.name == stays
    cluster.servers[stays].stop()
    await world.sleep(100)
    assert cluster.leader == leader
    cluster.end()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_server_that_stops_is_given_no_lead(seed: int) -> None:
    """It says so while it is still there: it closes its listener and lets its calls end."""
    run(one_stops(seed))


def test_a_server_that_is_alone_gets_over_whatever_befalls_it() -> None:
    for seed in range(6):
        verdict = simulate(seed, shape=Shape(servers=1), span=20 * SECOND)
        assert not verdict.broken, (seed, verdict.broken)
