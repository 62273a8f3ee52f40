"""A server that takes a call and then is silent is asked whether it lives."""

import asyncio

import pytest

from jobpool.client import Client
from jobpool.kit.effects.channel import Keepalive
from jobpool.model.errors import Unavailable
from jobpool.wire import jobpool_pb2 as pb


async def test_a_silent_server_is_given_up_long_before_the_call_is_over() -> None:
    gone = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass
        gone.set()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    keepalive = Keepalive(every=20, patience=20)
    async with asyncio.timeout(30), Client([f"127.0.0.1:{port}"], timeout=600_000, keepalive=keepalive) as client:
        with pytest.raises(Unavailable, match="broke before it answered PlanDelete"):
            await client.plan_delete(pb.SchedulePlanDeleteRequest(id="x"))
        await gone.wait()
    server.close()
