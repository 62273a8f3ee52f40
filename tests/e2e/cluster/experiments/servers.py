"""What is done to servers: killed, paused, all of them at once."""

import asyncio
from functools import partial
from typing import Any

from tests.e2e.cluster.cluster import status
from tests.e2e.cluster.fences import Fences, stale
from tests.e2e.cluster.programs import Server
from tests.e2e.cluster.trial import APART, Experiment, Shape, Trial
from tests.e2e.oracle.client import until
from tests.e2e.oracle.evidence import job_of
from tests.e2e.oracle.load import EVERY_SECOND, persist

_MODES = ("none", "latest")
_ON_TIME = 60_000
_TAKEN_OVER = 30.0
_LONG_PAUSE = 3.0
"""Seconds; who is paused for so long stays so until another leads."""


async def _kill_leaders(trial: Trial) -> None:
    cluster = trial.cluster
    for _ in range(trial.shape.rounds):
        await asyncio.sleep(trial.shape.gap)
        leader = await cluster.leader()
        trial.did(f"killed {leader.name}, which led", fault=True)
        leader.kill()
        leader.start(wait=False)


async def _pause_leaders(trial: Trial) -> None:
    """The one that was paused commits nothing when it goes on: every commit is looked at as etcd tells it."""
    cluster = trial.cluster
    fences = Fences(cluster.directory / "fences", [server.member_endpoint for server in cluster.servers])
    try:
        for span in trial.shape.spans:
            await asyncio.sleep(trial.shape.gap)
            leader = await cluster.leader()
            trial.did(f"paused {leader.name}, which led, for {span} s", fault=True)
            leader.pause()
            await _hold(trial, leader, span)
            leader.resume()
            await until(lambda: _leaders(trial), lambda names: len(names) == 1, within=_TAKEN_OVER)
    finally:
        fences.close()
    seen = fences.seen()
    trial.facts["commits"] = len(seen)
    assert len(seen) > 100
    assert stale(seen) == []


async def _hold(trial: Trial, paused: Server, span: float) -> None:
    began = trial.since()
    if span >= _LONG_PAUSE:
        heir = await trial.cluster.leader(besides=[paused], within=_TAKEN_OVER)
        trial.did(f"{heir.name} leads")
    await asyncio.sleep(max(0, span - (trial.since() - began)))


async def _leaders(trial: Trial) -> list[str]:
    """Who says that it leads."""
    told = await asyncio.gather(*(status(server) for server in trial.cluster.servers))
    return [str(one["name"]) for one in told if one.get("is_leader")]


async def _kill_all(trial: Trial) -> None:
    """What runs goes on to its end without them; what was due meanwhile goes by each plan's `catch_up`."""
    cluster, api, load = trial.cluster, trial.api, trial.load
    (span,) = trial.shape.spans
    await persist(lambda: api.post("namespaces", name=APART))
    for mode in _MODES:
        await persist(partial(_add_late, trial, mode))
    await load.add(api, "slow", spec="", executor="shell", parameters={"command": f"sleep {span / 2}"})
    await asyncio.sleep(trial.shape.gap)
    slow = await load.run(api, "slow")
    await until(lambda: api.job(slow), lambda job: job["status"] == "running")
    began = trial.now()
    trial.did("killed all servers", fault=True)
    for server in cluster.servers:
        server.kill()
    await asyncio.sleep(span)
    for server in cluster.servers:
        server.start(wait=False)
    started = trial.now()
    trial.did("started them again")
    await cluster.stand()
    entries = [entry for entry in trial.journals() if entry.job_id == slow]
    assert [entry.status for entry in entries] == ["complete"], entries
    assert began < (entries[0].finished_at or 0) < began + span * 1000
    job = await api.ended(slow)
    assert (job["status"], job.get("attempt", 1)) == ("complete", 1), job
    await _holds_catch_up(trial, began + 1500, started)


async def _add_late(trial: Trial, mode: str) -> dict[str, Any]:
    plan_id = f"late_{mode}"
    request = {"id": plan_id, "name": plan_id, "namespace": APART, "type": "service", "status": "running"}
    catch_up = {"mode": mode, "window": "1h"}
    answer: dict[str, Any] = await trial.api.post(
        "plans", **request, executor="noop", catch_up=catch_up, periodic={"spec": EVERY_SECOND, "time_zone": "UTC"}
    )
    return answer


async def _holds_catch_up(trial: Trial, died: int, started: int) -> None:
    """After a gap of up to a minute everything is on time; after a longer one `catch_up` decides."""
    for mode in _MODES:
        await persist(partial(trial.api.post, f"plans/late_{mode}/offline", namespace=APART))
    decided = trial.now()  # what was due before, at the latest now
    jobs = [job_of(line) for line in await trial.api.everything("jobs", namespace=APART)]
    missed = {
        mode: sum(died <= job.scheduled_at <= started for job in jobs if job.plan_id == f"late_{mode}")
        for mode in _MODES
    }
    if decided - died < _ON_TIME:
        due = started // 1000 - (died - 1) // 1000
        assert missed == dict.fromkeys(_MODES, due), missed
    elif started - died > _ON_TIME:
        assert missed["none"] == 0, missed
        assert missed["latest"] <= 1, missed


LEADER_KILLED = Experiment(1, "leader killed every 3 s under load", _kill_leaders, Shape(rounds=5), Shape(rounds=40))
LEADER_PAUSED = Experiment(
    2, "leader paused, then resumed", _pause_leaders, Shape(spans=(1, 5, 12)), Shape(spans=(1, 5, 15, 60, 1, 5, 15))
)
ALL_KILLED = Experiment(
    3, "all servers killed, restarted after 20 s", _kill_all, Shape(spans=(20,)), Shape(spans=(75,))
)
