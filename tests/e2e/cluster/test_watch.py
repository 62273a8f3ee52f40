"""Streams on a cluster whose watched server is killed: they go on elsewhere, with nothing lost and nothing twice."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from jobpool.client import Client
from jobpool.client.watch import Change
from jobpool.testing.etcd import NO_ETCD, etcd_binary
from jobpool.wire import jobpool_pb2 as pb
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.oracle.client import PAGE, Api

pytestmark = [
    pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD),
    pytest.mark.xdist_group("processes"),
]

RUNS = 10
"""Before each kill, while a server is down, and after."""
BUSY = 20
"""Plans that are due every second."""
LINES = 60
LAST = "last"


def plan(plan_id: str, **fields: Any) -> pb.SchedulePlanAddRequest:
    given = {"executor": "noop", **fields}
    return pb.SchedulePlanAddRequest(
        id=plan_id, name=plan_id, namespace="default", type="service", status="running", **given
    )


async def watched(urls: list[str], after: str, seen: asyncio.Queue[str]) -> list[tuple[int, str, str, str]]:
    """Every change of jobs and plans since `after`, until the plan that is the last to be added."""
    changes: list[tuple[int, str, str, str]] = []
    async with Client(urls) as client, aclosing(client.watch(["job", "plan"], after=after)) as stream:
        async for change in stream:
            assert change.action == "set", change
            changes.append((change.n, change.kind, change.id, change.position))
            if ended(change):
                seen.put_nowait(change.id)
            if change.id == LAST:
                return changes
    raise AssertionError("a watch has no end")


def ended(change: Change) -> bool:
    return isinstance(change.item, pb.Job) and change.item.status == "complete"


async def test_a_watch_outlives_the_servers_it_was_asked_of(cluster: Cluster) -> None:
    await cluster.start()
    leader = await cluster.leader()
    first = next(server for server in cluster.servers if server is not leader)
    last = next(server for server in cluster.servers if server not in (leader, first))
    async with Client([last.url, leader.url, first.url], timeout=60_000) as client:
        added = await client.plan_add(plan("nap"))
        after, seen, ignored = str(added.header.revision), asyncio.Queue[str](), asyncio.Queue[str]()
        async with asyncio.TaskGroup() as group:
            moved = group.create_task(watched([first.url, leader.url, last.url], after, seen))
            whole = group.create_task(watched([last.url], after, ignored))
            ids: list[str] = []
            for victim in (first, leader, None):
                batch = [(await client.run_plan("nap")).id for _ in range(RUNS)]
                ids += batch
                assert {await seen.get() for _ in batch} == set(batch)
                if victim is None:
                    break
                victim.kill()
                during = [(await client.run_plan("nap")).id for _ in range(RUNS)]
                ids += during
                assert {await seen.get() for _ in during} == set(during)
                await cluster.stand()
            await client.plan_add(plan(LAST))
        assert moved.result() == whole.result()
        assert [at for _, _, _, at in moved.result()] == list(dict.fromkeys(at for _, _, _, at in moved.result()))
        assert {item for _, kind, item, _ in moved.result() if kind == "job"} == set(ids)


async def test_a_watch_under_load_misses_nothing_when_the_leader_dies(cluster: Cluster) -> None:
    await cluster.start()
    leader = await cluster.leader()
    first, last = (server for server in cluster.servers if server is not leader)
    urls = [leader.url, first.url, last.url]
    async with Client([last.url], timeout=60_000) as client, Api(last.url, timeout=60) as api:
        added = await client.plan_add(plan("idle"))
        after, seen, ignored = str(added.header.revision), asyncio.Queue[str](), asyncio.Queue[str]()
        async with asyncio.TaskGroup() as group:
            watches = [
                group.create_task(watched(asked, after, queue))
                for asked, queue in ((urls, seen), (urls[1:], ignored), (urls[2:], ignored))
            ]
            for number in range(BUSY):
                periodic = pb.PeriodicConfig(enabled=True, spec="@every 1s", time_zone="UTC")
                await client.plan_add(plan(f"busy-{number}", periodic=periodic))
            before = {await seen.get() for _ in range(2 * BUSY)}
            leader.kill()
            during = {await seen.get() for _ in range(2 * BUSY)}
            await cluster.stand()
            newest = await api.get("jobs", status="complete", pageSize=PAGE)
            listed = {job["id"] for job in newest["data"]}
            await client.plan_add(plan(LAST))
    told = watches[0].result()
    assert told == watches[1].result() == watches[2].result()
    assert len({at for _, _, _, at in told}) == len(told)
    assert before.isdisjoint(during), "an end was told twice"
    assert listed <= {item for _, kind, item, _ in told if kind == "job"}


async def test_output_is_followed_and_the_end_waited_for_over_a_killed_server(cluster: Cluster) -> None:
    await cluster.start()
    leader = await cluster.leader()
    victim = next(server for server in cluster.servers if server is not leader)
    urls = sorted(cluster.urls, key=lambda url: url != victim.url)
    command = f"i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line $i; sleep 0.1; done"
    parameters = '{"command": "' + command + '"}'
    async with Client(urls, timeout=60_000) as client:
        await client.plan_add(plan("talk", executor="shell", parameters=parameters))
        job = await client.run_plan("talk")
        output = b""
        async with asyncio.TaskGroup() as group, aclosing(client.follow_logs(job.id)) as pieces:
            waiting = group.create_task(client.wait(job.id, timeout=120_000))
            async for piece in pieces:
                assert piece.next_offset - len(piece.data) == len(output)
                output += piece.data
                if b"line 10\n" in piece.data or (victim.alive and len(output) > 80):
                    victim.kill()
        assert output.decode().splitlines() == [f"line {number}" for number in range(1, LINES + 1)]
        assert (waiting.result().status, waiting.result().exit_code) == ("complete", 0)
        assert not victim.alive
