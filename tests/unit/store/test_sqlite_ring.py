"""The ring of steps agrees with a list that keeps everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobpool.model.errors import StoreFailed
from jobpool.store.engines.ring import RingLimits, StepRing
from jobpool.store.engines.rules import INITIAL_FENCE
from jobpool.store.port import Compacted, Fence, Put, Step


def step(n: int, size: int = 0) -> Step:
    return Step(fence(n), (Put("k", bytes(size)),))


def fence(n: int) -> Fence:
    return INITIAL_FENCE if n == 0 else Fence(1, 0, n, f"b{n}")


def ring_of(count: int, limits: RingLimits) -> StepRing:
    ring = StepRing(INITIAL_FENCE, limits)
    for n in range(1, count + 1):
        ring.append(fence(n - 1), step(n, size=9))
    return ring


async def seen(ring: StepRing, after: Fence) -> list[int] | None:
    """The n of every step up to the last; None when they are no longer kept."""
    found: list[int] = []
    steps = ring.follow(after)
    try:
        while after.n + len(found) < ring.last.n:
            found.append((await anext(steps)).fence.n)
    except Compacted:
        return None
    return found


@given(count=st.integers(0, 12), steps=st.integers(1, 8), size=st.integers(10, 80), after=st.integers(0, 12))
async def test_what_is_kept_is_bounded_by_steps_and_bytes(count: int, steps: int, size: int, after: int) -> None:
    kept = min(steps, size // 10, count)
    ring = ring_of(count, RingLimits(steps=steps, bytes=size))
    wanted = list(range(after + 1, count + 1)) if after >= count - kept else None
    assert await seen(ring, fence(after)) == wanted


@given(count=st.integers(0, 8), before=st.integers(0, 12), after=st.integers(0, 8))
async def test_dropping(count: int, before: int, after: int) -> None:
    ring = ring_of(count, RingLimits())
    ring.drop_before(before)
    assert ring.last == fence(count)
    oldest = min(before, count + 1)
    wanted = list(range(after + 1, count + 1)) if after + 1 >= oldest else None
    assert await seen(ring, fence(after)) == wanted


async def test_a_step_that_is_told_twice_is_one_step() -> None:
    ring = ring_of(2, RingLimits())
    ring.append(fence(1), step(2))
    assert await seen(ring, fence(0)) == [1, 2]


async def test_a_step_that_was_missed_is_a_gap_that_watchers_are_told_of() -> None:
    ring = ring_of(2, RingLimits())
    ring.append(fence(3), step(4))
    with pytest.raises(Compacted):
        await anext(ring.follow(fence(2)))
    assert await seen(ring, fence(3)) == [4]


async def test_a_step_larger_than_the_ring_is_not_kept() -> None:
    ring = StepRing(INITIAL_FENCE, RingLimits(bytes=5))
    ring.append(INITIAL_FENCE, step(1, size=6))
    with pytest.raises(Compacted):
        await anext(ring.follow(INITIAL_FENCE))
    assert ring.last == fence(1)


async def test_a_closed_ring_ends_every_watch() -> None:
    ring = ring_of(2, RingLimits())
    ring.close()
    with pytest.raises(StoreFailed, match="closed"):
        await anext(ring.follow(fence(1)))
