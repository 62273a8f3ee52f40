"""The program `jobpool_agent`: reads flags, environment and file, then runs one agent until it is told to stop."""

import asyncio
import os
import sys
from collections.abc import Sequence

import click

from jobpool import __version__
from jobpool.cli.options import double_dashes, on_signals, read_config

_OPTIONS = (
    ("config-file", "FILE", "Read settings from this YAML file."),
    ("name", "TEXT", "The agent's name (default agent-1)."),
    ("data-dir", "DIR", "Where identity and journal live; must survive restarts (default ./<name>.jobpool-agent)."),
    ("advertise-server-urls", "URLS", "The servers, separated by commas (default http://127.0.0.1:2379)."),
    ("data-center", "TEXT", "Where this machine stands (default default)."),
    ("capacity", "N", "How many runs at once (default 256)."),
    ("executors", "NAMES", "What it runs, with commas between (default rest,noop; there are shell and python too)."),
    ("drain-timeout", "SPAN", "How long a stopping agent waits for what runs (default 60s)."),
    ("log-level", "LEVEL", "debug, info, warning or error (default info)."),
    ("log-format", "FORMAT", "text or json (default text)."),
)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="jobpool_agent")
@click.pass_context
def program(context: click.Context) -> None:
    """Run jobs of a jobpool cluster on this machine."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(2)


@program.command()
def agent(**given: str | None) -> None:
    """Start the agent.

    Every setting can also be given as environment variable (JOBPOOL_DATA_DIR for --data-dir) or as a key of the
    configuration file (data-dir); flags win over the environment, the environment over the file.
    """
    from jobpool.agent.config import variable
    from jobpool.agent.journal import JournalBroken
    from jobpool.model.errors import JobpoolError

    flags = {name: given.get(name.replace("-", "_")) for name, _, _ in _OPTIONS}
    spoken = {name: os.environ.get(variable(name), "") for name in flags}
    settings = {name: spoken[name] if flag is None else flag for name, flag in flags.items()}
    try:
        code = _start(settings)
    except (JobpoolError, JournalBroken) as error:
        click.echo(f"jobpool_agent: {error}", err=True)
        code = 1
    sys.exit(code)


for _name, _metavar, _help in _OPTIONS:
    agent = click.option(f"--{_name}", metavar=_metavar, help=_help)(agent)


def _start(settings: dict[str, str]) -> int:
    from jobpool.agent.config import build
    from jobpool.kit.effects.logging import configure

    path = settings.pop("config-file")
    config = build(settings, read_config(path) if path else {})
    configure(config.log_level, json=config.log_format == "json")

    async def until_signaled() -> int:
        from jobpool.agent.service import run_agent

        stop, halt = asyncio.Event(), asyncio.Event()
        on_signals(stop.set, again=halt.set)
        return await run_agent(config, stop=stop, halt=halt)

    return asyncio.run(until_signaled())


def main(arguments: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if arguments is None else arguments
    program(double_dashes(words, [name for name, _, _ in _OPTIONS]), prog_name="jobpool_agent")
