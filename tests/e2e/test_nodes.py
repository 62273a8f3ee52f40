"""A real machine, as its agent tells of it, and an agent that takes leave."""

import os
from contextlib import aclosing

import psutil
import pytest

from jobpool.client import Client
from tests.e2e.conftest import Site
from tests.e2e.oracle.client import Api, until
from tests.e2e.oracle.ctl import ctl

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(120)]


async def test_a_machine_is_told_of_as_it_is_and_as_it_changes(site: Site) -> None:
    server = site.server(**{"min-heartbeat-ttl": "1s"})
    agent = site.agent(server)
    async with Api(server.url) as api:
        (node,) = await until(lambda: api.everything("nodes", status="ready"))
        told = node["resources"]
        assert 0 < told["millicpus"] <= 1000 * len(os.sched_getaffinity(0))
        assert 0 < int(told["memory_used"]) < int(told["memory"]) <= psutil.virtual_memory().total
        assert 0 <= int(told["disk_free"]) < int(told["disk"])
        async with Client([server.url]) as client, aclosing(client.watch_nodes([agent.node_id])) as seen:
            first = await anext(seen)
            later = await anext(seen)
            while not later.resources.HasField("millicpus_used"):
                later = await anext(seen)
        assert later.heard_at.ToNanoseconds() > first.heard_at.ToNanoseconds()
        line = await ctl(server.url, "node", "list")
        for words in ("heard 20", "processors ", "memory ", "disk "):
            assert words in line


async def test_an_agent_that_ends_is_down_at_once_also_after_a_drain_by_force(site: Site) -> None:
    """Its heartbeat time is much longer than this test may take."""
    server = site.server(**{"min-heartbeat-ttl": "10m"})
    agent = site.agent(server, executors="shell,noop")
    async with Api(server.url) as api:
        await until(lambda: api.everything("nodes", status="ready"))
        plan = {"id": "long", "name": "long", "type": "service", "namespace": "default", "executor": "shell"}
        await api.post("plans", **plan, parameters='{"command": "exec sleep 600"}', delivery="at-most-once")
        run = (await api.post("plans/long/run", namespace="default"))["data"]["id"]
        await until(lambda: api.job(run), lambda job: job["status"] == "running")
        await api.post(f"nodes/{agent.node_id}/drain", enable=True, force=True)
        await api.ended(run)
        assert agent.terminate() == 0
        node = await until(lambda: api.get(f"nodes/{agent.node_id}"), lambda answer: answer["data"]["status"] == "down")
        assert node["data"]["status_description"] == "its agent drained and left"
        assert node["data"]["heard_at"]
        await api.delete(f"nodes/{agent.node_id}")
