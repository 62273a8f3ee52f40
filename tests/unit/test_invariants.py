"""The list of invariants and the tests that hold them say the same."""

import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parents[1]
LIST = TESTS.parent / "docs" / "invariants.md"
_MARK = re.compile(r'invariant\("([A-Z]-[0-9]+)"\)')
_READ = re.compile(r"^\| ([A-Z]-[0-9]+) \| [^|]+ \|$", re.MULTILINE)
_ROW = re.compile(r"^\| ([A-Z]-[0-9]+) \| .+ \| (.*) \|$", re.MULTILINE)


def marked() -> dict[str, set[str]]:
    """Where each id is named, as paths under `tests/`."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in TESTS.rglob("*.py"):
        for name in _MARK.findall(path.read_text()):
            found[name].add(str(path.relative_to(TESTS)))
    for path in TESTS.glob("scenarios/*.txt"):
        for name in re.findall(r"[A-Z]-[0-9]+", path.read_text().split("\n", 1)[0]):
            found[name].add(str(path.relative_to(TESTS)))
    return found


def test_every_listed_invariant_is_held_where_the_list_says() -> None:
    found = marked()
    rows = {name: set(re.findall(r"`([^`]+)`", where)) for name, where in _ROW.findall(LIST.read_text())}
    assert rows
    for name, where in rows.items():
        assert where, f"{name} is held by nothing"
        assert where <= found[name], f"{name}: {sorted(where - found[name])} do not name it"


def test_every_invariant_that_a_test_names_is_listed() -> None:
    assert set(marked()) == {name for name, _ in _ROW.findall(LIST.read_text())}


def test_of_the_parts_that_exist_every_invariant_is_held_or_read_in_our_terms() -> None:
    numbers = {"B": 22, "K": 9, "P": 16, "W": 7, "L": 6, "H": 9, "D": 3, "C": 9, "A": 3, "S": 4}
    known = {f"{letter}-{number}" for letter, most in numbers.items() for number in range(1, most + 1)}
    text = LIST.read_text()
    told = {name for name, _ in _ROW.findall(text)} | set(_READ.findall(text))
    assert known - told == {"P-5", "P-6", "P-14"}, (
        "replacing a run, what an agent still holds, preemption: parts that do not exist yet"
    )
