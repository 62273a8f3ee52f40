"""Waiting for evaluations, told by a clock that a test moves."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from itertools import count

import pytest

from jobpool.leader.broker import Broker
from jobpool.leader.broker_service import BrokerQueue
from jobpool.model.errors import BrokerDisabled, NotOutstanding
from jobpool.model.queued import FAILED_QUEUE, QueuedEvaluation
from jobpool.testing.clock import FakeClock, settle
from tests.unit.leader.work import calls_of

SERVICE = ("service",)


class World:
    """A running queue and its clock; `spawn` starts what a test waits for."""

    def __init__(self) -> None:
        tokens = count(1)
        self.clock = FakeClock()
        self.queue = BrokerQueue(Broker(new_token=lambda: f"t{next(tokens)}"), self.clock)
        self.queue.enable()
        self._loop = asyncio.get_running_loop()
        self.tasks: list[asyncio.Task[object]] = [self._loop.create_task(self.queue.run())]

    def taker(
        self, limit: int = 1, *, timeout: int = 0, types: tuple[str, ...] = SERVICE
    ) -> "asyncio.Task[list[tuple[str, str]]]":
        task = self._loop.create_task(self.take(limit, timeout=timeout, types=types))
        self.tasks.append(task)
        return task

    async def take(self, limit: int, *, timeout: int, types: tuple[str, ...]) -> list[tuple[str, str]]:
        found = await self.queue.dequeue(types, limit, timeout=timeout)
        return [(delivery.evaluation.job_id, delivery.token) for delivery in found]

    def enqueue(self, *jobs: str, priority: int = 50, wait: int = 0, number: int = 1) -> None:
        not_before = self.clock.now() + wait if wait else 0
        self.queue.enqueue(
            [QueuedEvaluation(job, number, "default", "p", priority, 1, 1, not_before=not_before) for job in jobs]
        )


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    assert not world.tasks[0].done()
    for task in world.tasks:
        task.cancel()
    await asyncio.gather(*world.tasks, return_exceptions=True)


@pytest.mark.invariant("B-17")
async def test_an_empty_queue_answers_when_the_time_is_over(world: World) -> None:
    taker = world.taker(timeout=500)
    await world.clock.advance(499)
    assert not taker.done()
    await world.clock.advance(1)
    assert taker.result() == []


@pytest.mark.invariant("B-17")
async def test_without_a_timeout_it_waits_for_an_evaluation(world: World) -> None:
    taker = world.taker()
    await world.clock.advance(3_600_000)
    assert not taker.done()
    world.enqueue("a")
    await settle()
    assert taker.result() == [("a", "t1")]


async def test_what_is_there_is_given_at_once(world: World) -> None:
    world.enqueue("a", "b")
    assert await world.take(5, timeout=500, types=SERVICE) == [("a", "t1"), ("b", "t2")]


@pytest.mark.invariant("B-18")
async def test_a_waiter_gets_the_best_of_a_batch(world: World) -> None:
    taker = world.taker()
    await settle()
    world.queue.enqueue([QueuedEvaluation(f"r{p}", 1, "default", "p", p, 1, 1) for p in range(10, 91, 10)])
    await settle()
    assert taker.result() == [("r90", "t1")]


async def test_each_evaluation_wakes_as_many_waiters_as_it_needs(world: World) -> None:
    takers = [world.taker(2) for _ in range(4)]
    await settle()
    world.enqueue("a", "b", "c")
    await settle()
    assert [taker.done() for taker in takers] == [True, True, False, False]
    assert sorted(job for taker in takers[:2] for job, _ in taker.result()) == ["a", "b", "c"]
    world.enqueue("d", "e")
    await settle()
    world.enqueue("f")
    await settle()
    assert [len(taker.result()) for taker in takers] == [2, 1, 2, 1]


async def test_a_waiter_that_leaves_passes_its_wake_up_on(world: World) -> None:
    first, second = world.taker(), world.taker()
    await settle()
    world.enqueue("a")
    first.cancel()
    await settle()
    assert second.result() == [("a", "t1")]


async def test_a_waiter_of_another_type_is_left_alone(world: World) -> None:
    failed, service = world.taker(types=(FAILED_QUEUE,)), world.taker()
    await settle()
    world.enqueue("a")
    await settle()
    assert service.result() == [("a", "t1")]
    assert not failed.done()


@pytest.mark.invariant("B-12")
async def test_a_silent_evaluator_loses_its_delivery(world: World) -> None:
    world.enqueue("a")
    assert await world.take(1, timeout=0, types=SERVICE) == [("a", "t1")]
    waiting = world.taker()
    await world.clock.advance(59_999)
    assert not waiting.done()
    await world.clock.advance(1)
    assert waiting.result() == [("a", "t2")]
    with pytest.raises(NotOutstanding):
        world.queue.ack("a", 1, token="t1")
    assert world.queue.outstanding("a", 1) == "t2"


@pytest.mark.invariant("B-12")
async def test_reset_pause_and_resume_move_the_deadline(world: World) -> None:
    world.enqueue("a")
    await world.take(1, timeout=0, types=SERVICE)
    waiting = world.taker()
    await world.clock.advance(50_000)
    world.queue.reset("a", 1, token="t1")
    await world.clock.advance(50_000)
    world.queue.pause_nack("a", 1, token="t1")
    await world.clock.advance(500_000)
    world.queue.resume_nack("a", 1, token="t1")
    await world.clock.advance(59_999)
    assert not waiting.done()
    await world.clock.advance(1)
    assert waiting.result() == [("a", "t2")]


@pytest.mark.invariant("B-13")
async def test_one_given_back_comes_after_its_delay(world: World) -> None:
    world.enqueue("a")
    await world.take(1, timeout=0, types=SERVICE)
    waiting = world.taker()
    await settle()
    world.queue.nack("a", 1, token="t1")
    await world.clock.advance(999)
    assert not waiting.done()
    await world.clock.advance(1)
    assert waiting.result() == [("a", "t2")]


@pytest.mark.invariant("B-16")
async def test_a_sooner_one_rearms_the_timer(world: World) -> None:
    waiting = world.taker()
    world.enqueue("late", wait=40_000)
    await world.clock.advance(5_000)
    world.enqueue("soon", wait=10_000)
    await world.clock.advance(9_999)
    assert not waiting.done()
    await world.clock.advance(1)
    assert waiting.result() == [("soon", "t1")]


@pytest.mark.invariant("B-16")
async def test_a_jump_of_the_wall_clock_is_noticed(world: World) -> None:
    waiting = world.taker()
    world.enqueue("a", wait=86_400_000)
    await settle()
    world.clock.jump(86_400_000)
    await world.clock.advance(60_000)
    assert waiting.result() == [("a", "t1")]


@pytest.mark.invariant("B-20")
async def test_disabling_fails_every_waiter_and_late_timers_do_nothing(world: World) -> None:
    takers = [world.taker(), world.taker(timeout=500), world.taker(types=(FAILED_QUEUE,))]
    world.enqueue("later", wait=1_000)
    await settle()
    world.queue.disable()
    world.queue.enable()
    await settle()
    assert [type(taker.exception()) for taker in takers] == [BrokerDisabled] * 3
    await world.clock.advance(100_000)
    assert world.queue.stats().tracked == 0
    world.queue.disable()
    with pytest.raises(BrokerDisabled):
        await world.queue.dequeue(SERVICE, 1, timeout=0)


@pytest.mark.invariant("B-11")
async def test_superfluous_ones_are_given_out_without_further_acks(world: World) -> None:
    for number in range(1, 8):
        world.enqueue("a", number=number)
    await world.take(1, timeout=0, types=SERVICE)
    world.queue.ack("a", 1, token="t1")
    batches = [await world.queue.cancelable(2) for _ in range(3)]
    assert [item.number for batch in batches for item in batch] == [2, 3, 4, 5, 6]


@pytest.mark.invariant("K-9")
@pytest.mark.parametrize("types", [1, 8])
async def test_the_work_of_an_answer_does_not_grow_with_the_evaluators_that_wait(types: int) -> None:
    """A batch of answers comes while 64 evaluators wait for more: none of them is looked after for each answer."""
    works = []
    for waiters in (types, 64 * types):
        world = World()
        for at in range(waiters):
            world.taker(types=(f"type-{at % types}",))
        await settle()
        world.enqueue(*(f"r{at}" for at in range(100)))
        deliveries = await world.queue.dequeue(SERVICE, 100, timeout=0)
        ack = world.queue.ack
        work = [calls_of(partial(ack, it.evaluation.job_id, 1, token=it.token)) for it in deliveries]
        works.append(max(work))
        for task in world.tasks:
            task.cancel()
        await asyncio.gather(*world.tasks, return_exceptions=True)
    assert works[0] == works[1] < 200
