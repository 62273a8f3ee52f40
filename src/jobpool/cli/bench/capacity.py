"""What a server bears: many plans registered, many runs finished; and how soon another one takes over with them."""

import asyncio
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

import aiohttp

from jobpool.cli.bench.load import NAMESPACE, load_history, load_plans
from jobpool.cli.bench.measures import Row, Scale
from jobpool.cli.bench.posts import Setup, posts
from jobpool.cli.bench.running import Bench, Server, running, timed
from jobpool.kit.effects.clock import SystemClock
from jobpool.store.commands import PeriodicPatch

_TAKEN_OVER_SECONDS = 60
_KNOWN_SECONDS = 900


async def registered(directory: Path, scale: Scale, setup: Setup) -> list[Row]:
    """Memory of a server that leads with many plans, how long it takes to lead them, and until another one does."""
    places = posts(directory, setup)
    nightly = PeriodicPatch(spec="H H * * *", time_zone="UTC")
    await load_plans(places, ((f"plan-{k}", nightly) for k in range(scale.registered)))
    begun = time.monotonic()
    async with running(places, agents=0) as bench:
        ready = time.monotonic() - begun
        memory = bench.leader.memory / 2**30
        page = await timed(bench, "plans", namespace=NAMESPACE, pageSize="100")
        name = f"{scale.registered:,} registered plans"
        found = [
            Row(f"{name}: memory of the leader", memory, "GiB", "1.5", "1"),
            Row(f"{name}: start to leading and serving", ready, "s", "10", "3", f"a list page: {page:.0f} ms"),
        ]
        if setup.clustered:
            spans = await _take_over(bench)
            detail = f"kill -9 of the leader to a change made by a follower; again: {spans[1]:.2f} s"
            found.append(Row(f"{name}: take-over", spans[0], "s", "10", "3", detail))
    return found


async def _take_over(bench: Bench) -> list[float]:
    """Seconds from the death of the leader until a survivor has made a change; twice, the dead one back between."""
    spans = []
    for name in ("first", "second"):
        victim = await bench.find_leader()
        survivor = next(server for server in bench.servers if server is not victim)
        begun = time.monotonic()
        await victim.kill()
        await _changed(bench, survivor, name)
        spans.append(time.monotonic() - begun)
        await victim.start()
        await bench.stand(bench.servers)
    return spans


async def _changed(bench: Bench, at: Server, name: str) -> None:
    """Return once the server has taken a change."""
    async with asyncio.timeout(_TAKEN_OVER_SECONDS):
        while True:
            async with bench.http.post(f"{at.url}/v3/schedule/namespaces", json={"name": f"of_{name}"}) as response:
                if response.status in (HTTPStatus.OK, HTTPStatus.CONFLICT):  # made now, or when the answer was lost
                    return
                if response.status not in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT):
                    raise RuntimeError(f"a change was refused: {await response.text()}")
            await asyncio.sleep(0.01)


async def pages(directory: Path, scale: Scale, setup: Setup) -> list[Row]:
    """The slowest page of a list over many finished runs, with all kinds of filters; of a cluster, at a follower."""
    places = posts(directory, setup)
    await load_history(places, runs=scale.finished, plans=200, now=SystemClock().now())
    async with running(places, agents=0) as bench:
        asked = (bench.followers or [bench.leader])[0]
        for server in bench.servers:
            await _until_known(bench, server, scale.finished)
        spans = {}
        for query in _queries(scale.finished):
            text = "&".join(f"{key}={value}" for key, value in query.items())
            spans[text] = max([await timed(bench, "jobs", at=asked, **query) for _ in range(3)])
        memory = asked.memory / 2**20
    slowest = max(spans, key=lambda text: spans[text])
    detail = f"slowest of {len(spans)}: {slowest}; {'follower' if setup.clustered else 'server'} {memory:.0f} MiB"
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
        {**size, "text": "PLAN-19"},
        {"limit": "100", "text": "plan-9", "reason": "timeout"},
        {"limit": "100", "node_id": "nowhere", "trigger": "schedule"},
        {**size, "start_time": "2020-01-01T00:00:00Z", "status": "complete"},
    )


async def _until_known(bench: Bench, at: Server, count: int) -> None:
    async with asyncio.timeout(_KNOWN_SECONDS):
        while await _known(bench, at) != count:
            await asyncio.sleep(0.5)


async def _known(bench: Bench, at: Server) -> object:
    """How many finished runs the server lists; None while its read model is still being built."""
    try:
        return (await bench.get("/v3/schedule/jobs", at=at, pageSize="1")).get("totalElements")
    except aiohttp.ClientResponseError as refusal:
        if refusal.status != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        return None
