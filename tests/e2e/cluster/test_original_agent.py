"""An agent of the original and one of ours on a cluster whose leader is killed: both work on, and no tick is lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.testing.etcd import NO_ETCD, etcd_binary
from jobpool.testing.original_agent import OriginalAgent
from jobpool.testing.original_wire import Http, Servers
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.oracle.callee import Callee
from tests.e2e.oracle.client import Api, until

pytestmark = [
    pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD),
    pytest.mark.xdist_group("processes"),
]

ID = "01HV6ZGQF3M8AXEJ4BCW0N7PKT"


@asynccontextmanager
async def living(agent: OriginalAgent) -> AsyncIterator[OriginalAgent]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(agent.run())
        yield agent
        task.cancel()


async def node(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"nodes/{ID}"))["data"]
    return found


async def complete_on(api: Api, node_id: str) -> int:
    jobs = (await api.get("jobs", plan_id="tick", namespace="default", status="complete", pageSize=1000)).get(
        "data", []
    )
    return sum(job["node_id"] == node_id for job in jobs)


async def works_on(api: Api, node_id: str) -> None:
    """Until it has ended some more runs."""
    before = await complete_on(api, node_id)
    await until(lambda: complete_on(api, node_id), lambda now: now >= before + 3, within=90)


async def test_it_works_beside_ours_over_the_death_of_the_leader(cluster: Cluster, callee: Callee) -> None:
    await cluster.start()
    leader = await cluster.leader()
    follower = next(server for server in cluster.servers if server is not leader)
    async with Servers(cluster.urls) as servers, Api(follower.url) as api:
        life = OriginalAgent(servers, Http(), clock=SystemClock(), dice=Dice(3), node_id=ID, secret="s3cret")
        async with living(life):
            await until(lambda: api.everything("nodes", status="ready"), lambda nodes: len(nodes) == 2)
            [ours] = [it["ID"] for it in await api.everything("nodes") if it["ID"] != ID]
            parameters = json.dumps({"url": f"{callee.url}/tick", "method": "post", "body": "{}"})
            fields = {"name": "tick", "type": "service", "namespace": "default", "synchronous": True}
            periodic = {"spec": "* * * * * *", "time_zone": "UTC"}
            await api.post("plans", id="tick", **fields, parameters=parameters, status="running", periodic=periodic)
            for node_id in (ID, ours):
                await works_on(api, node_id)
            leader.kill()
            await cluster.leader(besides=[leader])
            for node_id in (ID, ours):
                await works_on(api, node_id)
            await until(lambda: node(api), lambda known: known["status"] == "ready")
            assert min(life.ttls, default=1) > 0
        async with living(life.restarted()) as again:
            assert again.node_id == ID.lower()
            await works_on(api, ID)
            assert {it["ID"] for it in await api.everything("nodes")} == {ID, ours}
        await api.post("plans/tick/offline", namespace="default")
        await settled(api)
        jobs = await api.everything("jobs", plan_id="tick", namespace="default")
        ticks = sorted(datetime.fromisoformat(job["scheduled_time"]).timestamp() for job in jobs)
        assert ticks == [ticks[0] + second for second in range(len(ticks))], "each second once"
        assert {job["status"] for job in jobs} == {"complete"}


async def settled(api: Api) -> None:
    """Until every tick's run has ended, also those that the agent of the original died with."""
    live = "pending,running,unknown"
    await until(lambda: api.everything("jobs", status=live), lambda jobs: not jobs, within=120)
