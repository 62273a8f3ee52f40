"""Ledgers and explanations in a cluster: the same at every server, and what is said when most of them are gone."""

import asyncio
from contextlib import AsyncExitStack
from itertools import cycle
from typing import Any

import pytest

from jobpool.testing.etcd import NO_ETCD, etcd_binary
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.oracle.client import Api, Refused, until

pytestmark = [
    pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD),
    pytest.mark.xdist_group("processes"),
]


async def ledger(api: Api, **fields: object) -> dict[str, Any]:
    found: dict[str, Any] = await api.get("plans/tick/ledger", namespace="default", **fields)
    return found


async def test_any_server_tells_what_became_of_ticks_and_why(cluster: Cluster) -> None:
    await cluster.start()
    async with AsyncExitStack() as stack:
        apis = [await stack.enter_async_context(Api(url)) for url in cluster.urls]
        fields = {"name": "tick", "type": "service", "namespace": "default", "executor": "noop", "status": "running"}
        await apis[0].post("plans", id="tick", **fields, periodic={"spec": "* * * * * *", "time_zone": "UTC"})
        for api in apis:
            await until(lambda api=api: ledger(api), lambda told: len(told.get("data", [])) > 2)  # type: ignore[misc]
            await api.post("plans/tick/pause", namespace="default", by="ann")
            explained = await api.get("plans/tick/explain", namespace="default")
            assert (explained["verdict"], explained["data"][0]["code"]) == ("off", "paused")
            await until(
                lambda api=api: resumed(api),  # type: ignore[misc]
                lambda told: any(entry["decision"] == "paused" for entry in told["data"][:3]),
                every=1.5,
            )
        await apis[0].post("plans/tick/offline", namespace="default")
        await until(lambda: apis[0].everything("jobs", status="pending,running"), lambda jobs: not jobs)
        wholes = await until(
            lambda: asyncio.gather(*(ledger(api) for api in apis)),
            lambda told: told[0]["data"] == told[1]["data"] == told[2]["data"],
        )
        whole = wholes[0]["data"]
        assert {entry["decision"] for entry in whole} == {"run", "paused"}
        assert await paged(apis) == whole, "a place of one server is a place of every other"

        left, *others = cluster.servers
        for server in others:
            server.close()
        alone = apis[0]
        await until(
            lambda: alone.get("plans/tick/explain", namespace="default"),
            lambda told: "no_leader" in {finding["code"] for finding in told["data"]},
        )
        with pytest.raises(Refused) as refused:
            await ledger(alone)
        assert refused.value.status in (503, 504)
        for server in others:
            server.start(wait=False)
        await cluster.stand()
        assert left.alive
        assert (await ledger(apis[1]))["data"] == whole


async def resumed(api: Api) -> dict[str, Any]:
    """The ledger once the plan goes on; it is paused again at once, until a pause has held a tick back."""
    await api.post("plans/tick/resume", namespace="default")
    told = await ledger(api)
    if not any(entry["decision"] == "paused" for entry in told["data"][:3]):
        await api.post("plans/tick/pause", namespace="default", by="ann")
    return told


async def paged(apis: list[Api]) -> list[dict[str, Any]]:
    """Three entries from each server in turn."""
    found: list[dict[str, Any]] = []
    place = ""
    for api in cycle(apis):
        told = await ledger(api, limit=3, **({"continue": place} if place else {}))
        found += told["data"]
        place = told.get("continue", "")
        if not place:
            return found
    raise AssertionError("cycle never ends")
