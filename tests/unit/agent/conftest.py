"""An agent in this process, talking to a server that the test plays."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobpool.agent.config import AgentConfig
from jobpool.agent.service import run_agent
from jobpool.testing.agent_server import AgentServer

RunAgent = Callable[..., AbstractAsyncContextManager[AgentConfig]]


@pytest.fixture
async def server() -> AsyncIterator[AgentServer]:
    async with AgentServer() as server:
        yield server


@pytest.fixture
def agent(server: AgentServer, tmp_path: Path) -> RunAgent:
    """`async with agent(**settings):` runs one, and drains it at the end."""

    @asynccontextmanager
    async def run(**settings: Any) -> AsyncIterator[AgentConfig]:
        config = AgentConfig(name="test", data_dir=tmp_path / "data", server_urls=(server.url,), drain_timeout=5_000)
        config = msgspec.structs.replace(config, **settings)
        stop = asyncio.Event()
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            running: Awaitable[int] = group.create_task(run_agent(config, stop=stop))
            stack.callback(stop.set)
            try:
                yield config
            finally:
                stop.set()
                assert await running == 0

    return run
