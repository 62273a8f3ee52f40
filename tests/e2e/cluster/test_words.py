"""What operators read when servers go: few lines, no tracebacks, and at the end of a removed server what to do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from jobpool.testing.etcd import NO_ETCD, etcd_binary
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.programs import Server
from tests.e2e.oracle.client import Api, Refused, until
from tests.e2e.oracle.ctl import ctl

pytestmark = [
    pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD),
    pytest.mark.xdist_group("processes"),
]

REMOVED = 4
_WITHIN = 60
_LOST_FOR = 12


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(tmp_path, servers=3, agents=2, network=False, flags={})
    try:
        await cluster.start()
        await ctl(cluster.servers[0].url, "plan", "add", "--id", "p", "--spec", "@every 1s", "--executor", "noop")
        async with callers(cluster):
            yield cluster
    finally:
        cluster.close()
    assert list(cluster.troubles()) == []


@asynccontextmanager
async def callers(cluster: Cluster) -> AsyncIterator[None]:
    """Somebody asks every server all the time: calls are under way whenever one goes."""

    async def call(url: str) -> None:
        async with Api(url, timeout=2) as api:
            while True:
                with suppress(aiohttp.ClientError, TimeoutError, ConnectionError, Refused):
                    await api.get("nodes")
                await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call(url)) for url in cluster.urls for _ in range(3)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def test_a_server_that_is_removed_says_so_and_what_to_do(cluster: Cluster) -> None:
    async def removed() -> Server | None:
        """Which one it was; none while etcd's members have not all been connected for 5 s."""
        leads = await cluster.leads_apart()
        gone = next(server for server in cluster.servers if server not in leads)
        with suppress(AssertionError):
            await ctl(leads[0].url, "member", "remove", gone.name)
            return gone
        return None

    gone = await until(removed, within=_WITHIN, every=1)
    assert gone is not None
    for _ in range(2):
        assert await asyncio.to_thread(gone.ended, _WITHIN) == REMOVED
        last = gone.text().splitlines()[-1]
        assert last.startswith(f"jobpool: server {gone.name} was removed from its cluster"), last
        assert f"jobpoolctl member add {gone.name} --peer-urls {gone.peer_url} --learner" in last
        gone.start(wait=False)
    assert await asyncio.to_thread(gone.ended, _WITHIN) == REMOVED


async def test_a_lost_majority_is_told_in_a_few_lines(cluster: Cluster) -> None:
    left, *others = cluster.servers
    before = len(left.text().splitlines())
    for server in others:
        server.close()
    await asyncio.sleep(_LOST_FOR)
    said = left.text().splitlines()[before:]
    campaigns = [line.partition("error=")[2] for line in said if "campaign_failed" in line]
    assert len(campaigns) == len(set(campaigns)) < 6, said  # once a minute for each way to fail
    assert len([line for line in said if "waiting for ReadIndex" in line]) <= 1, said
    assert len(said) < 50, said
    for agent in cluster.agents:
        lost = [line for line in agent.text().splitlines() if "session_lost" in line]
        assert len(lost) < 15, lost
    for server in others:
        server.start(wait=False)
    await cluster.stand()
    await cluster.attended()
