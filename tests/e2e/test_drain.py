"""A machine is taken out of service: its long command goes to another one at the deadline, whatever the server does."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from tests.e2e.conftest import Site
from tests.e2e.oracle.client import Api, until
from tests.e2e.oracle.ctl import ctl

pytestmark = pytest.mark.xdist_group("processes")

LONG = "echo $$ >{directory}/pid-$JOBPOOL_ATTEMPT; [ $JOBPOOL_ATTEMPT = 2 ] || exec sleep 600"


async def start(api: Api, plan_id: str) -> str:
    job = (await api.post(f"plans/{plan_id}/run", namespace="default"))["data"]
    return str(job["id"])


async def add_plan(api: Api, plan_id: str, command: str, **more: str) -> None:
    fields = {"id": plan_id, "name": plan_id, "type": "service", "namespace": "default", "executor": "shell"}
    await api.post("plans", **fields, parameters=json.dumps({"command": command}), **more)


def alive(mark: Path) -> bool:
    """The process whose id is in the file."""
    try:
        os.kill(int(mark.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.invariant("D-1")
async def test_a_drained_machine_is_empty_at_the_deadline_over_a_killed_server(site: Site, tmp_path: Path) -> None:
    server = site.server()
    first = site.agent(server, "agent-1")
    async with Api(server.url) as api:
        await add_plan(
            api, "long", f"echo $$ >{tmp_path}/pid-$JOBPOOL_ATTEMPT; [ $JOBPOOL_ATTEMPT = 2 ] || exec sleep 600"
        )
        await add_plan(api, "once", "exec sleep 600", delivery="at-most-once")
        await add_plan(api, "quick", "exec sleep 1")
        long, once, quick = [await start(api, plan_id) for plan_id in ("long", "once", "quick")]
        for job_id in (long, once):
            await until(lambda job_id=job_id: api.job(job_id), lambda job: job["status"] == "running")  # type: ignore[misc]
        node = first.node_id
        other = site.agent(server, "agent-2")
        await until(lambda: api.everything("nodes", status="ready"), lambda nodes: len(nodes) == 2)

        await ctl(server.url, "node", "drain", node, "--deadline", "25s", "--description", "kernel")
        under = (await api.get(f"nodes/{node}"))["data"]
        assert (under["eligibility"], under["drain_status"]) == ("ineligible", "draining")
        server.kill()
        server.start()
        assert (await api.get(f"nodes/{node}"))["data"]["drain"] == under["drain"]
        assert (await api.ended(quick))["attempt"] == 1
        assert (await api.job(long))["attempt"] == 1

        moved = await api.ended(long)
        assert (moved["status"], moved["attempt"], moved["node_id"]) == ("complete", 2, other.node_id)
        lost = await api.ended(once)
        assert (lost["status"], lost["reason"], lost["attempt"]) == ("failed", "node_drained", 1)
        await until(lambda: asyncio.to_thread(alive, tmp_path / "pid-1"), lambda there: not there)
        done = await until(lambda: api.get(f"nodes/{node}"), lambda answer: "drain" not in answer["data"])
        assert done["data"]["eligibility"] == "ineligible"
        assert done["data"]["eligibility_description"].startswith("kernel; drained at ")


async def test_waiting_for_a_drain_and_back_in_service(site: Site) -> None:
    server = site.server()
    agent = site.agent(server)
    async with Api(server.url) as api:
        await add_plan(api, "short", "exec sleep 2")
        job_id = await start(api, "short")
        await until(lambda: api.job(job_id), lambda job: job["status"] == "running")
        node = agent.node_id
        said = await ctl(server.url, "node", "drain", node, "--wait")
        assert "ineligible" in said
        assert (await api.job(job_id))["status"] == "complete"
        later = await start(api, "short")
        await until(lambda: api.job(later), lambda job: job.get("reason") == "no_node")
        agent.terminate()
        agent.start()
        await until(lambda: api.get(f"nodes/{node}"), lambda answer: answer["data"]["status"] == "ready")
        assert (await api.job(later))["reason"] == "no_node"
        await ctl(server.url, "node", "eligibility", node, "--enable")
        assert (await api.ended(later))["status"] == "complete"
