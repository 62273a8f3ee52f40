"""The long form of the experiments: one after another, each with a seed of its own; the result is JSON.

Exit code 0 when every one was clean. `kept` in the result: the directories of those that were not, with all logs.
"""

import asyncio
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import msgspec

from jobpool import __version__
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.testing.etcd import NO_ETCD, etcd_binary
from tests.e2e.cluster.experiments import EXPERIMENTS
from tests.e2e.cluster.hosts import why_no_network
from tests.e2e.cluster.trial import Report, Trial

_CLOCK = SystemClock()


class Result(msgspec.Struct):
    """Counts over all reports; milliseconds. `skipped`: experiments that this machine cannot do, and why."""

    clean: bool
    seed: int
    versions: dict[str, str]
    seconds: float
    experiments: int
    ticks: int
    starts: int
    writes: int
    lost: int
    doubled: int
    stuck: int
    missing: int
    overlapping: int
    troubles: int
    lateness_p50: int
    lateness_p99: int
    lateness_max: int
    failover_p50: int
    failover_p99: int
    failover_max: int
    skipped: dict[str, str]
    kept: list[str]
    reports: list[Report]


@click.command(context_settings={"show_default": True})
@click.option("--experiment", default="all", metavar="N|all", help=f"One of {', '.join(map(str, EXPERIMENTS))}.")
@click.option("--minutes", type=float, default=0, help="Begin again until so many are over; 0: each once.")
@click.option("--short", is_flag=True, help="As in CI.")
@click.option("--keep", is_flag=True, help="Keep the directories of clean ones too.")
@click.option("--seed", type=int, default=None, help="Of the first; each next one has the next number.")
@click.option("--json", "path", default="-", help="Where the result goes; - is the standard output.")
def main(*, experiment: str, minutes: float, short: bool, keep: bool, seed: int | None, path: str) -> None:
    """Do to clusters what may happen to them, and judge what became of every tick, run and acknowledged write."""
    if etcd_binary() is None:
        raise click.UsageError(NO_ETCD)
    chosen = _chosen(experiment)
    first = Dice().below(1 << 32) if seed is None else seed
    skipped = {}
    if any(EXPERIMENTS[number].network for number in chosen) and (lack := why_no_network()):
        skipped = {str(number): lack for number in chosen if EXPERIMENTS[number].network}
        click.echo(f"SKIPPED experiments {', '.join(skipped)}: {lack}", err=True)
        chosen = [number for number in chosen if str(number) not in skipped]
    began = _CLOCK.monotonic()
    reports: list[Report] = []
    kept: list[str] = []
    while chosen and (len(reports) < len(chosen) or _CLOCK.monotonic() - began < minutes * 60_000):
        directory = Path(tempfile.mkdtemp(prefix="jobpool-chaos-"))
        report = _do(chosen[len(reports) % len(chosen)], first + len(reports), directory, short=short)
        reports.append(report)
        if keep or not report.clean:
            kept.append(str(directory))
            click.echo(f"kept in {directory}", err=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    result = _result(reports, seed=first, seconds=(_CLOCK.monotonic() - began) / 1000, kept=kept, skipped=skipped)
    with click.open_file(path, "w") as out:
        out.write(msgspec.json.format(msgspec.json.encode(result)).decode() + "\n")
    sys.exit(0 if result.clean else 1)


def _chosen(experiment: str) -> list[int]:
    if experiment == "all":
        return list(EXPERIMENTS)
    if not experiment.isdecimal() or int(experiment) not in EXPERIMENTS:
        raise click.BadParameter(f"wanted one of {', '.join(map(str, EXPERIMENTS))}, or all, found {experiment!r}")
    return [int(experiment)]


def _do(number: int, seed: int, directory: Path, *, short: bool) -> Report:
    experiment = EXPERIMENTS[number]
    click.echo(f"experiment {number}: {experiment.title}, seed {seed}", err=True)
    report = asyncio.run(Trial(directory, experiment, experiment.short if short else experiment.long, seed).run())
    if not report.clean:
        click.echo(f"not clean: {report.verdict} {report.troubles} {report.problems}"[:4000], err=True)
    return report


def _result(reports: list[Report], *, seed: int, seconds: float, kept: list[str], skipped: dict[str, str]) -> Result:
    verdicts = [report.verdict for report in reports]
    failovers = sorted(span for report in reports for span in report.failovers if span >= 0)
    return Result(
        clean=all(report.clean for report in reports),
        seed=seed,
        versions=_versions(),
        seconds=seconds,
        experiments=len(reports),
        ticks=sum(one.ticks for one in verdicts),
        starts=sum(one.starts for one in verdicts),
        writes=sum(report.writes for report in reports),
        lost=sum(len(one.lost) for one in verdicts),
        doubled=sum(len(one.doubled) for one in verdicts),
        stuck=sum(len(one.stuck) for one in verdicts),
        missing=sum(len(one.missing) for one in verdicts),
        overlapping=sum(len(one.overlapping) for one in verdicts),
        troubles=sum(len(report.troubles) + len(report.problems) for report in reports),
        lateness_p50=max((report.lateness.p50 for report in reports), default=0),
        lateness_p99=max((report.lateness.p99 for report in reports), default=0),
        lateness_max=max((report.lateness.max for report in reports), default=0),
        failover_p50=failovers[len(failovers) // 2] if failovers else 0,
        failover_p99=failovers[len(failovers) * 99 // 100] if failovers else 0,
        failover_max=failovers[-1] if failovers else 0,
        skipped=skipped,
        kept=kept,
        reports=reports,
    )


def _versions() -> dict[str, str]:
    etcd = subprocess.run([str(etcd_binary()), "--version"], capture_output=True, text=True, check=True)
    return {
        "jobpool": __version__,
        "etcd": etcd.stdout.split("\n", 1)[0].rpartition(" ")[2],
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


if __name__ == "__main__":
    main()
