"""The program `jobpool`: a server, told by flags, environment and file, until it is told to stop."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

import click

from jobpool.cli.options import advice, double_dashes, on_signals, read_config
from jobpool.cli.server_flags import CONFIG_FILE, NAMES, SECTIONS, with_flags
from jobpool.server.keys import REFUSED_KEYS, variable, why_no_flag

if TYPE_CHECKING:
    from jobpool.server.config import ServerConfig
    from jobpool.server.main import Server

Opened = TypeVar("Opened")

NOT_AGAIN = 4
"""Exit code of a server that its cluster has let go, or that has lost its data: starting it again does not help."""

COMMANDS = {
    "dev": ("jobpool.cli.dev", "A server, an agent and a sample plan in one process, to try jobpool out."),
    "deploy": ("jobpool.cli.deploy", "Make the plans of an app in Python what its functions say."),
    "snapshot": ("jobpool.cli.snapshot", "Check a snapshot, or restore one into a new data directory."),
    "bench": ("jobpool.cli.bench", "Measure this machine: throughput and latency of every part."),
}


class Program(click.Group):
    """Imports a sub-command only when it is called, and knows why some flags of etcd are none here."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        told = {param.opts[0].lstrip("-"): param.get_help_record(ctx) for param in self.get_params(ctx)}
        others = [record for name, record in told.items() if name not in NAMES and record is not None]
        for title, flags in SECTIONS.items():
            records = [record for name, _, _ in flags if (record := told[name]) is not None]
            with formatter.section(title):
                formatter.write_dl(records)
        with formatter.section("Other options"):
            formatter.write_dl(others)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if reason := why_no_flag(error.option_name.lstrip("-")):
                raise click.UsageError(f"{error.option_name}: {reason}.", ctx) from None
            raise


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from jobpool.cli.server_banner import version_text

        click.echo(version_text())
        ctx.exit()


@click.group(
    cls=Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="A flag is also an environment variable (JOBPOOL_SERVER_DATA_DIR for --data-dir) and a key of the "
    "configuration file, where those for certificates stand in blocks; --force-new-cluster is a flag only. Flags win "
    "over the environment, the environment over the file. Durations are written 90s, 10m, 1h30m or 7d.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@with_flags
@click.pass_context
def program(ctx: click.Context, /, **given: str | bool | None) -> None:
    """Run a jobpool server: it keeps plans, starts their runs on time and answers REST and gRPC on one port."""
    flags = {name.replace("_", "-"): str(value) for name, value in given.items() if value is not None}
    if ctx.invoked_subcommand is None:
        sys.exit(_start(flags))
    if flags:
        name = ctx.invoked_subcommand
        raise click.UsageError(f"--{next(iter(flags))} before {name!r} would start a plain server; write it after.")


def _start(flags: dict[str, str]) -> int:
    from jobpool.etcd.errors import MemberLost, MemberRemoved
    from jobpool.kit.effects.logging import configure
    from jobpool.model.errors import JobpoolError
    from jobpool.server.load import load

    try:
        path = flags.pop(CONFIG_FILE, "") or os.environ.get(variable(CONFIG_FILE), "")
        config = load(flags, os.environ, read_config(path) if path else {}, path=path)
        configure(config.log_level, json=config.log_format == "json")
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(config))
    except JobpoolError as error:
        click.echo(f"jobpool: {error}{advice(error)}", err=True)
        return NOT_AGAIN if isinstance(error, MemberRemoved | MemberLost) else 1
    return 0


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    """uvloop's where it is installed (`pip install jobpool[speed]`)."""
    try:
        import uvloop
    except ImportError:
        return None
    loop: type[asyncio.AbstractEventLoop] = uvloop.Loop
    return loop


async def _serve(config: "ServerConfig") -> None:
    from jobpool.server.main import open_server

    stop = asyncio.Event()
    on_signals(stop.set)
    server = await unless(stop, open_server(config))
    if server is not None:
        await server.run(stop, started=lambda: _announce(config, server))


async def unless(stop: asyncio.Event, opening: Coroutine[object, None, Opened]) -> Opened | None:
    """What is opened, which may wait for other servers; None when it is told to stop before: then it is cancelled."""
    loop = asyncio.get_running_loop()
    told, opened = loop.create_task(stop.wait()), loop.create_task(opening)
    try:
        await asyncio.wait((told, opened), return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        if not opened.done():
            opened.cancel()
            await asyncio.wait((opened,))
    return None if opened.cancelled() else opened.result()


def _announce(config: "ServerConfig", server: "Server") -> None:
    from jobpool.cli.server_banner import banner, client_urls
    from jobpool.kit.effects.logging import get_logger
    from jobpool.server.addresses import exposed

    log = get_logger("jobpool")
    for url in exposed(config):
        log.warning(
            f"{url} can be reached by other machines, without TLS and by anyone, who can then run commands on agents: "
            "give cert-file, key-file and trusted-ca-file, or listen on 127.0.0.1",
            event_name="listens_in_clear",
        )
    urls = client_urls(config.listen_client_urls, server.addresses)
    if config.log_format == "json":
        log.info("started", event_name="started", urls=urls, data_dir=config.directory, engine=config.engine)
    else:
        click.echo(banner(config, urls), err=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command line (default: the process's); ends in SystemExit."""
    words = sys.argv[1:] if arguments is None else arguments
    program(double_dashes(words, (*NAMES, *REFUSED_KEYS)), prog_name="jobpool")


if __name__ == "__main__":
    main()
