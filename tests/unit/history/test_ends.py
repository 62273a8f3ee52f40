"""How the newest runs of several plans ended, by one question to the read model."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from jobpool.history.frames import Ends, pack, unpack_reply
from jobpool.history.queries import End, ListEnds
from jobpool.history.read_model import ReadModel
from jobpool.model.errors import InvalidArgument
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.statuses import JobStatus
from tests.unit.history.samples import NOW, finished_run, segment


def model_of(path: Path, *runs: Run) -> ReadModel:
    model = ReadModel(path / "history.db")
    for n, run in enumerate(runs, 1):
        model.ingest(n, segment(run))
    return model


def asked(model: ReadModel, *plans: str, limit: int = 20, namespace: str = "default") -> tuple[tuple[End, ...], ...]:
    answer = model.answer(ListEnds(namespace, plans, limit))
    assert isinstance(answer, Ends)
    assert unpack_reply(pack(answer)[4:]) == answer
    return answer.plans


def test_the_newest_of_each_plan_in_the_order_of_the_question(tmp_path: Path) -> None:
    runs = [finished_run(f"a{k}", at=NOW + k, plan="a") for k in range(5)]
    other = finished_run("b", at=NOW + 2, plan="b", status=JobStatus.FAILED)
    elsewhere = finished_run("c", at=NOW + 3, plan="a", namespace="ops")
    model = model_of(tmp_path, *reversed(runs), other, elsewhere)
    of_b, of_nobody, of_a = asked(model, "b", "nobody", "a", limit=3)
    assert [end.job_id for end in of_a] == [run.id for run in reversed(runs[2:])]
    assert of_nobody == ()
    assert [(end.job_id, end.status) for end in of_b] == [(other.id, JobStatus.FAILED)]
    assert [end.job_id for [end] in asked(model, "a", namespace="ops")] == [elsewhere.id]


def test_of_runs_made_at_once_the_one_that_was_due_last_is_the_newest(tmp_path: Path) -> None:
    late = [replace(finished_run(f"late {due}", at=NOW), scheduled_at=NOW - 10 + due) for due in range(3)]
    [ends] = asked(model_of(tmp_path, late[1], late[2], late[0]), "backup")
    assert [end.scheduled_at for end in ends] == [NOW - 8, NOW - 9, NOW - 10]


def test_what_is_told_of_an_end(tmp_path: Path) -> None:
    run = replace(finished_run("a"), started_at=NOW + 40, reason=Reason.EXIT_NONZERO, status=JobStatus.FAILED)
    skipped = replace(finished_run("b", at=NOW - 1), started_at=None, finished_at=None, status=JobStatus.SKIPPED)
    [[first, second]] = asked(model_of(tmp_path, run, skipped), "backup")
    assert first == End(run.id, JobStatus.FAILED, Reason.EXIT_NONZERO, NOW, NOW + 100, 60)
    assert (second.took, second.finished_at) == (None, skipped.updated_at)


def test_what_retention_takes_away_is_not_told(tmp_path: Path) -> None:
    model = model_of(tmp_path, *(finished_run(f"a{k}", at=NOW + k) for k in range(5)))
    model.delete_before(4)
    while model.has_chores:
        model.chore(10)
    assert [[end.scheduled_at for end in ends] for ends in asked(model, "backup")] == [[NOW + 4, NOW + 3]]


def test_a_limit_must_be_a_number() -> None:
    with pytest.raises(InvalidArgument, match="limit"):
        ListEnds("default", (), -1)
