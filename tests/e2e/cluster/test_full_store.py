"""Clients that add plans without end fill etcd's quota up to a point; ticks go on, and deleting makes room."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from jobpool.testing.etcd import NO_ETCD, etcd_binary
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.oracle.client import Api, Refused, until
from tests.e2e.oracle.ctl import ctl

pytestmark = [
    pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD),
    pytest.mark.xdist_group("processes"),
]

QUOTA = 40_000_000
TEXT = json.dumps({"result": "x" * 4_000})
"""Small ones: what etcd forgets at a time is a thousand keys, which have to find room twice for a moment."""
_AT_ONCE = 20
_WITHIN = 90


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    flags = {"quota-backend-bytes": str(QUOTA)}
    cluster = Cluster(tmp_path, servers=3, agents=1, network=False, flags=flags)
    yield cluster
    cluster.close()
    assert list(cluster.troubles()) == []


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[Api]:
    """Of a server that follows."""
    await cluster.start()
    leader = await cluster.leader()
    follower = next(server for server in cluster.servers if server is not leader)
    async with Api(follower.url) as api:
        yield api


async def add(api: Api, plan_id: str, **more: object) -> None:
    fields = {"id": plan_id, "name": plan_id, "type": "service", "namespace": "default", "executor": "noop"}
    await api.post("plans", **fields | more)


async def refused(api: Api, plan_id: str) -> Refused | None:
    try:
        await add(api, plan_id, parameters=TEXT)
    except Refused as refusal:
        return refusal
    return None


async def ticks(api: Api) -> int:
    page = await api.get("jobs", plan_id="tick", namespace="default", status="complete", pageSize=1)
    return int(page.get("totalElements", 0))


async def delete(api: Api, plan_id: str) -> None:
    await api.delete(f"plans/{plan_id}", namespace="default")


async def fill(api: Api) -> tuple[list[str], Refused]:
    """Add plans until the store is full: what was added, and what is said then."""
    added, ids = list[str](), count()
    while len(added) * len(TEXT) < QUOTA:
        wanted = [f"big-{next(ids)}" for _ in range(_AT_ONCE)]
        refusals = await asyncio.gather(*(refused(api, plan_id) for plan_id in wanted))
        added += [plan_id for plan_id, refusal in zip(wanted, refusals, strict=True) if refusal is None]
        for refusal in filter(None, refusals):
            assert refusal.status == 429, refusal
            if "in a moment" not in str(refusal):
                return added, refusal
    raise AssertionError("nothing was refused")


async def alarms(api: Api) -> list[object]:
    found: list[object] = json.loads(await ctl(api.url, "-w", "json", "alarm", "list")).get("data", [])
    return found


async def test_adding_is_refused_before_the_quota_is_reached(cluster: Cluster, api: Api) -> None:
    await add(api, "tick", status="running", periodic={"spec": "* * * * * *", "time_zone": "UTC"})
    added, refusal = await fill(api)
    for word in ("the store is full", "of 40.0 MB (quota-backend-bytes)", "Delete plans"):
        assert word in str(refusal)
    assert 0.3 * QUOTA < len(added) * len(TEXT) < 0.8 * QUOTA
    assert (await api.get(f"plans/{added[-1]}", namespace="default"))["data"]["id"] == added[-1]
    with pytest.raises(Refused, match="does not exist"):
        await api.get("plans/one-more", namespace="default")

    before = await ticks(api)
    await until(lambda: ticks(api), lambda now: now >= before + 5)
    assert await refused(api, "one-more")
    assert await alarms(api) == []

    for at in range(0, len(added) // 8, _AT_ONCE):
        await asyncio.gather(*(delete(api, plan_id) for plan_id in added[at : at + _AT_ONCE]))
    await until(lambda: refused(api, "one-more"), lambda refusal: refusal is None, within=_WITHIN)
    before = await ticks(api)
    await until(lambda: ticks(api), lambda now: now > before)
    assert await alarms(api) == []
    said = [server.text() for server in cluster.servers]  # by whoever led then
    assert any("store_full" in text for text in said)
    assert any("store_has_room" in text for text in said)
