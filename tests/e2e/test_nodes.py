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
            later = first
            while not later.resources.HasField("millicpus_used"):
                later = await anext(seen)
        assert later.heard_at.ToNanoseconds() > first.heard_at.ToNanoseconds()
        line = await ctl(server.url, "node", "list")
        for words in ("heard 20", "processors ", "memory ", "disk "):
            assert words in line
