"""`jobpool deploy`: makes the plans of an app what its decorated functions say."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_errors import FAILED, OK, report
from jobpool.cli.ctl_kinds import DURATION, ENDPOINTS
from jobpool.cli.ctl_options import Settings
from jobpool.cli.ctl_session import run
from jobpool.cli.output import note
from jobpool.jobs.app import App
from jobpool.jobs.loading import load_app, root_of
from jobpool.jobs.options import Options
from jobpool.jobs.registry import Job
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument, JobpoolError

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.declare import Document, Survey

EXECUTOR = "python"


def _variables(name: str) -> list[str]:
    return [f"JOBPOOLCTL_{name}", f"ETCDCTL_{name}"]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.argument("target")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Delete what the app no longer has without asking.")
@click.option("--ns", "--namespace", "namespace", metavar="NAME", help="Of all its plans, whatever the code says.")
@click.option("--python", metavar="FILE", help="The interpreter on the agents' machines, whatever the code says.")
@click.option("--venv", metavar="DIR", help="The virtual environment on the agents' machines, whatever the code says.")
@click.option(
    "--path",
    metavar="DIR",
    multiple=True,
    help="A directory on the agents' machines to import from.  [default: where the module was found here]",
)
@click.option("--no-path", is_flag=True, help="The code is installed in that interpreter or environment.")
@click.option(
    "--endpoints",
    type=ENDPOINTS,
    default="127.0.0.1:2379",
    show_default=True,
    envvar=_variables("ENDPOINTS"),
    help="Servers, tried in order.",
)
@click.option("--cacert", metavar="FILE", default="", envvar=_variables("CACERT"), help="Authorities to trust, PEM.")
@click.option("--cert", metavar="FILE", default="", envvar=_variables("CERT"), help="Our certificate, PEM.")
@click.option("--key", metavar="FILE", default="", envvar=_variables("KEY"), help="The key of --cert, PEM.")
@click.option(
    "--insecure-skip-tls-verify",
    is_flag=True,
    envvar=_variables("INSECURE_SKIP_TLS_VERIFY"),
    help="TLS, whoever answers. For tests only.",
)
@click.option("--timeout", type=DURATION, default="5s", show_default=True, help="For each call.")
@click.option("--debug", is_flag=True, help="Tracebacks, also of a module that cannot be imported.")
def deploy(
    target: str,
    *,
    dry_run: bool,
    yes: bool,
    namespace: str | None,
    python: str | None,
    venv: str | None,
    path: tuple[str, ...],
    no_path: bool,
    timeout: Millis,
    debug: bool,
    endpoints: tuple[str, ...],
    cacert: str,
    cert: str,
    key: str,
    insecure_skip_tls_verify: bool,
) -> None:
    """Make the plans of an app what its functions under @jobpool.job say.

    TARGET is module:app, module, or a file. The module is imported here; the agents import it where --path says. Plans
    of the app that it no longer has are deleted, and no others.
    """
    settings = Settings(
        endpoints=endpoints,
        command_timeout=timeout,
        cacert=cacert,
        cert=cert,
        key=key,
        insecure_skip_tls_verify=insecure_skip_tls_verify,
        debug=debug,
    )
    try:
        over = _said(namespace, python, venv, path if path or no_path else None)
        if path and no_path:
            raise InvalidArgument("no-path", "a path is given by --path; wanted one of the two")
        app = load_app(target, Path.cwd())
        code = _deploy(settings, app, over, dry_run=dry_run, yes=yes)
    except JobpoolError as error:
        code = report(error, debug=debug)
    sys.exit(code)


def _said(namespace: str | None, python: str | None, venv: str | None, path: tuple[str, ...] | None) -> Options:
    """What the flags say, which holds whatever the code says."""
    over = Options()
    if namespace is not None:
        over["namespace"] = namespace
    if python is not None:
        over["python"] = python
    if venv is not None:
        over["venv"] = venv
    if path is not None:
        over["path"] = path
    return over


def documents_of(app: App, over: Options) -> "list[Document]":
    """The app's plans, each with the directory that its module was found in unless a path is said.

    Raises InvalidArgument naming the option at fault, and the function.
    """
    from jobpool.declare import Document

    def for_each(job: Job) -> Options:
        root = root_of(job.module)
        if "path" in over or "path" in app.defaults or "path" in job.options or root is None:
            return over
        return Options(**{**over, "path": [str(root)]})

    return [Document(fields, _entry(fields)) for fields in app.documents(for_each)]


def _entry(fields: dict[str, object]) -> str:
    parameters = fields["parameters"]
    assert isinstance(parameters, dict)
    return str(parameters["entry"])


def _deploy(settings: Settings, app: App, over: Options, *, dry_run: bool, yes: bool) -> int:
    from jobpool.cli.ctl_apply import agree, finish
    from jobpool.cli.ctl_diff_view import show_survey

    documents = documents_of(app, over)
    found, left = run(settings, lambda client: _look(client, app, documents))
    show_survey(found)
    if left:
        note(f"let be, in namespaces that this is not about: {', '.join(left)}")
    if found.failed:
        note("nothing was changed")
        return FAILED
    if dry_run or not found.differs:
        return OK
    if found.deletions and not yes:
        agree(found)
    code = finish(settings, found)
    if not run(settings, _agents):
        note(f"no agent that is ready offers {EXECUTOR!r}: name it in the executors of one")
    return code


async def _look(client: "Client", app: App, documents: "list[Document]") -> "tuple[Survey, list[str]]":
    """What would change, and the app's plans in namespaces that this deployment is not about: those are let be."""
    from jobpool.declare import Survey, survey, with_fires

    found = await survey(client, documents, owner=app.name, prune=True)
    about = {str(document.fields["namespace"]) for document in documents}
    gone = [step for step in found.deletions if step.namespace not in about]
    steps = tuple(step for step in found.steps if step not in gone)
    return await with_fires(client, Survey(steps)), [step.name for step in gone]


async def _agents(client: "Client") -> int:
    """How many are ready and run functions."""
    return len([node async for node in client.nodes(status="ready") if EXECUTOR in node.executors])
