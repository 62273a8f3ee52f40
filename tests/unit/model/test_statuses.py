"""Which status may follow which: every status is told of, terminal ones have no successor, nothing is out of reach."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from jobpool.model import transitions
from jobpool.model.statuses import (
    TERMINAL_ALLOCATION,
    TERMINAL_EVALUATION,
    TERMINAL_JOB,
    AllocationStatus,
    EvaluationStatus,
    JobStatus,
    NodeStatus,
    PlanStatus,
)

TABLES: list[tuple[type[StrEnum], Mapping[Any, frozenset[Any]], frozenset[Any]]] = [
    (JobStatus, transitions.JOB, TERMINAL_JOB),
    (EvaluationStatus, transitions.EVALUATION, TERMINAL_EVALUATION),
    (AllocationStatus, transitions.ALLOCATION, TERMINAL_ALLOCATION),
    (NodeStatus, transitions.NODE, frozenset()),
    (PlanStatus, transitions.PLAN, frozenset()),
]
BORN_ONLY = {
    JobStatus.PENDING,
    JobStatus.SKIPPED,
    AllocationStatus.PENDING,
    NodeStatus.DISCONNECTED,
}
"""What no other status leads to: a record begins with it, or nothing sets it yet."""


@pytest.mark.invariant("A-3")
@pytest.mark.parametrize(("statuses", "table", "terminal"), TABLES, ids=lambda it: getattr(it, "__name__", ""))
def test_the_table_is_complete(
    statuses: type[StrEnum], table: Mapping[Any, frozenset[Any]], terminal: frozenset[Any]
) -> None:
    assert set(table) == set(statuses)
    for status, following in table.items():
        assert following <= set(statuses)
        assert status not in following, "staying is no transition"
        assert bool(following) == (status not in terminal)
    reached = set().union(*table.values())
    assert set(statuses) - reached <= BORN_ONLY


def test_a_node_that_was_given_up_never_becomes_ready_at_once() -> None:
    assert transitions.NODE[NodeStatus.DOWN] == {NodeStatus.INITIALIZING}


def test_words_are_those_of_the_wire() -> None:
    assert (EvaluationStatus.CANCELED, JobStatus.CANCELLED, AllocationStatus.CANCELLED) == (
        "canceled",
        "cancelled",
        "cancelled",
    )
