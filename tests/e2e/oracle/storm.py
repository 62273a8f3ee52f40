"""A load under which servers and agents are killed, and the evidence of what became of it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from tests.e2e.oracle.client import Api, until
from tests.e2e.oracle.evidence import Evidence, job_of, read_journal, read_witness
from tests.e2e.oracle.judge import LIVE, Verdict, judge
from tests.e2e.oracle.load import BY_HAND, Load
from tests.e2e.oracle.logs import troubles
from tests.e2e.oracle.processes import AgentProgram, ServerProgram

_CLOCK = SystemClock()


class Weather(Struct, frozen=True):
    """How hard it blows. `gap`: seconds between two kills of the server, at random from 0 up to twice as much."""

    seed: int
    plans: int = 200
    agents: int = 2
    server_kills: int = 10
    agent_kills: int = 2
    gap: float = 3.0
    quiet: float = 60.0


class Report(Struct):
    """`seconds` of load; `kills` as (seconds since the start, who); `answer` of `/health` at the end."""

    weather: Weather
    verdict: Verdict
    seconds: float = 0.0
    kills: list[tuple[float, str]] = []
    writes: int = 0
    quiet_after: float = 0.0
    health: str = ""
    troubles: list[str] = []

    @property
    def clean(self) -> bool:
        return self.verdict.clean and not self.troubles and self.health == "true"


class Storm:
    """One run of it in one directory; `blow` once, `close` always."""

    def __init__(self, directory: Path, weather: Weather) -> None:
        self.weather = weather
        self.dice = Dice(weather.seed)
        self.directory = directory
        self.load = Load(directory, self.dice)
        self.server = ServerProgram(directory)
        names = [f"agent-{number + 1}" for number in range(weather.agents)]
        self.agents = [AgentProgram(directory, self.server.url, name) for name in names]
        self.kills: list[tuple[float, str]] = []
        self._began = _CLOCK.monotonic()

    def close(self) -> None:
        for program in (self.server, *self.agents):
            program.close()

    async def blow(self) -> Report:
        self.server.start()
        for agent in self.agents:
            agent.start()
        async with Api(self.server.url) as api:
            await self._prepare(api)
            self._began = _CLOCK.monotonic()
            await self._kill_and_write(api)
            await self.load.stop(api)
            seconds = self._since()
            quiet = await self._quiet(api)
            report = await self._look(api)
            again = await self._look_after_one_more_kill(api, report)
            return replace(again, seconds=seconds, quiet_after=quiet, kills=self.kills)

    async def _prepare(self, api: Api) -> None:
        await until(
            lambda: api.everything("nodes", status="ready"), lambda nodes: len(nodes) == len(self.agents), within=60
        )
        await self.load.prepare(api, plans=self.weather.plans)

    # ---- weather

    async def _kill_and_write(self, api: Api) -> None:
        """Writers write until the last kill is over and everything stands again."""
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self.load.write(api))
            async with asyncio.TaskGroup() as killers:
                killers.create_task(self._kill_server())
                for agent in self.agents:
                    killers.create_task(self._kill_agent(agent))
            self.server.await_ready()
            self.load.calm.set()
            await writing

    async def _kill_server(self) -> None:
        for _ in range(self.weather.server_kills):
            await asyncio.sleep(self.dice.fraction() * 2 * self.weather.gap)
            self._kill(self.server)
            self.server.start(wait=False)

    async def _kill_agent(self, agent: AgentProgram) -> None:
        length = self.weather.server_kills * self.weather.gap
        gaps = self.weather.agent_kills + 1
        for _ in range(self.weather.agent_kills):
            await asyncio.sleep(self.dice.fraction() * 2 * length / gaps)
            self._kill(agent)
            agent.start()

    def _kill(self, program: ServerProgram | AgentProgram) -> None:
        assert program.alive, f"{program.name} ended by itself:\n{program.text()[-4000:]}"
        self.kills.append((round(self._since(), 3), program.name))
        program.kill()

    # ---- evidence

    async def _quiet(self, api: Api) -> float:
        """Seconds until no run is live and no agent holds one, at most `weather.quiet`; what is not is evidence."""
        began = _CLOCK.monotonic()
        while _CLOCK.monotonic() - began < self.weather.quiet * 1000:
            live = (await api.metrics())["jobpool_runs_live"]
            if not live and not any(self._held(agent) for agent in self.agents):
                break
            await asyncio.sleep(0.2)
        return (_CLOCK.monotonic() - began) / 1000

    def _held(self, agent: AgentProgram) -> bool:
        return any(not entry.acknowledged for entry in read_journal(agent.name, agent.journal))

    async def _look(self, api: Api) -> Report:
        jobs = await api.everything("jobs")
        await _holds_totals(api, jobs)
        evidence = Evidence(
            expected=tuple(self.load.expected.values()),
            jobs=tuple(job_of(line) for line in jobs),
            journals=tuple(entry for agent in self.agents for entry in read_journal(agent.name, agent.journal)),
            witnessed=tuple(read_witness(self.load.witness)),
            witnesses=self.load.witnesses,
            by_hand=dict(self.load.by_hand),
            writes=tuple(await self.load.writes(api)),
            slots=await self.load.slots(api),
        )
        health = await api.get("/health")
        found = [one for program in (self.server, *self.agents) for one in troubles(program.name, program.text())]
        writes = len(evidence.writes) + len(evidence.by_hand)
        return Report(self.weather, judge(evidence), writes=writes, health=health["health"], troubles=found)

    async def _look_after_one_more_kill(self, api: Api, before: Report) -> Report:
        """What was found must be found again by a server that has only its disk; and history rebuilt must be equal."""
        self.server.kill()
        for path in self.server.data.glob("history.db*"):
            path.unlink()
        self.server.start()
        after = await self._look(api)
        for finding in ("lost", "doubled", "stuck", "missing"):
            kept = getattr(after.verdict, finding)
            kept += [f"before the last kill: {one}" for one in getattr(before.verdict, finding)]
        if after.verdict.outcomes != before.verdict.outcomes:
            after.verdict.missing.append(f"outcomes were {before.verdict.outcomes}, are {after.verdict.outcomes}")
        return after

    def _since(self) -> float:
        return (_CLOCK.monotonic() - self._began) / 1000


async def _holds_totals(api: Api, jobs: Sequence[dict[str, Any]]) -> None:
    """The lists by status and by plan are parts of the whole."""
    for status in (*LIVE, "complete", "failed"):
        stated = (await api.get("jobs", status=status, pageSize=1)).get("totalElements", 0)
        assert stated == sum(job["status"] == status for job in jobs), f"{stated} jobs are stated to be {status}"
    for plan_id in ("plan_0", "plan_1", BY_HAND):
        stated = (await api.get("jobs", plan_id=plan_id, pageSize=1)).get("totalElements", 0)
        assert stated == sum(job["plan_id"] == plan_id for job in jobs), f"{stated} jobs are stated to be of {plan_id}"
