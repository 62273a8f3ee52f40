"""An agent in this process, talking to a server that the test plays."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobpool.agent.config import AgentConfig
from jobpool.agent.service import run_agent
from jobpool.testing.agent_server import AgentServer, RunAgent


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


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {key} -out {cert} -days 2"
    extension = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), *extension], check=True, capture_output=True)
    return cert, key
