"""What is done to etcd members: killed, paused so that there is no majority, their data lost."""

import asyncio

import aiohttp

from tests.e2e.cluster.programs import Server
from tests.e2e.cluster.trial import Experiment, Shape, Trial
from tests.e2e.oracle.client import Api, Refused, until
from tests.e2e.oracle.ctl import ctl

_REFUSED_WITHIN = 5.0
_NO_RESTART = 4
"""The exit code of a server that no service manager should start again."""

_REFUSED_START = 30.0
_RECOVERED_WITHIN = 5_000
_CAUGHT_UP = 30.0


async def _kill_members(trial: Trial) -> None:
    for _ in range(trial.shape.rounds):
        await asyncio.sleep(trial.shape.gap)
        victim = trial.cluster.servers[trial.dice.below(len(trial.cluster.servers))]
        await until(lambda victim=victim: _has_member(victim), within=_CAUGHT_UP)  # type: ignore[misc]
        trial.did(f"killed the etcd member of {victim.name}", fault=True)
        victim.kill_member()


async def _kill_raft_leaders(trial: Trial) -> None:
    for _ in range(trial.shape.rounds):
        await asyncio.sleep(trial.shape.gap)
        victim = await trial.cluster.raft_leader()
        trial.did(f"killed the etcd member of {victim.name}, which led", fault=True)
        victim.kill_member()


async def _has_member(server: Server) -> bool:
    return bool(server.member_endpoint)


async def _lose_quorum(trial: Trial) -> None:
    """Writes are refused soon rather than kept waiting, and taken soon when there is a majority again."""
    for span in trial.shape.spans:
        await asyncio.sleep(trial.shape.gap)
        first = trial.dice.below(3)
        victims = [trial.cluster.servers[(first + at) % 3] for at in range(2)]
        trial.did(f"paused the etcd members of {victims[0].name} and {victims[1].name} for {span} s", fault=True)
        began = trial.since()
        for victim in victims:
            victim.pause_member()
        await asyncio.sleep(1)  # what was under way may still be answered
        for server in trial.cluster.servers:
            await _refuses(trial, server)
        await asyncio.sleep(max(0, span - (trial.since() - began)))
        for victim in victims:
            victim.resume_member()
        trial.did("resumed them")
        took = await _takes_again(trial)
        assert took <= _RECOVERED_WITHIN, f"a write was taken {took} ms after there was a majority again"


async def _refuses(trial: Trial, server: Server) -> None:
    began = trial.now()
    answer = await _answer_to_write(server, f"refused_{server.name[-1]}_{began}")
    assert answer in (503, 504), f"{server.name} has answered {answer} to a write, and there is no majority to keep it"
    trial.facts["refused_after"] = max(trial.now() - began, trial.facts.get("refused_after", 0))


async def _answer_to_write(server: Server, name: str) -> int:
    """The status. Raises AssertionError when there is none in time."""
    try:
        async with Api(server.url, timeout=_REFUSED_WITHIN) as api:
            await api.post("namespaces", name=name)
    except Refused as refusal:
        return refusal.status
    except TimeoutError:
        raise AssertionError(f"{server.name} has not answered a write within {_REFUSED_WITHIN} s") from None
    return 200


async def _takes_again(trial: Trial) -> int:
    """Milliseconds until a write is taken."""
    began = trial.now()

    async def write() -> bool:
        try:
            await trial.api.post("namespaces", name=f"taken_{began}_{trial.now()}")
        except (Refused, aiohttp.ClientError, TimeoutError):
            return False
        return True

    await until(write, within=_CAUGHT_UP)
    trial.facts["recovered_after"] = max(trial.now() - began, trial.facts.get("recovered_after", 0))
    return trial.now() - began


async def _lose_directory(trial: Trial) -> None:
    """Started as if nothing had happened it is refused. So, as an operator does it: the dead member is removed, and one
    of the same name joins with nothing.
    """
    cluster = trial.cluster
    for _ in range(trial.shape.rounds):
        await asyncio.sleep(trial.shape.gap)
        at = trial.dice.below(3)
        victim, other = cluster.servers[at], cluster.servers[(at + 1) % 3]
        trial.did(f"killed {victim.name} and took its data directory away", fault=True)
        victim.kill()
        victim.data.rename(victim.data.with_name(f"{victim.name}.lost-{trial.now()}"))
        await cluster.leader(besides=[victim])
        for state in ("new", "existing"):
            victim.flags["initial-cluster-state"] = state
            await _is_refused(victim)
        trial.did(f"started {victim.name} without its data, and it was refused")
        await until(lambda other=other, name=victim.name: _does(other, "remove", name), within=_CAUGHT_UP, every=1)  # type: ignore[misc]
        trial.did(f"removed member {victim.name}")
        words = ("add", victim.name, "--learner", "--peer-urls", victim.peer_url)
        # etcd wants all that are left to have been connected for 5 s.
        await until(lambda other=other, words=words: _does(other, *words), within=_CAUGHT_UP, every=1)  # type: ignore[misc]
        victim.start(wait=False)
        # It is refused until the learner has caught up.
        await until(lambda other=other, name=victim.name: _does(other, "promote", name), within=60, every=1)  # type: ignore[misc]
        trial.did(f"promoted {victim.name}")
        await asyncio.to_thread(victim.await_ready)
    listed = await ctl(cluster.servers[0].url, "member", "list")
    assert listed.count("started") == len(cluster.servers), listed


async def _is_refused(victim: Server) -> None:
    before = len(victim.text())
    victim.start(wait=False)
    code = await asyncio.to_thread(victim.ended, _REFUSED_START)
    told = victim.text()[before:]
    assert code == _NO_RESTART, told
    assert "has seen it started, but its data directory is new or was emptied" in told, told


async def _does(other: Server, *words: str) -> bool:
    """Whether the server takes it."""
    try:
        await ctl(other.url, "member", *words)
    except AssertionError:
        return False
    return True


MEMBERS_KILLED = Experiment(
    6, "one etcd member killed every 10 s", _kill_members, Shape(rounds=3, gap=8), Shape(rounds=20, gap=10)
)
RAFT_LEADER_KILLED = Experiment(
    7, "etcd leader killed", _kill_raft_leaders, Shape(rounds=5, gap=4), Shape(rounds=50, gap=4)
)
QUORUM_LOST = Experiment(8, "quorum lost for 60 s", _lose_quorum, Shape(spans=(12,)), Shape(spans=(60, 10, 30)))
DIRECTORY_LOST = Experiment(9, "a member's data directory lost, rejoined", _lose_directory, Shape(), Shape(rounds=4))
