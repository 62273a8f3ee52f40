"""The long form of the kill test: storms one after another, each with a seed of its own; the result is JSON.

Exit code 0 when every storm was clean. Each storm is judged whole, so it is kept to what journals and history hold:
at 200 runs a second about half an hour.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import click
import msgspec

from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from tests.e2e.oracle.storm import Report, Storm, Weather

_CLOCK = SystemClock()


class Result(msgspec.Struct):
    """`kept`: the directories of storms that were not clean, with all logs and journals."""

    clean: bool
    storms: int
    seconds: float
    ticks: int
    starts: int
    kills: int
    findings: int
    kept: list[str]
    reports: list[Report]


@click.command(context_settings={"show_default": True})
@click.option("--minutes", type=float, default=30, help="Begin no storm after this time.")
@click.option("--plans", type=click.IntRange(3), default=200, help="That fire every second.")
@click.option("--agents", type=click.IntRange(1), default=2)
@click.option("--kills", type=click.IntRange(1), default=60, help="Of the server, in each storm.")
@click.option("--agent-kills", type=click.IntRange(0), default=10, help="Of each agent, in each storm.")
@click.option("--gap", type=float, default=3, help="Seconds between two kills of the server, on average.")
@click.option("--seed", type=int, default=None, help="Of the first storm; each next one has the next number.")
@click.option("--json", "path", default="-", help="Where the result goes; - is the standard output.")
def main(
    *, minutes: float, plans: int, agents: int, kills: int, agent_kills: int, gap: float, seed: int | None, path: str
) -> None:
    """Kill servers and agents under load for a long time, and judge what became of every tick."""
    began = _CLOCK.monotonic()
    first = Dice().below(1 << 32) if seed is None else seed
    reports: list[Report] = []
    kept: list[str] = []
    while not reports or _CLOCK.monotonic() - began < minutes * 60_000:
        weather = Weather(first + len(reports), plans, agents, kills, agent_kills, gap)
        click.echo(f"storm {len(reports) + 1}, seed {weather.seed}", err=True)
        directory = Path(tempfile.mkdtemp(prefix="jobpool-soak-"))
        report = _blow(directory, weather)
        reports.append(report)
        if report.clean:
            shutil.rmtree(directory, ignore_errors=True)  # a child of the server may be just ending
        else:
            kept.append(str(directory))
            click.echo(f"not clean, kept in {directory}: {report.verdict} {report.troubles}"[:2000], err=True)
    result = _result(reports, kept, seconds=(_CLOCK.monotonic() - began) / 1000)
    with click.open_file(path, "w") as out:
        out.write(msgspec.json.format(msgspec.json.encode(result)).decode() + "\n")
    sys.exit(0 if result.clean else 1)


def _blow(directory: Path, weather: Weather) -> Report:
    storm = Storm(directory, weather)
    try:
        return asyncio.run(storm.blow())
    finally:
        storm.close()


def _result(reports: list[Report], kept: list[str], *, seconds: float) -> Result:
    verdicts = [report.verdict for report in reports]
    return Result(
        clean=all(report.clean for report in reports),
        storms=len(reports),
        seconds=seconds,
        ticks=sum(verdict.ticks for verdict in verdicts),
        starts=sum(verdict.starts for verdict in verdicts),
        kills=sum(len(report.kills) for report in reports),
        findings=sum(len(one.lost + one.doubled + one.stuck + one.missing + one.overlapping) for one in verdicts),
        kept=kept,
        reports=reports,
    )


if __name__ == "__main__":
    main()
