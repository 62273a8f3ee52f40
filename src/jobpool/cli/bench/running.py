"""Servers with agents, as their clients see them; ended by id when the row is done."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import aiohttp

from jobpool.cli.bench.posts import Post
from jobpool.cli.bench.programs import Program, cpu_seconds

AGENTS = 2
CAPACITY = 32_768
_START_SECONDS = 120
_STATUS = aiohttp.ClientTimeout(total=2)
_UNREACHABLE = (aiohttp.ClientError, TimeoutError, ConnectionError)


class Server(Program):
    """A server at its post."""

    def __init__(self, post: Post) -> None:
        super().__init__("jobpool", post.arguments, log=post.log, enter=post.enter)
        self.name = post.name
        self.url = post.url

    @property
    def member(self) -> list[int]:
        """Its etcd: one process, or none."""
        return self.children("etcd")

    @property
    def history(self) -> list[int]:
        return self.children("jobpool.history")


class Bench:
    """Servers and agents. Questions go to `leader`, which is who led when all were ready, unless another is named."""

    def __init__(self, servers: Sequence[Server], agents: Sequence[Program], http: aiohttp.ClientSession) -> None:
        self.servers = servers
        self.agents = agents
        self.http = http
        self.leader = servers[0]

    @property
    def followers(self) -> list[Server]:
        return [server for server in self.servers if server is not self.leader]

    # ---- questions

    async def get(self, path: str, *, at: Server | None = None, **query: str) -> dict[str, object]:
        async with self.http.get((at or self.leader).url + path, params=query) as response:
            response.raise_for_status()
            answer = await response.json()
        assert isinstance(answer, dict)
        return answer

    async def post(self, path: str, *, at: Server | None = None, **body: object) -> None:
        async with self.http.post((at or self.leader).url + path, json=body) as response:
            if response.status != HTTPStatus.OK:
                raise RuntimeError(f"{path} was refused: {await response.text()}")

    async def metrics(self, at: Server | None = None) -> list[tuple[str, float]]:
        async with self.http.get((at or self.leader).url + "/metrics") as response:
            text = await response.text()
        lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
        return [(name, float(value)) for name, _, value in lines]

    async def ended(self) -> int:
        """Runs that have ended since the server started."""
        return int(sum(value for name, value in await self.metrics() if name.startswith("jobpool_runs_total")))

    async def placements(self) -> list[int]:
        """By the evaluators of each server since it started: the leader's first, then the followers'."""
        told = [dict(await self.metrics(server)) for server in (self.leader, *self.followers)]
        return [int(metrics["jobpool_placements_total"]) for metrics in told]

    async def status(self, at: Server) -> dict[str, object]:
        """What a server says of itself; nothing when it does not answer soon."""
        try:
            async with self.http.get(at.url + "/v3/schedule/status", timeout=_STATUS) as response:
                response.raise_for_status()
                answer = await response.json()
        except _UNREACHABLE:
            return {}
        assert isinstance(answer, dict)
        return answer

    async def find_leader(self, besides: Collection[Server] = ()) -> Server:
        """The server that leads, once there is one."""
        asked = [server for server in self.servers if server not in besides]
        async with asyncio.timeout(_START_SECONDS):
            while True:
                told = await asyncio.gather(*(self.status(server) for server in asked))
                leading = [server for server, answer in zip(asked, told, strict=True) if answer.get("is_leader")]
                if len(leading) == 1:
                    return leading[0]
                await asyncio.sleep(0.05)

    def cpu(self) -> Mapping[str, float]:
        """CPU seconds of all processes of a kind."""
        kinds = {
            "leader": [self.leader.pid],
            "followers": [server.pid for server in self.followers],
            "history": [pid for server in self.servers for pid in server.history],
            "etcd": [pid for server in self.servers for pid in server.member],
            "agents": [agent.pid for agent in self.agents],
        }
        return {kind: sum(cpu_seconds(pid) for pid in pids) for kind, pids in kinds.items() if pids}

    # ---- waiting

    async def stand(self, servers: Collection[Server]) -> None:
        """Return once they are ready and have folded what the leader has."""
        async with asyncio.timeout(_START_SECONDS):
            for server in servers:
                while not await self._is_ready(server):
                    if not server.alive:
                        raise RuntimeError(f"a server ended:\n{server.last_words()}")
                    await asyncio.sleep(0.02)

    async def _is_ready(self, server: Server) -> bool:
        with suppress(*_UNREACHABLE):
            async with self.http.get(server.url + "/readyz", timeout=_STATUS) as response:
                return response.status == HTTPStatus.OK and int(str((await self.status(server)).get("lag", 0))) == 0
        return False

    async def until_ready_nodes(self, count: int) -> None:
        async with asyncio.timeout(_START_SECONDS):
            while len(rows(await self.get("/v3/schedule/nodes", status="ready"))) < count:
                await asyncio.sleep(0.1)


def rows(answer: Mapping[str, object]) -> list[dict[str, object]]:
    data = answer.get("data", [])
    assert isinstance(data, list)
    return data


@asynccontextmanager
async def running(places: Sequence[Post], *, agents: int) -> AsyncIterator[Bench]:
    """Servers on what their directories hold, ready, with their agents connected to any of them."""
    directory = places[0].log.parent
    urls = ",".join(post.url for post in places)
    workers = [_agent(directory, number, urls) for number in range(agents)]
    async with aiohttp.ClientSession() as http:
        found = Bench([Server(post) for post in places], workers, http)
        try:
            for server in found.servers:
                await server.start()
            await found.stand(found.servers)
            found.leader = await found.find_leader()
            for worker in workers:
                await worker.start()
            await found.until_ready_nodes(agents)
            yield found
        finally:
            await asyncio.gather(*(worker.stop() for worker in workers))
            await asyncio.gather(*(server.stop() for server in found.servers))


def _agent(directory: Path, number: int, urls: str) -> Program:
    name = f"agent-{number}"
    options = ["--name", name, "--data-dir", str(directory / name), "--advertise-server-urls", urls]
    options += ["--capacity", str(CAPACITY), "--log-level", "warning"]
    return Program("jobpool_agent", ["agent", *options], log=directory / f"{name}.log")


async def until_ended(bench: Bench, count: int) -> None:
    async with asyncio.timeout(300):
        while await bench.ended() < count:
            await asyncio.sleep(0.2)


async def timed(bench: Bench, noun: str, *, at: Server | None = None, **query: str) -> float:
    """Milliseconds of one list page."""
    begun = time.perf_counter()
    await bench.get(f"/v3/schedule/{noun}", at=at, **query)
    return 1000 * (time.perf_counter() - begun)
