"""Authentication on the servers' own etcd: it is refused until they have a user, and then nothing stops."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.programs import Server
from tests.e2e.etcd_api.etcdctl import Etcdctl
from tests.e2e.oracle.client import Api, until

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "password").write_text("servers only\n")
    cluster = Cluster(tmp_path, servers=3, agents=1, network=False, flags={})
    for server in cluster.servers[:2]:
        give_user(server, tmp_path)
    yield cluster
    cluster.close()
    assert list(cluster.troubles()) == []


def give_user(server: Server, directory: Path) -> None:
    server.flags |= {"etcd-user": "jobpool", "etcd-password-file": str(directory / "password")}


async def completed(api: Api) -> list[dict[str, Any]]:
    return await api.everything("jobs", plan_id="often", status="complete")


async def refusal_of_all_alike(ctl: Etcdctl, unlike: Server) -> str:
    """Why authentication cannot be enabled, once it is known that one server has the others' user by now."""

    async def ask() -> str:
        return await asyncio.to_thread(ctl.refused, "auth", "enable")

    return await until(ask, lambda refusal: f"are {unlike.name}" not in refusal)


async def runs_on(server: Server) -> None:
    async with Api(server.url) as api:
        before = len(await completed(api))
        await until(lambda: completed(api), lambda jobs: len(jobs) > before)


async def test_servers_go_on_when_authentication_is_enabled(cluster: Cluster, tmp_path: Path) -> None:
    await cluster.start()
    first, second, third = cluster.servers
    async with Api(first.url) as api:
        timed = {"enabled": True, "spec": "@every 1s"}
        plan = {"id": "often", "name": "often", "namespace": "default", "type": "service", "status": "running"}
        await api.post("plans", **plan, executor="noop", periodic=timed)
    ctl = Etcdctl(first.url, tmp_path)
    refusal = ctl.refused("auth", "enable")
    assert f"are {third.name}" in refusal
    assert "servers only" not in refusal
    third.terminate()
    give_user(third, tmp_path)
    await cluster.stand()
    refusal = await refusal_of_all_alike(ctl, third)
    assert "root user does not exist" in refusal, "ours is no administrator of theirs"

    await cluster.leads_apart()  # nobody moves Raft's lead amid a write
    ctl("user", "add", "root:pass")
    ctl("user", "grant-role", "root", "root")
    assert ctl("user", "list") == "root"
    ctl("auth", "enable")
    root = ctl.as_user("root:pass")
    assert "user name is empty" in ctl.refused("get", "a")
    assert root("put", "a", "1") == "OK"
    assert root("user", "list") == "root"
    assert "jobpool's own" in root.refused("user", "delete", "jobpool")
    assert "jobpool's own" in ctl.as_user("jobpool:servers only").refused("get", "a"), "nobody is it but servers"
    await runs_on(second)

    # Every server finds its way back in, and one takes over from another.
    first.terminate()
    await cluster.stand()
    leader = await cluster.leader()
    leader.kill()
    await cluster.leader(besides=[leader])
    await runs_on(next(server for server in cluster.servers if server is not leader))
    await cluster.stand()

    await cluster.leads_apart()
    root("auth", "disable")
    assert Etcdctl(second.url, tmp_path)("get", "a", "--print-value-only") == "1"
    await runs_on(first)
