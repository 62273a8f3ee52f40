"""The conversation with a server: what is said, in which order, and what is said again."""

from jobpool.testing.agent_server import AgentServer, assignment
from tests.unit.agent.conftest import RunAgent


async def test_a_noop_run_is_reported_once_with_its_times(server: AgentServer, agent: RunAgent) -> None:
    async with agent(executors=("noop",)):
        await server.assign(assignment("j1"))
        report = await server.ended("j1-a1")
    assert (report.status, report.reason, report.fence) == ("complete", "", 7)
    assert 0 < report.started_at <= report.finished_at
    assert len(server.ends("j1-a1")) == 1
