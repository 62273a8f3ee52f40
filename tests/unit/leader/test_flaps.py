"""A node that comes and goes while nobody evaluates piles up nothing: a run has one open evaluation, however often."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jobpool.evaluator.worker import Evaluator
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND
from jobpool.model.statuses import TERMINAL_EVALUATION, EvaluationStatus, NodeStatus
from jobpool.server.local import LocalLeader
from jobpool.store.commands import SetNodeStatus, StartRun
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import MemoryStore

FLAPS = 10


@asynccontextmanager
async def evaluators(core: Core, count: int = 4) -> AsyncIterator[None]:
    leader = LocalLeader(core.leadership)
    each = [Evaluator(leader, core.replica, clock=core.clock, dice=Dice(at), number=at) for at in range(count)]
    tasks = [asyncio.get_running_loop().create_task(evaluator.run()) for evaluator in each]
    await core.advance(SECOND)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def flap(core: Core) -> None:
    """The node falls, what it had is released, and it is back, again and again."""
    for _ in range(FLAPS):
        await core.submit(SetNodeStatus("a", NodeStatus.DOWN, "no heartbeat received"))
        await core.advance(SECOND)
        await core.revive_node("a", empty=True)
        open_ones = [it for it in core.state.runs["r"].evaluations if it.status not in TERMINAL_EVALUATION]
        assert len(open_ones) == 1
        assert core.leadership.reign.queues.broker_stats().tracked == 1


async def waiting(core: Core) -> None:
    core.answers = None
    await core.add_node("a")
    await core.add_plan("p", spec="0 0 1 1 *")
    await core.submit(StartRun("default", "p", "r"))


@pytest.mark.invariant("B-21")
async def test_a_run_that_waits_is_evaluated_once() -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock(), evaluators=0) as core:
        await waiting(core)
        await flap(core)
        commits = len(store.steps)
        async with evaluators(core):
            run = core.state.runs["r"]
            assert [it.status for it in run.evaluations] == [EvaluationStatus.COMPLETE]
            assert [it.node_id for it in run.attempts] == ["a"]
            assert core.leadership.reign.queues.broker_stats().tracked == 0
            assert len(store.steps) == commits + 1


@pytest.mark.invariant("B-21")
async def test_a_run_that_was_lost_is_evaluated_once_more() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await waiting(core)
        async with evaluators(core):
            assert core.state.node_load("a") == 1
        await flap(core)
        async with evaluators(core):
            run = core.state.runs["r"]
            assert [it.status for it in run.evaluations] == [EvaluationStatus.COMPLETE] * 2
            assert [it.ended for it in run.attempts] == [True, False]
            assert run.losses == 1
            stats = core.leadership.reign.queues.broker_stats()
            assert (stats.tracked, stats.cancelable, core.leadership.reign.queues.blocked_stats().blocked) == (0, 0, 0)
