"""docs/api.md names every code and every decision."""

import re
from pathlib import Path

import jobpool
from jobpool.api.ledger import Decision
from jobpool.explain import Code, Verdict

API = (Path(jobpool.__file__).parents[2] / "docs" / "api.md").read_text()


def first_words(name: str) -> list[str]:
    lines = API.split(f"<!-- {name} -->\n", 1)[1].splitlines()[2:]
    rows = lines[: next(at for at, line in enumerate(lines) if not line.startswith("|"))]
    return [word for row in rows for word in re.findall(r"`(\w+)`", row.split("|")[1])]


def test_every_code_is_documented() -> None:
    assert sorted(first_words("codes")) == sorted(Code)


def test_every_decision_of_the_ledger_is_documented() -> None:
    assert first_words("decisions") == list(Decision)


def test_every_verdict_is_documented() -> None:
    told = API.split("## Explanations", 1)[1].split("<!-- codes -->")[0]
    assert all(f"`{verdict}`" in told for verdict in Verdict)
