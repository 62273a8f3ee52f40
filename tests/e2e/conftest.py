"""Real servers and agents for tests, ended whatever happens; a server or agent that logs a traceback fails its test."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.browser import NO_BROWSER, Pages, missing
from tests.e2e.cluster.programs import strays
from tests.e2e.oracle.callee import Callee
from tests.e2e.oracle.client import Api
from tests.e2e.oracle.logs import troubles
from tests.e2e.oracle.processes import AgentProgram, Program, ServerProgram


class Site:
    """The programs of one test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.programs: list[Program] = []

    def server(self, name: str = "server", **flags: str) -> ServerProgram:
        """A running server."""
        server = ServerProgram(self.directory, name, **flags)
        self.programs.append(server)
        server.start()
        return server

    def agent(self, server: ServerProgram, name: str = "agent-1", **flags: str) -> AgentProgram:
        """An agent that was started; it may not have registered yet."""
        agent = AgentProgram(self.directory, server.url, name, **flags)
        self.programs.append(agent)
        agent.start()
        return agent

    def close(self) -> None:
        """Nothing of it stays behind: an agent that was killed leaves its runs to their shims, for hours."""
        for program in self.programs:
            program.close()
        for pid in strays(self.directory):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def troubles(self) -> list[str]:
        return [trouble for program in self.programs for trouble in troubles(program.name, program.text())]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()
    assert site.troubles() == []


@pytest.fixture
def pages(site: Site, tmp_path: Path) -> Pages:
    """The pages of a server with an agent, in a browser; without one the test is skipped, and says so."""
    if missing():
        pytest.skip(NO_BROWSER)
    server = site.server()
    site.agent(server, executors="shell,noop")
    return Pages(server, tmp_path)


@pytest.fixture
async def callee() -> AsyncIterator[Callee]:
    async with Callee() as callee:
        yield callee


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server and an agent for all tests of a module."""
    site = Site(tmp_path_factory.mktemp("shared"))
    try:
        site.agent(site.server())
        yield site
    finally:
        site.close()
    assert site.troubles() == []


@pytest.fixture
async def api(shared: Site) -> AsyncIterator[Api]:
    server = shared.programs[0]
    assert isinstance(server, ServerProgram)
    async with Api(server.url) as api:
        yield api
