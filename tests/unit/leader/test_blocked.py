"""The parked evaluations at scale."""

from functools import partial

import pytest

from jobpool.leader.blocked import Blocked
from jobpool.model.queued import QueuedEvaluation
from tests.unit.leader.work import calls_of


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


@pytest.mark.invariant("K-2")
def test_room_of_an_executor_that_nobody_has_met_waits_for_its_first() -> None:
    blocked = Blocked()
    blocked.enable(0)
    blocked.block(evaluation("r1"), "rest", snapshot_n=4)
    assert blocked.freed(("sql",), 5) == []
    assert "r1" in blocked
    early = blocked.block(evaluation("r2"), "sql", snapshot_n=4)
    assert early is not None
    assert early.modify_index == 5
    assert blocked.block(evaluation("r3"), "sql", snapshot_n=4) is None, "it was room for one"


@pytest.mark.invariant("K-9")
def test_the_work_of_a_wake_up_does_not_grow_with_what_is_parked() -> None:
    """64 evaluators park again what ten thousand commits wake: each of these costs the same, however many wait."""
    few, many = most_work(parked=100), most_work(parked=20_000)
    assert few == many < 60


def most_work(*, parked: int) -> int:
    """The most calls that one of a thousand wake-ups takes with the parking that follows."""
    blocked = Blocked()
    blocked.enable(0)
    for at in range(parked):
        blocked.block(evaluation(f"r{at}", created=at), "rest", snapshot_n=1)

    def once(n: int) -> None:
        (woken,) = blocked.freed(("rest",), n)
        blocked.block(woken, "rest", snapshot_n=n)

    most = max(calls_of(partial(once, n)) for n in range(2, 1002))
    assert len(blocked) == parked
    return most


@pytest.mark.invariant("K-9")
def test_room_for_nobody_is_remembered_within_bounds() -> None:
    blocked = Blocked()
    blocked.enable(0)
    for n in range(1, 10_001):
        blocked.freed(("rest",), n, count=3)
    assert len(blocked._groups["rest"]._unclaimed) <= 1024
