"""`jobpoolctl snapshot`: save one of a running server; check and restore one by the program `jobpool` beside us.

jobpoolctl itself knows nothing of stores, so what needs one is done by the program that does.
"""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_options import PrefixGroup, Settings
from jobpool.cli.ctl_session import run
from jobpool.cli.formats import refuse_protobuf
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.pure.durations import format_duration

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.wire.snapshot_file import Summary

_JOBPOOL = (sys.executable, "-P", "-m", "jobpool.cli.server")


@click.group(cls=PrefixGroup)
def snapshot() -> None:
    """Backups: save, check, restore."""


@snapshot.command("save")
@click.argument("file")
@click.pass_obj
def save(settings: Settings, file: str) -> None:
    """Save all of a running server, as of one moment. Asked on the server's machine, unless it allows others."""
    from jobpool.cli.output import note
    from jobpool.cli.snapshot_views import show_snapshot

    refuse_protobuf(settings)
    clock = SystemClock()
    began = clock.monotonic()
    summary = run(settings, lambda client: _save(client, Path(file)))
    show_snapshot(file, summary, settings.write_out)
    note(f"saved in {format_duration(clock.monotonic() - began)}")


async def _save(client: "Client", path: Path) -> "Summary":
    from contextlib import aclosing

    from jobpool.client.snapshots import keep_snapshot

    async with aclosing(client.snapshot_save()) as pieces:
        return await keep_snapshot(pieces, path)


@snapshot.command("status")
@click.argument("file")
@click.pass_context
def status(ctx: click.Context, file: str) -> None:
    """Read all of a snapshot and say what is in it; exit code 1 when it is damaged."""
    refuse_protobuf(ctx.obj)
    ctx.exit(_jobpool(ctx.obj, "status", file))


@snapshot.command("restore")
@click.argument("file")
@click.option("--config-file", metavar="FILE", help="The configuration of the server that is to go on.")
@click.option("--data-dir", metavar="DIR", help="A new or empty directory.  [default: ./<name>.jobpool]")
@click.option("--name", metavar="NAME", help="The server's name.  [default: default]")
@click.option("--etcd-endpoints", metavar="URL,…", help="An etcd that runs already, instead of a directory.")
@click.option("--etcd-prefix", metavar="PREFIX", help="An unused prefix there.  [default: /jobpool/v1/]")
@click.pass_context
def restore(ctx: click.Context, /, *, file: str, **given: str | None) -> None:
    """Put a snapshot where a server begins: a new data directory, or an etcd that runs already."""
    refuse_protobuf(ctx.obj)
    words = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
    ctx.exit(_jobpool(ctx.obj, "restore", *words, file))


def _jobpool(settings: Settings, command: str, *words: str) -> int:
    """The exit code of `jobpool snapshot`, which speaks for itself."""
    *options, file = words
    line = (*_JOBPOOL, "snapshot", command, "-w", settings.write_out, *options, "--", file)
    return subprocess.call(line)  # noqa: S603 — our own program, without a shell
