"""What `jobpoolctl` says when something fails, what to do next, and with which exit code it ends."""

import os
import re
import traceback

import click
from click.core import ParameterSource

from jobpool.cli.ctl_kinds import BAD_FEATURE, UnsupportedFormat
from jobpool.model.errors import (
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    JobpoolError,
    NotFound,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
)

OK = 0
FAILED = 1
BAD_CONNECTION = 2
INVALID_INPUT = 3
INTERRUPTED = 5
IO = 6
BAD_ARGUMENTS = 128

LISTS = {"plan": "plan", "job": "job", "evaluation": "eval", "allocation": "allocation", "node": "node"}
FIELD_HINTS = (
    (
        "periodic.spec",
        "a spec is `minute hour day month weekday`, `@every 10s`, `@daily` or `@at 2030-01-31T09:00:00+01:00`, "
        "quoted for the shell",
    ),
    ("periodic.time_zone", "zones are named as in Europe/Berlin, Asia/Shanghai or UTC"),
    ("parameters.entry", "parameters are given whole: `jobpoolctl plan detail ID` shows what the plan has"),
    ("parameters", "--url … for rest, --command … for shell, or --parameters with JSON text or @FILE"),
    *((field, "a plan says when in `periodic: {spec: …, time_zone: …}`") for field in ("schedule", "cron")),
    *((field, "it goes into `parameters: {…}`, beside an `executor`") for field in ("command", "url", "env", "cwd")),
    ("namespace", "`jobpoolctl namespace list` shows the namespaces"),
    ("cacert", "--cacert names a PEM file of the authorities to trust"),
)


def report(error: JobpoolError, *, debug: bool = False) -> int:
    """Tell stderr, and return the exit code."""
    if debug:
        traceback.print_exception(error)
    click.echo(f"Error: {error}", err=True)
    advice = hint(error)
    if advice:
        click.echo(f"Hint: {advice}", err=True)
    return exit_code(error)


def report_usage(error: click.ClickException) -> int:
    """The same for arguments that make no sense."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return BAD_ARGUMENTS
    click.echo(f"Error: {error.format_message()}{_variable(error)}", err=True)
    context = error.ctx if isinstance(error, click.UsageError) else None
    click.echo(f"Hint: `{context.command_path if context else 'jobpoolctl'} --help` shows what it takes", err=True)
    return BAD_FEATURE if isinstance(error, UnsupportedFormat) else BAD_ARGUMENTS


def _variable(error: click.ClickException) -> str:
    """Where a refused value came from, if nobody has typed it."""
    if not isinstance(error, click.BadParameter) or error.param is None or error.ctx is None:
        return ""
    name, variables = error.param.name, error.param.envvar
    if not name or error.ctx.get_parameter_source(name) is not ParameterSource.ENVIRONMENT:
        return ""
    return next((f" (of ${name})" for name in variables or () if os.environ.get(name)), "")


def report_io(error: OSError) -> int:
    """A file or stream of this machine failed us."""
    where = f"{error.filename}: " if error.filename else ""
    click.echo(f"Error: {where}{error.strerror or error}", err=True)
    return IO


def exit_code(error: JobpoolError) -> int:
    if isinstance(error, Unavailable | DeadlineExceeded):
        return BAD_CONNECTION
    return INVALID_INPUT if isinstance(error, InvalidArgument) else FAILED


def hint(error: JobpoolError) -> str:
    """What to do next; empty where nothing useful can be said."""
    match error:
        case Unavailable():
            return _connection_hint(error)
        case DeadlineExceeded():
            return "--command-timeout gives it longer; `jobpoolctl endpoint health` shows how the servers are"
        case NotFound():
            return _missing_hint(error)
        case AlreadyExists():
            return _present_hint(error)
        case InvalidArgument():
            return _value_hint(error)
        case FailedPrecondition():
            return _state_hint(error)
        case ResourceExhausted():
            return f"try again in {error.retry_after} s"
        case Unimplemented():
            return (
                "the server does not know this call: `jobpoolctl version --server` shows its version. "
                "An address of an etcd (2380 is where etcds reach each other) is none of a server"
            )
    return ""


def _connection_hint(error: Unavailable) -> str:
    if "the agent of node" in error.reason:
        return "`jobpoolctl node list` shows the agents; the output is there when this one is back"
    if "certificate is not trusted" in error.reason:
        return "--cacert FILE names the authority that signed the server's certificate"
    if "certificate of us" in error.reason or "our certificate" in error.reason:
        return "--cert and --key name the certificate to show, of an authority that the server trusts"
    if "no TLS handshake" in error.reason:
        return "does it speak TLS? Write http:// before the endpoint if not"
    if "broke before it answered" in error.reason:
        return "try again in a moment; if that does not help, it may want TLS (--cacert) or to know you (--cert, --key)"
    if type(error).__name__ == "Unreachable":  # by name: importing it costs the start of every command
        return "`jobpool` starts a server (`jobpool dev` one to try out); --endpoints names another"
    return "try again in a moment; `jobpoolctl endpoint health` shows how the servers are"


def _missing_hint(error: JobpoolError) -> str:
    named = re.match(r"(\w+) '(.*)' does not exist", error.reason)
    kind, name = named.groups() if named else ("", "")
    if kind == "namespace":
        return f"`jobpoolctl namespace add {name}` creates it, `jobpoolctl namespace list` shows what there is"
    if kind == "plan":
        return "`jobpoolctl plan list` shows the plans of all namespaces; --ns chooses one"
    return f"`jobpoolctl {LISTS[kind]} list` shows what there is" if kind in LISTS else ""


def _present_hint(error: JobpoolError) -> str:
    named = re.match(r"(\w+) '(.*)' already exists", error.reason)
    kind, name = named.groups() if named else ("", "")
    name = name.rpartition("/")[2]
    return f"`jobpoolctl {kind} update {name}` changes it" if kind in ("plan", "namespace") else ""


def _state_hint(error: JobpoolError) -> str:
    if error.field == "overlap":
        return "`jobpoolctl plan run ID --overlap allow` starts it beside the one that runs"
    if error.field == "eligible":
        return "`jobpoolctl node drain ID --disable --eligible` does both"
    return "`jobpoolctl plan offline ID` stops a plan first" if "offline" in error.reason else ""


def _value_hint(error: InvalidArgument) -> str:
    if error.reason.startswith("wanted a string, found the number"):
        return 'it is a text: "5" in quotes, or 90s for a duration'
    return next((text for field, text in FIELD_HINTS if error.field.startswith(field)), "")
