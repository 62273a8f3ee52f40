"""A plan that forbids overlap and agents that die, stand still or are cut off: the commands' own marks show no overlap.

Lateness is not asserted; who waits here waits until something has happened.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Site
from tests.e2e.oracle.client import Api, until
from tests.e2e.oracle.ctl import ctl
from tests.e2e.oracle.processes import AgentProgram, ServerProgram

pytestmark = pytest.mark.xdist_group("processes")

IMPATIENT = """
import asyncio, sys
from msgspec.structs import replace
from jobpool.agent.config import build
from jobpool.agent.service import run_agent
name, data, url, lease = sys.argv[1:]
given = {"name": name, "data-dir": data, "advertise-server-urls": url, "executors": "shell"}
asyncio.run(run_agent(replace(build(given, {}), lease=int(lease)), stop=asyncio.Event()))
"""


class ImpatientAgent(AgentProgram):
    """An agent whose commands outlive it for two seconds only."""

    lease = 2_000

    def command(self) -> list[str]:
        url = self.flags["advertise-server-urls"]
        return [sys.executable, "-c", IMPATIENT, self.name, str(self.data), url, str(self.lease)]


def impatient(site: Site, server: ServerProgram, name: str) -> ImpatientAgent:
    agent = ImpatientAgent(site.directory, server.url, name)
    site.programs.append(agent)
    agent.start()
    return agent


class Marks:
    """What the commands themselves wrote: `begin` and `end` of each attempt, in order."""

    def __init__(self, directory: Path) -> None:
        self.file, self.go = directory / "marks", directory / "go"
        self.command = (
            f"trap 'echo end $JOBPOOL_JOB_ID $JOBPOOL_ATTEMPT >>{self.file}; exit 0' EXIT; trap 'exit 143' TERM; "
            f"echo begin $JOBPOOL_JOB_ID $JOBPOOL_ATTEMPT >>{self.file}; while [ ! -e {self.go} ]; do sleep 0.05; done"
        )

    def lines(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    async def until(self, count: int) -> list[str]:
        async def look() -> list[str]:
            return self.lines()

        return await until(look, lambda lines: len(lines) >= count)

    def check(self) -> None:
        """Never has one begun before the one before it had ended."""
        lines = self.lines()
        for at in range(0, len(lines) - 1, 2):
            begin, end = lines[at].split(), lines[at + 1].split()
            assert (begin[0], end[0]) == ("begin", "end"), lines
            assert begin[1:] == end[1:], lines


async def add_plan(api: Api, marks: Marks, *, spec: str = "") -> None:
    fields: dict[str, Any] = {"id": "alone", "name": "alone", "type": "service", "namespace": "default"}
    if spec:
        fields["periodic"] = {"spec": spec, "time_zone": "UTC"}
    parameters = json.dumps({"command": marks.command})
    await api.post("plans", **fields, executor="shell", overlap="skip", status="running", parameters=parameters)


async def down(api: Api, agent: AgentProgram) -> None:
    """Until the agent's node is given up, and what it had is held."""
    node = agent.node_id
    await until(lambda: api.get(f"nodes/{node}"), lambda answer: answer["data"]["status"] == "down")
    await until(
        lambda: api.everything("jobs", status="unknown"), lambda jobs: [job["node_id"] for job in jobs] == [node]
    )


async def ready(api: Api, count: int) -> None:
    await until(lambda: api.everything("nodes", status="ready"), lambda nodes: len(nodes) == count)


async def start(api: Api, marks: Marks) -> str:
    """The id of a run that the only agent works on."""
    await ready(api, 1)
    await add_plan(api, marks)
    job_id: str = (await api.post("plans/alone/run", namespace="default"))["data"]["id"]
    await marks.until(1)
    return job_id


@asynccontextmanager
async def one_at_work(site: Site, marks: Marks) -> AsyncIterator[tuple[Api, ImpatientAgent, str]]:
    """An impatient agent, the id of the run that it works on, and another agent that has nothing to do."""
    server = site.server(min_heartbeat_ttl="1s")
    first = impatient(site, server, "agent-1")
    async with Api(server.url) as api:
        job_id = await start(api, marks)
        site.agent(server, "agent-2")
        await ready(api, 2)
        yield api, first, job_id


