"""What polling agents and scripts say of allocations, as commands: with what fence, and for whom they speak."""

import pytest

from jobpool.model.errors import InvalidArgument, NotFound
from jobpool.model.node import Node
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.statuses import AllocationStatus, JobStatus, NodeStatus
from jobpool.store.commands import RegisterNode, SetNodeStatus, StartRun
from jobpool.store.commands.by_hand import MAX_TOGETHER, ReportAllocations
from tests.unit.store.commands.bench import REST, Bench


def say(bench: Bench, run: Run, status: AllocationStatus, description: str = "") -> tuple[tuple[Run, int], ...]:
    return bench.do(ReportAllocations(((run.id, len(run.attempts)),), status, description))


def asynchronous(bench: Bench, *, server: str) -> Run:
    """A run whose callee answers later, on a node whose agent is connected to that server, or to none."""
    node = Node("a", "a", "0", NodeStatus.INITIALIZING, bench.now, bench.now, executors=("rest",))
    bench.do(RegisterNode(node, server))
    bench.do(SetNodeStatus("a", NodeStatus.READY))
    bench.plan(**REST, synchronous=False)
    bench.do(StartRun("default", "p", "r1"))
    return bench.place(bench.live("r1"))


def test_running_from_an_agent_that_polls_hands_the_run_to_its_callee() -> None:
    bench = Bench()
    run = asynchronous(bench, server="")
    [(running, number)] = say(bench, run, AllocationStatus.RUNNING)
    assert (running.status, running.accepted, number) == (JobStatus.RUNNING, True, 1)
    assert bench.state.node_load("a") == 0, "the callee has it now"
    assert say(bench, run, AllocationStatus.RUNNING) == ()
    [(ended, _)] = say(bench, run, AllocationStatus.FAILED, "the callee gave up")
    assert (ended.status, ended.info, ended.holds_slot) == (JobStatus.FAILED, "the callee gave up", False)
    assert bench.state.slots_used("default") == 0


def test_of_an_agent_with_a_stream_only_its_own_word_hands_the_run_over() -> None:
    bench = Bench()
    run = asynchronous(bench, server="s1")
    [(running, _)] = say(bench, run, AllocationStatus.RUNNING)
    assert (running.status, running.accepted) == (JobStatus.RUNNING, False)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (AllocationStatus.FAILED, Reason.REQUEST_FAILED),
        (AllocationStatus.EXPIRED, Reason.TIMEOUT),
        (AllocationStatus.COMPLETE, Reason.NONE),
        (AllocationStatus.CANCELLED, Reason.CANCELLED),
        (AllocationStatus.SKIPPED, Reason.REQUEST_FAILED),
    ],
)
def test_an_end_has_its_reason(status: AllocationStatus, reason: Reason) -> None:
    bench = Bench()
    bench.node()
    bench.plan(**REST, synchronous=True)
    bench.do(StartRun("default", "p", "r1"))
    [(ended, _)] = say(bench, bench.place(bench.live("r1")), status)
    assert (ended.reason, ended.attempts[-1].status) == (reason, status)


def test_each_of_a_batch_must_be_there_and_the_batch_has_an_end() -> None:
    bench = Bench()
    bench.node()
    bench.plan()
    for name in ("r1", "r2"):
        bench.do(StartRun("default", "p", name))
        bench.place(bench.live(name))
    with pytest.raises(NotFound):
        bench.do(ReportAllocations((("r1", 1), ("r2", 2)), AllocationStatus.COMPLETE))
    with pytest.raises(InvalidArgument):
        bench.do(ReportAllocations((("r1", 1),) * (MAX_TOGETHER + 1), AllocationStatus.COMPLETE))
    assert len(bench.runs) == 2
    assert {run.id for run, _ in bench.do(ReportAllocations((("r1", 1), ("r2", 1)), AllocationStatus.COMPLETE))} == {
        "r1",
        "r2",
    }
    assert bench.do(ReportAllocations((("r1", 1),), AllocationStatus.FAILED)) == (), "it has ended"
