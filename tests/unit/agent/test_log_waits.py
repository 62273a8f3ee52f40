"""Output that is waited for: told when it is written, when the run ends, or when the time is over."""

import asyncio
from pathlib import Path

import pytest

from jobpool.agent.config import AgentConfig
from jobpool.agent.rundirs import OUTPUT
from jobpool.agent.session import _LOG_REQUESTS
from jobpool.testing.agent_server import AgentServer, RunAgent, assignment

pytestmark = pytest.mark.timeout(30)

LONG = 20_000


def written(config: AgentConfig, text: str) -> None:
    """What the run's own process would have written by now."""
    directory = Path(config.data_dir) / "runs" / "j1-a1"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / OUTPUT).open("a") as file:
        file.write(text)


async def test_output_is_told_when_it_is_written_and_the_end_when_it_comes(
    server: AgentServer, agent: RunAgent
) -> None:
    async with agent() as config, asyncio.TaskGroup() as group:
        item = assignment("j1", parameters='{"sleep":"60s"}')
        await server.assign(item)
        await server.until(lambda: bool(server.reports))
        first = group.create_task(server.log("j1-a1", wait=LONG))
        assert (await server.log("j1-a1")).data == b""  # whoever does not wait is not held up
        assert not first.done()
        written(config, "one")
        assert ((await first).data, (await first).next_offset) == (b"one", 3)
        there = await server.log("j1-a1", wait=LONG)
        assert there.data == b"one"
        end = group.create_task(server.log("j1-a1", offset=3, wait=LONG))
        await server.stop(item)
        assert ((await end).data, (await end).complete) == (b"", True)


async def test_nothing_within_the_time_is_an_empty_answer(server: AgentServer, agent: RunAgent) -> None:
    async with agent():
        await server.assign(assignment("j1", parameters='{"sleep":"60s"}'))
        await server.until(lambda: bool(server.reports))
        chunk = await server.log("j1-a1", wait=60)
        assert (chunk.data, chunk.complete, chunk.error) == (b"", False, "")
        await server.stop(assignment("j1"))


async def test_refusals_do_not_wait(server: AgentServer, agent: RunAgent) -> None:
    async with agent():
        assert "does not know" in (await server.log("j9-a1", wait=LONG)).error


async def test_those_who_wait_are_bounded(server: AgentServer, agent: RunAgent) -> None:
    async with agent() as config, asyncio.TaskGroup() as group:
        await server.assign(assignment("j1", parameters='{"sleep":"60s"}'))
        await server.until(lambda: bool(server.reports))
        waiting = [group.create_task(server.log("j1-a1", wait=LONG)) for _ in range(_LOG_REQUESTS + 1)]
        await server.until(lambda: bool(server.chunks))
        [refused] = server.chunks.values()
        assert "too many" in refused.error
        written(config, "x")
        assert sorted([(await one).data for one in waiting]) == [b""] + [b"x"] * _LOG_REQUESTS
        await server.stop(assignment("j1"))
