"""What `module`, `module:app` and a file name, and what is said of those that cannot be imported."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobpool.jobs.loading import ImportFailed, load_app, root_of
from jobpool.model.errors import InvalidArgument

JOBS = """
import jobpool

@jobpool.job(schedule="@daily")
def daily(): ...
"""
APP = """
import jobpool

app = jobpool.App("billing")
other = 5

@app.job(schedule="@daily")
def daily(): ...
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty directory; what is imported from it is forgotten after the test."""
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(place: Path, name: str, text: str) -> Path:
    file = place / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_module(place: Path) -> None:
    write(place, "nightly_jobs.py", JOBS)
    app = load_app("nightly_jobs", place)
    assert (app.name, list(app.jobs)) == ("nightly_jobs", ["nightly_jobs:daily"])
    assert root_of("nightly_jobs") == place.resolve()


def test_a_module_in_a_package(place: Path) -> None:
    write(place, "shop/__init__.py", "")
    write(place, "shop/jobs.py", APP)
    app = load_app("shop.jobs:app", place)
    assert (app.name, list(app.jobs)) == ("billing", ["shop.jobs:daily"])
    assert root_of("shop.jobs") == root_of("shop") == place.resolve()


@pytest.mark.parametrize("target", ["night.py", "./night.py"])
def test_a_file(place: Path, target: str) -> None:
    write(place, "night.py", JOBS)
    assert list(load_app(target, place).jobs) == ["night:daily"]


def test_a_file_elsewhere(place: Path) -> None:
    file = write(place, "src/shop/jobs/night.py", APP)
    write(place, "src/shop/__init__.py", "")
    write(place, "src/shop/jobs/__init__.py", "")
    assert list(load_app(f"{file}:app", place).jobs) == ["shop.jobs.night:daily"]
    assert root_of("shop.jobs.night") == (place / "src").resolve()


def test_what_is_installed_needs_no_path() -> None:
    assert root_of("json") is None
    assert root_of("msgspec") is None
    assert root_of("sys") is None


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("nowhere", "there is no module nowhere in "),
        ("nowhere.at.all", "there is no module nowhere in "),
        ("with_app.more", "there is no module with_app.more in "),
        ("nowhere.py", "there is no file "),
        ("a-b", "wanted module, module:app or a file"),
        ("a-b.py", "a-b.py cannot be imported: a-b is no name"),
        ("json.py", "the name json of .* belongs to .*json"),
        ("with_app", "there is no @jobpool.job in with_app; did you mean with_app:app?"),
        ("with_app:ap", "with_app has no App ap; did you mean with_app:app?"),
        ("with_app:other", "with_app has int 5, and no App other"),
        ("empty", "there is no @jobpool.job in empty$"),
        ("bare:app", "bare:app has no job: write @app.job on a function"),
    ],
)
def test_what_names_no_app(place: Path, target: str, why: str) -> None:
    write(place, "with_app.py", APP)
    write(place, "empty.py", "")
    write(place, "bare.py", "import jobpool\napp = jobpool.App('bare')\n")
    write(place, "json.py", JOBS)
    write(place, "a-b.py", JOBS)
    with pytest.raises(InvalidArgument, match=f"target: {why}"):
        load_app(target, place)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1\nimport no_such_thing\n", r"broken.py line 2: ModuleNotFoundError: .*no_such_thing.*; deploy with the"),
        ("def f():\n    raise ValueError('not today')\nf()\n", r"broken.py line 2: ValueError: not today$"),
        ("import sys\nsys.exit('no arguments')\n", r"broken.py line 2: SystemExit: no arguments$"),
        ("x = 1\ny = (\n", r"broken.py line 2: SyntaxError: .*never closed"),
        (
            "import jobpool\n@jobpool.job(schedule='nightly')\ndef f(): ...\n",
            r"broken.py line 2: schedule: wanted 5 fields",
        ),
    ],
)
def test_code_that_fails_is_told_by_its_line(place: Path, text: str, why: str) -> None:
    write(place, "broken.py", text)
    with pytest.raises(ImportFailed, match=f"broken cannot be imported: .*{why}") as failed:
        load_app("broken", place)
    assert failed.value.__cause__ is not None
