"""What every command of `jobpoolctl` shares: prefixes of names, global flags anywhere, pages."""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn, TypeVar

import click
import msgspec

from jobpool.cli.ctl_kinds import DURATION as DURATION
from jobpool.cli.ctl_kinds import ENDPOINTS, FORMAT, INSTANT, Switch, bare_flags
from jobpool.cli.ctl_kinds import FORMATS as FORMATS
from jobpool.cli.ctl_kinds import START as START
from jobpool.cli.ctl_kinds import UnsupportedFormat as UnsupportedFormat
from jobpool.kit.pure.durations import SECOND, Millis

_COMPAT = "jobpoolctl.compat"
MAX_PAGE = 1000
MAX_NUMBER = 2_147_483_647
MAX_REVISION = 9_223_372_036_854_775_807
Function = TypeVar("Function", bound=Callable[..., Any])


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The global flags; timeouts in ms. `write_out` is one of FORMATS, `compat` its shape as the original has it.

    `user` (`name` or `name:password`) and `password` are for the commands on an etcd's own keys and users, as is `hex`
    for the bytes that those print.
    """

    endpoints: tuple[str, ...] = ("127.0.0.1:2379",)
    write_out: str = "simple"
    compat: bool = False
    hex: bool = False
    command_timeout: Millis = 5 * SECOND
    dial_timeout: Millis = 2 * SECOND
    keepalive_time: Millis = 2 * SECOND
    keepalive_timeout: Millis = 6 * SECOND
    cacert: str = ""
    cert: str = ""
    key: str = ""
    insecure_skip_tls_verify: bool = False
    insecure_transport: bool = True
    insecure_discovery: bool = True
    user: str = ""
    password: str = ""
    discovery_srv: str = ""
    discovery_srv_name: str = ""
    debug: bool = False


class Paging(msgspec.Struct, frozen=True):
    """Which page of a list: 1-based; `everything` = all pages, whatever the number."""

    number: int
    size: int
    everything: bool


ADDED = {
    "jobpoolctl": {"apply", "cluster", "completion", "defrag", "diff", "export", "import", "node", "queue", "snapshot"},
    "plan": {"add", "delete", "explain", "ledger", "offline", "online", "pause", "preview", "resume", "run", "update"},
    "job": {"cancel", "explain", "logs", "rerun", "wait"},
    "namespace": {"detail", "update"},
}
"""Commands that the original has not: with --compat no beginning that means one of its own means these too."""

_GLOBAL: Sequence[tuple[tuple[str, ...], dict[str, Any]]] = (
    (("--endpoints",), {"type": ENDPOINTS, "help": "Servers, tried in order.  [default: 127.0.0.1:2379]"}),
    (("-w", "--write-out"), {"type": FORMAT, "help": "How to print.  [default: simple]"}),
    (("--compat",), {"help": "Print in the shapes of the original's jobpoolctl."}),
    (("--hex",), {"help": "Print bytes as hexadecimal digits."}),
    (("--command-timeout",), {"type": DURATION, "help": "For each call.  [default: 5s]"}),
    (("--dial-timeout",), {"type": DURATION, "help": "For each connection.  [default: 2s]"}),
    (("--keepalive-time",), {"type": DURATION, "help": "Ask a silent server whether it lives, 10s at least."}),
    (("--keepalive-timeout",), {"type": DURATION, "help": "For its answer to that.  [default: 6s]"}),
    (("--cacert",), {"metavar": "FILE", "help": "Authorities to trust, PEM; turns TLS on."}),
    (("--cert",), {"metavar": "FILE", "help": "Our certificate, PEM; turns TLS on."}),
    (("--key",), {"metavar": "FILE", "help": "The key of --cert, PEM."}),
    (("--insecure-skip-tls-verify",), {"help": "TLS, whoever answers. For tests only."}),
    (("--insecure-transport",), {"help": "No TLS where nothing asks for it; =false: TLS.  [default: true]"}),
    (("--user",), {"metavar": "NAME[:PASSWORD]", "help": "For commands on the etcd's own keys and users."}),
    (("--password",), {"metavar": "PASSWORD", "help": "Of --user."}),
    (("-d", "--discovery-srv"), {"metavar": "DOMAIN", "help": "Refused: name the servers by --endpoints."}),
    (("--discovery-srv-name",), {"metavar": "NAME", "help": "Goes with --discovery-srv."}),
    (("--insecure-discovery",), {"help": "Goes with --discovery-srv.  [default: true]"}),
    (("--debug",), {"help": "Say on stderr what is tried; tracebacks."}),
)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Nearer to the command wins: these run from the root down, and only what was given is put over it."""
    if value is None or param.name is None:
        return
    if param.name in ("discovery_srv", "discovery_srv_name") and value:
        raise click.UsageError(
            f"--{param.name.replace('_', '-')} is not supported: this program cannot look up SRV records of DNS; "
            "name the servers by --endpoints",
            ctx,
        )
    ctx.obj = msgspec.structs.replace(ctx.obj, **{param.name: value})
    if param.name == "debug" and value:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)


