"""The pages while a cluster's leader is killed: they recover by themselves and are right afterwards."""

import pytest

from jobpool.testing.etcd import NO_ETCD, etcd_binary
from tests.e2e.browser import LONGEST, NO_BROWSER, Pages, missing
from tests.e2e.cluster.cluster import Cluster

pytestmark = [
    pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD),
    pytest.mark.skipif(missing(), reason=NO_BROWSER),
    pytest.mark.timeout(2 * LONGEST),
    pytest.mark.xdist_group("processes"),
]


@pytest.mark.parametrize("at", ["a follower", "the leader"])
async def test_the_leader_dies_while_the_page_is_open(cluster: Cluster, at: str) -> None:
    await cluster.start()
    leader = await cluster.leader()
    others = [server for server in cluster.servers if server is not leader]
    server = leader if at == "the leader" else others[0]

    async def die() -> str:
        leader.kill()
        await cluster.leader(besides=[leader])
        return others[0].url

    orders = {"the leader dies": die, "it comes back": cluster.stand}
    await Pages(server, cluster.directory).walk("failover.mjs", orders=orders)
