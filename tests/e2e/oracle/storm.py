"""A load under which servers and agents are killed, and the evidence of what became of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from tests.e2e.oracle.client import Api, Refused, until
from tests.e2e.oracle.evidence import (
    Evidence,
    Expected,
    Write,
    job_of,
    millis,
    read_journal,
    read_witness,
)
from tests.e2e.oracle.judge import LIVE, Verdict, judge
from tests.e2e.oracle.logs import troubles
from tests.e2e.oracle.processes import AgentProgram, ServerProgram

T = TypeVar("T")
NAMESPACE = "load"
BY_HAND = "by_hand"
EVERY_SECOND = "* * * * * *"
_CATCH_UP = {"mode": "all", "window": "1h", "max_runs": 100000}
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
        self.witness = directory / "witness"
        self.server = ServerProgram(directory)
        names = [f"agent-{number + 1}" for number in range(weather.agents)]
        self.agents = [AgentProgram(directory, self.server.url, name) for name in names]
        self.expected: dict[str, Expected] = {}
        self.offline: set[str] = set()
        self.namespaces: set[str] = set()
        self.by_hand: dict[str, str] = {}
        self.kills: list[tuple[float, str]] = []
        self.calm = asyncio.Event()
        self._began = _CLOCK.monotonic()

    def close(self) -> None:
        for program in (self.server, *self.agents):
            program.close()

    async def blow(self) -> Report:
        self.server.start()
        for agent in self.agents:
            agent.start()
        async with Api(self.server.url, timeout=10) as api:
            await self._prepare(api)
            self._began = _CLOCK.monotonic()
            await self._kill_and_write(api)
            await self._offline(api, sorted(self.expected.keys() - self.offline))
            seconds = self._since()
            quiet = await self._quiet(api)
            report = await self._look(api)
            again = await self._look_after_one_more_kill(api, report)
            return replace(again, seconds=seconds, quiet_after=quiet, kills=self.kills)

    # ---- load

    async def _prepare(self, api: Api) -> None:
        await until(
            lambda: api.everything("nodes", status="ready"), lambda nodes: len(nodes) == len(self.agents), within=60
        )
        await api.post("namespaces", name=NAMESPACE, job_parallelism_limit=1000, when_full="wait")
        await self._add(api, BY_HAND, spec="", executor="noop")
        await _side_by_side([partial(self._add_nth, api, at) for at in range(self.weather.plans)])

    async def _add_nth(self, api: Api, at: int) -> None:
        """Of twenty plans one is a command that leaves a trace, three take a moment, all others nothing."""
        plan_id = f"plan_{at}"
        if at % 20 == 0:
            command = f'echo "$JOBPOOL_JOB_ID $JOBPOOL_FENCE" >>{self.witness}'
            await self._add(api, plan_id, executor="shell", parameters={"command": command})
        elif at % 20 <= 3:
            await self._add(api, plan_id, executor="noop", parameters={"sleep": f"{self.dice.below(900)}ms"})
        else:
            await self._add(api, plan_id, executor="noop")

    async def _add(
        self, api: Api, plan_id: str, *, executor: str, spec: str = EVERY_SECOND, parameters: Any = None
    ) -> None:
        request: dict[str, Any] = {"id": plan_id, "name": plan_id, "namespace": NAMESPACE, "type": "service"}
        request |= {"status": "running", "executor": executor, "catch_up": _CATCH_UP}
        if spec:
            request["periodic"] = {"spec": spec, "time_zone": "UTC"}
        if parameters is not None:
            request["parameters"] = json.dumps(parameters)
        answered = await persist(lambda: api.post("plans", **request), lambda: self._plan(api, plan_id))
        plan = answered["data"]
        if spec:
            first = millis(plan["next_time"]) if "header" in answered and not answered.get("again") else None
            self.expected[plan_id] = Expected(NAMESPACE, plan_id, spec, "UTC", millis(plan["create_time"]), 0, first)

    async def _plan(self, api: Api, plan_id: str) -> dict[str, Any]:
        """For a change whose answer was lost, and which turned out to have been made."""
        return {**await api.get(f"plans/{plan_id}", namespace=NAMESPACE), "again": True}

    async def _offline(self, api: Api, plan_ids: Sequence[str]) -> None:
        await _side_by_side([partial(self._off, api, plan_id) for plan_id in plan_ids])

    async def _off(self, api: Api, plan_id: str) -> None:
        answered = await persist(
            lambda: api.post(f"plans/{plan_id}/offline", namespace=NAMESPACE), lambda: self._plan(api, plan_id)
        )
        plan = answered["data"]
        assert plan["status"] == "dead", plan
        self.offline.add(plan_id)
        self.expected[plan_id] = replace(self.expected[plan_id], until=millis(plan["update_time"]))

    # ---- weather

    async def _kill_and_write(self, api: Api) -> None:
        """Writers write until the last kill is over and everything stands again."""
        async with asyncio.TaskGroup() as group:
            writers = [group.create_task(write(api)) for write in (self._plans, self._runs, self._namespaces)]
            async with asyncio.TaskGroup() as killers:
                killers.create_task(self._kill_server())
                for agent in self.agents:
                    killers.create_task(self._kill_agent(agent))
            self.server.await_ready()
            self.calm.set()
            await asyncio.wait(writers)

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

    async def _plans(self, api: Api) -> None:
        """Plans come and go."""
        number = 0
        while not self.calm.is_set():
            plan_id = f"guest_{number}"
            await self._add(api, plan_id, spec="*/2 * * * * *", executor="noop")
            if number >= 5:
                await self._off(api, f"guest_{number - 5}")
            number += 1
            await asyncio.sleep(0.2)

    async def _runs(self, api: Api) -> None:
        """Each run is asked for twice by the same key, as a caller would whose first answer was lost."""
        while not self.calm.is_set():
            key = f"key-{len(self.by_hand)}"
            ids = set()
            for _ in range(2):
                request = {"namespace": NAMESPACE, "idempotency_key": key, "created_by": key}
                answered = await persist(partial(api.post, f"plans/{BY_HAND}/run", **request))
                ids.add(answered["data"]["id"])
            assert len(ids) == 1, f"{key} named {ids}"
            self.by_hand[key] = ids.pop()
            await asyncio.sleep(0.1)

    async def _namespaces(self, api: Api) -> None:
        while not self.calm.is_set():
            name = f"guest_{len(self.namespaces)}"
            await persist(partial(api.post, "namespaces", name=name), _nothing)
            self.namespaces.add(name)
            await asyncio.sleep(0.3)

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
            expected=tuple(self.expected.values()),
            jobs=tuple(job_of(line) for line in jobs),
            journals=tuple(entry for agent in self.agents for entry in read_journal(agent.name, agent.journal)),
            witnessed=tuple(read_witness(self.witness)),
            witnesses=frozenset(plan_id for plan_id in self.expected if _leaves_trace(plan_id)),
            by_hand=dict(self.by_hand),
            writes=tuple(await self._writes(api)),
            slots=await self._slots(api),
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

    async def _writes(self, api: Api) -> list[Write]:
        plans = {plan["id"]: plan for plan in await api.everything("plans", namespace=NAMESPACE)}
        namespaces = {one["name"] for one in await api.everything("namespaces")}
        return [
            *(Write("plan", plan_id, plan_id in plans) for plan_id in self.expected),
            *(Write("offline of", one, plans.get(one, {}).get("status") == "dead") for one in sorted(self.offline)),
            *(Write("namespace", name, name in namespaces) for name in sorted(self.namespaces)),
        ]

    async def _slots(self, api: Api) -> dict[str, int]:
        view = (await api.get(f"queues/job/{NAMESPACE}"))["data"]
        return {NAMESPACE: view["total"] - view.get("un_used", 0)}

    def _since(self) -> float:
        return (_CLOCK.monotonic() - self._began) / 1000


async def persist(
    call: Callable[[], Awaitable[dict[str, Any]]], known: Callable[[], Awaitable[dict[str, Any]]] | None = None
) -> dict[str, Any]:
    """Repeat until it is answered, as a careful caller does. `known`: the answer once it proves to have been made."""
    while True:
        try:
            return await call()
        except Refused as refusal:
            if refusal.status == 409 and known is not None:
                return await persist(known)
            if refusal.status != 503:
                raise
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            pass
        await asyncio.sleep(0.05)


async def _nothing() -> dict[str, Any]:
    return {}


async def _side_by_side(calls: Sequence[Callable[[], Awaitable[None]]], width: int = 20) -> None:
    room = asyncio.Semaphore(width)

    async def one(call: Callable[[], Awaitable[None]]) -> None:
        async with room:
            await call()

    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(one(call))


async def _holds_totals(api: Api, jobs: Sequence[dict[str, Any]]) -> None:
    """The lists by status and by plan are parts of the whole."""
    for status in (*LIVE, "complete", "failed"):
        stated = (await api.get("jobs", status=status, pageSize=1)).get("totalElements", 0)
        assert stated == sum(job["status"] == status for job in jobs), f"{stated} jobs are stated to be {status}"
    for plan_id in ("plan_0", "plan_1", BY_HAND):
        stated = (await api.get("jobs", plan_id=plan_id, pageSize=1)).get("totalElements", 0)
        assert stated == sum(job["plan_id"] == plan_id for job in jobs), f"{stated} jobs are stated to be of {plan_id}"


def _leaves_trace(plan_id: str) -> bool:
    kind, _, number = plan_id.partition("_")
    return kind == "plan" and int(number) % 20 == 0