def _global_options(*, root: bool) -> list[click.Option]:
    options: list[click.Option] = []
    for names, rest in _GLOBAL:
        bare = names[-1].removeprefix("--")
        variable = bare.replace("-", "_").upper()
        where = [f"JOBPOOLCTL_{variable}", f"ETCDCTL_{variable}"] if root else None
        shared: dict[str, Any] = {"expose_value": False, "callback": _remember, "envvar": where, "default": None} | rest
        is_value = "type" in rest or "metavar" in rest
        options.append(click.Option(names, **shared) if is_value else Switch([f"--{bare}/--no-{bare}"], **shared))
    return options


class _WithGlobals(click.Command):
    """Takes the global flags at any place, as people type them, and lists them apart in the help."""

    own: int

    def add_globals(self, *, root: bool) -> None:
        self.own = len(self.params)
        self.params.extend(_global_options(root=root))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, bare_flags(self.params, args))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        every = self.get_params(ctx)
        shared = self.params[self.own :]
        for title, members in (
            ("Options", [param for param in every if param not in shared]),
            ("Global options", shared),
        ):
            records = [record for param in members if (record := param.get_help_record(ctx)) is not None]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Leaf(_WithGlobals):
    """A command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_globals(root=False)


class PrefixGroup(_WithGlobals, click.Group):
    """A group whose commands answer to every unique beginning of their names.

    `lazy`: where commands are that are imported only when they are called: their names and `module:variable`.
    """

    command_class = Leaf
    group_class = type

    def __init__(self, *args: Any, root: bool = False, lazy: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_globals(root=root)
        self._lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.commands, *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        names = self.list_commands(ctx)
        if cmd_name in names:
            return self._loaded(cmd_name)
        matches = [name for name in names if name.startswith(cmd_name)]
        if len(matches) > 1 and ctx.meta.get(_COMPAT, ctx.obj is not None and ctx.obj.compat):
            matches = [name for name in matches if name not in ADDED.get(self.name or "", ())] or matches
        if len(matches) > 1:
            ctx.fail(f"{cmd_name!r} could be {' or '.join(matches)}")
        return self._loaded(matches[0]) if matches else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if "--compat" in args:  # behind the command: it is parsed only when that is known
            ctx.meta[_COMPAT] = True
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            _suggest(self.list_commands(ctx), error)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _WithGlobals.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def _loaded(self, name: str) -> click.Command:
        if name not in self.commands:
            module, _, variable = self._lazy[name].partition(":")
            self.commands[name] = getattr(import_module(module), variable)
        return self.commands[name]


def _suggest(names: Sequence[str], error: click.exceptions.NoSuchCommand) -> NoReturn:
    raise click.exceptions.NoSuchCommand(error.command_name, possibilities=names, ctx=error.ctx) from error


def paged(function: Function) -> Function:
    """Adds --number, --size and --all, handed over as one `paging`."""

    def gather(ctx: click.Context, param: click.Parameter, value: bool) -> Paging:
        return Paging(ctx.params.pop("number"), ctx.params.pop("size"), value)

    for decorate in (
        click.option("--all", "paging", is_flag=True, callback=gather, help="Every page."),
        click.option(
            "--size", type=click.IntRange(1, MAX_PAGE), default=10, show_default=True, is_eager=True, help="Page size."
        ),
        click.option(
            "--number",
            type=click.IntRange(1, MAX_NUMBER),
            default=1,
            show_default=True,
            is_eager=True,
            help="Page, from 1.",
        ),
    ):
        function = decorate(function)
    return function


def since_until(function: Function) -> Function:
    """Adds --since and --until."""
    function = click.option("--until", type=INSTANT, help="Created before this time.")(function)
    return click.option("--since", type=INSTANT, help="Created at or after: a time, or a span ago (2h).")(function)


def in_namespace(function: Function) -> Function:
    """Adds a namespace, as second argument (as the original had it) or as --ns; default `default`."""

    def choose(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
        placed: str | None = ctx.params.pop("placed_namespace", None)
        if value is not None and placed is not None and value != placed:
            raise click.UsageError(f"two namespaces are given: {placed!r} and {value!r}")
        return value or placed or "default"

    function = click.option(
        "--ns", "--namespace", "namespace", callback=choose, help="The namespace.  [default: default]"
    )(function)
    return click.argument("placed_namespace", metavar="[NAMESPACE]", required=False, is_eager=True)(function)


def at_revision(function: Function) -> Function:
    """Adds --revision."""
    return click.option(
        "--revision",
        type=click.IntRange(0, MAX_REVISION),
        metavar="N",
        help="Only while the plan is of this revision, as `plan detail` shows it; else exit code 1.",
    )(function)


def given(values: Mapping[str, object]) -> dict[str, Any]:
    """The options that were given, by name."""
    return {name: value for name, value in values.items() if value is not None and value != ()}
