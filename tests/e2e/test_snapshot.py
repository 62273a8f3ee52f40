"""Backup and restore with real processes: saved while busy, killed, restored elsewhere, gone on with."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jobpool.kit.effects.clock import SystemClock
from tests.e2e.conftest import Site
from tests.e2e.oracle.client import Api, until
from tests.e2e.oracle.ctl import ctl
from tests.e2e.oracle.processes import ServerProgram

pytestmark = pytest.mark.xdist_group("processes")

GRACE = "15s"
"""An agent that has looked for its server for a while comes back within 5 s of it, and then some."""


async def add(api: Api, plan_id: str, **fields: Any) -> None:
    """A running plan."""
    plan: dict[str, Any] = {
        "id": plan_id,
        "name": plan_id,
        "namespace": "default",
        "type": "service",
        "status": "running",
        "executor": "noop",
        "periodic": {"spec": "0 0 1 1 *", "time_zone": "UTC"},
        "catch_up": {"mode": "all", "window": "24h"},
    }
    await api.post("plans", **plan | fields)


async def sleeper(api: Api, flag: Path, name: str) -> str:
    """A run of a command that goes on until the flag is there; its id, once it runs."""
    command = f'echo x >> "{flag}.{name}"; while [ ! -e "{flag}" ]; do sleep 0.1; done'
    await add(api, name, executor="shell", parameters=json.dumps({"command": command}))
    job_id: str = (await api.post(f"plans/{name}/run", namespace="default"))["data"]["id"]
    await until(lambda: api.job(job_id), lambda job: job["status"] == "running")
    return job_id


def moved(site: Site, server: ServerProgram, name: str) -> ServerProgram:
    """A server on another data directory, where the agents of the first look for theirs."""
    other = ServerProgram(site.directory, name, failover_heartbeat_ttl=GRACE)
    other.port = server.port
    other.flags["listen-client-urls"] = other.url
    site.programs.append(other)
    return other


async def scheduled(api: Api, plan_id: str) -> dict[str, dict[str, Any]]:
    """Runs of a plan by tick."""
    jobs = await api.everything("jobs", plan_id=plan_id)
    by_tick = {job["scheduled_time"]: job for job in jobs}
    assert len(by_tick) == len(jobs), "a tick has two runs"
    return by_tick


async def test_saved_while_busy_and_restored_elsewhere(site: Site, tmp_path: Path) -> None:
    server = site.server(min_heartbeat_ttl="1s")
    agent, lost = site.agent(server, drain_timeout="1s"), site.agent(server, "agent-2", executors="shell")
    flag, file = tmp_path / "go", tmp_path / "backup"
    async with Api(server.url) as api:
        await until(lambda: api.get("nodes"), lambda page: len(page.get("data", [])) == 2)
        await add(api, "beat", periodic={"spec": "* * * * * *", "time_zone": "UTC"})
        await api.post("nodes/" + agent.node_id + "/eligibility", eligible=False)
        gone = await sleeper(api, flag, "gone")
        await api.post("nodes/" + agent.node_id + "/eligibility", eligible=True)
        await api.post("nodes/" + lost.node_id + "/eligibility", eligible=False)
        held = await sleeper(api, flag, "held")
        await until(lambda: scheduled(api, "beat"), lambda runs: len(runs) >= 3)
        told = json.loads(await ctl(server.url, "-w", "json", "snapshot", "save", str(file)))
        since = (await api.post("plans/held/run", namespace="default"))["data"]["id"]
        await until(lambda: api.job(since), lambda job: job["status"] == "running")
        seen = await until(lambda: scheduled(api, "beat"), lambda runs: len(runs) >= 6)
    server.kill()
    lost.kill()
    assert json.loads(await ctl(server.url, "-w", "json", "snapshot", "status", str(file))) == told
    await ctl(server.url, "snapshot", "restore", str(file), "--data-dir", str(tmp_path / "restored"))
    await asyncio.sleep(2)
    other = moved(site, server, "restored")
    started = SystemClock().now()
    other.start()
    async with Api(other.url) as api:
        await check_runs(api, gone=gone, held=held, since=since, flag=flag)
        await check_ticks(api, seen, started=started)
    assert (tmp_path / "go.gone").read_text() == "x\n"
    assert (tmp_path / "go.held").read_text() == "x\nx\n", "the run of the snapshot once, the one since once"


async def check_runs(api: Api, *, gone: str, held: str, since: str, flag: Path) -> None:
    """What its agent still has goes on, what nobody has ends, what was since is not known."""
    job = await api.ended(gone)
    assert (job["status"], job["reason"]) == ("failed", "node_lost")
    assert (await api.job(held))["status"] == "running"
    assert since not in [job["id"] for job in await api.everything("jobs", plan_id="held")]
    await asyncio.to_thread(flag.touch)
    assert (await api.ended(held))["status"] == "complete"


async def check_ticks(api: Api, seen: dict[str, dict[str, Any]], *, started: int) -> None:
    """History is there, nothing that was due before the start is run, and the plan goes on."""
    runs = await until(lambda: scheduled(api, "beat"), lambda runs: len(set(runs) - set(seen)) >= 3)
    kept, fresh = set(runs) & set(seen), set(runs) - set(seen)
    assert kept, "history is gone"
    assert all(runs[tick]["id"] == seen[tick]["id"] for tick in kept)
    assert max(seen) > max(kept), "the old server did nothing since the snapshot"
    assert min(millis(tick) for tick in fresh) >= started


def millis(tick: str) -> int:
    return int(datetime.fromisoformat(tick).timestamp() * 1000)


async def test_a_damaged_file_starts_nothing(site: Site, tmp_path: Path) -> None:
    server = site.server()
    file = tmp_path / "backup"
    await ctl(server.url, "snapshot", "save", str(file))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    for words in (("status",), ("restore", "--data-dir", str(tmp_path / "new"))):
        told = await ctl(server.url, "snapshot", *words, str(file), code=1)
        assert f"the snapshot {file} is damaged before byte " in told
    assert not (tmp_path / "new").exists()
