"""`jobpool snapshot`: what is done with a snapshot where no server runs."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from jobpool.cli.options import advice, read_config
from jobpool.model.errors import JobpoolError

if TYPE_CHECKING:
    from jobpool.server.config import ServerConfig

Result = TypeVar("Result")

FORMATS = ("simple", "table", "json", "fields")
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
@click.option("--config-file", metavar="FILE", default="", help="The configuration of the server that is to go on.")
@click.option("--data-dir", metavar="DIR", help="A new or empty directory.  [default: ./<name>.jobpool]")
@click.option("--name", metavar="NAME", help="The server's name.  [default: default]")
@click.option("--etcd-endpoints", metavar="URL,…", help="An etcd that runs already, instead of a directory.")
@click.option("--etcd-prefix", metavar="PREFIX", help="An unused prefix there.  [default: /jobpool/v1/]")
@_write_out
def restore(*, file: str, config_file: str, write_out: str, **given: str | None) -> None:
    """Put a snapshot where a server begins: a new data directory, or an etcd that runs already.

    With the configuration of a server that has an etcd member, its new data directory holds a cluster of that one
    member: start this server, then let the others join it one by one (`jobpoolctl member add`).

    What was due since the snapshot does not run. Runs that were live in it end as its agents report them, or fail with
    the reason node_lost when the agents had their time to come back (30s, or more as the fleet needs).
    """
    from jobpool.cli.snapshot_views import show_snapshot
    from jobpool.etcd.config import MemberConfig
    from jobpool.kit.effects.clock import SystemClock
    from jobpool.kit.effects.logging import configure
    from jobpool.server.load import load
    from jobpool.server.restore import restore_for

    flags = {name.replace("_", "-"): value for name, value in given.items() if value is not None}
    try:
        config = load(flags, os.environ, read_config(config_file) if config_file else {}, path=config_file)
    except JobpoolError as error:
        _fail(error)
    if config.etcd is not None:
        configure("warning")
    restored = _done(restore_for(config, Path(file), SystemClock()))
    show_snapshot(file, restored.summary, write_out)
    place, how = _place(config)
    start = f"--config-file {config_file}" if config_file else how
    click.echo(
        f"restored into {place} as incarnation {restored.fence.incarnation}; start it: jobpool {start}", err=True
    )
    if isinstance(config.etcd, MemberConfig):
        click.echo("restore into one server only: the others join it by `jobpoolctl member add`", err=True)


def _place(config: "ServerConfig") -> tuple[str, str]:
    """Where it went, and the flags that make a server start there."""
    from jobpool.server.config import ExternalEtcd

    if isinstance(config.etcd, ExternalEtcd):
        flags = f"--etcd-endpoints {','.join(config.etcd.endpoints)} --etcd-prefix {config.etcd.prefix}"
        return f"etcd under {config.etcd.prefix}", flags
    return config.directory, f"--data-dir {config.directory}"


def _done(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except JobpoolError as error:
        _fail(error)


def _fail(error: JobpoolError) -> NoReturn:
    click.echo(f"jobpool: {error}{advice(error)}", err=True)
    sys.exit(1)
