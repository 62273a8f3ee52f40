"""What is done to links: cut off for some and not for others, one way only, coming and going."""

import asyncio
from collections.abc import Sequence

from tests.e2e.cluster.cluster import status
from tests.e2e.cluster.hosts import CLIENT_PORT, PEER_PORT, Cut
from tests.e2e.cluster.programs import Server
from tests.e2e.cluster.trial import Experiment, Shape, Trial
from tests.e2e.oracle.client import until

_TAKEN_OVER = 30.0


async def _cut_from_agents(trial: Trial) -> None:
    """It goes on to lead; its agents go to other servers."""
    for span in trial.shape.spans:
        await asyncio.sleep(trial.shape.gap)
        leader = await _leader_with_agents(trial)
        agents = tuple(agent.name for agent in trial.cluster.agents)
        trial.did(f"cut {leader.name}, which leads, off from all agents for {span} s", fault=True)
        await _while_cut(trial, [Cut(leader.name, agents, CLIENT_PORT)], span)
        still = await trial.cluster.leader()
        assert still is leader, f"{still.name} leads, although only agents were cut off from {leader.name}"


async def _leader_with_agents(trial: Trial) -> Server:
    """One that agents are connected to leads: if need be, it is told to."""
    leader = await trial.cluster.leader()
    if not (await status(leader)).get("agents"):
        busy = (await until(lambda: _with_agents(trial)))[0]
        await trial.api.post("leader", to=busy.name)
        trial.did(f"{busy.name} leads")
        leader = await trial.cluster.leader()
        assert leader is busy, f"{leader.name} leads"
    return leader


async def _with_agents(trial: Trial) -> list[Server]:
    return [server for server in trial.cluster.servers if (await status(server)).get("agents")]


async def _cut_from_etcd(trial: Trial) -> None:
    """It hears the other servers, who must not let it stay: its member has no majority."""
    for span in trial.shape.spans:
        await asyncio.sleep(trial.shape.gap)
        leader = await _leader_with_agents(trial)
        cut = Cut(leader.name, _others(trial, leader), PEER_PORT)
        trial.did(f"cut the etcd member of {leader.name}, which leads, off from the others for {span} s", fault=True)
        trial.cluster.network.cut(cut)
        heir = await trial.cluster.leader(besides=[leader], within=_TAKEN_OVER)
        trial.did(f"{heir.name} leads")
        await asyncio.sleep(span)
        trial.cluster.network.mend(cut)


async def _flap(trial: Trial) -> None:
    """The leader speaks and hears nothing; then its links to the others come and go."""
    for span in trial.shape.spans:
        await asyncio.sleep(trial.shape.gap)
        leader = await trial.cluster.leader()
        trial.did(f"{leader.name}, which leads, hears no other server for {span} s", fault=True)
        await _while_cut(trial, [Cut(leader.name, _others(trial, leader), inward=True)], span)
    for _ in range(trial.shape.rounds):
        leader = await trial.cluster.leader()
        off, on = 0.2 + 2 * trial.dice.fraction(), 0.2 + 2 * trial.dice.fraction()
        trial.did(f"cut {leader.name}, which leads, off from the other servers for {off:.1f} s", fault=True)
        await _while_cut(trial, [Cut(leader.name, _others(trial, leader))], off)
        await asyncio.sleep(on)


async def _while_cut(trial: Trial, cuts: Sequence[Cut], span: float) -> None:
    for cut in cuts:
        trial.cluster.network.cut(cut)
    await asyncio.sleep(span)
    for cut in cuts:
        trial.cluster.network.mend(cut)


def _others(trial: Trial, server: Server) -> tuple[str, ...]:
    return tuple(one.name for one in trial.cluster.servers if one is not server)


AGENTS_CUT_OFF = Experiment(
    10, "leader cut off from agents only", _cut_from_agents, Shape(spans=(12,)), Shape(spans=(15, 60, 5)), network=True
)
# After half a minute without a word two of etcd's followers need up to a quarter of one to talk to each other again.
ETCD_CUT_OFF = Experiment(
    11,
    "leader cut off from etcd only",
    _cut_from_etcd,
    Shape(spans=(8,)),
    Shape(gap=20, spans=(5, 30, 60, 10)),
    network=True,
)
LINKS_FLAP = Experiment(
    12,
    "one-way and flapping links",
    _flap,
    Shape(spans=(8,), rounds=4),
    Shape(spans=(5, 20), rounds=30),
    network=True,
)
