"""The experiments in short form: real servers, real etcd members, real faults; nothing lost, doubled, stuck or missing.

Each prints its seed; `JOBPOOL_SEED` gives it again.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from jobpool.kit.effects.dice import Dice
from jobpool.testing.etcd import NO_ETCD, etcd_binary
from tests.e2e.cluster.experiments import EXPERIMENTS
from tests.e2e.cluster.hosts import why_no_network
from tests.e2e.cluster.trial import Report, Trial

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD),
]
LACK = why_no_network()
needs_network = pytest.mark.skipif(bool(LACK), reason=f"LINKS ARE NOT CUT: {LACK}")
Do = Callable[[int], Awaitable[Report]]


@pytest.fixture
def do(tmp_path: Path) -> Do:
    """Does an experiment, and holds it to what is held to in all."""

    async def do(number: int) -> Report:
        seed = int(os.environ.get("JOBPOOL_SEED", "") or Dice().below(1 << 32))
        print(f"JOBPOOL_SEED={seed}")
        experiment = EXPERIMENTS[number]
        report = await Trial(tmp_path, experiment, experiment.short, seed).run()
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
        assert report.clean, report
        assert report.verdict.ticks > experiment.short.plans * 5
        return report

    return do


@pytest.mark.invariant("C-3")
@pytest.mark.invariant("C-5")
@pytest.mark.invariant("L-6")
async def test_experiment_1_leader_killed_under_load(do: Do) -> None:
    report = await do(1)
    assert len(report.failovers) == EXPERIMENTS[1].short.rounds


@pytest.mark.invariant("P-11")
async def test_experiment_2_leader_paused_and_resumed(do: Do) -> None:
    report = await do(2)
    assert report.facts["commits"] > 0


@pytest.mark.invariant("C-4")
async def test_experiment_3_all_servers_killed(do: Do) -> None:
    await do(3)


@pytest.mark.invariant("H-7")
async def test_experiment_4_agent_killed_mid_job(do: Do) -> None:
    report = await do(4)
    assert report.verdict.retaken > 0


@pytest.mark.invariant("H-5")
async def test_experiment_5_agent_paused_beyond_its_time_to_live(do: Do) -> None:
    report = await do(5)
    assert report.verdict.retaken > 0


async def test_experiment_6_etcd_members_killed(do: Do) -> None:
    await do(6)


async def test_experiment_7_etcd_leader_killed(do: Do) -> None:
    await do(7)


async def test_experiment_8_quorum_lost(do: Do) -> None:
    report = await do(8)
    assert report.facts["refused_after"] > 0


async def test_experiment_9_data_directory_lost(do: Do) -> None:
    await do(9)


@needs_network
async def test_experiment_10_leader_cut_off_from_agents(do: Do) -> None:
    await do(10)


@needs_network
async def test_experiment_11_leader_cut_off_from_etcd(do: Do) -> None:
    await do(11)


@needs_network
async def test_experiment_12_one_way_and_flapping_links(do: Do) -> None:
    await do(12)
