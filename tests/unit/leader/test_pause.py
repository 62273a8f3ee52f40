"""An operator pauses placing: nothing is handed out, nothing is lost, whoever leads meanwhile."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.leader.queues import Queues
from jobpool.model.errors import BrokerDisabled
from jobpool.model.queued import FAILED_QUEUE, SERVICE_QUEUE
from jobpool.model.statuses import AllocationStatus, EvaluationStatus
from jobpool.model.verdict import Settled, Verdict, VerdictKind
from jobpool.store.commands import PauseScheduling, ResumeScheduling, RetryPatch, StartRun
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import MemoryStore

T = TypeVar("T")
PAUSE, RESUME = PauseScheduling("ada", "moving"), ResumeScheduling()


def queues(core: Core) -> Queues:
    return core.leadership.reign.queues


def ready(core: Core) -> int:
    return queues(core).broker_stats().ready


def placed(core: Core) -> list[str]:
    return sorted(run.id for run in core.state.runs.values() if run.open_attempt is not None)


def later(work: Coroutine[object, object, T]) -> "asyncio.Task[T]":
    return asyncio.get_running_loop().create_task(work)


async def with_plan(core: Core, *, capacity: int = 100) -> None:
    core.answers = None
    await core.add_node("a", capacity=capacity)
    await core.add_plan("p", spec="0 0 1 1 *", retry=RetryPatch(attempts=5, backoff=SECOND))


async def start(core: Core, *job_ids: str) -> None:
    await core.submit_all([StartRun("default", "p", job_id) for job_id in job_ids])
    await core.advance(SECOND)


@pytest.mark.invariant("L-5")
async def test_what_comes_while_paused_waits_and_is_all_placed_afterwards() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=2) as core:
        await with_plan(core)
        await start(core, "r1")
        await core.submit(PAUSE)
        await start(core, "r2", "r3")
        await core.submit(core.report(core.state.runs["r1"], AllocationStatus.FAILED))
        await core.advance(10 * MINUTE)
        assert (placed(core), ready(core)) == ([], 3)
        await core.submit(RESUME)
        await core.advance(SECOND)
        assert (placed(core), ready(core)) == (["r1", "r2", "r3"], 0)


@pytest.mark.invariant("L-5")
async def test_ticks_are_decided_while_paused() -> None:
    async with running_core(MemoryStore(), FakeClock()) as core:
        await core.add_node("a")
        await core.add_plan("every", spec="* * * * * *")
        await core.submit(PAUSE)
        await core.advance(20 * SECOND)
        waiting = len(core.state.runs)
        assert waiting >= 19
        assert not core.finished
        await core.submit(RESUME)
        await core.advance(SECOND)
        assert len(core.finished) >= waiting
        assert len({run.scheduled_at for run in core.finished}) == len(core.finished)


@pytest.mark.invariant("L-5")
async def test_a_new_leader_keeps_to_it_and_has_all_that_waits() -> None:
    store, clock = MemoryStore(), FakeClock()
    async with running_core(store, clock) as core:
        await with_plan(core, capacity=2)
        await start(core, "r1", "r2", "r3")
        await core.submit(PAUSE)
        await start(core, "r4")
        assert (placed(core), queues(core).blocked_stats().blocked, ready(core)) == (["r1", "r2"], 1, 1)
    async with running_core(store.reopened(), clock, evaluators=2, answers=None) as core:
        core.silent.clear()
        await core.advance(10 * SECOND)
        pause = queues(core).pause
        assert pause is not None
        assert (pause.by, pause) == ("ada", core.state.pause)
        assert (placed(core), ready(core)) == (["r1", "r2"], 2)
        await core.add_node("b", capacity=5)
        await core.advance(SECOND)
        assert placed(core) == ["r1", "r2"]
        await core.submit(RESUME)
        await core.advance(SECOND)
        assert placed(core) == ["r1", "r2", "r3", "r4"]


@pytest.mark.invariant("L-5")
async def test_what_is_in_an_evaluators_hands_is_placed_and_what_it_loses_waits() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await with_plan(core)
        await start(core, "r1", "r2")
        first, second = await queues(core).dequeue((SERVICE_QUEUE,), 9, timeout=1)
        await core.submit(PAUSE)
        place = Verdict(first.evaluation.job_id, 1, first.token, VerdictKind.PLACE, core.replica.n, "a", "noop")
        assert list(await queues(core).settle([place])) == [Settled.DONE]
        assert placed(core) == ["r1"]
        await core.advance(5 * MINUTE)  # the second one's lease runs out
        assert (ready(core), queues(core).broker_stats().unacked) == (1, 0)
        waiter = later(queues(core).dequeue((SERVICE_QUEUE,), 9, timeout=0))
        await core.advance(5 * MINUTE)
        assert not waiter.done()
        await core.submit(RESUME)
        await settle()
        (again,) = await waiter
        assert (again.evaluation, again.deliveries) == (second.evaluation, 2)
        assert again.token != second.token


@pytest.mark.invariant("L-5")
async def test_what_was_delivered_too_often_waits_too() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await with_plan(core)
        await start(core, "r1")
        for _ in range(3):
            (one,) = await queues(core).dequeue((SERVICE_QUEUE,), 1, timeout=0)
            if one.deliveries == 3:
                await core.submit(PAUSE)
            back = Verdict("r1", 1, one.token, VerdictKind.GIVE_BACK, core.replica.n)
            await queues(core).settle([back])
            await core.advance(MINUTE)
        assert queues(core).broker_stats().by_type[FAILED_QUEUE].ready == 1
        assert core.state.runs["r1"].evaluations[-1].status is EvaluationStatus.PENDING
        await core.submit(RESUME)
        await core.advance(SECOND)
        assert [it.status for it in core.state.runs["r1"].evaluations] == [
            EvaluationStatus.FAILED,
            EvaluationStatus.PENDING,
        ]


async def test_who_waits_on_a_paused_queue_is_told_when_the_term_ends() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await with_plan(core)
        await core.submit(PAUSE)
        of_the_term = queues(core)
        waiter = later(of_the_term.dequeue((SERVICE_QUEUE,), 9, timeout=0))
        empty = later(of_the_term.dequeue((SERVICE_QUEUE,), 9, timeout=MINUTE))
        await core.advance(MINUTE)
        assert (await empty, waiter.done()) == ([], False)
        await core.leadership.give_up()
        with pytest.raises(BrokerDisabled):
            await waiter
