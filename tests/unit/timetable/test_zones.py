"""The changes that probing finds are the ones that the time-zone files hold, for every zone."""

import struct
import zoneinfo
from collections.abc import Iterator
from importlib.resources import files

import pytest

from jobpool.timetable import zones
from jobpool.timetable.zones import find_zone, similar_zones

FIRST, LAST = 0, 4_102_444_800  # 1970 to 2100
NAMES = (files("tzdata") / "zones").read_text().split()


@pytest.fixture(autouse=True)
def packaged_files() -> Iterator[None]:
    """Both sides read the tzdata package, whatever this machine has installed."""
    before = zoneinfo.TZPATH
    forget(())
    yield
    forget(before)


def forget(path: tuple[str, ...]) -> None:
    zoneinfo.reset_tzpath(path)
    zoneinfo.ZoneInfo.clear_cache()
    zones._stretches.cache_clear()


def changes(name: str) -> list[tuple[int, int, int]]:
    """(instant, offset before, offset after) of the listed changes, from the 64-bit block of a TZif file (RFC 8536)."""
    data = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    counts = struct.unpack(">6l", data[20:44])
    isut, isstd, leap, times, types, chars = counts
    at = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isut
    times, types = struct.unpack(">6l", data[at + 20 : at + 44])[3:5]
    at += 44
    instants = struct.unpack(f">{times}q", data[at : at + 8 * times])
    kinds = data[at + 8 * times : at + 9 * times]
    offsets = [struct.unpack(">lbb", data[at + 9 * times + 6 * i :][:6])[0] for i in range(types)]
    found, offset = [], offsets[0]
    for instant, kind in zip(instants, kinds, strict=True):
        if offsets[kind] != offset:
            found.append((instant, offset, offsets[kind]))
        offset = offsets[kind]
    return found


def test_no_two_changes_lie_closer_than_probing_can_tell_apart() -> None:
    closest = min(
        later[0] - earlier[0]
        for name in NAMES
        for earlier, later in zip(changes(name), changes(name)[1:], strict=False)
        if later[0] >= FIRST
    )
    assert closest > 6 * 86_400
    assert closest / 2 > zones._PROBE
    assert closest / 2 > zones._MARGIN


@pytest.mark.parametrize("name", [*NAMES[::9], "Pacific/Apia", "Africa/Casablanca", "Antarctica/Vostok"])
def test_finds_every_listed_change(name: str) -> None:
    zone = find_zone(name)
    assert zone is not None
    for instant, before, after in changes(name):
        if FIRST < instant < LAST:
            stretch = zone.stretch(instant)
            assert (stretch.start, stretch.before, stretch.offset) == (instant, before, after)
            ended = zone.stretch(instant - 1)
            assert (ended.end, ended.offset, ended.after) == (instant, before, after)


@pytest.mark.parametrize("name", ["UTC", "America/New_York", "Asia/Shanghai", "Pacific/Chatham"])
def test_stretches_join_without_a_hole(name: str) -> None:
    zone = find_zone(name)
    assert zone is not None
    second = FIRST
    while second < LAST * 2:
        stretch = zone.stretch(second)
        assert stretch.start <= second < stretch.end
        assert zone.stretch(stretch.end - 1).offset == stretch.offset
        assert zone.stretch(stretch.end).offset == stretch.after
        second = stretch.end


def test_every_zone_can_be_asked() -> None:
    for name in NAMES:
        zone = find_zone(name)
        assert zone is not None
        assert abs(zone.stretch(1_800_000_000).offset) <= 14 * 3600


def test_suggests_names() -> None:
    assert similar_zones("europe/berlin")[:1] == ["Europe/Berlin"]
    assert "Asia/Shanghai" in similar_zones("Asia/Shangai")
    assert similar_zones("?") == []
