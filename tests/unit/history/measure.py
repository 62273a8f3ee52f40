"""What the read model costs: `python -m tests.unit.history.measure [runs] [plans]` prints ingest and page times.

Not a test: figures depend on the machine. Wanted: < 25 µs a run, any page of 1,000,000 runs < 300 ms.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from msgspec.structs import replace

from jobpool.history.queries import (
    AllocationFilter,
    EvaluationFilter,
    JobFilter,
    ListAllocations,
    ListBars,
    ListEnds,
    ListEvaluations,
    ListJobs,
    Query,
)
from jobpool.history.read_model import ReadModel
from jobpool.history.records import read_segment
from jobpool.kit.effects.dice import Dice
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.statuses import AllocationStatus, JobStatus
from tests.unit.history.samples import NOW, finished_run, stored

_SEGMENT = 100
_SAMPLE = finished_run("sample")


def some_run(k: int, plans: int, dice: Dice) -> Run:
    """The k-th run to end: five a millisecond, up to 2 s after it was created, 5 % not complete."""
    at, plan, node = NOW + k // 5 - dice.below(2_000), dice.below(plans), f"node-{dice.below(1_000)}"
    throw = dice.below(1_000)
    status = JobStatus.SKIPPED if throw == 0 else JobStatus.FAILED if throw < 50 else JobStatus.COMPLETE
    attempt = replace(_SAMPLE.attempts[0], created_at=at + 3, node_id=node, status=AllocationStatus(status))
    return replace(
        _SAMPLE,
        id=dice.ulid(at),
        created_at=at,
        plan_id=f"plan-{plan}",
        name=f"the plan no {plan}",
        namespace=("default", "ops", "etl")[plan % 3],
        status=status,
        evaluations=(replace(_SAMPLE.evaluations[0], created_at=at),),
        attempts=(attempt,),
    )


def fill(model: ReadModel, runs: int, plans: int) -> None:
    dice, spent = Dice(1), 0.0
    for first in range(0, runs, _SEGMENT):
        value = stored(*(some_run(first + k, plans, dice) for k in range(_SEGMENT)))
        began = time.perf_counter()
        model.ingest(first + 1, read_segment(value))
        if model.has_chores:
            model.chore(2 * _SEGMENT)
        if model.uncommitted >= 10_000:
            model.commit()
        spent += time.perf_counter() - began
    print(f"{'ingest':44} {spent / runs * 1e6:10.1f} µs a run")


def pages(runs: int) -> dict[str, Query]:
    failed, middle = (JobStatus.FAILED,), NOW + runs // 10
    return {
        "jobs, first page": ListJobs(),
        "jobs, page 500 of 1,000": ListJobs(offset=runs // 2, limit=1_000),
        "jobs of a namespace, deep": ListJobs(JobFilter(namespace="ops"), runs // 4, 1_000),
        "jobs of a plan and status": ListJobs(JobFilter(plan_id="plan-7", statuses=failed)),
        "jobs of a rare status": ListJobs(JobFilter(statuses=(JobStatus.SKIPPED,)), 10),
        "jobs of a node, status, namespace": ListJobs(JobFilter(node_id="node-7", statuses=failed, namespace="ops")),
        "jobs by part of the name": ListJobs(JobFilter(name="no 7", name_contains=True)),
        "jobs by a text of few plans": ListJobs(JobFilter(text="PLAN-77"), sought=True, limit=101),
        "jobs by a text of many plans": ListJobs(JobFilter(text="7"), sought=True, limit=101),
        "jobs by a text, counted": ListJobs(JobFilter(text="PLAN-77")),
        "jobs by a text that only a rare status has": ListJobs(
            JobFilter(text="plan-7", statuses=(JobStatus.SKIPPED,)), sought=True, limit=101
        ),
        "jobs by a text and a reason of none": ListJobs(
            JobFilter(text="7", reasons=(Reason.POISON,)), sought=True, limit=101
        ),
        "jobs of half the time, deep": ListJobs(JobFilter(created_after=middle), runs // 3, 1_000),
        "timeline of the newest minute": ListBars(JobFilter(), NOW + runs // 5 - 60_000, 1_001),
        "timeline of the oldest minute": ListBars(JobFilter(created_until=NOW + 60_000), NOW, 1_001),
        "timeline of a span with nothing, at the end": ListBars(JobFilter(), NOW + runs, 1_001),
        "timeline, 5,000 bars": ListBars(JobFilter(), NOW, 5_001),
        "the last 20 ends of 50 plans": ListEnds("default", tuple(f"plan-{3 * k}" for k in range(50)), 20),
        "the same, asked again": ListEnds("default", tuple(f"plan-{3 * k}" for k in range(50)), 20),
        "evaluations, deep": ListEvaluations(EvaluationFilter(), runs // 2, 1_000),
        "evaluations of a plan": ListEvaluations(EvaluationFilter(plan_id="plan-7")),
        "allocations of a node": ListAllocations(AllocationFilter(node_id="node-7")),
        "allocations by part of the name, on a node": ListAllocations(AllocationFilter(name="no 7", node_id="node-7")),
    }


def main(runs: int, plans: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = ReadModel(Path(folder) / "history.db")
        fill(model, runs, plans)
        for name, query in pages(runs).items():
            began = time.perf_counter()
            model.answer(query)
            print(f"{name:44} {(time.perf_counter() - began) * 1e3:10.1f} ms")
        model.close()
    print(f"{'memory at most':44} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:10} MiB")


if __name__ == "__main__":
    given = dict(enumerate(sys.argv[1:]))
    main(int(given.get(0, 1_000_000)), int(given.get(1, 1_000)))
