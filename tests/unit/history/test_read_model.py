"""The file behind the lists: what a crash takes back, what leaves no trace, what may go."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from jobpool.history.database import open_database
from jobpool.history.frames import Bars, Cut, Found, Hello, Rows
from jobpool.history.queries import (
    AllocationFilter,
    GetJob,
    JobExists,
    JobFilter,
    ListAllocations,
    ListBars,
    ListJobs,
    RetentionCut,
    bar_of,
)
from jobpool.history.read_model import ReadModel
from jobpool.history.records import read_run
from jobpool.kit.pure.durations import DAY
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.statuses import JobStatus, Trigger
from tests.unit.history.samples import NOW, finished_run, segment


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def model(path: Path) -> Iterator[ReadModel]:
    model = ReadModel(path, runs_per_plan=3)
    yield model
    model.close()


def listed(model: ReadModel, query: ListJobs | GetJob) -> list[Run]:
    found = model.answer(query)
    assert isinstance(found, Rows)
    return [read_run(record) for record, _ in found.items]


def finish_chores(model: ReadModel) -> None:
    while model.has_chores:
        model.chore(1)


def test_a_record_comes_back_whole(model: ReadModel) -> None:
    run = finished_run("a", nodes=("node-1", "node-2"))
    model.ingest(7, segment(run))
    assert listed(model, GetJob(run.id)) == [run]
    assert listed(model, GetJob("nobody")) == []
    assert model.position == Hello(0, 7)


def test_runs_of_one_instant_are_ordered_by_id(model: ReadModel) -> None:
    runs = [finished_run(name) for name in "abc"]
    model.ingest(1, segment(*runs))
    assert listed(model, ListJobs()) == sorted(runs, key=lambda run: run.id, reverse=True)


def test_the_tenth_attempt_is_ordered_as_text_among_those_of_its_instant(model: ReadModel) -> None:
    run = finished_run("a", nodes=("node-1",) * 11)
    model.ingest(1, segment(run))
    found = model.answer(ListAllocations(AllocationFilter(node_id="node-1"), 0, 3))
    assert isinstance(found, Rows)
    assert (found.total, [number for _, number in found.items]) == (11, [11, 10, 9])


def test_what_was_not_committed_is_gone_with_the_process_and_may_be_fed_again(path: Path) -> None:
    model = ReadModel(path)
    model.ingest(1, segment(finished_run("a")))
    model.commit()
    model.ingest(2, segment(finished_run("b")))
    assert len(listed(model, ListJobs())) == 2
    model._database.close()  # as kill -9 does

    again = ReadModel(path)
    assert again.position.n == 1
    again.ingest(2, segment(finished_run("b")))
    assert len(listed(again, ListJobs())) == 2
    again.close()


def test_a_text_is_sought_in_plans_and_names_beside_other_filters(model: ReadModel) -> None:
    by_plan = finished_run("a", plan="Nightly-1", run_name="")
    by_name = replace(finished_run("b", plan="x"), reason=Reason.TIMEOUT, trigger=Trigger.MANUAL)
    other = finished_run("c", plan="y", run_name="weekly", namespace="nightly")
    model.ingest(1, segment(by_plan, by_name, other))
    both = sorted((by_plan, by_name), key=lambda run: run.id, reverse=True)
    assert listed(model, ListJobs(JobFilter(text="NIGHTLY"))) == both
    assert listed(model, ListJobs(JobFilter(text="nightly", plan_id="x"))) == [by_name]
    assert listed(model, ListJobs(JobFilter(text="nightly", reasons=(Reason.TIMEOUT, Reason.POISON)))) == [by_name]
    assert listed(model, ListJobs(JobFilter(triggers=(Trigger.MANUAL,)))) == [by_name]
    assert model.answer(ListJobs(JobFilter(text="nightlys"))) == Rows(0, ())
    assert model.answer(ListJobs(JobFilter(text="%"))) == Rows(0, ())


def test_bars_are_the_runs_of_a_span_as_in_memory(model: ReadModel) -> None:
    runs = [
        finished_run("a", at=NOW),
        finished_run("b", at=NOW + 50, plan="report", nodes=()),
        replace(finished_run("c", at=NOW - DAY), finished_at=NOW + 120),
        finished_run("d", at=NOW + 200, nodes=("node-1", "node-2")),
        replace(finished_run("e", at=NOW + 10), finished_at=None),
    ]
    model.ingest(1, segment(*runs))
    for wanted in (
        ListBars(JobFilter(created_until=NOW + 100), NOW, 10),
        ListBars(JobFilter(created_until=NOW + 100), NOW + 111, 10),
        ListBars(JobFilter(created_until=NOW + 500), NOW, 10, placed=True),
        ListBars(JobFilter(plan_id="report"), NOW, 10),
        ListBars(JobFilter(node_id="node-2"), NOW, 10),
        ListBars(JobFilter(), NOW, 2),
        ListBars(JobFilter(plan_id="none"), NOW, 2),
    ):
        matching = sorted(filter(wanted.matches, runs), key=lambda run: (run.created_at, run.id), reverse=True)
        assert model.answer(wanted) == Bars(tuple(map(bar_of, matching[: wanted.limit])))


def test_a_segment_that_is_there_is_not_taken_twice(model: ReadModel) -> None:
    model.ingest(2, segment(finished_run("a")))
    model.ingest(2, segment(finished_run("b")))
    model.ingest(1, segment(finished_run("c")))
    assert listed(model, ListJobs()) == [finished_run("a")]


def test_of_two_runs_with_one_id_the_later_stays(model: ReadModel) -> None:
    model.ingest(1, segment(finished_run("a", status=JobStatus.FAILED)))
    assert model.answer(ListJobs(JobFilter(statuses=(JobStatus.FAILED,)), limit=0)) == Rows(1, ())
    model.ingest(2, segment(finished_run("a", status=JobStatus.COMPLETE)))
    assert model.answer(ListJobs(JobFilter(statuses=(JobStatus.FAILED,)))) == Rows(0, ())
    assert listed(model, ListJobs()) == [finished_run("a", status=JobStatus.COMPLETE)]


def test_a_plan_keeps_its_newest_runs(model: ReadModel) -> None:
    runs = [finished_run(f"r{at}", at=NOW + at) for at in range(5)]
    model.ingest(1, segment(*runs))
    model.ingest(2, segment(finished_run("other", plan="report")))
    assert model.answer(JobExists(JobFilter())) == Found(True)
    finish_chores(model)
    assert listed(model, ListJobs(JobFilter(plan_id="backup"))) == runs[:1:-1]
    assert model.answer(ListJobs(limit=0)) == Rows(4, ())


def test_a_chore_removes_no_more_than_it_may(model: ReadModel) -> None:
    model.ingest(1, segment(*(finished_run(f"r{at}", at=NOW + at) for at in range(9))))
    model.chore(2)
    assert model.answer(ListJobs(limit=0)) == Rows(7, ())
    assert model.has_chores


def test_chores_go_on_after_a_restart(path: Path) -> None:
    model = ReadModel(path, runs_per_plan=3)
    model.ingest(1, segment(*(finished_run(f"r{at}", at=NOW + at) for at in range(5))))
    model.ingest(2, segment(*(finished_run(f"n{at}", at=NOW + at, plan="report") for at in range(5))))
    model.delete_before(2)
    model.close()
    again = ReadModel(path, runs_per_plan=3)
    finish_chores(again)
    assert listed(again, ListJobs()) == [finished_run(f"n{at}", at=NOW + at, plan="report") for at in (4, 3, 2)]
    again.close()


def test_removed_runs_leave_nothing_behind(path: Path, model: ReadModel) -> None:
    for n in range(1, 4):
        run = finished_run(f"r{n}", namespace=f"ns{n}", plan=f"plan{n}", run_name=f"name{n}", nodes=(f"node{n}",) * n)
        model.ingest(n, segment(run))
    model.delete_before(4)
    finish_chores(model)
    model.commit()
    for table in ("runs", "evaluations", "attempts", "segments", "words"):
        assert model._database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    assert model._database.execute("SELECT sum(value) FROM counts").fetchone() == (0,)
    assert model.position.n == 3
    model.ingest(4, segment(finished_run("again", namespace="ns1")))
    assert listed(model, ListJobs(JobFilter(namespace="ns1"))) == [finished_run("again", namespace="ns1")]


@pytest.mark.invariant("G-4")
def test_retention_keeps_what_is_younger_than_its_age(model: ReadModel) -> None:
    for n, age in enumerate((92 * DAY, 91 * DAY, 90 * DAY, 89 * DAY), 1):
        model.ingest(n, segment(finished_run(f"r{n}", at=NOW - age), at=NOW - age))
    assert model.answer(RetentionCut(NOW - 90 * DAY, 1_000_000)) == Cut(2)
    assert model.answer(RetentionCut(NOW - 93 * DAY, 1_000_000)) == Cut(None)


def test_retention_cuts_whole_segments_beyond_the_count(model: ReadModel) -> None:
    for n in range(1, 6):
        model.ingest(n, segment(finished_run(f"a{n}"), finished_run(f"b{n}")))
    assert model.answer(RetentionCut(0, 10)) == Cut(None)
    assert model.answer(RetentionCut(0, 9)) == Cut(1)
    assert model.answer(RetentionCut(0, 4)) == Cut(3)
    model.delete_before(3)
    assert model.answer(RetentionCut(0, 6)) == Cut(None)
    assert model.answer(RetentionCut(0, 5)) == Cut(3)


def test_an_old_segment_behind_a_young_one_waits_for_it(model: ReadModel) -> None:
    """The clock may have gone back between two commits."""
    model.ingest(1, segment(finished_run("a"), at=NOW + 10))
    model.ingest(2, segment(finished_run("b"), at=NOW))
    assert model.answer(RetentionCut(NOW + 5, 100)) == Cut(None)


def test_another_incarnation_starts_from_nothing(model: ReadModel) -> None:
    model.ingest(9, segment(finished_run("a")))
    model.reset(5)
    assert model.position == Hello(5, 0)
    model.ingest(1, segment(finished_run("b")))
    assert listed(model, ListJobs()) == [finished_run("b")]


def test_a_file_of_another_schema_is_made_anew(path: Path) -> None:
    old = sqlite3.connect(path)
    old.execute("CREATE TABLE runs (id TEXT)")
    old.execute("PRAGMA user_version=1")
    old.close()
    model = ReadModel(path)
    assert model.position == Hello(0, 0)
    assert listed(model, ListJobs()) == []
    model.close()


def test_a_second_process_is_refused(path: Path, model: ReadModel) -> None:
    model.ingest(1, segment(finished_run("a")))
    model.commit()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        open_database(path, wait_s=0)


def test_every_scan_runs_over_an_index_in_list_order(path: Path, model: ReadModel) -> None:
    """A page must cost what it skips and returns, never a sort of the table."""
    for source, columns in (("runs INDEXED BY by_time", "row"), ("evaluations", "run"), ("attempts", "run")):
        plan = model._database.execute(
            f"EXPLAIN QUERY PLAN SELECT {columns}, id FROM {source} WHERE namespace = 1 AND created_at > 5"
            " ORDER BY created_at DESC, id DESC LIMIT 20 OFFSET 1000"
        ).fetchall()
        text = " ".join(line[3] for line in plan)
        assert "TEMP B-TREE" not in text
        assert "COVERING INDEX" in text or "PRIMARY KEY" in text
