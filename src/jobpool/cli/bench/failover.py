"""How soon plans fire again after the leader is lost: `jobpool bench --failover`.

Ten plans are due every second. At a random moment of a second the leader is struck. What counts is the first tick of
each plan that is due after that moment: how late it started, by the journal of the agent that started it; the worst of
the plans is the figure of that fault. Missed ticks all run later (catch-up `all`), so no tick may be lost, and each is
looked for at the end. Then the fault is mended, all servers have caught up, and the next one strikes.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import click
from msgspec import Struct

from jobpool.cli.bench.faults import Fault, on_network, on_this_machine
from jobpool.cli.bench.journals import Starts, read_starts
from jobpool.cli.bench.load import NAMESPACE
from jobpool.cli.bench.measures import Row, part
from jobpool.cli.bench.network import NoNetwork, network
from jobpool.cli.bench.posts import Post, Setup, posts
from jobpool.cli.bench.running import Bench, running
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND, Millis

_CLOCK = SystemClock()
_AGENTS = 3
_PLANS = tuple(f"plan-{number}" for number in range(10))
_CALM = 3 * SECOND
_PATIENCE = 60 * SECOND
_CATCH_UP = {"mode": "all", "window": "1h", "max_runs": 100_000}


class Sample(Struct, frozen=True):
    """One fault at `at`: the first ticks after it were due at `due`; `late` of the plans, ascending."""

    at: Millis
    due: Millis
    late: tuple[Millis, ...]
    led_raft: bool

    @property
    def worst(self) -> Millis:
        return self.late[-1]

    @property
    def since_fault(self) -> Millis:
        """From the fault to the last of the first starts."""
        return self.due - self.at + self.worst


async def failover(directory: Path, setup: Setup, *, wanted: Sequence[str], times: int) -> list[Row]:
    """A row for each of the wanted faults, each done so many times."""
    async with AsyncExitStack() as stack:
        places, faults = await _site(directory, setup, stack)
        bench = await stack.enter_async_context(running(places, agents=_AGENTS))
        trial = Trial(bench, [directory / f"agent-{number}" for number in range(_AGENTS)])
        await trial.prepare()
        return [await trial.measure(faults[name], times) for name in wanted if name in faults]


async def _site(directory: Path, setup: Setup, stack: AsyncExitStack) -> tuple[list[Post], Mapping[str, Fault]]:
    try:
        made = await stack.enter_async_context(network(setup.servers))
    except NoNetwork as reason:
        return posts(directory, setup), on_this_machine(str(reason))
    return posts(directory, setup, made.hosts), on_network(made)


class Trial:
    """Faults on one cluster, one after the other."""

    def __init__(self, bench: Bench, agents: Sequence[Path]) -> None:
        self._bench = bench
        self._agents = agents
        self._dice = Dice()

    async def prepare(self) -> None:
        """Plans that are due every second, and that are seen to run."""
        await self._bench.post("/v3/schedule/namespaces", name=NAMESPACE, job_parallelism_limit=10_000)
        for plan in _PLANS:
            await self._bench.post(
                "/v3/schedule/plans",
                id=plan,
                name=plan,
                namespace=NAMESPACE,
                type="service",
                status="running",
                executor="noop",
                catch_up=_CATCH_UP,
                periodic={"spec": "* * * * * *", "time_zone": "UTC"},
            )
        if (await self._late(_next_due()))[-1] >= _PATIENCE:
            raise RuntimeError("the plans do not run, though nothing was done to the cluster")

    async def measure(self, fault: Fault, times: int) -> Row:
        """The fault, so many times; `trouble` when a tick was lost."""
        began = _next_due()
        samples = []
        for number in range(times):
            samples.append(await self._strike(fault))
            told = samples[-1]
            raft = ", its member led Raft too" if told.led_raft else ""
            click.echo(f"{fault.name} {number + 1}/{times}: {told.worst} ms late{raft}", err=True)
        return _row(fault, samples, await self._account(began))

    async def _strike(self, fault: Fault) -> Sample:
        bench = self._bench
        await _CLOCK.sleep(_CALM + self._dice.below(SECOND))
        victim = await bench.find_leader()
        number = bench.servers.index(victim)
        led_raft = bool((await bench.status(victim)).get("raft_leader"))
        at = _CLOCK.now()
        async with self._struck(fault, number):
            due = (at // SECOND + 1) * SECOND
            late = await self._late(due)
        await bench.stand(bench.servers)
        bench.leader = await bench.find_leader()
        await bench.until_ready_nodes(len(self._agents))
        return Sample(at, due, tuple(late), led_raft)

    @asynccontextmanager
    async def _struck(self, fault: Fault, number: int) -> AsyncIterator[None]:
        victim = self._bench.servers[number]
        await fault.strike(victim, number)
        try:
            yield
        finally:
            await fault.mend(victim, number)

    async def _late(self, due: Millis) -> list[Millis]:
        """How late that tick of each plan started, ascending; what has not started after a minute is a minute late."""
        while True:
            starts = read_starts(self._agents, due)
            late = [min(starts[plan, due].values()) - due for plan in _PLANS if (plan, due) in starts]
            missing = len(_PLANS) - len(late)
            if not missing or _CLOCK.now() >= due + _PATIENCE:
                return sorted(late) + [_PATIENCE] * missing
            await asyncio.sleep(0.1)

    async def _account(self, began: Millis) -> "Account":
        """Of all ticks from then until now; a tick that was never started is waited for."""
        end = _next_due()
        await self._late(end)
        starts = read_starts(self._agents, began)
        ticks = [(plan, due) for due in range(began, end, SECOND) for plan in _PLANS]
        return account(ticks, starts)


class Account(Struct, frozen=True):
    """What became of all ticks: `worst` is the latest start in ms; `twice` were started by more than one attempt."""

    ticks: int
    lost: tuple[tuple[str, Millis], ...]
    twice: int
    worst: Millis


def account(ticks: Sequence[tuple[str, Millis]], starts: Starts) -> Account:
    lost = tuple(tick for tick in ticks if tick not in starts)
    started = [starts[tick] for tick in ticks if tick in starts]
    late = [min(starts[tick].values()) - tick[1] for tick in ticks if tick in starts]
    return Account(len(ticks), lost, sum(len(attempts) > 1 for attempts in started), max(late, default=0))


def _row(fault: Fault, samples: Sequence[Sample], seen: Account) -> Row:
    late = sorted(sample.worst for sample in samples)
    since = sorted(sample.since_fault for sample in samples)
    raft = sorted(sample.worst for sample in samples if sample.led_raft)
    said = [
        f"{len(late)} times, p50 {part(late, 0.5):.0f} ms, worst {late[-1]} ms",
        f"since the fault p50 {part(since, 0.5):.0f} ms, worst {since[-1]} ms",
        f"{len(raft)} times its member led Raft too, worst {raft[-1]} ms" if raft else "its member never led Raft",
        f"of {seen.ticks} ticks {len(seen.lost)} lost, {seen.twice} tried twice, worst {seen.worst} ms late",
        fault.detail,
    ]
    trouble = f"{len(seen.lost)} ticks were lost, the first {seen.lost[0]}" if seen.lost else ""
    name = f"{fault.title} → next due tick started, p99"
    samples_seen = tuple(float(sample.worst) for sample in samples)
    return Row(name, part(late, 0.99), "ms", "4,000", "2,000", "; ".join(said), samples_seen, trouble)


def _next_due() -> Millis:
    return (_CLOCK.now() // SECOND + 1) * SECOND
