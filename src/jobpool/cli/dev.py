"""`jobpool dev`: a server, an agent and a sample plan in one process, to try jobpool out."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobpool.cli.options import advice, on_signals

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.server.config import ServerConfig
    from jobpool.server.main import Server

EXECUTORS = ("noop", "python", "rest", "shell")
_DEFAULTS = {"name": "dev", "listen-client-urls": "http://127.0.0.1:2379", "log-level": "warning"}
_DRAIN = 5000


@click.command(context_settings={"max_content_width": 120})
@click.option("--data-dir", metavar="DIR", help="Where everything is kept.  [default: ./dev.jobpool]")
@click.option(
    "--listen-client-urls",
    metavar="URLS",
    help="Where to answer, with commas between.  [default: http://127.0.0.1:2379]",
)
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.  [default: warning]")
@click.option("--no-sample", is_flag=True, help="Add no plan; without this, `hello` runs every 5 s.")
@click.option("--quiet", is_flag=True, help="Do not tell the runs of `hello`.")
def dev(*, no_sample: bool, quiet: bool, **given: str | None) -> None:
    """A server, an agent and a sample plan in one process, to try jobpool out.

    Ctrl-C ends it; what it kept is there at the next start. The agent runs commands of plans on this machine, as you.
    """
    from jobpool.agent.journal import JournalBroken
    from jobpool.kit.effects.logging import configure
    from jobpool.model.errors import JobpoolError
    from jobpool.server.load import load

    flags = {name.replace("_", "-"): value for name, value in given.items() if value is not None}
    try:
        config = load({**_DEFAULTS, **flags}, {}, {})
        configure(config.log_level)
        asyncio.run(Dev(config, sample=not no_sample, quiet=quiet).run())
    except (JobpoolError, JournalBroken) as error:
        click.echo(f"jobpool dev: {error}{advice(error)}", err=True)
        sys.exit(1)


class Dev:
    """The server, and beside it what needs it: the agent and the sample's watcher, which end first."""

    def __init__(self, config: "ServerConfig", *, sample: bool, quiet: bool) -> None:
        self._config = config
        self._sample = sample
        self._quiet = quiet
        self._stop = asyncio.Event()
        self._started = asyncio.Event()
        self._unused = asyncio.Event()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises what broke first."""
        from jobpool.kit.effects.service import first_failure
        from jobpool.server.main import open_server

        on_signals(self._end)
        server = await open_server(self._config)
        broken: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(server.run(self._unused, started=self._started.set))
                group.create_task(self._beside(server))
        except BaseExceptionGroup as failures:
            broken = first_failure(failures)
        if broken is not None:
            raise broken  # outside of the handler: its own cause is what `advice` reads
        click.echo("jobpool dev has ended; start it again to go on")

    def _end(self) -> None:
        self._stop.set()
        self._started.set()

    async def _beside(self, server: "Server") -> None:
        from jobpool.cli.server_banner import client_urls
        from jobpool.client import Client

        await self._started.wait()
        if not self._stop.is_set():
            urls = client_urls(self._config.listen_client_urls, server.addresses)
            async with Client(urls) as client:
                await self._use(client, urls)
        self._unused.set()

    async def _use(self, client: "Client", urls: Sequence[str]) -> None:
        from jobpool.agent.config import AgentConfig
        from jobpool.agent.service import run_agent
        from jobpool.cli.dev_sample import add_sample, watch_sample
        from jobpool.kit.effects.clock import SystemClock

        if self._sample:
            await add_sample(client)
        click.echo(self._guide(urls))
        agent = AgentConfig(
            name=self._config.name,
            data_dir=Path(self._config.directory, "agent"),
            server_urls=tuple(urls),
            executors=EXECUTORS,
            drain_timeout=_DRAIN,
        )
        async with asyncio.TaskGroup() as group:
            watching = None
            if self._sample and not self._quiet:
                watching = group.create_task(watch_sample(client, click.echo, clock=SystemClock()))
            await run_agent(agent, stop=self._stop)
            if watching is not None:
                watching.cancel()

    def _guide(self, urls: Sequence[str]) -> str:
        from jobpool.cli.dev_sample import COMMAND, PLAN, SPEC
        from jobpool.cli.server_banner import banner, jobpoolctl

        ctl = jobpoolctl(urls)
        sample = f"{PLAN!r} runs {COMMAND!r}, {SPEC}" if self._sample else ""
        told = "" if self._quiet or not sample else "; each run is told here"
        return (
            f"{banner(self._config, urls)}\n"
            f"        {ctl} job list\n"
            f"        {ctl} job logs <id>\n"
            f"        {urls[0]}/v3/schedule/jobs\n"
            f"Ctrl-C ends it. {sample}{told}"
        ).rstrip()
