"""No command needs more than 64 operations, however much it is about: `Bench` holds every one of them to that."""

import pytest

from jobpool.kit.pure.durations import DAY, HOUR, MINUTE
from jobpool.model.run import Run
from jobpool.model.schedule import CatchUpMode, Overlap
from jobpool.model.statuses import AllocationStatus, NodeStatus
from jobpool.store.commands import (
    CatchUpPatch,
    DecideTicks,
    PlanPatch,
    SetNodeStatus,
    StartDrain,
    StartRun,
    StillCatchingUp,
    UpdatePlan,
    releases,
)
from tests.unit.store.commands.bench import MOST_OPS, Bench

GAP = 3 * HOUR
CATCH_UP = {
    "all": CatchUpPatch(CatchUpMode.ALL, DAY, 1000, 0),
    "latest": CatchUpPatch(CatchUpMode.LATEST),
    "none": CatchUpPatch(CatchUpMode.NONE),
}


@pytest.mark.invariant("P-15")
@pytest.mark.parametrize("mode", CATCH_UP)
@pytest.mark.parametrize("overlap", Overlap)
def test_a_long_gap_is_decided_in_many_commands(mode: str, overlap: Overlap) -> None:
    bench = Bench(slots=50)
    bench.plan(spec="* * * * * *", catch_up=CATCH_UP[mode], overlap=overlap)
    bench.now += GAP
    steps = 1
    while bench.do(DecideTicks("default", "p")):
        steps += 1
    decided = len(bench.runs) + len(bench.ended) + sum(entry.count or 0 for entry in bench.ranges())
    assert decided >= GAP // 1000
    assert steps >= len(bench.runs) // MOST_OPS


@pytest.mark.invariant("P-15")
def test_a_change_of_a_plan_that_is_behind_is_refused_until_it_has_caught_up() -> None:
    bench = Bench(slots=1000)
    bench.plan(spec="* * * * * *", catch_up=CATCH_UP["all"])
    bench.now += 10 * MINUTE
    with pytest.raises(StillCatchingUp):
        bench.do(UpdatePlan("default", "p", PlanPatch(priority=7), "UTC"))
    bench.tick_all()
    bench.do(UpdatePlan("default", "p", PlanPatch(priority=7), "UTC"))
    assert bench.present().priority == 7


@pytest.mark.invariant("P-15")
def test_what_befalls_a_full_node_is_one_operation_and_each_of_its_runs_has_its_own_command() -> None:
    bench = Bench(slots=1000)
    bench.node(capacity=1000)
    bench.plan()
    for at in range(300):
        bench.do(StartRun("default", "p", f"r{at}"))
        bench.place(bench.live(f"r{at}"))
    bench.do(StartDrain("a", 0))
    bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    commands = releases(bench.state, "a", 1000)
    assert len(commands) == 300
    for command in commands:
        bench.do(command)
    assert not [run for run in bench.runs if is_open(run)]


def is_open(run: Run) -> bool:
    return run.open_attempt is not None and run.open_attempt.status is not AllocationStatus.UNKNOWN
