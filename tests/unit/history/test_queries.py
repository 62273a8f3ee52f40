"""Filters mean the same for live runs as for finished ones; here on runs in memory."""

import pytest

from jobpool.history.queries import AllocationFilter, EvaluationFilter, JobFilter, ListJobs, RetentionCut
from jobpool.model.errors import InvalidArgument
from jobpool.model.reasons import Reason
from jobpool.model.run import allocation_id, evaluation_id
from jobpool.model.statuses import AllocationStatus, EvaluationStatus, JobStatus, Trigger
from tests.unit.history.samples import NOW, finished_run

RUN = finished_run("a", status=JobStatus.EXPIRED, nodes=("node-1", "node-2"))


@pytest.mark.parametrize(
    "wanted",
    [
        JobFilter(),
        JobFilter(id=RUN.id, namespace="default", plan_id="backup", node_id="node-2"),
        JobFilter(statuses=(JobStatus.FAILED, JobStatus.EXPIRED)),
        JobFilter(name="nightly backup"),
        JobFilter(name="backup", name_contains=True),
        JobFilter(created_after=NOW - 1, created_until=NOW),
        JobFilter(text="BACK"),
        JobFilter(text="nightly"),
        JobFilter(reasons=(Reason.NONE, Reason.POISON), triggers=(Trigger.SCHEDULE,)),
    ],
)
def test_jobs_that_match(wanted: JobFilter) -> None:
    assert wanted.matches(RUN)


@pytest.mark.parametrize(
    "wanted",
    [
        JobFilter(id=RUN.id[:-1]),
        JobFilter(namespace="ops"),
        JobFilter(plan_id="back"),
        JobFilter(statuses=(JobStatus.FAILED,)),
        JobFilter(name="backup"),
        JobFilter(name="Backup", name_contains=True),
        JobFilter(node_id="node-1"),
        JobFilter(created_after=NOW),
        JobFilter(created_until=NOW - 1),
        JobFilter(text="nightly-backup"),
        JobFilter(text="default"),
        JobFilter(reasons=(Reason.POISON,)),
        JobFilter(triggers=(Trigger.MANUAL, Trigger.RERUN)),
    ],
)
def test_jobs_that_do_not_match(wanted: JobFilter) -> None:
    assert not wanted.matches(RUN)


def test_evaluations_match_by_their_own_time_and_status() -> None:
    first, second = RUN.evaluations
    assert EvaluationFilter(created_after=NOW).matches(RUN, second)
    assert not EvaluationFilter(created_after=NOW).matches(RUN, first)
    assert EvaluationFilter(id=evaluation_id(RUN.id, 2)).matches(RUN, second)
    assert not EvaluationFilter(id=evaluation_id(RUN.id, 2)).matches(RUN, first)
    assert EvaluationFilter(status=EvaluationStatus.COMPLETE, job_id=RUN.id).matches(RUN, first)
    assert not EvaluationFilter(status=EvaluationStatus.BLOCKED).matches(RUN, first)


def test_allocations_match_by_node_evaluation_and_part_of_the_name() -> None:
    first, second = RUN.attempts
    assert AllocationFilter(node_id="node-1", name="night").matches(RUN, first)
    assert not AllocationFilter(node_id="node-1").matches(RUN, second)
    assert AllocationFilter(evaluation_id=evaluation_id(RUN.id, 2)).matches(RUN, second)
    assert AllocationFilter(ids=(allocation_id(RUN.id, 1),)).matches(RUN, first)
    assert not AllocationFilter(ids=(allocation_id(RUN.id, 1),)).matches(RUN, second)
    assert AllocationFilter(statuses=(AllocationStatus.EXPIRED,)).matches(RUN, second)
    assert not AllocationFilter(name="weekly").matches(RUN, first)


def test_a_query_that_sqlite_could_not_hold_is_refused_by_field() -> None:
    with pytest.raises(InvalidArgument, match="created_after"):
        JobFilter(created_after=1 << 63)
    with pytest.raises(InvalidArgument, match="created_until"):
        AllocationFilter(created_until=-(1 << 63) - 1)
    with pytest.raises(InvalidArgument, match="created_after"):
        EvaluationFilter(created_after=1 << 80)
    with pytest.raises(InvalidArgument, match="offset"):
        ListJobs(offset=-1)
    with pytest.raises(InvalidArgument, match="limit"):
        ListJobs(limit=-1)
    with pytest.raises(InvalidArgument, match="keep_runs"):
        RetentionCut(NOW, -1)
