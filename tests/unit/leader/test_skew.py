"""Clocks that differ: what is told, and what is only a late beat."""

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.leader.election import BEAT
from jobpool.leader.skew import TELL_BEYOND, SkewWatch
from jobpool.model.beat import Beat
from jobpool.testing.clock import FakeClock


async def hear(watch: SkewWatch, clock: FakeClock, *, offset: int, span: int) -> None:
    for _ in range(span // BEAT):
        await clock.advance(BEAT)
        watch.heard("b", Beat(1, 1, leads=False, clock=clock.now() + offset), "server-b")


@pytest.mark.parametrize("offset", [90_000, -90_000, TELL_BEYOND + 1])
async def test_a_clock_that_differs_is_told_once_a_minute(offset: int, capsys: pytest.CaptureFixture[str]) -> None:
    clock = FakeClock()
    watch = SkewWatch(clock)
    await hear(watch, clock, offset=offset, span=50 * SECOND)
    said = capsys.readouterr().out
    assert said.count("clock_skew") == 1
    for word in ("server-b", f"offset_ms={offset}"):
        assert word in said
    await hear(watch, clock, offset=offset, span=MINUTE)
    assert capsys.readouterr().out.count("clock_skew") == 1


async def test_clocks_that_agree_well_enough_and_servers_that_tell_none_are_not_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = FakeClock()
    watch = SkewWatch(clock)
    await hear(watch, clock, offset=TELL_BEYOND, span=10 * SECOND)
    for _ in range(20):
        await clock.advance(SECOND)
        watch.heard("b", Beat(1, 1, leads=False), "server-b")
    assert "clock_skew" not in capsys.readouterr().out


async def test_beats_that_come_late_after_a_pause_are_no_skew(capsys: pytest.CaptureFixture[str]) -> None:
    clock = FakeClock()
    watch = SkewWatch(clock)
    await hear(watch, clock, offset=0, span=SECOND)
    sent = clock.now()
    clock.pause(30 * SECOND)
    for late in range(0, 30 * SECOND, BEAT):
        watch.heard("b", Beat(1, 1, leads=False, clock=sent + late), "server-b")
    await hear(watch, clock, offset=0, span=10 * SECOND)
    assert "clock_skew" not in capsys.readouterr().out
