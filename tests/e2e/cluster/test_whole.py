"""The cluster as a whole, asked of a server that stays while the leader is killed and comes back."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from jobpool.client import Client
from jobpool.testing.etcd import NO_ETCD, etcd_binary
from jobpool.wire import jobpool_pb2 as pb
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.oracle.client import until

pytestmark = [
    pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD),
    pytest.mark.xdist_group("processes"),
    pytest.mark.timeout(180),
]

WITHIN = 60
"""Seconds, on a machine that has much else to do."""


class Story:
    """A stream of one server: the newest answer, and all events so far."""

    def __init__(self, answers: AsyncGenerator[pb.ClusterDetailResponse, None]) -> None:
        self._answers = answers
        self.now = pb.ClusterDetailResponse()
        self.events: dict[str, pb.ClusterEvent] = {}
        self.samples: dict[int, pb.ClusterSample] = {}

    async def hear(self) -> None:
        self.now = await anext(self._answers)
        self.events |= {event.id: event for event in self.now.events}
        self.samples |= {sample.time.seconds: sample for sample in self.now.samples}

    async def until(self, *happened: str, answering: int) -> str:
        """Who leads, once all agree on that, so many servers answer, and these events were told.

        The servers are asked one by one: of a lead that moves meanwhile two tell, or nobody.
        """
        async with asyncio.timeout(WITHIN):
            while True:
                await self.hear()
                there = [server for server in self.now.servers if server.HasField("status")]
                leads = [server.server.name for server in there if server.status.is_leader]
                rafts = sum(server.status.raft_leader for server in there)
                agreed = (leads, rafts, len(there)) == ([self.now.leader_name], 1, answering)
                known = self.now.HasField("queues") and self.now.HasField("led_since")
                if agreed and known and self.told >= set(happened):
                    return leads[0]

    @property
    def told(self) -> set[str]:
        return {f"{event.kind} {event.subject}" for event in self.events.values()}

    def row(self, name: str) -> pb.ClusterServer:
        return next(server for server in self.now.servers if server.server.name == name)


async def test_another_server_tells_who_leads_and_what_happened(cluster: Cluster) -> None:
    await cluster.start()
    first, _ = await cluster.leads_apart()
    asked = next(server for server in cluster.servers if server is not first)
    async with Client([asked.url]) as client:
        async with aclosing(client.watch_cluster()) as answers:
            story = Story(answers)
            assert await story.until(answering=3) == first.name
            assert sum(server.status.agents for server in story.now.servers) == 1
            since = story.now.led_since
            first.kill()
            second = await story.until(f"server_gone {first.name}", answering=2)
            assert f"leader {second}" in story.told
            assert story.row(first.name).error
            assert (story.now.led_since.seconds, story.now.led_since.nanos) > (since.seconds, since.nanos)
            await cluster.stand()
            await story.until(f"server_back {first.name}", answering=3)
        assert await happened(client) <= set(story.events)
        async with Client([first.url]) as elsewhere:
            # Who comes later is told by the others.
            await until(lambda: asyncio.gather(happened(client), happened(elsewhere)), lambda told: told[0] == told[1])


async def happened(client: Client) -> set[str]:
    """The ids of what befell servers."""
    whole = await client.cluster_detail(pb.ClusterDetailRequest())
    return {event.id for event in whole.events if event.kind in ("leader", "server_gone", "server_back")}
