"""The read model agrees with a dumb list of runs, whatever is fed, deleted, reopened and asked."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from jobpool.history.frames import Cut, Found, Rows
from jobpool.history.merge import merged, widened
from jobpool.history.queries import (
    AllocationFilter,
    EvaluationFilter,
    GetJob,
    JobExists,
    JobFilter,
    ListAllocations,
    ListEvaluations,
    ListJobs,
    RetentionCut,
)
from jobpool.history.read_model import ReadModel
from jobpool.history.records import read_run
from jobpool.model.run import Run, allocation_id, evaluation_id
from jobpool.model.statuses import TERMINAL_JOB, AllocationStatus, EvaluationStatus, JobStatus
from jobpool.store.records import Forgotten, Segment
from tests.unit.history.samples import NOW, finished_run, segment

CAP = 6
NAMESPACES = ("default", "ops")
PLANS = ("backup", "report")
NODES = ("node-1", "node-2", "node-3")
NAMES = ("nightly backup", "backup", "weekly report")

instants = st.integers(NOW, NOW + 60)
runs = st.builds(
    finished_run,
    st.integers(0, 400).map(str),
    at=instants,
    namespace=st.sampled_from(NAMESPACES),
    plan=st.sampled_from(PLANS),
    status=st.sampled_from(sorted(TERMINAL_JOB)),
    nodes=st.lists(st.sampled_from(NODES), max_size=11).map(tuple),
    run_name=st.sampled_from(NAMES),
)
maybe_instant = st.none() | instants
one_of_names = st.sampled_from(("", "backup", "nightly backup", "report", "nobody"))
job_filters = st.builds(
    JobFilter,
    namespace=st.sampled_from(("", *NAMESPACES, "nobody")),
    plan_id=st.sampled_from(("", *PLANS, "nobody")),
    statuses=st.lists(st.sampled_from(sorted(JobStatus)), max_size=3).map(tuple),
    name=one_of_names,
    name_contains=st.booleans(),
    created_after=maybe_instant,
    created_until=maybe_instant,
    node_id=st.sampled_from(("", *NODES, "nobody")),
)
evaluation_filters = st.builds(
    EvaluationFilter,
    namespace=st.sampled_from(("", *NAMESPACES, "nobody")),
    status=st.none() | st.sampled_from(sorted(EvaluationStatus)),
    plan_id=st.sampled_from(("", *PLANS, "nobody")),
    created_after=maybe_instant,
    created_until=maybe_instant,
)
allocation_filters = st.builds(
    AllocationFilter,
    namespace=st.sampled_from(("", *NAMESPACES, "nobody")),
    statuses=st.lists(st.sampled_from(sorted(AllocationStatus)), max_size=3).map(tuple),
    plan_id=st.sampled_from(("", *PLANS, "nobody")),
    node_id=st.sampled_from(("", *NODES, "nobody")),
    name=one_of_names,
    created_after=maybe_instant,
    created_until=maybe_instant,
)
pages = st.tuples(st.integers(0, 12), st.integers(0, 8))


class Twin:
    """All segments as they came; everything else is worked out from them each time."""

    def __init__(self) -> None:
        self.segments: dict[int, tuple[int, tuple[Run, ...]]] = {}
        self.thinned: set[tuple[int, str]] = set()

    def feed(self, n: int, at: int, ended: tuple[Run, ...]) -> None:
        for run in ended:
            self._drop(run.id)
            self.segments.setdefault(n, (at, ()))
            self.segments[n] = (at, (*self.segments[n][1], run))
        self.segments.setdefault(n, (at, ()))

    def delete_before(self, n: int) -> None:
        self.segments = {k: v for k, v in self.segments.items() if k >= n}

    def thin(self) -> None:
        plans = {run.plan_key for run in self.runs()}
        for plan in plans:
            mine = sorted((run.created_at, run.id) for run in self.runs() if run.plan_key == plan)
            for _, run_id in mine[: max(0, len(mine) - CAP)]:
                self._drop(run_id)

    def runs(self) -> list[Run]:
        return [run for _, ended in self.segments.values() for run in ended]

    def forget(self, run_id: str) -> None:
        self._drop(run_id)

    def _drop(self, run_id: str) -> None:
        for k, (when, held) in self.segments.items():
            self.segments[k] = (when, tuple(run for run in held if run.id != run_id))

    def jobs(self, wanted: JobFilter) -> list[tuple[int, str]]:
        return sorted(((run.created_at, run.id) for run in self.runs() if wanted.matches(run)), reverse=True)

    def evaluations(self, wanted: EvaluationFilter) -> list[tuple[int, str]]:
        pairs = [(run, item) for run in self.runs() for item in run.evaluations if wanted.matches(run, item)]
        return sorted(((item.created_at, evaluation_id(run.id, item.number)) for run, item in pairs), reverse=True)

    def allocations(self, wanted: AllocationFilter) -> list[tuple[int, str]]:
        pairs = [(run, item) for run in self.runs() for item in run.attempts if wanted.matches(run, item)]
        return sorted(((item.created_at, allocation_id(run.id, item.number)) for run, item in pairs), reverse=True)


class ReadModelMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "history.db"
        self.model = ReadModel(self.path, runs_per_plan=CAP)
        self.twin = Twin()
        self.n = 0
        self.sizes: dict[int, tuple[int, int]] = {}

    def teardown(self) -> None:
        self.model.close()
        self.folder.cleanup()

    @rule(ended=st.lists(runs, max_size=5).map(tuple), skip=st.integers(1, 3), at=instants)
    def feed(self, ended: tuple[Run, ...], skip: int, at: int) -> None:
        self.n += skip
        self.model.ingest(self.n, segment(*ended, at=at))
        self.twin.feed(self.n, at, ended)
        self.sizes[self.n] = (at, len(ended))

    @precondition(lambda self: self.n)
    @rule(ended=st.lists(runs, min_size=1, max_size=2).map(tuple), back=st.integers(0, 3))
    def feed_again(self, ended: tuple[Run, ...], back: int) -> None:
        self.model.ingest(max(0, self.n - back), segment(*ended))

    @precondition(lambda self: self.twin.runs())
    @rule(data=st.data(), at=instants)
    def forget(self, data: st.DataObject, at: int) -> None:
        run = data.draw(st.sampled_from(self.twin.runs()))
        self.n += 1
        self.model.ingest(self.n, Segment(at, (), (Forgotten(run.id), Forgotten("nobody"))))
        self.twin.forget(run.id)
        self.twin.feed(self.n, at, ())
        self.sizes[self.n] = (at, 0)

    @rule(back=st.integers(0, 6), data=st.data())
    def delete(self, back: int, data: st.DataObject) -> None:
        below = max(0, self.n - back)
        self.model.delete_before(below)
        self._finish_chores(data.draw(st.integers(1, 4)))
        self.twin.delete_before(below)
        self.twin.thin()
        self.sizes = {n: size for n, size in self.sizes.items() if n >= below}

    @rule(step=st.integers(1, 4))
    def thin(self, step: int) -> None:
        self._finish_chores(step)
        self.twin.thin()

    @rule()
    def reopen(self) -> None:
        self.model.close()
        self.model = ReadModel(self.path, runs_per_plan=CAP)
        assert self.model.position.n == self.n

    def _finish_chores(self, step: int) -> None:
        self.model.answer(JobExists(JobFilter()))  # makes what has gathered known
        while self.model.has_chores:
            self.model.chore(step)

    @rule(wanted=job_filters, page=pages)
    def list_jobs(self, wanted: JobFilter, page: tuple[int, int]) -> None:
        expected = self.twin.jobs(wanted)
        self._compare(ListJobs(wanted, *page), expected)
        assert self.model.answer(JobExists(wanted)) == Found(bool(expected))

    @rule(wanted=evaluation_filters, page=pages)
    def list_evaluations(self, wanted: EvaluationFilter, page: tuple[int, int]) -> None:
        self._compare(ListEvaluations(wanted, *page), self.twin.evaluations(wanted))

    @rule(wanted=allocation_filters, page=pages)
    def list_allocations(self, wanted: AllocationFilter, page: tuple[int, int]) -> None:
        self._compare(ListAllocations(wanted, *page), self.twin.allocations(wanted))

    @precondition(lambda self: self.twin.runs())
    @rule(data=st.data(), number=st.integers(1, 3), wanted=job_filters)
    def look_up(self, data: st.DataObject, number: int, wanted: JobFilter) -> None:
        run = data.draw(st.sampled_from(self.twin.runs()))
        found = self.model.answer(GetJob(run.id))
        assert isinstance(found, Rows)
        assert [read_run(record) for record, _ in found.items] == [run]
        jobs = JobFilter(**{**_fields(wanted), "id": run.id})
        self._compare(ListJobs(jobs), self.twin.jobs(jobs))
        for evaluations in (EvaluationFilter(job_id=run.id), EvaluationFilter(id=evaluation_id(run.id, number))):
            self._compare(ListEvaluations(evaluations), self.twin.evaluations(evaluations))
        named = allocation_id(run.id, number)
        for allocations in (
            AllocationFilter(id=named),
            AllocationFilter(ids=(named, "nobody", allocation_id(run.id, 1))),
            AllocationFilter(job_id=run.id, namespace=wanted.namespace),
            AllocationFilter(evaluation_id=evaluation_id(run.id, number)),
        ):
            self._compare(ListAllocations(allocations), self.twin.allocations(allocations))

    @rule(older_than=instants, keep=st.integers(0, 30))
    def cut(self, older_than: int, keep: int) -> None:
        expected = None
        remaining = sum(size for _, size in self.sizes.values())
        for n, (at, size) in sorted(self.sizes.items()):
            if at >= older_than and remaining <= keep:
                break
            expected, remaining = n, remaining - size
        assert self.model.answer(RetentionCut(older_than, keep)) == Cut(expected)

    def _compare(self, query: ListJobs | ListEvaluations | ListAllocations, expected: list[tuple[int, str]]) -> None:
        found = self.model.answer(query)
        assert isinstance(found, Rows)
        assert found.total == len(expected)
        page = [_key(query, read_run(record), number) for record, number in found.items]
        assert page == expected[query.offset : query.offset + query.limit]
        behind = expected[: query.offset][-1:]
        sought = self.model.answer(replace(query, offset=0, sought=True, before=behind[0] if behind else None))
        assert isinstance(sought, Rows)
        assert sought.total == 0
        page = [_key(query, read_run(record), number) for record, number in sought.items]
        assert page == expected[len(expected[: query.offset]) :][: query.limit]

    @invariant()
    def every_run_is_there_once(self) -> None:
        self._compare(ListJobs(limit=1_000), self.twin.jobs(JobFilter()))


def _fields(wanted: JobFilter) -> dict[str, Any]:
    return {field: getattr(wanted, field) for field in wanted.__struct_fields__}


def _key(query: ListJobs | ListEvaluations | ListAllocations, run: Run, number: int) -> tuple[int, str]:
    if isinstance(query, ListJobs):
        return run.created_at, run.id
    if isinstance(query, ListEvaluations):
        created = next(item.created_at for item in run.evaluations if item.number == number)
        return created, evaluation_id(run.id, number)
    created = next(item.created_at for item in run.attempts if item.number == number)
    return created, allocation_id(run.id, number)


TestReadModel = ReadModelMachine.TestCase
TestReadModel.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)

keys = st.lists(st.tuples(st.integers(0, 20), st.text("ABC", min_size=1, max_size=3)), unique=True, max_size=40)


@given(everything=keys, live_marks=st.lists(st.booleans(), min_size=40, max_size=40), page=pages)
def test_a_merged_page_is_the_page_of_the_whole_list(
    everything: list[tuple[int, str]], live_marks: list[bool], page: tuple[int, int]
) -> None:
    everything.sort(reverse=True)
    live = [key for key, mark in zip(everything, live_marks, strict=False) if mark]
    finished = [key for key, mark in zip(everything, live_marks, strict=False) if not mark]
    start, count = widened(*page, len(live))
    fetched = finished[start : start + count]
    assert merged(live, fetched, key=lambda key: key, offset=page[0], limit=page[1]) == everything[page[0] :][: page[1]]
