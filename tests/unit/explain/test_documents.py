"""docs/api.md names every code and every decision."""

import re
from pathlib import Path

import click

import jobpool
from jobpool import explain
from jobpool.api.ledger import Decision
from jobpool.cli.ctl import root
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


def test_every_command_that_is_advised_is_there() -> None:
    """By its name and its options, as the sources of the explanations spell them."""
    sources = [path.read_text() for path in Path(explain.__file__).parent.glob("*.py")]
    advised = [line for text in sources for line in re.findall(r"jobpoolctl ([^;,\"]+)", text)]
    assert len(advised) > 10
    for words in (line.split() for line in advised):
        command: click.Command = root
        while isinstance(command, click.Group) and words:
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, words
            command = found
        options = {name for param in command.params for name in param.opts}
        assert {word for word in words if word.startswith("--")} <= options, (command.name, words)
