"""Plays a scenario file: commands, a line of dashes, then what they answered. REWRITE=1 writes the answers anew."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from jobpool.kit.pure.durations import parse_duration

HERE = Path(__file__).parent
Command = Callable[[list[str], dict[str, str]], Iterable[str]]


def play(script: str, run: Command) -> str:
    """Each block of commands, up to its dashes, gets the lines that its commands answer."""
    out: list[str] = []
    answers: list[str] = []
    old_answer = False
    for line in script.splitlines():
        if old_answer and line:
            continue
        old_answer = False
        out.append(line)
        if line == "----":
            out += answers
            answers = []
            old_answer = True
        elif line and not line.startswith("#"):
            words = line.split()
            options = dict(word.split("=", 1) for word in words if "=" in word)
            answers += run([word for word in words if "=" not in word], options)
    assert not answers, "the last commands have no ---- line"
    return "\n".join(out) + "\n"


def told(path: Path, run: Command) -> None:
    """Hold the code to the file."""
    script = path.read_text()
    played = play(script, run)
    if os.environ.get("REWRITE"):
        path.write_text(played)
    assert played == script


def stories(pattern: str) -> Sequence[object]:
    """The files, each marked with the invariants that its first line names."""
    found = []
    for path in sorted(HERE.glob(pattern)):
        first = path.read_text().split("\n", 1)[0]
        ids = first.partition("(")[2].partition(")")[0].split(", ") if "(" in first else []
        found.append(pytest.param(path, id=path.stem, marks=[pytest.mark.invariant(name) for name in ids]))
    assert found, f"no story matches {pattern}"
    return found


def millis(options: dict[str, str], name: str = "at") -> int:
    return parse_duration(options.get(name, "0"))
