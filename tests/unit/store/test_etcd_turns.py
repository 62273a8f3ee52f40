"""Defragmentations that are asked for take their turn, and give it back."""

import asyncio

import pytest

from jobpool.model.errors import FailedPrecondition, Unavailable
from jobpool.store.engines.etcd.errors import NoSpace
from jobpool.store.engines.etcd.turns import AGAIN, TRIES, Turns
from jobpool.testing.clock import FakeClock


class FakeRoom:
    def __init__(self) -> None:
        self.holder = ""
        self.full = False
        self.lost_answers = 0

    async def take_turn(self, server_id: str, now: int) -> bool:
        if self.full:
            raise NoSpace("no space")
        if self.holder not in ("", server_id):
            return False
        self.holder = server_id
        return True

    async def end_turn(self, server_id: str) -> None:
        if self.lost_answers:
            self.lost_answers -= 1
            raise Unavailable("no answer")
        if self.holder == server_id:
            self.holder = ""


@pytest.fixture
def room() -> FakeRoom:
    return FakeRoom()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_one_server_after_the_other(room: FakeRoom, clock: FakeClock) -> None:
    first, second = Turns(room, "1", clock=clock), Turns(room, "2", clock=clock)
    async with first.turn():
        with pytest.raises(FailedPrecondition, match="one after the other"):
            async with second.turn():
                pass
    async with second.turn():
        assert room.holder == "2 by hand"
    assert room.holder == ""


async def test_two_calls_at_one_server_are_two(room: FakeRoom, clock: FakeClock) -> None:
    turns = Turns(room, "1", clock=clock)
    async with turns.turn():
        with pytest.raises(FailedPrecondition):
            async with turns.turn():
                pass
        assert room.holder == "1 by hand"


async def test_the_server_s_own_upkeep_has_a_turn_of_its_own(room: FakeRoom, clock: FakeClock) -> None:
    assert await room.take_turn("1", 0)
    with pytest.raises(FailedPrecondition):
        async with Turns(room, "1", clock=clock).turn():
            pass


async def test_what_fails_gives_its_turn_back(room: FakeRoom, clock: FakeClock) -> None:
    with pytest.raises(Unavailable, match="broken"):
        async with Turns(room, "1", clock=clock).turn():
            raise Unavailable("broken")
    assert room.holder == ""


async def test_without_space_for_the_turn_there_is_none(room: FakeRoom, clock: FakeClock) -> None:
    room.full = True
    async with Turns(room, "1", clock=clock).turn():
        assert room.holder == ""


@pytest.mark.parametrize(("lost", "left"), [(TRIES - 1, ""), (TRIES, "1 by hand")])
async def test_a_turn_is_given_back_over_lost_answers(room: FakeRoom, clock: FakeClock, lost: int, left: str) -> None:
    async def defragment() -> None:
        async with Turns(room, "1", clock=clock).turn():
            room.lost_answers = lost

    doing = asyncio.get_running_loop().create_task(defragment())
    while not doing.done():
        await clock.advance(AGAIN)
    await doing
    assert room.holder == left
