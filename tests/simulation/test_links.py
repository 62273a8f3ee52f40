"""A follower and the leader do not hear each other while all else is well: only the follower's agents notice."""

import pytest

from jobpool.kit.pure.durations import SECOND
from jobpool.testing.simulation.clients import Clients
from jobpool.testing.simulation.cluster import Cluster, Shape, Variant
from jobpool.testing.simulation.loop import run
from jobpool.testing.simulation.plans import PLAIN
from jobpool.testing.simulation.world import World

MACHINES = 8
CUTS = {"both": ((0, 1), (1, 0)), "to the leader": ((0, 1),), "from the leader": ((1, 0),)}


async def parted(cut: str, seed: int) -> None:
    world = World(seed)
    cluster = Cluster(world, Shape(machines=MACHINES), Variant())
    clients = Clients(cluster)
    cluster.start()
    await clients.set_up()
    await world.sleep(8 * SECOND)
    leader = cluster.leader
    assert leader is not None
    agents = {name: len(server.core.sessions) for name, server in cluster.servers.items()}
    follower = max((name for name in cluster.names if name != leader), key=lambda name: agents[name])
    assert agents[follower]
    ends = (follower, leader)
    since = world.elapsed
    for sender, receiver in CUTS[cut]:
        cluster.network.cut(ends[sender], ends[receiver])
    await world.sleep(4 * SECOND)
    assert not len(cluster.servers[follower].core.sessions)
    nodes = cluster.witness.audit.state.nodes.values()
    assert [node.accepts_work for node in nodes] == [True] * MACHINES
    await world.sleep(40 * SECOND)
    assert not cluster.trouble()
    assert cluster.leader == leader
    cluster.witness.check_pace(PLAIN, since=since, until=world.elapsed - 3 * SECOND)
    cluster.heal()
    await world.sleep(2 * SECOND)
    await clients.switch_off()
    await world.sleep(15 * SECOND)
    cluster.witness.check_quiet({name: server.replica.state for name, server in cluster.servers.items()})
    cluster.end()


@pytest.mark.invariant("H-1")
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("cut", CUTS)
def test_a_follower_that_is_parted_from_the_leader_lets_its_agents_go(cut: str, seed: int) -> None:
    run(parted(cut, seed))
