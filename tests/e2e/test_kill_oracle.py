"""200 plans at every second, the server killed ten times and each agent twice: nothing lost, doubled or stuck."""

import os
from pathlib import Path

import msgspec
import pytest

from jobpool.kit.effects.dice import Dice
from tests.e2e.oracle.storm import Storm, Weather


@pytest.mark.xdist_group("processes")
@pytest.mark.invariant("C-3")
@pytest.mark.invariant("C-4")
@pytest.mark.invariant("C-5")
@pytest.mark.invariant("H-7")
@pytest.mark.invariant("L-6")
async def test_nothing_is_lost_doubled_or_stuck_when_servers_and_agents_are_killed(tmp_path: Path) -> None:
    seed = int(os.environ.get("JOBPOOL_SEED", "") or Dice().below(1 << 32))
    print(f"JOBPOOL_SEED={seed}")
    storm = Storm(tmp_path, Weather(seed))
    try:
        report = await storm.blow()
    finally:
        storm.close()
    print(msgspec.json.format(msgspec.json.encode(report)).decode())
    assert report.clean, report
    assert report.verdict.ticks > 200 * 20
    assert len(report.kills) == 10 + 2 * 2
