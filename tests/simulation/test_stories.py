"""Whole clusters under faults keep every promise; and the witness notices when one is broken.

Each test is a process of its own, so that its seeds tell the same stories everywhere. A seed that fails is told again
by `python -m jobpool.testing.simulation --seed N --verbose`.
"""

import os
import subprocess
import sys

import pytest

from jobpool.testing.simulation.bugs import BUGS, Bug

STORIES = 12
MOST = 60
"""Seeds within which each planted bug is noticed; most need one or two."""


def simulation(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jobpool.testing.simulation", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.invariant("H-1")
@pytest.mark.invariant("L-1")
@pytest.mark.invariant("L-6")
@pytest.mark.invariant("P-2")
@pytest.mark.invariant("P-11")
@pytest.mark.invariant("W-2")
@pytest.mark.parametrize("first", range(0, 4 * STORIES, STORIES))
def test_every_promise_is_kept(first: int) -> None:
    told = simulation("--seed", str(first), "--stories", str(STORIES))
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("every promise was kept") == STORIES


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_noticed(bug: Bug) -> None:
    told = simulation("--stories", str(MOST), "--bug", bug.name)
    assert told.returncode == 0, told.stdout + told.stderr


def test_a_seed_tells_the_same_story_again() -> None:
    one, other = (simulation("--seed", "3", "--span", "20", "--verbose") for _ in range(2))
    assert one.returncode == 0, one.stdout + one.stderr
    assert len(one.stdout.splitlines()) > 50
    assert one.stdout == other.stdout


def test_what_is_no_bug_is_refused_by_name() -> None:
    told = simulation("--bug", "no such bug")
    assert told.returncode == 2
    assert "two leaders write at once" in told.stderr
