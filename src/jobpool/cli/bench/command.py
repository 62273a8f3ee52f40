"""The command line of the bench."""

import asyncio
import platform
import sys
import tempfile
from pathlib import Path

import click
import msgspec

from jobpool import __version__
from jobpool.cli.bench.rows import FULL, QUICK, ROWS, Row, Scale
from jobpool.kit.effects.logging import configure


@click.command()
@click.option("--quick", is_flag=True, help="A small version that only shows that everything works.")
@click.option("--row", "wanted", multiple=True, type=click.Choice(list(ROWS)), help="Only these rows.")
@click.option("--rate", type=click.IntRange(min=1), help="Runs due each second in the throughput row.")
@click.option("--seconds", type=click.IntRange(min=1), help="How long to measure.")
@click.option("-w", "--write-out", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--directory", type=click.Path(file_okay=False), help="Where the data goes; default: a temporary one.")
def bench(
    quick: bool,
    wanted: tuple[str, ...],
    rate: int | None,
    seconds: int | None,
    write_out: str,
    directory: str | None,
) -> None:
    """Measure this machine: throughput, lateness, memory, list pages, placement.

    Takes some minutes. The durable path is measured as it is: fsync on, real processes, loopback.
    """
    configure("warning")
    scale = QUICK if quick else FULL
    scale = msgspec.structs.replace(scale, rate=rate or scale.rate, seconds=seconds or scale.seconds)
    rows = asyncio.run(_measure(wanted or tuple(ROWS), scale, directory))
    if write_out == "json":
        machine = {"python": platform.python_version(), "system": platform.platform(), "jobpool": __version__}
        click.echo(msgspec.json.format(msgspec.json.encode({"machine": machine, "rows": rows}), indent=2).decode())
    else:
        _print_table(rows)


async def _measure(wanted: tuple[str, ...], scale: Scale, directory: str | None) -> list[Row]:
    rows: list[Row] = []
    for name in wanted:
        with tempfile.TemporaryDirectory(prefix="jobpool-bench-", dir=directory) as place:
            click.echo(f"measuring {name} …", err=True)
            rows += await ROWS[name](Path(place), scale)
    return rows


def _print_table(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "measured", "floor", "goal", "detail")
    for row in rows:
        figure = f"{row.value:,.0f}" if row.value >= 100 else f"{row.value:.2f}"
        table.add_row(row.name, f"{figure} {row.unit}", row.floor, row.goal, row.detail)
    Console(width=None if sys.stdout.isatty() else 200).print(table)