@pytest.mark.invariant("C-6")
@pytest.mark.invariant("H-7")
@pytest.mark.invariant("H-8")
async def test_a_killed_agents_command_is_not_doubled_and_its_end_counts_when_the_agent_is_back(
    site: Site, tmp_path: Path
) -> None:
    server, marks = site.server(min_heartbeat_ttl="1s"), Marks(tmp_path)
    first = site.agent(server, "agent-1")
    async with Api(server.url) as api:
        await ready(api, 1)
        await add_plan(api, marks, spec="* * * * * *")
        await marks.until(1)
        site.agent(server, "agent-2")
        await ready(api, 2)
        first.kill()
        await down(api, first)
        [held] = await api.everything("jobs", status="unknown")
        assert held["reason"] == "node_lost"
        assert "the run stays live until the agent says what became of it" in held["info"]
        await until(lambda: api.everything("jobs", status="skipped"), lambda jobs: len(jobs) > 5)
        assert len(marks.lines()) == 1
        first.start()
        await until(lambda: api.job(held["id"]), lambda job: job["status"] == "running")
        marks.go.touch()
        job = await api.ended(held["id"])
        assert (job["status"], job["attempt"], job.get("reason", "")) == ("complete", 1, "")
        await marks.until(6)  # the plan goes on
        await api.post("plans/alone/offline", namespace="default")
        await until(
            lambda: api.everything("jobs"), lambda jobs: {job["status"] for job in jobs} <= {"complete", "skipped"}
        )
    marks.check()


@pytest.mark.invariant("C-6")
@pytest.mark.invariant("H-7")
@pytest.mark.parametrize("away", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_command_whose_agent_is_away_too_long_is_stopped_and_begins_anew_once_the_agent_says_so(
    site: Site, tmp_path: Path, away: signal.Signals
) -> None:
    marks = Marks(tmp_path)
    async with one_at_work(site, marks) as (api, first, job_id):
        os.kill(first.pid, away)
        assert (await marks.until(2))[1] == f"end {job_id} 1"
        await down(api, first)
        assert len(marks.lines()) == 2  # only the agent knows that it has ended
        if away is signal.SIGSTOP:
            os.kill(first.pid, signal.SIGCONT)
        else:
            first.kill()
            first.start()
        assert (await marks.until(3))[2] == f"begin {job_id} 2"
        marks.go.touch()
        assert (await api.ended(job_id))["status"] == "complete"
        [lost] = [it for it in await api.everything("allocations", job_id=job_id) if it["id"].endswith("-a1")]
        assert lost["client_status"] == "failed"
        assert lost["client_description"] == "the agent gave no sign of life for 2s; the command was stopped"
    marks.check()


async def test_a_machine_that_is_gone_for_good_is_deleted_by_force(site: Site, tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    async with one_at_work(site, marks) as (api, first, job_id):
        first.kill()
        await marks.until(2)
        await down(api, first)
        refused = await ctl(api.url, "node", "delete", first.node_id, code=1)
        assert "1 run still with node" in refused
        await ctl(api.url, "node", "delete", first.node_id, "--force")
        assert (await marks.until(3))[2] == f"begin {job_id} 2"
        marks.go.touch()
        assert (await api.ended(job_id))["status"] == "complete"
        assert [node["name"] for node in await api.everything("nodes")] == ["agent-2"]
    marks.check()


async def test_an_agent_that_is_only_cut_off_keeps_its_lease_and_its_commands(site: Site, tmp_path: Path) -> None:
    server, marks = site.server(), Marks(tmp_path)
    agent = impatient(site, server, "agent-1")
    async with Api(server.url) as api:
        job_id = await start(api, marks)
        server.kill()
        await asyncio.sleep(2.5 * agent.lease / 1000)
        marks.go.touch()
        await marks.until(2)
        server.start()
        job = await api.ended(job_id)
        assert (job["status"], job["attempt"]) == ("complete", 1)
    marks.check()
