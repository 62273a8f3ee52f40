"""`jobpool snapshot`: what is done with a snapshot where no server runs."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from jobpool.cli.options import advice
from jobpool.model.errors import JobpoolError

Result = TypeVar("Result")

FORMATS = ("simple", "table", "json")
_write_out = click.option(
    "-w", "--write-out", type=click.Choice(FORMATS), default="simple", show_default=True, help="How to print."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def snapshot() -> None:
    """Check a snapshot, or restore one. `jobpoolctl snapshot save FILE` makes one of a running server."""


@snapshot.command("status")
@click.argument("file")
@_write_out
def status(file: str, write_out: str) -> None:
    """Read all of a snapshot and say what is in it; exit code 1 when it is damaged."""
    from jobpool.cli.snapshot_views import show_snapshot
    from jobpool.store.snapshot import check_snapshot

    show_snapshot(file, _done(check_snapshot(Path(file))), write_out)


@snapshot.command("restore")
@click.argument("file")
@click.option("--data-dir", metavar="DIR", default="", help="A new or empty directory.  [default: ./<name>.jobpool]")
@click.option("--name", metavar="NAME", help="The server's name.  [default: default]")
@_write_out
def restore(file: str, *, data_dir: str, name: str | None, write_out: str) -> None:
    """Fill a new data directory from a snapshot, for a server to start from.

    What was due since the snapshot does not run. Runs that were live in it end as its agents report them, or fail with
    the reason node_lost when the agents had failover-heartbeat-ttl to come back.
    """
    from jobpool.cli.snapshot_views import show_snapshot
    from jobpool.kit.effects.clock import SystemClock
    from jobpool.server.load import load
    from jobpool.server.restore import restore as fill

    try:
        directory = load({"data-dir": data_dir} | ({"name": name} if name is not None else {}), {}, {}).directory
    except JobpoolError as error:
        _fail(error)
    restored = _done(fill(Path(file), Path(directory), SystemClock().now()))
    show_snapshot(file, restored.summary, write_out)
    click.echo(
        f"restored into {directory} as incarnation {restored.fence.incarnation}; "
        f"start it: jobpool --data-dir {directory}",
        err=True,
    )


def _done(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except JobpoolError as error:
        _fail(error)


def _fail(error: JobpoolError) -> NoReturn:
    click.echo(f"jobpool: {error}{advice(error)}", err=True)
    sys.exit(1)
