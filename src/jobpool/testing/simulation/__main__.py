"""`python -m jobpool.testing.simulation`: tells stories until one breaks a promise, and then all of that one."""

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import count

import click

from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.testing.simulation.bugs import BUGS, Bug
from jobpool.testing.simulation.faults import FAULTS
from jobpool.testing.simulation.runner import PRODUCT, simulate
from jobpool.testing.simulation.story import Verdict

_HASH_SEED = "PYTHONHASHSEED"
_PRODUCT = Bug("none: the product as it is", PRODUCT, FAULTS)


def _line(at: Millis, who: str, what: str) -> str:
    return f"{at:>8} {who:8} {what}"


def _summary(verdict: Verdict) -> str:
    counts = f"{verdict.ticks} ticks, {verdict.starts} starts, {verdict.commits} commits, {verdict.terms} terms"
    return f"seed {verdict.seed}: {counts}: {'; '.join(verdict.broken) or 'every promise was kept'}"


def _seeds(first: int, stories: int, within: int) -> Iterator[int]:
    clock = SystemClock()
    end = clock.monotonic() + within * SECOND
    for seed in range(first, first + stories) if stories else count(first):
        if within and clock.monotonic() >= end:
            return
        yield seed


def _tell(seed: int, bug: Bug, *, span: Millis, verbose: bool) -> Verdict:
    def hear(at: Millis, who: str, what: str) -> None:
        click.echo(_line(at, who, what))

    return simulate(seed, variant=bug.variant, faults=bug.faults, span=span, hear=hear if verbose else None)


def _chosen(name: str) -> Bug:
    found = [bug for bug in BUGS if name in bug.name] if name else [_PRODUCT]
    if len(found) != 1:
        known = "\n  ".join(bug.name for bug in BUGS)
        raise click.BadParameter(f"wanted a part of one of these names, found {name!r}:\n  {known}", param_hint="--bug")
    return found[0]


@click.command()
@click.option("--seed", default=0, show_default=True, help="The first story's seed.")
@click.option("--stories", default=1, show_default=True, help="How many, seed by seed; 0 = without end.")
@click.option("--within", default=0, help="Begin no story after so many seconds.")
@click.option("--span", default=40, show_default=True, help="Seconds of faults in each, by the story's clock.")
@click.option("--bug", default="", help="Plant this bug (a part of its name); succeeds when it is noticed.")
@click.option("--verbose", is_flag=True, help="Tell all, as it happens.")
def main(seed: int, stories: int, within: int, span: int, bug: str, verbose: bool) -> None:
    """Tell stories of a cluster under faults. The same seed tells the same story."""
    planted = _chosen(bug)
    for number in _seeds(seed, stories, within):
        verdict = _tell(number, planted, span=span * SECOND, verbose=verbose)
        click.echo(_summary(verdict))
        if verdict.broken:
            _replay(verdict, quiet=bool(bug) or verbose)
            sys.exit(0 if bug else 1)
    sys.exit(1 if bug else 0)


def _replay(verdict: Verdict, *, quiet: bool) -> None:
    if not quiet:
        for entry in verdict.told:
            click.echo(_line(*entry))
        click.echo(f"again: python -m jobpool.testing.simulation --seed {verdict.seed} --verbose")


def _repeatably(arguments: Sequence[str]) -> None:
    """Sets are walked in the order of hashes: those of texts must be the same every time."""
    if os.environ.get(_HASH_SEED) != "0":
        command = [sys.executable, "-m", "jobpool.testing.simulation", *arguments]
        os.execve(sys.executable, command, {**os.environ, _HASH_SEED: "0"})


if __name__ == "__main__":
    _repeatably(sys.argv[1:])
    main()
