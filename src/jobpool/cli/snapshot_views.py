"""What is said of a snapshot, by `jobpool` and `jobpoolctl` alike."""

from datetime import UTC, datetime

import click

from jobpool.cli.ctl_options import Settings
from jobpool.cli.formats import shown_plain
from jobpool.cli.output import show_table
from jobpool.wire.snapshot_file import Summary


def show_snapshot(path: str, summary: Summary, write_out: str) -> None:
    """Print it as `simple` lines, a `table`, `json` or `fields`."""
    fields = fields_of(path, summary)
    if shown_plain(Settings(write_out=write_out), fields):
        return
    if write_out == "table":
        titles = tuple(name.replace("_", " ").capitalize() for name in fields)
        show_table(titles, [tuple(str(value) for value in fields.values())])
    else:
        wide = max(len(name) for name in fields) + 1
        for name, value in fields.items():
            click.echo(f"{name + ':':<{wide}} {value}")


def fields_of(path: str, summary: Summary) -> dict[str, object]:
    """`created_at` as RFC 3339 in UTC, `size` in bytes, `sha256` of all but the last 32 of them."""
    created_at = datetime.fromtimestamp(summary.created_at / 1000, UTC).isoformat(timespec="seconds")
    return {
        "file": path,
        "format": summary.format,
        "created_at": created_at.replace("+00:00", "Z"),
        "keys": summary.keys,
        "incarnation": summary.incarnation,
        "term": summary.term,
        "n": summary.n,
        "size": summary.size,
        "sha256": summary.digest,
    }
