"""etcdctl against three servers: who they are, what becomes of one that is removed, and that a death is survived."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.etcd_api.etcdctl import Etcdctl
from tests.e2e.oracle.client import Api, until

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, servers=3, agents=0, network=False, flags={})
    yield cluster
    cluster.close()
    assert list(cluster.troubles()) == []


async def test_three_servers(cluster: Cluster, tmp_path: Path) -> None:
    await cluster.start()
    leader, raft = await cluster.leads_apart()  # from now on nobody moves Raft's lead amid a write
    others = [server for server in cluster.servers if server is not leader]
    ctl = Etcdctl(others[0].url, tmp_path)
    members = ctl.json("member", "list")["members"]
    assert {one["name"]: one["clientURLs"] for one in members} == {one.name: [one.url] for one in cluster.servers}
    assert ctl("endpoint", "status", "--cluster").count("3.") >= 3
    assert Etcdctl(leader.url, tmp_path)("put", "a", "1") == "OK"
    assert ctl("get", "a", "--print-value-only") == "1"

    # The lead of Raft moves to whom it is given to; only its present leader can give it.
    heir = next(one for one in members if one["name"] not in (leader.name, raft.name))
    assert "Leadership transferred" in Etcdctl(raft.url, tmp_path)("move-leader", f"{heir['ID']:x}")

    # A death is survived, by whoever is asked at the others.
    leader.kill()
    alive = ",".join(server.url for server in others)
    assert set(await cluster.leads_apart()) == set(others)
    assert Etcdctl(alive, tmp_path)("put", "a", "2") == "OK"

    # A member that is removed takes its server along.
    gone = next(one for one in members if one["name"] == leader.name)
    async with Api(others[0].url) as api:
        assert len(await _servers(api)) == 3
        assert "removed from cluster" in Etcdctl(alive, tmp_path)("member", "remove", f"{gone['ID']:x}")
        left = await until(lambda: _servers(api), lambda servers: len(servers) == 2)
        assert {one["name"] for one in left} == {server.name for server in others}
    assert Etcdctl(alive, tmp_path)("get", "a", "--print-value-only") == "2"


async def _servers(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("servers"))["data"]
    return found
