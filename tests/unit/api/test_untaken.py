"""What waits to be taken: the oldest goes when there is too much."""

import asyncio

import pytest

from jobpool.api.untaken import Untaken
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import Unavailable
from jobpool.testing.clock import settle


async def hold(untaken: Untaken, size: int, taken: asyncio.Event, within: Millis | None = None) -> None:
    async with untaken.handing(size, within=within):
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
    assert "not taken within 0 s" in await _refused(Untaken(100), 1, asyncio.Event(), within=0)


async def test_who_is_too_late_already_makes_room_too() -> None:
    """Its end is on its way when another's answer comes."""
    untaken, taken = Untaken(100), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        late = tasks.create_task(_refused(untaken, 100, taken, within=0))
        await asyncio.sleep(0)
        assert untaken.held == 100
        kept = tasks.create_task(hold(untaken, 100, taken))
        await late
        assert untaken.held == 100
        assert not kept.done()
        taken.set()


async def test_a_block_may_have_a_time_of_its_own() -> None:
    with pytest.raises(TimeoutError):
        async with Untaken().handing(1, within=None), asyncio.timeout(0):
            await asyncio.Event().wait()


async def test_who_fails_holds_nothing() -> None:
    untaken = Untaken(100)
    with pytest.raises(ValueError, match="gone"):
        async with untaken.handing(50):
            raise ValueError("gone")
    assert untaken.held == 0


async def _refused(untaken: Untaken, size: int, taken: asyncio.Event, within: Millis | None = None) -> str:
    with pytest.raises(Unavailable) as caught:
        await hold(untaken, size, taken, within)
    return caught.value.message
