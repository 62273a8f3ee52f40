"""The command line of the bench."""

import asyncio
import platform
import tempfile
from pathlib import Path

import click
import msgspec

from jobpool import __version__
from jobpool.cli.bench.failover import failover
from jobpool.cli.bench.faults import NAMES
from jobpool.cli.bench.measures import CLUSTER, FULL, QUICK, Row, Scale
from jobpool.cli.bench.posts import Setup
from jobpool.cli.bench.rows import ROWS
from jobpool.cli.grid import show_table
from jobpool.etcd.binary import choose
from jobpool.kit.effects.logging import configure
from jobpool.model.errors import JobpoolError

_TIMES = 30
_SERVERS = 3


@click.command()
@click.option("--quick", is_flag=True, help="A small version that only shows that everything works.")
@click.option("--row", "wanted", multiple=True, type=click.Choice(list(ROWS)), help="Only these rows.")
@click.option("--rate", type=click.IntRange(min=1), help="Runs due each second in the throughput row.")
@click.option("--seconds", type=click.IntRange(min=1), help="How long to measure.")
@click.option("--cluster", "servers", type=click.IntRange(1, 9), help="So many servers, each with its own etcd.")
@click.option("--failover", "by_faults", is_flag=True, help="Only: how soon plans fire after the leader is lost.")
@click.option("--times", type=click.IntRange(min=1), default=_TIMES, show_default=True, help="How often it is lost.")
@click.option("--fault", "faults", multiple=True, type=click.Choice(NAMES), help="Only by these faults.")
@click.option("--etcd-binary", default="", metavar="FILE", help="The etcd of a cluster; default: the one on PATH.")
@click.option("-w", "--write-out", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--directory", type=click.Path(file_okay=False), help="Where the data goes; default: a temporary one.")
def bench(
    quick: bool,
    wanted: tuple[str, ...],
    rate: int | None,
    seconds: int | None,
    servers: int | None,
    by_faults: bool,
    times: int,
    faults: tuple[str, ...],
    etcd_binary: str,
    write_out: str,
    directory: str | None,
) -> None:
    """Measure this machine: throughput, lateness, memory, list pages, placement.

    Takes some minutes. The durable path is measured as it is: fsync on, real processes, loopback. With --cluster the
    servers, their etcd members and the agents share this machine; --failover measures a cluster of three unless
    --cluster says otherwise.
    """
    configure("warning")
    if servers is None:
        servers = _SERVERS if by_faults else 0
    setup = Setup(servers, etcd_binary)
    scale = QUICK if quick else CLUSTER if setup.clustered else FULL
    scale = msgspec.structs.replace(scale, rate=rate or scale.rate, seconds=seconds or scale.seconds)
    try:
        if by_faults:
            rows = asyncio.run(_by_faults(faults or NAMES, times, setup, directory))
        else:
            rows = asyncio.run(_measure(wanted or tuple(ROWS), scale, setup, directory))
    except JobpoolError as error:
        raise click.ClickException(str(error)) from error
    _print(rows, setup, as_json=write_out == "json")
    if troubles := [row.trouble for row in rows if row.trouble]:
        raise click.ClickException("; ".join(troubles))


async def _measure(wanted: tuple[str, ...], scale: Scale, setup: Setup, directory: str | None) -> list[Row]:
    await _check(setup)
    rows: list[Row] = []
    for name in wanted:
        with tempfile.TemporaryDirectory(prefix="jobpool-bench-", dir=directory) as place:
            click.echo(f"measuring {name} …", err=True)
            rows += _told(await ROWS[name](Path(place), scale, setup))
    return rows


async def _by_faults(wanted: tuple[str, ...], times: int, setup: Setup, directory: str | None) -> list[Row]:
    if setup.servers < _SERVERS:
        raise click.UsageError("--failover needs a cluster of three servers at least")
    await _check(setup)
    with tempfile.TemporaryDirectory(prefix="jobpool-bench-", dir=directory) as place:
        return _told(await failover(Path(place), setup, wanted=wanted, times=times))


def _told(rows: list[Row]) -> list[Row]:
    """Say them at once: what comes after may fail."""
    for row in rows:
        click.echo(f"  {row.name}: {row.value:,.2f} {row.unit}; {row.detail}", err=True)
    return rows


async def _check(setup: Setup) -> None:
    """Raises InvalidArgument when there is no etcd for a cluster."""
    if setup.clustered:
        await choose(setup.etcd_binary)


def _print(rows: list[Row], setup: Setup, *, as_json: bool) -> None:
    if not as_json:
        _print_table(rows)
        return
    machine = {"python": platform.python_version(), "system": platform.platform(), "jobpool": __version__}
    told = {"machine": machine, "servers": setup.servers or 1, "rows": rows}
    click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())


def _print_table(rows: list[Row]) -> None:
    show_table(("What", "Measured", "Floor", "Goal", "Detail"), [_cells(row) for row in rows])


def _cells(row: Row) -> tuple[str, ...]:
    figure = f"{row.value:,.0f}" if row.value >= 100 else f"{row.value:.2f}"
    return (row.name, f"{figure} {row.unit}", row.floor, row.goal, row.detail)
