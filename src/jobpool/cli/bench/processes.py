"""The processes of a bench: one server, some agents, ended by id when the row is done."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

_START_SECONDS = 120
_STOP_SECONDS = 20
_TICK = os.sysconf("SC_CLK_TCK")


class Program:
    """A child process, its output in a file."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def memory(self) -> int:
        """Resident bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
                await self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def start(program: str, arguments: Sequence[str], log: Path) -> Program:
    """Start `jobpool` or `jobpool_agent` by its entry point."""
    module = {"jobpool": "jobpool.cli.server", "jobpool_agent": "jobpool.cli.agent"}[program]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            f"from {module} import main; main()",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    return Program(process, log)


class Bench:
    """A server with agents, as its clients see it."""

    def __init__(self, url: str, server: Program, agents: list[Program], http: aiohttp.ClientSession) -> None:
        self.url = url
        self.server = server
        self.agents = agents
        self.http = http

    async def get(self, path: str, **query: str) -> dict[str, object]:
        async with self.http.get(self.url + path, params=query) as response:
            response.raise_for_status()
            answer = await response.json()
        assert isinstance(answer, dict)
        return answer

    async def ended(self) -> int:
        """Runs that have ended since the server started."""
        return int(sum(value for name, value in await self.metrics() if name.startswith("jobpool_runs_total")))

    async def metrics(self) -> list[tuple[str, float]]:
        async with self.http.get(self.url + "/metrics") as response:
            text = await response.text()
        lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
        return [(name, float(value)) for name, _, value in lines]

    async def until_ready_nodes(self, count: int) -> None:
        async with asyncio.timeout(_START_SECONDS):
            while len(_rows(await self.get("/v3/schedule/nodes", status="ready"))) < count:
                await asyncio.sleep(0.1)


def _rows(answer: dict[str, object]) -> list[object]:
    data = answer.get("data", [])
    assert isinstance(data, list)
    return data


@asynccontextmanager
async def running(directory: Path, *, agents: int, capacity: int = 32_768) -> AsyncIterator[Bench]:
    """A server on `directory`, ready, with its agents connected."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ["--data-dir", str(directory / "server"), "--listen-client-urls", url, "--log-level", "warning"]
    server = await start("jobpool", arguments, directory / "server.log")
    workers: list[Program] = []
    async with aiohttp.ClientSession() as http:
        found = Bench(url, server, workers, http)
        try:
            await _until_healthy(found)
            for number in range(agents):
                name = f"agent-{number}"
                options = ["--name", name, "--data-dir", str(directory / name), "--advertise-server-urls", url]
                options += ["--capacity", str(capacity), "--log-level", "warning"]
                workers.append(await start("jobpool_agent", ["agent", *options], directory / f"{name}.log"))
            await found.until_ready_nodes(agents)
            yield found
        finally:
            await asyncio.gather(*(worker.stop() for worker in workers))
            await server.stop()


async def _until_healthy(bench: Bench) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while True:
            if bench.server.process.returncode is not None:
                raise RuntimeError(f"the server ended at its start:\n{bench.server.log.read_text()[-2000:]}")
            try:
                await bench.get("/health")
                return
            except aiohttp.ClientError:
                await asyncio.sleep(0.02)
