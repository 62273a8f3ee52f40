"""The rows: what is measured, how, and what we hold ourselves to."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from jobpool.cli.bench.capacity import pages, registered
from jobpool.cli.bench.decisions import decisions
from jobpool.cli.bench.load import load_plans
from jobpool.cli.bench.measures import Row, Scale, part
from jobpool.cli.bench.posts import Post, Setup, posts
from jobpool.cli.bench.running import AGENTS, Bench, rows, running, until_ended
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.store.commands import PeriodicPatch

_CLOCK = SystemClock()
_HEAD_START = 12 * SECOND
_CLUSTERS_HEAD_START = 40 * SECOND
_EVERY_SECOND = "* * * * * *"


def _start_after(setup: Setup, plans: int) -> Millis:
    """A whole second by which so many plans are loaded and the servers are ready."""
    ahead = _CLUSTERS_HEAD_START if setup.clustered else _HEAD_START
    return (_CLOCK.now() + ahead + 2 * plans) // SECOND * SECOND


async def throughput(directory: Path, scale: Scale, setup: Setup) -> list[Row]:
    """Runs per second, created, placed, started and finished durably, with more due than can be done."""
    places = posts(directory, setup)
    start = _start_after(setup, scale.rate // 2)
    every_second = PeriodicPatch(spec=_EVERY_SECOND, time_zone="UTC", start_time=start)
    await load_plans(places, ((f"plan-{k}", every_second) for k in range(scale.rate)))
    async with running(places, agents=AGENTS) as bench:
        await _until(start + 2 * SECOND)
        first, begun, cpu, placed = await bench.ended(), time.monotonic(), bench.cpu(), await bench.placements()
        await asyncio.sleep(scale.seconds)
        count, span = await bench.ended() - first, time.monotonic() - begun
        used = {kind: seconds - cpu[kind] for kind, seconds in bench.cpu().items()}
        shares = [after - before for after, before in zip(await bench.placements(), placed, strict=True)]
    if not count:
        raise RuntimeError("no run ended while the throughput was measured")
    detail = f"{scale.rate} due each second; CPU per run: {_per_run(used, count)}"
    if setup.clustered:
        detail += f"; placed by the leader {_percent(shares[0], shares)}, by each follower " + ", ".join(
            _percent(share, shares) for share in shares[1:]
        )
    floor, goal = ("500", "2,000") if setup.clustered else ("2,000", "5,000")
    return [Row("runs end to end, noop executor", count / span, "runs/s", floor, goal, detail)]


def _per_run(used: Mapping[str, float], count: int) -> str:
    return ", ".join(f"{kind} {1e6 * seconds / count:.0f} µs" for kind, seconds in used.items())


def _percent(share: int, shares: list[int]) -> str:
    return f"{100 * share / max(1, sum(shares)):.0f} %"


async def lateness_at_once(directory: Path, scale: Scale, setup: Setup) -> list[Row]:
    """From due to started when many plans are due in one second."""
    places = posts(directory, setup)
    due = _start_after(setup, scale.due_at_once)
    at = time.gmtime(due // 1000)
    daily = PeriodicPatch(spec=f"{at.tm_sec} {at.tm_min} {at.tm_hour} * * *", time_zone="UTC")
    await load_plans(places, ((f"plan-{k}", daily) for k in range(scale.due_at_once)))
    async with running(places, agents=AGENTS) as bench:
        if _CLOCK.now() >= due:
            raise RuntimeError(f"the servers were ready {_CLOCK.now() - due} ms after the plans were due")
        await _until(due)
        await until_ended(bench, scale.due_at_once)
        late = await _lateness(bench, scale.due_at_once)
    name = f"start lateness, {scale.due_at_once:,} plans due in one second, p99"
    return [
        Row(name, part(late, 0.99), "ms", "2,000", "1,000", f"p50 {part(late, 0.5):.0f} ms, worst {late[-1]:.0f} ms")
    ]


async def lateness_idle(directory: Path, scale: Scale, setup: Setup) -> list[Row]:
    """From due to started of one plan, while nothing else happens."""
    places = posts(directory, setup)
    start = _start_after(setup, 0)
    await load_plans(places, [("plan", PeriodicPatch(spec=_EVERY_SECOND, time_zone="UTC", start_time=start))])
    async with running(places, agents=1) as bench:
        if _CLOCK.now() >= start:
            raise RuntimeError(f"the servers were ready {_CLOCK.now() - start} ms after the plan was due")
        await until_ended(bench, scale.seconds * 2)
        late = await _lateness(bench, scale.seconds * 2)
    detail = f"p50 {part(late, 0.5):.0f} ms over {len(late)} runs"
    return [Row("due to started, one plan, idle, p99", part(late, 0.99), "ms", "50", "15", detail)]


async def growth(directory: Path, scale: Scale, setup: Setup) -> list[Row]:
    """CPU of the servers per run with ten times as many plans registered that are not due."""
    idle = scale.registered // 10
    costs = [await _cost(directory / f"x{factor}", scale, setup, idle=idle * factor) for factor in (1, 10)]
    detail = f"{costs[0]:.0f} → {costs[1]:.0f} µs of all servers' CPU a run"
    return [Row("cost per run as state grows 10×", costs[1] / costs[0], "×", "2", "1.3", detail)]


async def _cost(directory: Path, scale: Scale, setup: Setup, *, idle: int) -> float:
    directory.mkdir()
    places: list[Post] = posts(directory, setup)
    rate = max(50, scale.rate // 10)
    start = _start_after(setup, idle // 4)
    busy = PeriodicPatch(spec=_EVERY_SECOND, time_zone="UTC", start_time=start)
    asleep = PeriodicPatch(spec="0 0 1 1 *", time_zone="UTC")
    plans = [(f"idle-{k}", asleep) for k in range(idle)] + [(f"plan-{k}", busy) for k in range(rate)]
    await load_plans(places, plans)
    async with running(places, agents=AGENTS) as bench:
        await _until(start + 2 * SECOND)
        first, cpu = await bench.ended(), _of_servers(bench)
        await asyncio.sleep(scale.seconds)
        count, used = await bench.ended() - first, _of_servers(bench) - cpu
    return 1e6 * used / max(count, 1)


def _of_servers(bench: Bench) -> float:
    return sum(seconds for kind, seconds in bench.cpu().items() if kind in ("leader", "followers"))


ROWS: dict[str, Callable[[Path, Scale, Setup], Awaitable[list[Row]]]] = {
    "throughput": throughput,
    "burst": lateness_at_once,
    "idle": lateness_idle,
    "plans": registered,
    "pages": pages,
    "decisions": decisions,
    "growth": growth,
}


async def _until(at: Millis) -> None:
    await asyncio.sleep(max(0, at - _CLOCK.now()) / 1000)


async def _lateness(bench: Bench, newest: int) -> list[float]:
    """Lateness of the newest runs, ascending."""
    found: list[float] = []
    number = 1
    while len(found) < newest:
        path = "/v3/schedule/jobs"
        data = rows(await bench.get(path, pageSize="1000", pageNumber=str(number), status="complete"))
        if not data:
            break
        found += [float(str(job.get("lateness_ms", 0))) for job in data]
        number += 1
    return sorted(found[:newest])
