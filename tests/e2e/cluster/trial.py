"""One experiment on one cluster under load: what was done to it, and what became of every tick, run and write."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from msgspec import Struct, field
from msgspec.structs import replace

from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from tests.e2e.cluster.anywhere import Anywhere
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.programs import Agent
from tests.e2e.oracle.client import Api, Refused
from tests.e2e.oracle.evidence import Absence, Entry, Evidence, Job, job_of, read_journal, read_marks, read_witness
from tests.e2e.oracle.judge import Verdict, judge
from tests.e2e.oracle.load import Load

APART = "apart"
"""The namespace of plans whose ticks an experiment judges itself."""

_QUIET = 30
_TRIES = 50
_LATEST = 12
_HEARTBEAT_GRACE = 10_000
_SECOND = 1000
_CLOCK = SystemClock()
_BROKEN = (AssertionError, OSError, TimeoutError, aiohttp.ClientError, Refused, RuntimeError, ExceptionGroup)


class Shape(Struct, frozen=True):
    """How much of it: `rounds` of the fault, `gap` seconds apart, or faults that last for each of `spans` seconds."""

    rounds: int = 1
    gap: float = 3.0
    spans: tuple[float, ...] = ()
    plans: int = 20
    exclusive: int = 2

    @property
    def limit(self) -> float:
        """Seconds that all of it may take."""
        return 150 + sum(self.spans) + len(self.spans) * self.gap + self.rounds * (self.gap + 15)


class Experiment(Struct, frozen=True):
    """`number` is that of the list of experiments. `flags` are for the servers, `network`: links are cut."""

    number: int
    title: str
    act: "Callable[[Trial], Awaitable[None]]"
    short: Shape
    long: Shape
    network: bool = False
    servers: int = 3
    agents: int = 2
    flags: dict[str, str] = {}


class Lateness(Struct):
    """Milliseconds from due to started, of ticks that were decided in time."""

    count: int = 0
    p50: int = 0
    p99: int = 0
    max: int = 0


class Report(Struct):
    """`events`: seconds since the load began, and what was done. `facts` are measured: milliseconds, or counts.

    `latest`: the ticks that were started last after their time.
    `failovers`: for each fault that took a leader, milliseconds from the next due tick to the start of all its runs.
    """

    number: int
    title: str
    seed: int
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0
    events: list[tuple[float, str]] = []
    facts: dict[str, int] = {}
    failovers: list[int] = []
    lateness: Lateness = field(default_factory=Lateness)
    latest: list[str] = []
    writes: int = 0
    quiet_after: float = 0.0
    troubles: list[str] = []
    problems: list[str] = []

    @property
    def clean(self) -> bool:
        return self.verdict.clean and not self.troubles and not self.problems


class Trial:
    """`run` once; it gives back all that it took, whatever happens."""

    def __init__(self, directory: Path, experiment: Experiment, shape: Shape, seed: int) -> None:
        self.experiment = experiment
        self.shape = shape
        self.seed = seed
        self.dice = Dice(seed)
        self.load = Load(directory, self.dice.fork())
        self.absences: list[Absence] = []
        self.facts: dict[str, int] = {}
        self.problems: list[str] = []
        self._events: list[tuple[float, str]] = []
        self._faults: list[int] = []
        self._began = _CLOCK.monotonic()
        self.cluster = Cluster(
            directory,
            servers=experiment.servers,
            agents=experiment.agents,
            network=experiment.network,
            flags=experiment.flags,
        )
        self.api = Anywhere(self.cluster.urls)

    async def run(self) -> Report:
        """What went wrong is in the report; nothing is raised for it."""
        report = Report(self.experiment.number, self.experiment.title, self.seed)
        try:
            async with self.api, asyncio.timeout(self.shape.limit):
                report = await self._run(report)
        except _BROKEN as failure:
            self.problems.append("".join(traceback.format_exception(failure))[-8000:])
        finally:
            self.cluster.close()
        return replace(
            report,
            events=self._events,
            facts=self.facts,
            troubles=list(self.cluster.troubles()),
            problems=self.problems,
        )

    async def _run(self, report: Report) -> Report:
        began = _CLOCK.monotonic()
        await self.cluster.start()
        self.facts["standing_after"] = _CLOCK.monotonic() - began
        await self.load.prepare(self.api, plans=self.shape.plans, exclusive=self.shape.exclusive)
        self._began = _CLOCK.monotonic()
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self.load.write(self.api))
            await self._act()
            self.cluster.mend()
            await self.cluster.stand()
            await self.cluster.attended()
            self.load.calm.set()
            await writing
        await self.load.stop(self.api)
        report = replace(report, seconds=self.since(), quiet_after=await self._quiet())
        return await self._look(report)

    async def _act(self) -> None:
        try:
            await self.experiment.act(self)
        except AssertionError as failure:
            self.problems.append("".join(traceback.format_exception(failure))[-8000:])

    # ---- for experiments

    def since(self) -> float:
        """Seconds since the load began."""
        return round((_CLOCK.monotonic() - self._began) / 1000, 3)

    def did(self, what: str, *, fault: bool = False) -> None:
        """Note it; after a `fault` somebody else has to lead."""
        self._events.append((self.since(), what))
        if fault:
            self._faults.append(_CLOCK.now())

    def away(self, agent: Agent, since: int) -> None:
        """The agent was away from that instant until now, and what it had may have been given to others."""
        self.absences.append(Absence(agent.name, since + _HEARTBEAT_GRACE, _CLOCK.now()))

    def now(self) -> int:
        return _CLOCK.now()

    def journals(self) -> list[Entry]:
        return [entry for agent in self.cluster.agents for entry in self.journal(agent)]

    def journal(self, agent: Agent) -> list[Entry]:
        return read_journal(agent.name, agent.journal) if agent.journal.exists() else []

    # ---- evidence

    async def _quiet(self) -> float:
        """Seconds until no run is live and no agent holds one, at most those promised; what is not is evidence."""
        began = _CLOCK.monotonic()
        while _CLOCK.monotonic() - began < _QUIET * _SECOND:
            live = (await self.api.metrics())["jobpool_runs_live"]
            if not live and all(entry.acknowledged for entry in self.journals()):
                break
            await asyncio.sleep(0.2)
        return (_CLOCK.monotonic() - began) / 1000

    async def _look(self, report: Report) -> Report:
        """Each server is asked: what one has acknowledged all must know, and all must tell the same."""
        looks = [await self._look_at(server.url) for server in self.cluster.servers]
        verdict, evidence = looks[0]
        for server, (other, _) in zip(self.cluster.servers[1:], looks[1:], strict=True):
            if other.outcomes != verdict.outcomes:
                verdict.missing.append(f"{server.name} tells {other.outcomes}, the first {verdict.outcomes}")
            for finding in ("lost", "doubled", "stuck", "missing", "overlapping"):
                known = getattr(verdict, finding)
                known += [f"{server.name}: {one}" for one in getattr(other, finding) if one not in known]
        return replace(
            report,
            verdict=verdict,
            lateness=_lateness(evidence),
            latest=_latest(evidence),
            failovers=[_failover(evidence, at) for at in self._faults],
            writes=len(evidence.writes) + len(evidence.by_hand),
        )

    async def _look_at(self, url: str) -> tuple[Verdict, Evidence]:
        async with Api(url, timeout=30) as api:
            await self._settled(api)
            jobs = [job_of(line) for line in await api.everything("jobs")]
            apart = {job.id for job in jobs if job.namespace == APART}
            evidence = Evidence(
                expected=tuple(self.load.expected.values()),
                jobs=tuple(job for job in jobs if job.id not in apart),
                journals=tuple(entry for entry in self.journals() if entry.job_id not in apart),
                witnessed=tuple(read_witness(self.load.witness)),
                witnesses=self.load.witnesses,
                by_hand=dict(self.load.by_hand),
                writes=tuple(await self.load.writes(api)),
                slots=await self.load.slots(api),
                exclusive=frozenset(self.load.exclusive),
                marks=tuple(read_marks(self.load.marks)),
                absences=tuple(self.absences),
            )
        return judge(evidence), evidence

    async def _settled(self, api: Api) -> None:
        """Until the server has seen the last run end; when it does not, that is evidence."""
        for _ in range(_TRIES):
            if not (await api.metrics())["jobpool_runs_live"]:
                break
            await asyncio.sleep(0.2)


def _starts(evidence: Evidence, *triggers: str) -> list[tuple[Job, Entry, int]]:
    """Every tick that was started: its job, its first start, and when that was."""
    first: dict[str, tuple[int, Entry]] = {}
    for entry in evidence.journals:
        at = entry.started_at
        if at is not None and (entry.job_id not in first or at < first[entry.job_id][0]):
            first[entry.job_id] = (at, entry)
    return [
        (job, first[job.id][1], first[job.id][0])
        for job in evidence.jobs
        if job.trigger in triggers and job.id in first
    ]


def _latest(evidence: Evidence) -> list[str]:
    starts = _starts(evidence, "schedule")
    starts.sort(key=lambda one: one[0].scheduled_at - one[2])
    return [
        f"{job.plan_id} of {datetime.fromtimestamp(job.scheduled_at / 1000, UTC):%H:%M:%S}: "
        f"{at - job.scheduled_at} ms, {entry.allocation_id} on {entry.agent}"
        for job, entry, at in starts[:_LATEST]
    ]


def _lateness(evidence: Evidence) -> Lateness:
    spans = sorted(at - job.scheduled_at for job, _, at in _starts(evidence, "schedule"))
    if not spans:
        return Lateness()
    return Lateness(len(spans), spans[len(spans) // 2], spans[len(spans) * 99 // 100], spans[-1])


def _failover(evidence: Evidence, fault: int) -> int:
    """-1 when no tick was due any more."""
    starts = [(job.scheduled_at, at) for job, _, at in _starts(evidence, "schedule", "catch-up")]
    following = min((due for due, _ in starts if due > fault), default=None)
    return -1 if following is None else max(at - due for due, at in starts if due == following)
