"""Servers and agents that were started together: who leads, what they say, and that nothing of them stays behind."""

import asyncio
import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from jobpool.kit.effects.clock import SystemClock
from tests.e2e.cluster.hosts import Loopback, Network, Site
from tests.e2e.cluster.programs import Agent, Server, strays
from tests.e2e.oracle.client import Api, Refused, until
from tests.e2e.oracle.logs import troubles

_CLOCK = SystemClock()
_LOOK = 2.0
_GONE_WITHIN = 10_000


class Cluster:
    """`start` once, `close` always. `flags` are those of every server."""

    def __init__(self, directory: Path, *, servers: int, agents: int, network: bool, flags: dict[str, str]) -> None:
        self.directory = directory
        self.site: Site = Network() if network else Loopback()
        try:
            names = [f"server-{number + 1}" for number in range(servers)]
            self.servers = [Server(directory, self.site.host(name), **flags) for name in names]
            cluster = ",".join(f"{one.name}={one.peer_url}" for one in self.servers)
            for server in self.servers:
                server.flags["initial-cluster"] = cluster
            names = [f"agent-{number + 1}" for number in range(agents)]
            self.agents = [Agent(directory, self.site.host(name), self.urls) for name in names]
        except BaseException:
            self.site.close()
            raise

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    @property
    def network(self) -> Network:
        assert isinstance(self.site, Network), "this cluster has no links that could be cut"
        return self.site

    def close(self) -> None:
        """Nothing of it stays behind, whatever state it is in."""
        try:
            for program in (*self.agents, *self.servers):
                program.close()
            end = _CLOCK.monotonic() + _GONE_WITHIN
            while (left := strays(self.directory)) and _CLOCK.monotonic() < end:
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                time.sleep(0.1)
        finally:
            self.site.close()

    async def start(self) -> None:
        for server in self.servers:
            server.start(wait=False)
        await self.stand()
        for agent in self.agents:
            agent.start()
        await self.attended()

    async def stand(self) -> None:
        """Return once every server is ready, those that were down too."""
        for server in self.servers:
            if not server.alive:
                server.start(wait=False)
            await asyncio.to_thread(server.await_ready)

    async def attended(self) -> None:
        """Return once every agent takes work, as every server sees it."""
        for server in self.servers:
            async with Api(server.url, timeout=_LOOK * 5) as api:
                await until(lambda api=api: _ready_nodes(api), lambda ready: ready >= len(self.agents))  # type: ignore[misc]

    def mend(self) -> None:
        """Resume what is paused, restart what is down, cut no link."""
        if isinstance(self.site, Network):
            self.site.heal()
        for server in self.servers:
            server.resume_member()
        for program in (*self.servers, *self.agents):
            if program.paused:
                program.resume()
        for agent in self.agents:
            if not agent.alive:
                agent.start()

    # ---- who leads

    async def leader(self, *, besides: Collection[Server] = (), within: float = 30) -> Server:
        """The server that leads the scheduling, once there is one."""
        return await self._one("is_leader", besides, within)

    async def raft_leader(self, *, besides: Collection[Server] = (), within: float = 30) -> Server:
        """The server whose etcd member leads the others."""
        return await self._one("raft_leader", besides, within)

    async def leads_apart(self, *, within: float = 100) -> tuple[Server, Server]:
        """Who leads the scheduling, and whose member leads Raft, once the servers have parted the two.

        When that fails, or the lead comes back, they try it again after a minute.
        """

        async def look() -> tuple[Server, Server]:
            return await self.leader(), await self.raft_leader()

        return await until(look, lambda leads: leads[0] is not leads[1], within=within)

    async def _one(self, field: str, besides: Collection[Server], within: float) -> Server:
        async def look() -> list[Server]:
            asked = [server for server in self.servers if server.alive and server not in besides]
            told = await asyncio.gather(*(status(server) for server in asked))
            claims = [(answer.get("term", 0), at) for at, answer in enumerate(told) if answer.get(field)]
            return [asked[at] for _, at in sorted(claims, reverse=True)]

        return (await until(look, within=within))[0]

    # ---- evidence

    def troubles(self) -> Iterator[str]:
        for program in (*self.servers, *self.agents):
            yield from troubles(program.name, program.text())


async def status(server: Server) -> dict[str, Any]:
    """What a server says of itself; nothing when it does not answer soon."""
    try:
        async with Api(server.url, timeout=_LOOK) as api:
            found: dict[str, Any] = await api.get("status")
            return found
    except (aiohttp.ClientError, TimeoutError, ConnectionError, Refused):
        return {}


async def _ready_nodes(api: Api) -> int:
    try:
        return len(await api.everything("nodes", status="ready"))
    except (aiohttp.ClientError, TimeoutError, ConnectionError, Refused):
        return 0
