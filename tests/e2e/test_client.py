"""The Python client and a server that is killed and starts again: a program waits, a person is told."""

import asyncio

import pytest

from jobpool.client import Client, Unreachable
from jobpool.wire import jobpool_pb2 as pb
from tests.e2e.conftest import Site

NAP = pb.SchedulePlanAddRequest(
    id="nap", name="nap", namespace="default", type="service", executor="noop", status="pending", idempotency_key="once"
)


async def test_a_program_outlasts_a_restart(site: Site) -> None:
    server = site.server()
    async with Client([server.url], timeout=60_000) as client, Client([server.url], hasty=True) as hasty:
        first = (await client.plan_add(NAP)).data
        server.kill()
        with pytest.raises(Unreachable, match="connection refused"):
            await hasty.plan("nap")
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(client.plan("nap"))
            adding = group.create_task(client.plan_add(NAP))
            creating = group.create_task(client.namespace_add(pb.ScheduleNameSpaceAddRequest(name="later")))
            await asyncio.to_thread(server.start)
        assert reading.result() == first
        assert adding.result().data.revision == first.revision, "the key says that it is there already"
        assert creating.result().header.revision > first.revision, "nothing was sent before there was a connection"
        assert [found.name async for found in client.namespaces()] == ["default", "later"]
