"""`docs/compatibility.md`: what a row says is the same is held by tests that exist."""

import re
from pathlib import Path

import jobpool
from jobpool.api.service import METHODS

ROOT = Path(jobpool.__file__).parents[2]
PAGE = (ROOT / "docs" / "compatibility.md").read_text()
SOURCES = {path.stem: path for path in (ROOT / "tests").rglob("test_*.py")}
NAMED = re.compile(r"`(tests/[\w/.]+|test_\w+(?:\.py)?)`")


def test_every_test_that_is_named_exists() -> None:
    names = set(NAMED.findall(PAGE))
    functions = set(re.findall(r"def (test_\w+)", "\n".join(path.read_text() for path in SOURCES.values())))
    missing = [
        name
        for name in names
        if not (ROOT / name).exists() and name.removesuffix(".py") not in SOURCES and name not in functions
    ]
    assert len(names) >= 50
    assert missing == []


def test_what_is_the_same_or_mended_is_tested() -> None:
    """By a test that the row names, or by those that its section begins with."""
    claimed = []
    for section in re.split(r"^##+ ", PAGE, flags=re.MULTILINE)[1:]:
        before, _, rows = section.partition("\n|")
        if NAMED.search(before):
            continue
        claimed += [row for row in rows.splitlines() if re.search(r"\| (same|mended|added)", row)]
    assert claimed
    assert [row for row in claimed if not NAMED.search(row)] == []


def test_every_call_of_the_original_is_held_by_both_transports() -> None:
    """The tests of `tests/conformance_api` ask each over gRPC and over REST."""
    asked = "\n".join(path.read_text() for path in (ROOT / "tests" / "conformance_api").glob("test_*.py"))
    originals = list(METHODS)[:40]
    assert (originals[0], originals[-1]) == ("PlanAdd", "QueueJobViewDetail")
    assert [call for call in originals if f'"{call}"' not in asked] == []
