"""The cluster as a whole, asked of a server that stays while the leader is killed and comes back."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from jobpool.client import Client
from jobpool.testing.etcd import NO_ETCD, etcd_binary
from jobpool.wire import jobpool_pb2 as pb
from tests.e2e.cluster.cluster import Cluster

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

    async def until(self, *happened: str, led_by: str, answering: int) -> None:
        """Until it says that, and these events were told."""
        async with asyncio.timeout(WITHIN):
            while True:
                await self.hear()
                told = {f"{event.kind} {event.subject}" for event in self.events.values()}
                answers = sum(server.HasField("status") for server in self.now.servers)
                if (self.now.leader_name, answers) == (led_by, answering) and told >= set(happened):
                    return

    def row(self, name: str) -> pb.ClusterServer:
        return next(server for server in self.now.servers if server.server.name == name)


async def test_another_server_tells_who_leads_and_what_happened(cluster: Cluster) -> None:
    await cluster.start()
    first, _ = await cluster.leads_apart()
    asked = next(server for server in cluster.servers if server is not first)
    async with Client([asked.url]) as client:
        async with aclosing(client.watch_cluster()) as answers:
            story = Story(answers)
            await story.until(led_by=first.name, answering=3)
            assert story.now.HasField("queues")
            assert story.row(first.name).status.is_leader
            assert sum(server.status.agents for server in story.now.servers) == 1
            assert sum(server.status.raft_leader for server in story.now.servers) == 1
            since = story.now.led_since
            first.kill()
            second = await cluster.leader()
            gone = (f"leader {second.name}", f"server_gone {first.name}")
            await story.until(*gone, led_by=second.name, answering=2)
            assert story.row(first.name).error
            assert (story.now.led_since.seconds, story.now.led_since.nanos) > (since.seconds, since.nanos)
            await cluster.stand()
            await story.until(f"server_back {first.name}", led_by=second.name, answering=3)
        whole = await client.cluster_detail(pb.ClusterDetailRequest())
    async with Client([first.url]) as client:
        elsewhere = await client.cluster_detail(pb.ClusterDetailRequest())
    kinds = ("leader", "server_gone", "server_back")
    told = [[event.id for event in one.events if event.kind in kinds] for one in (whole, elsewhere)]
    assert set(told[0]) <= set(story.events)
    assert set(told[0]) == set(told[1]), "who comes later is told by the others"
