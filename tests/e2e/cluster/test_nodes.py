"""What one server hears of a machine, all of them tell; who was away learns it from those that were there."""

from datetime import datetime
from typing import Any

import pytest

from jobpool.testing.etcd import NO_ETCD, etcd_binary
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.programs import Server
from tests.e2e.oracle.client import Api, until

pytestmark = [
    pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD),
    pytest.mark.xdist_group("processes"),
    pytest.mark.timeout(180),
]


async def node_at(server: Server) -> dict[str, Any]:
    async with Api(server.url) as api:
        (node,) = await api.everything("nodes")
        return node


def heard(node: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(node.get("heard_at", "1970-01-01T00:00:00Z"))


async def test_every_server_tells_what_one_of_them_hears(cluster: Cluster) -> None:
    await cluster.start()
    for server in cluster.servers:
        node = await until(lambda server=server: node_at(server), lambda node: "resources" in node)  # type: ignore[misc]
        later = await until(
            lambda server=server: node_at(server),  # type: ignore[misc]
            lambda found, before=node: heard(found) > heard(before),  # type: ignore[misc]
        )
        assert int(later["resources"]["memory"]) > 0


async def test_who_was_away_learns_when_a_node_was_last_heard(cluster: Cluster) -> None:
    await cluster.start()
    away, stays, other = cluster.servers
    away.kill()
    there = (stays.name, other.name)
    await until(lambda: node_at(stays), lambda node: node["status"] == "ready" and node.get("server") in there)
    cluster.agents[0].kill()
    await until(lambda: node_at(stays), lambda node: not node.get("server"))
    await cluster.stand()
    last = await until(lambda: node_at(away), lambda node: "heard_at" in node)
    assert int(last["resources"]["memory"]) > 0
