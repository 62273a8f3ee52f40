"""The Python client on a cluster whose leader is killed: reads are answered, runs are started, each of them once."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from jobpool.client import Client
from jobpool.testing.etcd import NO_ETCD, etcd_binary
from jobpool.wire import jobpool_pb2 as pb
from tests.e2e.cluster.cluster import Cluster

pytestmark = [
    pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD),
    pytest.mark.xdist_group("processes"),
]

ROUNDS = 10
"""Calls of each kind before the leader dies; then they go on until another one leads, and as many again."""


class Turn:
    """When the leader dies: `warm` once both have made their first calls, `over` once another one leads."""

    def __init__(self) -> None:
        self.warm = asyncio.Barrier(3)
        self.over = asyncio.Event()

    async def calls(self, call: Callable[[], Awaitable[str]]) -> list[str]:
        """What all the calls gave, made one after the other without a pause."""
        given = [await call() for _ in range(ROUNDS)]
        await self.warm.wait()
        while not self.over.is_set():
            given.append(await call())
        return given + [await call() for _ in range(ROUNDS)]


async def test_the_leader_dies_and_nothing_is_lost_or_doubled(cluster: Cluster) -> None:
    await cluster.start()
    leader = await cluster.leader()
    urls = sorted(cluster.urls, key=lambda url: url != leader.url)
    async with Client(urls, timeout=60_000) as reader, Client(urls, timeout=60_000) as runner:
        await runner.plan_add(
            pb.SchedulePlanAddRequest(
                id="nap", name="nap", namespace="default", type="service", executor="noop", status="running"
            )
        )
        turn = Turn()

        async def read() -> str:
            assert [plan.id async for plan in reader.plans("default")] == ["nap"]
            return (await reader.plan("nap")).executor

        async def run() -> str:
            return (await runner.run_plan("nap")).id

        async with asyncio.TaskGroup() as group:
            reading = group.create_task(turn.calls(read))
            running = group.create_task(turn.calls(run))
            await turn.warm.wait()
            leader.kill()
            assert (await cluster.leader(besides=[leader])) is not leader
            turn.over.set()
        ids = running.result()
        assert set(reading.result()) == {"noop"}
        assert len(ids) == len(set(ids)) > 2 * ROUNDS
        assert {job.id async for job in runner.jobs("default", plan_id="nap")} == set(ids)
