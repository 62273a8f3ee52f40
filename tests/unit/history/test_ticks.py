"""The runs of one plan in the order of their ticks: pages, bounds, and since when none is missing."""

from collections.abc import Iterable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jobpool.history.frames import Ticks
from jobpool.history.queries import ListTicks
from jobpool.history.read_model import ReadModel
from jobpool.history.records import read_run
from jobpool.model.run import Run
from tests.unit.history.samples import NOW, finished_run, segment

SECOND = 1000


def run_of(name: str, tick: int, *, created: int | None = None, plan: str = "backup") -> Run:
    at = NOW + SECOND * (tick if created is None else created)
    return replace(finished_run(name, at=at, plan=plan), scheduled_at=NOW + SECOND * tick)


def model_of(path: Path, runs: Iterable[Run], *, runs_per_plan: int = 1000) -> ReadModel:
    model = ReadModel(path / "history.db", runs_per_plan=runs_per_plan)
    for n, run in enumerate(runs, 1):
        model.ingest(n, segment(run, at=run.updated_at))
    return model


def asked(model: ReadModel, query: ListTicks) -> tuple[int, list[Run]]:
    answer = model.answer(query)
    assert isinstance(answer, Ticks)
    return answer.known_from, [read_run(record) for record in answer.records]


@given(
    made=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9), st.sampled_from(["backup", "other"])), max_size=30),
    limit=st.integers(1, 5),
    since=st.none() | st.integers(-1, 7),
    until=st.none() | st.integers(-1, 7),
)
def test_pages_together_are_the_whole_in_order(
    tmp_path_factory, made: list[tuple[int, int, str]], *, limit: int, since: int | None, until: int | None
) -> None:
    runs = [run_of(str(at), tick, created=tick + late, plan=plan) for at, (tick, late, plan) in enumerate(made)]
    model = model_of(tmp_path_factory.mktemp("ticks"), runs)
    low, high = (None if bound is None else NOW + SECOND * bound for bound in (since, until))
    seen: list[Run] = []
    before = None
    while True:
        query = ListTicks("default", "backup", limit, low, high, before)
        _, page = asked(model, query)
        assert len(page) <= limit
        assert all(query.matches(run) for run in page)
        seen += page
        if len(page) < limit:
            break
        before = (page[-1].scheduled_at, page[-1].id)
    whole = ListTicks("default", "backup", 1000, low, high)
    wanted = [run for run in runs if whole.matches(run)]
    assert seen == sorted(wanted, key=lambda run: (run.scheduled_at, run.id), reverse=True)
    model.close()


def test_a_plan_that_nobody_knows_has_none(tmp_path: Path) -> None:
    model = model_of(tmp_path, [run_of("a", 1)])
    assert asked(model, ListTicks("default", "nobody", 10)) == (0, [])
    assert asked(model, ListTicks("other", "backup", 10)) == (0, [])
    model.close()


def test_nothing_is_missing_until_something_goes(tmp_path: Path) -> None:
    runs = [run_of(str(at), at) for at in range(5)]
    model = model_of(tmp_path, runs)
    assert asked(model, ListTicks("default", "backup", 10))[0] == 0
    model.delete_before(3)
    model.chore(100)
    known, left = asked(model, ListTicks("default", "backup", 10))
    assert left == runs[:1:-1]
    assert known == runs[2].updated_at, "what ended in the oldest commit that is left, or later, is there"
    model.close()


def test_of_a_plan_with_as_many_runs_as_are_kept_older_ones_may_have_gone(tmp_path: Path) -> None:
    model = model_of(tmp_path, [run_of(str(at), at) for at in range(5)], runs_per_plan=3)
    assert asked(model, ListTicks("default", "backup", 10))[0] == NOW
    while model.has_chores:
        model.chore(1)
    known, left = asked(model, ListTicks("default", "backup", 10))
    assert (known, len(left)) == (NOW + 2 * SECOND, 3)
    model.close()


def test_the_search_is_answered_by_the_index(tmp_path: Path) -> None:
    model = model_of(tmp_path, [run_of("a", 1)])
    model.commit()
    [(_, _, _, plan)] = model._database.execute(
        "EXPLAIN QUERY PLAN SELECT tick FROM runs INDEXED BY by_plan WHERE plan = 1 AND tick >= 0 AND tick <= 9 "
        "AND tick < 9 ORDER BY tick DESC LIMIT 1 OFFSET 9"
    ).fetchall()[:1]
    assert "USING COVERING INDEX by_plan" in plan
    model.close()
