"""Streams of a real server: a browser's and a shell's, and a server that stops without waiting for them."""

import asyncio
import sys
from contextlib import aclosing

import aiohttp
import pytest

from jobpool.client import Client
from jobpool.wire import jobpool_pb2 as pb
from tests.e2e.conftest import Site
from tests.e2e.oracle.processes import environment


async def ctl(url: str, *words: str) -> tuple[int, str]:
    """How one command of `jobpoolctl` ended, and what it printed."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jobpool.cli.ctl",
        "--endpoints",
        url,
        *words,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await program.communicate()
    return await program.wait(), out.decode()


@pytest.mark.timeout(120)
async def test_streams_are_fed_as_things_happen_and_end_with_the_server(site: Site) -> None:
    server = site.server()
    site.agent(server)
    watch = f"{server.url}/v3/schedule/watch?kinds=job"
    async with Client([server.url], timeout=30_000) as client, aiohttp.ClientSession() as http:
        parameters = '{"command": "for i in 1 2 3; do echo line $i; sleep 0.2; done; exit 7"}'
        request = pb.SchedulePlanAddRequest(
            id="talk", name="talk", namespace="default", type="service", executor="shell", parameters=parameters
        )
        await client.plan_add(request)
        await client.plan_online(pb.SchedulePlanOnlineRequest(id="talk", namespace="default"))
        async with http.get(watch, headers={"Accept-Encoding": "gzip"}) as events:
            job = await client.run_plan("talk")
            waits = asyncio.get_running_loop().create_task(ctl(server.url, "job", "wait", job.id))
            follows = asyncio.get_running_loop().create_task(ctl(server.url, "job", "logs", "-f", job.id))
            lines = [(await events.content.readline()).decode() for _ in range(3)]
            while not lines[-1].startswith("data: ") or '"status":"failed"' not in lines[-1]:
                lines.append((await events.content.readline()).decode())
            assert "event: job\n" in lines
            assert job.id in lines[-1]
            assert await follows == (0, "line 1\nline 2\nline 3\n")
            code, said = await waits
            assert (code, "failed" in said) == (7, True)
            known = await client.plan_detail(pb.SchedulePlanDetailRequest(id="talk", namespace="default"))
            async with aclosing(client.watch(["plan"], after=str(known.header.revision))) as changes:
                late = asyncio.get_running_loop().create_task(anext(changes))
                await client.plan_offline(pb.SchedulePlanOfflineRequest(id="talk", namespace="default"))
                assert (await late).id == "talk"
                assert await asyncio.to_thread(server.terminate) == 0
            assert b"failed" not in await events.content.read()
    assert "calls_cut" not in server.text()
