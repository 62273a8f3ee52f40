"""What waits to be taken: the oldest goes when there is too much."""

import asyncio

import pytest

from jobpool.api.etcd.untaken import Untaken
from jobpool.model.errors import Unavailable
from jobpool.testing.clock import settle


async def hold(untaken: Untaken, size: int, taken: asyncio.Event) -> None:
    async with untaken.handing(size):
        await taken.wait()


async def test_the_oldest_makes_room() -> None:
    untaken, taken = Untaken(100), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        ended = tasks.create_task(_refused(untaken, 60, taken))
        await settle()
        kept = [tasks.create_task(hold(untaken, size, taken)) for size in (40, 30, 30)]
        assert "wait to be taken" in await ended
        assert untaken.held == 100
        assert not any(task.done() for task in kept)
        taken.set()
    assert untaken.held == 0


async def test_one_answer_may_be_of_any_size() -> None:
    untaken, taken = Untaken(100), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold(untaken, 1_000, taken))
        await settle()
        assert untaken.held == 1_000
        taken.set()
    assert untaken.held == 0


async def test_nothing_waits_for_ever() -> None:
    assert "not taken within 0 s" in await _refused(Untaken(100, within=0), 1, asyncio.Event())


async def test_who_fails_holds_nothing() -> None:
    untaken = Untaken(100)
    with pytest.raises(ValueError, match="gone"):
        async with untaken.handing(50):
            raise ValueError("gone")
    assert untaken.held == 0


async def _refused(untaken: Untaken, size: int, taken: asyncio.Event) -> str:
    with pytest.raises(Unavailable) as caught:
        await hold(untaken, size, taken)
    return caught.value.message
