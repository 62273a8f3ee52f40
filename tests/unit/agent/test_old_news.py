"""What an agent is told late, twice or of another attempt: it acts on nothing that is older than what it has done."""

import pytest

from jobpool.testing.agent_server import AgentServer, RunAgent, assignment

LONG = '{"sleep":"1h"}'


@pytest.mark.invariant("H-6")
async def test_a_word_about_an_older_attempt_does_not_touch_the_newer_one(server: AgentServer, agent: RunAgent) -> None:
    async with agent():
        newer, older = assignment("j", fence=8, parameters=LONG), assignment("j", fence=7)
        await server.assign(newer)
        await server.until(lambda: any(report.status == "running" for report in server.reports))
        await server.stop(older)
        await server.drop(older)
        await server.assign(assignment("after"))
        await server.ended("after-a1")  # what was said before has been heard
        assert server.ends("j-a1") == []
        await server.hang_up()
        await server.until(lambda: len(server.inventories) == 2)
        held = {(item.allocation_id, item.fence) for item in server.inventories[1].held}
        assert ("j-a1", 8) in held
        await server.stop(newer)
        assert (await server.ended("j-a1")).fence == 8


@pytest.mark.invariant("H-6")
async def test_an_older_attempt_than_the_one_it_has_is_refused_and_harms_nothing(
    server: AgentServer, agent: RunAgent
) -> None:
    async with agent():
        newer = assignment("j", fence=8, parameters=LONG)
        await server.assign(newer)
        await server.until(lambda: any(report.status == "running" for report in server.reports))
        await server.assign(assignment("j", fence=7))
        refused = await server.ended("j-a1")
        assert (refused.fence, refused.status) == (7, "failed")
        await server.stop(newer)
        await server.until(lambda: len(server.ends("j-a1")) == 2)
    assert (server.ends("j-a1")[1].fence, server.ends("j-a1")[1].status) == (8, "cancelled")


@pytest.mark.invariant("H-6")
async def test_what_it_has_ended_is_not_begun_again_by_an_assignment_that_comes_late(
    server: AgentServer, agent: RunAgent
) -> None:
    async with agent():
        item = assignment("j", parameters=LONG)
        await server.assign(item)
        await server.until(lambda: any(report.status == "running" for report in server.reports))
        await server.stop(item)
        first = await server.ended("j-a1")
        await server.hang_up()
        await server.assign(item)
        await server.until(lambda: len(server.ends("j-a1")) == 2)
    assert server.ends("j-a1")[1] == first
