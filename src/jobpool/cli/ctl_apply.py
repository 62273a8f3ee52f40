"""`jobpoolctl apply` and `diff`: plans as documents, compared with what is stored, and made so."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jobpool.cli.ctl_errors import FAILED, INVALID_INPUT, OK
from jobpool.cli.ctl_options import Leaf, Settings, UnsupportedFormat
from jobpool.cli.ctl_session import run
from jobpool.cli.output import note, show_plain_json

if TYPE_CHECKING:
    from jobpool.declare import Document, Report, Survey

Function = TypeVar("Function", bound=Callable[..., Any])


def _of_documents(function: Function) -> Function:
    for decorate in (
        click.option("--prune", is_flag=True, help="With --owner: also delete its plans that no document names."),
        click.option("--owner", default="", metavar="NAME", help="Written into every plan as its owner."),
        click.option("--ns", "--namespace", "namespace", default="default", help="For documents that name none."),
        click.option(
            "-f",
            "--file",
            "paths",
            multiple=True,
            required=True,
            metavar="DIR|FILE|-",
            help="Plans in YAML or JSON (repeatable); of a directory all files below it.",
        ),
    ):
        function = decorate(function)
    return function


@click.command("diff", cls=Leaf)
@_of_documents
@click.pass_obj
def diff(settings: Settings, /, paths: tuple[str, ...], *, namespace: str, owner: str, prune: bool) -> int:
    """Show what `apply` would change: fields, and next fires before and after.

    Exit code 0: nothing; 1: something; 3: a plan would be refused.
    """
    found = look(settings, _documents(settings, paths), namespace=namespace, owner=owner, prune=prune, fires=True)
    _show(settings, found)
    if found.failed:
        return INVALID_INPUT
    return FAILED if found.differs else OK


@click.command("apply", cls=Leaf)
@_of_documents
@click.option("-y", "--yes", is_flag=True, help="Delete without asking.")
@click.pass_obj
def apply(settings: Settings, /, paths: tuple[str, ...], *, namespace: str, owner: str, prune: bool, yes: bool) -> int:
    """Make the stored plans what documents say: add, change, with --prune delete.

    A field that a document leaves out goes back to its default; `status`, a pause and `periodic.enabled` stay as they
    were set. A plan that somebody changed meanwhile is left as it is and reported. Exit code 1: a plan failed.
    """
    found = look(settings, _documents(settings, paths), namespace=namespace, owner=owner, prune=prune)
    if found.deletions and not yes:
        agree(found)
    return finish(settings, found)


def look(
    settings: Settings,
    documents: "Sequence[Document]",
    *,
    namespace: str,
    owner: str = "",
    prune: bool = False,
    fires: bool = False,
) -> "Survey":
    """What applying the documents would do; `fires`: with the next fires before and after."""
    from jobpool.client import Client
    from jobpool.declare import survey, with_fires

    async def ask(client: Client) -> "Survey":
        found = await survey(client, documents, namespace=namespace, owner=owner, prune=prune)
        return await with_fires(client, found) if fires else found

    return run(settings, ask)


def agree(found: "Survey") -> None:
    """Ask whether to delete. Raises UsageError without a terminal to ask at, Abort when the answer is no."""
    for step in found.deletions:
        runs = f"; {step.live} of its runs go on to their end" if step.live else ""
        note(f"- plan {step.name}{runs}")
    if not sys.stdin.isatty():
        raise click.UsageError("plans would be deleted, and there is no terminal to ask at: --yes deletes them")
    click.confirm(f"Delete {len(found.deletions)} of the plans?", abort=True, err=True)


def finish(settings: Settings, found: "Survey") -> int:
    """Do what was found, show it, and return the exit code."""
    from jobpool.cli.ctl_diff_view import show_report, steps_as_data
    from jobpool.client import Client
    from jobpool.declare import carry_out

    async def act(client: Client) -> "Report":
        return await carry_out(client, found)

    report = run(settings, act)
    if settings.write_out == "json":
        show_plain_json(steps_as_data(report.steps))
    else:
        show_report(report)
    return FAILED if report.failed else OK


def _documents(settings: Settings, paths: tuple[str, ...]) -> "list[Document]":
    from jobpool.cli.ctl_plan_file import read_all

    simple_or_json(settings)
    return read_all(paths)


def simple_or_json(settings: Settings) -> None:
    """Raises UnsupportedFormat for other forms: what is shown here is no message."""
    if settings.write_out not in ("simple", "json"):
        raise UnsupportedFormat(f"this is shown as simple or json, not as {settings.write_out}")


def _show(settings: Settings, found: "Survey") -> None:
    from jobpool.cli.ctl_diff_view import show_survey, steps_as_data

    if settings.write_out == "json":
        show_plain_json(steps_as_data(found.steps))
    else:
        show_survey(found)
