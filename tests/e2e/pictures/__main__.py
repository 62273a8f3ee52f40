"""Takes the pictures of docs/images anew, so that all pages show the same: a team's plans on a cluster of three.

With `--every` also each page in each width, theme and language, for whoever changes how pages look.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import click

from jobpool.kit.effects.clock import SystemClock
from jobpool.testing.etcd import NO_ETCD, etcd_binary
from tests.e2e.browser import NO_BROWSER, Pages, missing
from tests.e2e.cluster.anywhere import Anywhere
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.programs import Agent
from tests.e2e.oracle.client import Refused, until
from tests.e2e.pictures.team import NAMESPACES, TEAM, exports, long_names

IMAGES = Path(__file__).parents[3] / "docs" / "images"
LONGEST = 900
"""Seconds for all of `--every`."""

AGENTS = {
    "worker-eu-1": {"executors": "rest,noop,shell", "capacity": "32", "data-center": "eu-central"},
    "worker-eu-2": {"executors": "rest,noop,shell", "capacity": "32", "data-center": "eu-central"},
    "worker-us-1": {"executors": "rest,noop,shell", "capacity": "16", "data-center": "us-east"},
    "worker-gpu-1": {"executors": "python,noop", "capacity": "4", "data-center": "eu-central"},
}
DRAINED, LOST = "worker-us-1", "worker-gpu-1"
_CLOCK = SystemClock()


@click.command(context_settings={"show_default": True})
@click.option("--minutes", type=click.FloatRange(0.5), default=3, help="How long the plans run before the pictures.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), default=IMAGES, help="Where they go.")
@click.option("--every", type=click.Path(path_type=Path, file_okay=False), help="Each page in each look, into this.")
@click.option("--stay", is_flag=True, help="Leave the cluster there until Ctrl-C.")
def main(*, minutes: float, into: Path, every: Path | None, stay: bool) -> None:
    """Start a cluster with a team's plans, let it run, and take pictures of its pages."""
    if etcd_binary() is None:
        raise click.UsageError(NO_ETCD)
    if missing():
        raise click.UsageError(NO_BROWSER)
    for folder in filter(None, (into, every)):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="jobpool-pictures-") as directory, _cluster(Path(directory)) as cluster:
        asyncio.run(_pictures(cluster, minutes, into, every, stay=stay))


@contextmanager
def _cluster(directory: Path) -> Iterator[Cluster]:
    cluster = Cluster(directory, servers=3, agents=0, network=False, flags={"log_level": "warning"})
    cluster.agents = [Agent(directory, cluster.site.host(name), cluster.urls, **more) for name, more in AGENTS.items()]
    try:
        yield cluster
    finally:
        cluster.close()


async def _pictures(cluster: Cluster, minutes: float, into: Path, every: Path | None, *, stay: bool) -> None:
    await cluster.start()
    click.echo(f"{cluster.urls[0]}/ui/ for {minutes:g} minutes")
    async with Anywhere(cluster.urls, timeout=30) as api:
        await _add(api)
        await _live(cluster, api, int(minutes * 60_000))
        await _settle(cluster, api)
    server = await cluster.leader()
    await Pages(server, into).walk("pictures.mjs")
    if every is not None:
        async with Anywhere(cluster.urls, timeout=30) as api:
            for plan in long_names():
                await api.post("plans", **plan)
                await api.post(f"plans/{plan['id']}/run", namespace=plan["namespace"])
        await Pages(server, every).walk("looks.mjs", within=LONGEST)
    if stay:
        click.echo(f"{server.url}/ui/ until Ctrl-C")
        await asyncio.Event().wait()


async def _add(api: Anywhere) -> None:
    """The newest comes first in lists: what shall be seen is added last."""
    for name, settings in NAMESPACES.items():
        await api.post(f"namespaces/{name}" if name == "default" else "namespaces", **_named(name, settings))
    for plan in exports():
        await api.post("plans", **plan)
    for sample in reversed(TEAM):
        await api.post("plans", **sample.request())
    await api.post("plans/mirror-packages/offline", namespace="default")


def _named(name: str, settings: dict[str, object]) -> dict[str, object]:
    return settings if name == "default" else {"name": name, **settings}


async def _live(cluster: Cluster, api: Anywhere, span: int) -> None:
    """What is started by hand starts again and again; on the way the leader dies and comes back, and a node is lost."""
    begin = _CLOCK.monotonic()
    due = {sample.id: 0.0 for sample in TEAM if sample.again}
    killed = False
    while (gone := _CLOCK.monotonic() - begin) < span:
        for sample in TEAM:
            if due.get(sample.id, span) <= gone:
                due[sample.id] = gone + sample.again * 1000
                await _run(api, sample.id, sample.namespace)
        if not killed and gone > span / 3:
            killed = True
            await _lose(cluster)
        await asyncio.sleep(0.5)


async def _lose(cluster: Cluster) -> None:
    leader = await cluster.leader()
    leader.kill()
    await cluster.leader(besides=[leader])
    await cluster.stand()
    for agent in cluster.agents:
        if agent.name == LOST:
            agent.terminate()


async def _run(api: Anywhere, plan: str, namespace: str, **more: object) -> None:
    """Starts it, if there is a leader and the plan allows it."""
    try:
        await api.post(f"plans/{plan}/run", namespace=namespace, created_by="anna", **more)
    except (aiohttp.ClientError, TimeoutError, ConnectionError, Refused) as error:
        click.echo(f"{plan}: {error}", err=True)


async def _settle(cluster: Cluster, api: Anywhere) -> None:
    """A busy moment: slots that run, wait and try again, a namespace that is full, a node under drain."""
    for plan, namespace, count in (
        ("embeddings-train", "data", 1),
        ("features-build", "data", 34),
        ("dedupe-customers", "data", 5),
        ("gpu-scoring", "data", 7),
        ("archive-logs", "default", 9),
    ):
        for _ in range(count):
            await _run(api, plan, namespace)
    for _ in range(31):
        await _run(api, "invoice-render", "billing", parameters='{"command": "echo rendering; sleep 240"}')
    note = "Waits for the larger disks, OPS-214"
    await api.post("plans/reindex-search/pause", namespace="default", by="anna", note=note)
    node = next(node for node in await api.everything("nodes") if node["name"] == DRAINED)
    await api.post(f"nodes/{node['ID']}/drain", enable=True, deadline="30m", description="New kernel, OPS-231")

    async def importing() -> list[object]:
        found = await api.get("jobs", plan_id="orders-import", status="running")
        return list(found.get("data", []))

    await asyncio.sleep(20)  # some of what the node under drain has ends, and the rest is seen to go on
    await until(importing)


if __name__ == "__main__":
    main()
