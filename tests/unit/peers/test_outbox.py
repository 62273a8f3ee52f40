"""What waits to be sent: few frames, in order, beats first."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from jobpool.peers.frames import unpack
from jobpool.peers.outbox import FRAME, Outbox
from jobpool.peers.words import AgentsHeard, BeatTold, Called, Withdrawn, Word
from tests.unit.peers.conftest import beat

LARGE = AgentsHeard([("x" * 600_000, 1, 1)])


def outbox() -> Outbox:
    return Outbox(crowded=1_000_000)


async def frames(outbox: Outbox, count: int) -> list[list[Word]]:
    return [unpack(await outbox.next_frame()) for _ in range(count)]


async def test_all_that_waits_goes_in_one_frame() -> None:
    box = outbox()
    words = [Withdrawn(number) for number in range(1000)]
    for word in words:
        box.put(word)
    assert await frames(box, 1) == [words]


async def test_beats_and_calls_go_first_and_only_the_newest() -> None:
    box = outbox()
    box.put(Withdrawn(1))
    box.put_first(BeatTold(beat(1)))
    box.put_first(Called())
    box.put_first(BeatTold(beat(2)))
    box.put_first(Called())
    assert await frames(box, 1) == [[BeatTold(beat(2)), Called(), Withdrawn(1)]]


async def test_a_large_word_goes_alone() -> None:
    box = outbox()
    for word in (Withdrawn(1), LARGE, Withdrawn(2), LARGE):
        box.put(word)
    box.put_first(BeatTold(beat()))
    assert await frames(box, 4) == [[BeatTold(beat()), Withdrawn(1)], [LARGE], [Withdrawn(2)], [LARGE]]


async def test_what_is_taken_back_is_not_sent() -> None:
    box = outbox()
    kept, dropped = box.put(Withdrawn(1)), box.put(Withdrawn(2))
    assert box.drop(dropped)
    assert not box.drop(dropped)
    assert await frames(box, 1) == [[Withdrawn(1)]]
    assert not box.drop(kept)


async def test_it_waits_for_something_to_say() -> None:
    box = outbox()
    frame = asyncio.get_running_loop().create_task(box.next_frame())
    box.drop(box.put(Withdrawn(1)))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not frame.done()
    box.nudge()
    assert unpack(await frame) == []


async def test_a_crowd_ends_when_enough_has_left() -> None:
    box = outbox()
    crowds = [box.crowded]
    for change in (lambda: box.put(LARGE), lambda: box.put(LARGE), lambda: box.drop(2), lambda: box.put(LARGE)):
        change()
        crowds.append(box.crowded)
    assert crowds == [False, False, True, False, True]
    room = asyncio.get_running_loop().create_task(box.has_room())
    await asyncio.sleep(0)
    assert not room.done()
    await box.next_frame()
    await room


@given(st.lists(st.integers(1, 400_000), max_size=12))
def test_frames_keep_the_order_and_their_size(sizes: list[int]) -> None:
    async def run() -> None:
        box = Outbox(crowded=1)
        words = [AgentsHeard([("x" * size, 1, 1)]) for size in sizes]
        for word in words:
            box.put(word)
        sent: list[Word] = []
        while len(sent) < len(words):
            frame = await box.next_frame()
            found = unpack(frame)
            assert found
            assert len(found) == 1 or len(frame) <= FRAME + 5
            sent += found
        assert sent == words
        assert not box.crowded

    asyncio.run(run())
