"""The rows: what is measured, how, and what we hold ourselves to."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from pathlib import Path

import aiohttp
from msgspec import Struct

from jobpool.cli.bench.load import NAMESPACE, load_history, load_plans
from jobpool.cli.bench.processes import Bench, running
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.model.node import Node
from jobpool.model.run import Evaluation, Run
from jobpool.model.schedule import Delivery
from jobpool.model.statuses import (
    EvaluationStatus,
    EvaluationTrigger,
    JobStatus,
    NodeStatus,
    Trigger,
)
from jobpool.replica.state import State
from jobpool.scheduler import Place, Proposals, schedule
from jobpool.store.change import Change
from jobpool.store.commands import PeriodicPatch
from jobpool.store.keyspace import Table
from jobpool.store.port import Fence

_SECOND = 1000
_HEAD_START = 12 * _SECOND


class Row(Struct, frozen=True):
    """One figure. `floor` and `goal` as texts with their unit; `detail` is what else was seen."""

    name: str
    value: float
    unit: str
    floor: str
    goal: str
    detail: str = ""


class Scale(Struct, frozen=True):
    """How much of everything."""

    seconds: int
    rate: int
    due_at_once: int
    registered: int
    finished: int
    decisions: int


FULL = Scale(seconds=20, rate=6000, due_at_once=10_000, registered=100_000, finished=1_000_000, decisions=200_000)
QUICK = Scale(seconds=4, rate=500, due_at_once=500, registered=2000, finished=10_000, decisions=10_000)


async def throughput(directory: Path, scale: Scale) -> list[Row]:
    """Runs per second, created, placed, started and finished durably, with more due than can be done."""
    start = (SystemClock().now() + _HEAD_START) // _SECOND * _SECOND
    every_second = PeriodicPatch(spec="* * * * * *", time_zone="UTC", start_time=start)
    await load_plans(directory / "server", ((f"plan-{k}", every_second) for k in range(scale.rate)))
    async with running(directory, agents=2) as bench:
        await _until(start + 2 * _SECOND)
        first, begun, cpu = await bench.ended(), time.monotonic(), _cpu(bench)
        await asyncio.sleep(scale.seconds)
        count, span = await bench.ended() - first, time.monotonic() - begun
        used = [after - before for after, before in zip(_cpu(bench), cpu, strict=True)]
    if not count:
        raise RuntimeError("no run ended while the throughput was measured")
    each = [1e6 * seconds / count for seconds in (used[0], sum(used[1:]))]
    detail = f"{scale.rate} due each second; CPU per run: server {each[0]:.0f} µs, agents {each[1]:.0f} µs"
    return [Row("runs end to end, noop executor", count / span, "runs/s", "2,000", "5,000", detail)]


def _cpu(bench: Bench) -> list[float]:
    return [program.cpu_seconds for program in (bench.server, *bench.agents)]


async def lateness_at_once(directory: Path, scale: Scale) -> list[Row]:
    """From due to started when many plans are due in one second."""
    due = (SystemClock().now() + _HEAD_START + scale.due_at_once * 2) // _SECOND * _SECOND
    at = time.gmtime(due // 1000)
    daily = PeriodicPatch(spec=f"{at.tm_sec} {at.tm_min} {at.tm_hour} * * *", time_zone="UTC")
    await load_plans(directory / "server", ((f"plan-{k}", daily) for k in range(scale.due_at_once)))
    async with running(directory, agents=2) as bench:
        await _until(due)
        await _until_ended(bench, scale.due_at_once)
        late = await _lateness(bench, scale.due_at_once)
    name = f"start lateness, {scale.due_at_once:,} plans due in one second, p99"
    return [Row(name, _at(late, 0.99), "ms", "2,000", "1,000", f"p50 {_at(late, 0.5):.0f} ms, worst {late[-1]:.0f} ms")]


async def lateness_idle(directory: Path, scale: Scale) -> list[Row]:
    """From due to started of one plan, while nothing else happens."""
    every_second = PeriodicPatch(spec="* * * * * *", time_zone="UTC")
    await load_plans(directory / "server", [("plan", every_second)])
    async with running(directory, agents=1) as bench:
        first = await bench.ended()
        await _until_ended(bench, first + scale.seconds * 2)
        late = await _lateness(bench, scale.seconds * 2)
    detail = f"p50 {_at(late, 0.5):.0f} ms over {len(late)} runs"
    return [Row("due to started, one plan, idle, p99", _at(late, 0.99), "ms", "50", "15", detail)]


async def registered(directory: Path, scale: Scale) -> list[Row]:
    """Memory of a server that leads with many plans, and how long it takes to lead them."""
    nightly = PeriodicPatch(spec="H H * * *", time_zone="UTC")
    await load_plans(directory / "server", ((f"plan-{k}", nightly) for k in range(scale.registered)))
    begun = time.monotonic()
    async with running(directory, agents=0) as bench:
        ready = time.monotonic() - begun
        memory = bench.server.memory / 2**30
        page = await _timed(bench, "plans", namespace=NAMESPACE, pageSize="100")
    name = f"{scale.registered:,} registered plans"
    return [
        Row(f"{name}: memory of the leader", memory, "GiB", "1.5", "1"),
        Row(f"{name}: start to leading and serving", ready, "s", "10", "3", f"a list page: {page:.0f} ms"),
    ]


async def pages(directory: Path, scale: Scale) -> list[Row]:
    """The slowest page of a list over many finished runs, with all kinds of filters."""
    now = SystemClock().now()
    await load_history(directory / "server", runs=scale.finished, plans=200, now=now)
    async with running(directory, agents=0) as bench:
        await _until_known(bench, scale.finished)
        spans = {}
        for query in _queries(scale.finished):
            text = "&".join(f"{key}={value}" for key, value in query.items())
            spans[text] = max([await _timed(bench, "jobs", **query) for _ in range(3)])
        history = bench.server.memory / 2**20
    slowest = max(spans, key=lambda text: spans[text])
    detail = f"slowest of {len(spans)}: {slowest}; server {history:.0f} MiB"
    return [Row(f"{scale.finished:,} finished runs, list page", spans[slowest], "ms", "1,000", "300", detail)]


def _queries(finished: int) -> Sequence[dict[str, str]]:
    size = {"pageSize": "100"}
    deep = str(finished // 200)
    return (
        size,
        {**size, "pageNumber": deep},
        {**size, "namespace": NAMESPACE},
        {**size, "status": "failed"},
        {**size, "status": "failed,cancelled", "namespace": NAMESPACE},
        {**size, "plan_id": "plan-7"},
        {**size, "plan_id": "plan-7", "status": "failed"},
        {**size, "name": "plan-9"},
        {**size, "name": "nothing"},
        {**size, "start_time": "2020-01-01T00:00:00Z", "status": "complete"},
    )


async def decisions(directory: Path, scale: Scale) -> list[Row]:
    """Placement decisions of one evaluator among 1,000 nodes, by the library that the evaluators call."""
    state = State(default_slots=scale.decisions)
    nodes = [
        Node(f"node-{k}", f"node-{k}", "0", NodeStatus.READY, 0, 0, capacity=1 + k % 50 * 40, executors=("noop",))
        for k in range(1000)
    ]
    state.fold(Fence(1, 1, 1, "bench"), [Change(Table.NODE, (node.id,), node) for node in nodes])
    runs = [_pending(k) for k in range(scale.decisions)]
    dice, proposals, placed = Dice(1), Proposals(), 0
    begun = time.perf_counter()
    for at, run in enumerate(runs):
        if at % 256 == 0:
            proposals = Proposals()
        placed += isinstance(schedule(run, state, proposals=proposals, dice=dice), Place)
    span = time.perf_counter() - begun
    if placed != len(runs):
        raise RuntimeError(f"only {placed} of {len(runs)} runs found a node")
    return [Row("placement decisions, 1,000 nodes", placed / span, "per s", "1,000", "5,000")]


def _pending(k: int) -> Run:
    evaluation = Evaluation(1, EvaluationTrigger.PERIODIC_JOB, EvaluationStatus.PENDING, 0, 0)
    return Run(
        f"job-{k}",
        NAMESPACE,
        "plan",
        "plan",
        "service",
        1,
        1,
        Trigger.SCHEDULE,
        0,
        0,
        0,
        50,
        "noop",
        True,
        1000,
        Delivery.AT_LEAST_ONCE,
        JobStatus.PENDING,
        True,
        (evaluation,),
    )


async def growth(directory: Path, scale: Scale) -> list[Row]:
    """CPU of the server per run with ten times as many plans registered that are not due."""
    idle = scale.registered // 10
    costs = [await _cost(directory / f"x{factor}", scale, idle=idle * factor) for factor in (1, 10)]
    detail = f"{costs[0]:.0f} → {costs[1]:.0f} µs of server CPU a run"
    return [Row("cost per run as state grows 10×", costs[1] / costs[0], "×", "2", "1.3", detail)]


async def _cost(directory: Path, scale: Scale, *, idle: int) -> float:
    directory.mkdir()
    rate = max(50, scale.rate // 10)
    start = (SystemClock().now() + _HEAD_START + idle // 2) // _SECOND * _SECOND
    busy = PeriodicPatch(spec="* * * * * *", time_zone="UTC", start_time=start)
    asleep = PeriodicPatch(spec="0 0 1 1 *", time_zone="UTC")
    plans = [(f"idle-{k}", asleep) for k in range(idle)] + [(f"plan-{k}", busy) for k in range(rate)]
    await load_plans(directory / "server", plans)
    async with running(directory, agents=2) as bench:
        await _until(start + 2 * _SECOND)
        first, cpu = await bench.ended(), bench.server.cpu_seconds
        await asyncio.sleep(scale.seconds)
        count = await bench.ended() - first
        used = bench.server.cpu_seconds - cpu
    return 1e6 * used / max(count, 1)


ROWS: dict[str, Callable[[Path, Scale], Awaitable[list[Row]]]] = {
    "throughput": throughput,
    "burst": lateness_at_once,
    "idle": lateness_idle,
    "plans": registered,
    "pages": pages,
    "decisions": decisions,
    "growth": growth,
}


async def _until(at: int) -> None:
    await asyncio.sleep(max(0, at - SystemClock().now()) / 1000)


async def _until_ended(bench: Bench, count: int) -> None:
    async with asyncio.timeout(300):
        while await bench.ended() < count:
            await asyncio.sleep(0.2)


async def _until_known(bench: Bench, count: int) -> None:
    async with asyncio.timeout(900):
        while await _known(bench) != count:
            await asyncio.sleep(0.5)


async def _known(bench: Bench) -> object:
    """How many finished runs the server lists; None while its read model is still being built."""
    try:
        return (await bench.get("/v3/schedule/jobs", pageSize="1")).get("totalElements")
    except aiohttp.ClientResponseError as refusal:
        if refusal.status != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        return None


async def _timed(bench: Bench, noun: str, **query: str) -> float:
    """Milliseconds of one list page."""
    begun = time.perf_counter()
    await bench.get(f"/v3/schedule/{noun}", **query)
    return 1000 * (time.perf_counter() - begun)


async def _lateness(bench: Bench, newest: int) -> list[float]:
    """Lateness of the newest runs, ascending."""
    found: list[float] = []
    number = 1
    while len(found) < newest:
        answer = await bench.get("/v3/schedule/jobs", pageSize="1000", pageNumber=str(number), status="complete")
        data = answer.get("data", [])
        if not isinstance(data, list) or not data:
            break
        found += [float(job.get("lateness_ms", 0)) for job in data]
        number += 1
    return sorted(found[:newest])


def _at(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
