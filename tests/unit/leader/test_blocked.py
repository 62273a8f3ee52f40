"""The parked evaluations at scale."""

import pytest

from jobpool.leader.blocked import Blocked
from jobpool.model.queued import QueuedEvaluation


def evaluation(job: str, *, priority: int = 50, created: int = 1) -> QueuedEvaluation:
    return QueuedEvaluation(job, 1, "default", "p", priority, created, created)


@pytest.mark.invariant("K-8")
def test_a_thousand_are_woken_one_for_one_by_priority_then_age() -> None:
    blocked = Blocked()
    blocked.enable(0)
    for at in range(1000):
        blocked.block(evaluation(f"r{at}", priority=50 + at % 3, created=1000 - at), "rest", snapshot_n=2000)
    woken = [item for n in range(500) for item in blocked.freed(("rest",), 2001 + n, count=2)]
    assert [(-item.priority, item.create_index) for item in woken] == sorted(
        (-(50 + at % 3), 1000 - at) for at in range(1000)
    )
    assert len(blocked) == 0
    assert woken[-1].modify_index == 2500


@pytest.mark.invariant("K-5")
def test_untracking_does_not_pile_up() -> None:
    blocked = Blocked()
    blocked.enable(0)
    for at in range(5000):
        blocked.block(evaluation(f"r{at}"), "rest", snapshot_n=1)
        blocked.untrack(f"r{at}")
    assert len(blocked._groups["rest"]._heap) <= 65
    assert blocked.stats().by_executor == {"rest": 0}
    assert blocked.freed(("rest",), 2) == []


@pytest.mark.invariant("K-3")
def test_room_freed_too_long_ago_is_taken_to_be_there() -> None:
    blocked = Blocked()
    blocked.enable(0)
    for n in range(1, 5001):
        blocked.freed(("rest",), n)
    old = blocked.block(evaluation("old"), "rest", snapshot_n=10)
    assert old is not None
    assert old.modify_index == 5000
    for at in range(3000):
        blocked.block(evaluation(f"r{at}"), "rest", snapshot_n=3999)
    assert len(blocked) == 3000 - 1000
    assert blocked.block(evaluation("older"), "rest", snapshot_n=100) is not None
    assert blocked.block(evaluation("newest"), "rest", snapshot_n=5000) is None
