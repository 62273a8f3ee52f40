"""What is done to agents: killed in the middle of a run, paused for longer than they may be silent."""

import asyncio
from typing import Any

from tests.e2e.cluster.programs import Agent
from tests.e2e.cluster.trial import Experiment, Shape, Trial
from tests.e2e.oracle.client import until

_GIVEN_UP = 60.0
_SLOW = 6
_FLAGS = {"min_heartbeat_ttl": "1s"}


async def _kill_agents(trial: Trial) -> None:
    """One that is back soon goes on with what it had; what one had that stays away is tried by another."""
    await _add_slow(trial, "shell", {"command": f"sleep {_SLOW}"})
    for _ in range(trial.shape.rounds):
        agent, job = await _working(trial)
        trial.did(f"killed {agent.name}, which is soon back")
        agent.kill()
        await asyncio.sleep(2)
        agent.start()
        ended = await trial.api.ended(job)
        assert (ended["status"], ended.get("attempt", 1)) == ("complete", 1), ended
        agent, job = await _working(trial)
        trial.did(f"killed {agent.name}, which stays away")
        since = trial.now()
        agent.kill()
        await _retaken(trial, agent, job)
        agent.start()
        trial.away(agent, since)
        await trial.cluster.attended()


async def _pause_agents(trial: Trial) -> None:
    """The late result of what was given to another is rejected."""
    await _add_slow(trial, "noop", {"sleep": f"{_SLOW}s"})
    for _ in range(trial.shape.rounds):
        agent, job = await _working(trial)
        trial.did(f"paused {agent.name}")
        since = trial.now()
        agent.pause()
        ended = await _retaken(trial, agent, job)
        agent.resume()
        trial.away(agent, since)
        trial.did(f"resumed {agent.name}")
        await until(lambda agent=agent, job=job: _told(trial, agent, job))  # type: ignore[misc]
        again = await trial.api.job(job)
        assert [again[key] for key in ("status", "fence", "node_id", "finished_at")] == [
            ended[key] for key in ("status", "fence", "node_id", "finished_at")
        ], (ended, again)
        await trial.cluster.attended()


async def _add_slow(trial: Trial, executor: str, parameters: dict[str, str]) -> None:
    await trial.load.add(trial.api, "slow", spec="", executor=executor, parameters=parameters)


async def _working(trial: Trial) -> tuple[Agent, str]:
    """A run, and the agent that is at it."""
    await asyncio.sleep(trial.shape.gap)
    job = await trial.load.run(trial.api, "slow")
    running = await until(lambda: trial.api.job(job), lambda found: found["status"] == "running")
    return next(agent for agent in trial.cluster.agents if agent.node_id == running["node_id"]), job


async def _retaken(trial: Trial, agent: Agent, job: str) -> dict[str, Any]:
    """The job once another agent has completed it."""
    began = trial.now()
    ended = await trial.api.ended(job, within=_GIVEN_UP)
    trial.facts["retaken_after"] = max(trial.now() - began, trial.facts.get("retaken_after", 0))
    assert ended["status"] == "complete", ended
    assert ended["node_id"] != agent.node_id, ended
    assert ended["attempt"] == 2, ended
    return ended


async def _told(trial: Trial, agent: Agent, job: str) -> bool:
    """Whether the agent has been answered to the end that it reported."""
    return any(entry.status and entry.acknowledged for entry in trial.journal(agent) if entry.job_id == job)


AGENT_KILLED = Experiment(4, "agent killed mid-job", _kill_agents, Shape(), Shape(rounds=6), flags=_FLAGS)
AGENT_PAUSED = Experiment(
    5, "agent paused beyond its time to live", _pause_agents, Shape(), Shape(rounds=6), flags=_FLAGS
)
