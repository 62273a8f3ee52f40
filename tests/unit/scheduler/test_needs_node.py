"""Which runs an evaluation still has something to do for (W-7)."""

import pytest
from msgspec.structs import replace

from jobpool.model.run import Attempt, Run
from jobpool.model.statuses import AllocationStatus, EvaluationStatus, JobStatus
from jobpool.scheduler import needs_node
from tests.properties.test_scheduler import a_run

OPEN = Attempt(1, 1, "n", 1, AllocationStatus.RUNNING, 0, 0)
WAITING = a_run("rest")


def evaluated(status: EvaluationStatus) -> Run:
    return replace(WAITING, evaluations=(replace(WAITING.evaluations[0], status=status),))


@pytest.mark.parametrize("status", [EvaluationStatus.PENDING, EvaluationStatus.BLOCKED])
def test_an_open_evaluation_needs_a_node(status: EvaluationStatus) -> None:
    assert needs_node(evaluated(status))


@pytest.mark.invariant("W-7")
@pytest.mark.parametrize(
    "run",
    [
        replace(WAITING, attempts=(OPEN,)),
        replace(WAITING, accepted=True),
        replace(WAITING, cancel_requested=True),
        replace(WAITING, holds_slot=False),
        replace(WAITING, evaluations=()),
        evaluated(EvaluationStatus.COMPLETE),
        evaluated(EvaluationStatus.FAILED),
        replace(evaluated(EvaluationStatus.CANCELED), status=JobStatus.CANCELLED, holds_slot=False),
    ],
    ids=["on a node", "accepted", "cancelled", "no slot", "no evaluation", "placed", "given up", "ended"],
)
def test_nothing_to_do(run: Run) -> None:
    assert not needs_node(run)


def test_after_an_ended_attempt_it_needs_one_again() -> None:
    assert needs_node(replace(WAITING, attempts=(replace(OPEN, status=AllocationStatus.FAILED),)))


def test_the_callback_of_an_ended_run_needs_one() -> None:
    assert needs_node(replace(WAITING, status=JobStatus.SKIPPED, holds_slot=False))
