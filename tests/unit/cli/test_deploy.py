"""What `jobpool deploy` makes of its flags; what it does on a server is in tests/e2e/test_deploy.py."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobpool.cli.deploy import deploy, documents_of
from jobpool.jobs import App
from jobpool.jobs.options import Options
from jobpool.model.errors import InvalidArgument

HERE = str(Path(__file__).parents[0])


def job() -> None: ...


def other() -> None: ...


def parameters(app: App, over: Options) -> list[object]:
    return [document.fields["parameters"] for document in documents_of(app, over)]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """Two jobs of a module that was found in this directory."""
    for function in (job, other):
        monkeypatch.setattr(function, "__module__", "deployed")
    monkeypatch.setitem(sys.modules, "deployed", sys.modules[__name__])
    app = App("shop")
    app.job(job)
    app.job(path=["/srv/other"])(other)
    return app


def test_the_path_is_where_the_module_was_found_unless_one_is_said(app: App) -> None:
    assert parameters(app, Options()) == [
        {"entry": "deployed:job", "path": [HERE]},
        {"entry": "deployed:other", "path": ["/srv/other"]},
    ]
    flags = Options(path=("/srv/app", "/srv/lib"), venv="/srv/venv")
    assert parameters(app, flags)[1] == {
        "entry": "deployed:other",
        "path": ["/srv/app", "/srv/lib"],
        "venv": "/srv/venv",
    }


def test_an_app_can_say_the_path_for_all(app: App) -> None:
    shop = App("shop", path=["/srv/shop"])
    shop.job(job)
    assert parameters(shop, Options()) == [{"entry": "deployed:job", "path": ["/srv/shop"]}]


def test_no_path(app: App) -> None:
    found = parameters(app, Options(path=()))
    assert found == [{"entry": "deployed:job", "path": []}, {"entry": "deployed:other", "path": []}]


def test_every_document_says_whose_it_is(app: App) -> None:
    assert [document.place for document in documents_of(app, Options())] == ["deployed:job", "deployed:other"]


def test_a_flag_that_no_plan_can_hold_is_told_by_its_name(app: App) -> None:
    with pytest.raises(InvalidArgument, match="venv: wanted an absolute path"):
        documents_of(app, Options(venv=".venv"))


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["nowhere"], 3, "Error: target: there is no module nowhere"),
        (["nowhere", "--path", "/srv", "--no-path"], 3, "Error: no-path: a path is given by --path"),
        (["a", "b"], 2, "unexpected extra argument"),
        ([], 2, "Missing argument 'TARGET'"),
        (["x", "--timeout", "soon"], 2, "such as 90s"),
        (["x", "--endpoints", ","], 2, "found nothing"),
    ],
)
def test_arguments_that_make_no_sense(words: list[str], code: int, told: str) -> None:
    answer = CliRunner().invoke(deploy, words)
    assert answer.exit_code == code
    assert told in answer.stderr


def test_a_traceback_of_the_module_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad_jobs.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    quiet, loud = (CliRunner().invoke(deploy, ["bad_jobs", *words]) for words in ((), ("--debug",)))
    for answer in (quiet, loud):
        assert answer.exit_code == 3
        assert "bad_jobs.py line 1: ZeroDivisionError: division by zero" in answer.stderr
    assert "Traceback" not in quiet.stderr
    assert "Traceback" in loud.stderr
