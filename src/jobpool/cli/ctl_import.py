"""`jobpoolctl import`: what other schedulers had, as documents, with warnings where a plan would not do the same."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_apply import finish, look, simple_or_json
from jobpool.cli.ctl_errors import FAILED, OK
from jobpool.cli.ctl_options import Leaf, Settings
from jobpool.cli.output import note, printable, show_plain_json

if TYPE_CHECKING:
    from jobpool.declare.importers import Imported, Warning

KINDS = ("crontab", "dkron", "k8s-cronjob", "original", "xxl-job")


@click.command("import", cls=Leaf)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("path", metavar="FILE|-")
@click.option("--tz", "time_zone", default="", metavar="ZONE", help="Of schedules that name none, as Europe/Berlin.")
@click.option("--system", is_flag=True, help="Of a crontab: each line names a user, as in /etc/crontab.")
@click.option("--strict", is_flag=True, help="Fail when there is a warning; nothing is printed or applied then.")
@click.option("--apply", "applied", is_flag=True, help="Apply the documents instead of printing them.")
@click.option("--ns", "--namespace", "namespace", default="default", help="With --apply: for plans that name none.")
@click.option("--owner", default="", metavar="NAME", help="With --apply: written into every plan.")
@click.pass_obj
def import_(
    settings: Settings,
    /,
    kind: str,
    path: str,
    *,
    time_zone: str,
    system: bool,
    strict: bool,
    applied: bool,
    namespace: str,
    owner: str,
) -> int:
    """Print another scheduler's jobs as documents for `apply`: to stdout; what differs goes to stderr.

    FILE holds a crontab, what `kubectl get cronjobs -o json` (or yaml) says, what Dkron's /v1/jobs or the original's
    list of plans answer, or rows of XXL-JOB's xxl_job_info as JSON.
    """
    from jobpool.cli.ctl_plan_file import read_text
    from jobpool.declare.importers import IMPORTERS, ImportOptions

    if system and kind != "crontab":
        raise click.UsageError("--system is said of a crontab")
    if not applied and (owner or namespace != "default"):
        raise click.UsageError("--ns and --owner go with --apply; `apply` takes them too")
    simple_or_json(settings)
    _check_zone(time_zone)
    options = ImportOptions(source=path, time_zone=time_zone, system=system)
    found = IMPORTERS[kind](read_text(path), options)
    _show_warnings(found.warnings, path)
    if strict and found.warnings:
        note(f"Error: {len(found.warnings)} warnings, and --strict wants none")
        return FAILED
    if not applied:
        show_documents(settings, found.documents)
        return OK
    return _apply(settings, found, path, namespace=namespace, owner=owner)


def show_documents(settings: Settings, documents: Sequence[Mapping[str, object]]) -> None:
    """As YAML, or as one JSON list."""
    from jobpool.declare import write_documents

    if settings.write_out == "json":
        show_plain_json(list(documents))
    else:
        click.echo(write_documents(documents), nl=False)


def _check_zone(name: str) -> None:
    from jobpool.timetable.zones import find_zone, similar_zones

    if name and find_zone(name) is None:
        near = " or ".join(similar_zones(name[:64]))
        hint = f"; did you mean {near}?" if near else ""
        raise click.BadParameter(f"wanted an IANA time zone, found {name[:64]!r}{hint}", param_hint="--tz")


def _show_warnings(warnings: "Sequence[Warning]", path: str) -> None:
    for warning in warnings:
        line = f":{warning.line}" if warning.line else ""
        item = f" {warning.item}:" if warning.item else ""
        note(printable(f"Warning: {path}{line}:{item} {warning.field}: {warning.text} [{warning.code}]"))


def _apply(settings: Settings, found: "Imported", path: str, *, namespace: str, owner: str) -> int:
    from jobpool.declare import Document

    documents = [Document(fields, f"{path}, plan {number}") for number, fields in enumerate(found.documents, 1)]
    return finish(settings, look(settings, documents, namespace=namespace, owner=owner))
