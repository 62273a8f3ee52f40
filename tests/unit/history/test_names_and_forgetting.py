"""Ids that callers brought find their runs in the file, and what was deleted is gone from every table."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from jobpool.history.frames import Rows
from jobpool.history.queries import (
    AllocationFilter,
    EvaluationFilter,
    GetJob,
    GetPart,
    JobFilter,
    ListAllocations,
    ListEvaluations,
    ListJobs,
    Query,
)
from jobpool.history.read_model import ReadModel
from jobpool.history.records import read_run
from jobpool.model.run import Alias, Run, allocation_id, evaluation_id
from jobpool.model.statuses import JobStatus
from jobpool.store.records import Forgotten, Segment
from tests.unit.history.samples import NOW, finished_run, segment

ALIASES = (Alias("look", "e", 2), Alias("put", "a", 1))
NAMED = replace(finished_run("a", nodes=("node-1", "node-2")), aliases=ALIASES)
PLAIN = finished_run("b")


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ReadModel]:
    model = ReadModel(tmp_path / "history.db")
    model.ingest(1, segment(NAMED, PLAIN))
    yield model
    model.close()


def found(model: ReadModel, query: Query) -> list[tuple[Run, int]]:
    answer = model.answer(query)
    assert isinstance(answer, Rows)
    assert answer.total == len(answer.items)
    return [(read_run(record), number) for record, number in answer.items]


def test_a_callers_id_finds_the_run_and_ours_does_still(model: ReadModel) -> None:
    assert found(model, GetPart("e", "look")) == [(NAMED, 0)]
    assert found(model, GetPart("a", "put")) == [(NAMED, 0)]
    assert found(model, GetPart("a", "look")) == []
    for name in ("look", evaluation_id(NAMED.id, 2)):
        assert found(model, ListEvaluations(EvaluationFilter(id=name))) == [(NAMED, 2)]
        assert found(model, ListAllocations(AllocationFilter(evaluation_id=name))) == [(NAMED, 2)]
    for name in ("put", allocation_id(NAMED.id, 1)):
        assert found(model, ListAllocations(AllocationFilter(id=name))) == [(NAMED, 1)]
    several = ListAllocations(AllocationFilter(ids=("put", allocation_id(PLAIN.id, 1), "nobody")))
    assert {(run.id, number) for run, number in found(model, several)} == {(NAMED.id, 1), (PLAIN.id, 1)}


def test_a_deleted_run_leaves_no_trace(model: ReadModel) -> None:
    model.ingest(2, Segment(NOW, (), (Forgotten(NAMED.id), Forgotten("nobody"))))
    assert found(model, ListJobs()) == [(PLAIN, 0)]
    assert found(model, ListEvaluations()) == [(PLAIN, 1)]
    assert found(model, ListAllocations()) == [(PLAIN, 1)]
    assert found(model, GetPart("e", "look")) == []
    assert found(model, ListJobs(JobFilter(statuses=(JobStatus.COMPLETE,)))) == [(PLAIN, 0)]


def test_a_deleted_part_is_gone_and_the_rest_stays(model: ReadModel) -> None:
    model.ingest(2, Segment(NOW, (), (Forgotten(NAMED.id, "e", 2), Forgotten(NAMED.id, "a", 1))))
    [(left, _)] = found(model, GetJob(NAMED.id))
    assert [it.number for it in left.evaluations] == [1]
    assert [it.number for it in left.attempts] == [2]
    assert left.aliases == ()
    assert found(model, GetPart("e", "look")) == []
    assert {(run.id, number) for run, number in found(model, ListAllocations())} == {(NAMED.id, 2), (PLAIN.id, 1)}
    assert {(run.id, number) for run, number in found(model, ListEvaluations())} == {(NAMED.id, 1), (PLAIN.id, 1)}


def test_what_was_deleted_and_added_again_is_there(model: ReadModel) -> None:
    model.ingest(2, Segment(NOW, (), (Forgotten(PLAIN.id),)))
    model.ingest(3, segment(PLAIN))
    assert {run.id for run, _ in found(model, ListJobs())} == {NAMED.id, PLAIN.id}


def test_what_a_crash_took_back_is_deleted_when_it_is_fed_again(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    model = ReadModel(path)
    model.ingest(1, segment(NAMED, PLAIN))
    model.commit()
    model.ingest(2, Segment(NOW, (), (Forgotten(NAMED.id),)))
    assert found(model, ListJobs()) == [(PLAIN, 0)]
    model._database.close()
    again = ReadModel(path)
    assert again.position.n == 1
    again.ingest(2, Segment(NOW, (), (Forgotten(NAMED.id),)))
    assert found(again, ListJobs()) == [(PLAIN, 0)]
    again.close()
