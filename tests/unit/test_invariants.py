"""The list of invariants and the tests that hold them say the same."""

import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parents[1]
LIST = TESTS.parent / "docs" / "invariants.md"
_MARK = re.compile(r'invariant\("([A-Z]-[0-9]+)"\)')
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
