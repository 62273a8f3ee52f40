"""What every command of `jobpoolctl` shares: prefixes of names, global flags anywhere, kinds of values."""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import msgspec

from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.pure.durations import SECOND, Millis, parse_duration

FORMATS = ("simple", "table", "json")
MAX_PAGE = 1000
Function = TypeVar("Function", bound=Callable[..., Any])


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The global flags; timeouts in ms."""

    endpoints: tuple[str, ...] = ("127.0.0.1:2379",)
    write_out: str = "simple"
    command_timeout: Millis = 5 * SECOND
    dial_timeout: Millis = 2 * SECOND
    cacert: str = ""
    cert: str = ""
    key: str = ""
    insecure_skip_tls_verify: bool = False
    debug: bool = False


class Paging(msgspec.Struct, frozen=True):
    """Which page of a list: 1-based; `everything` = all pages, whatever the number."""

    number: int
    size: int
    everything: bool


class DurationType(click.ParamType):  # type: ignore[type-arg]  # generic only in newer clicks
    """`90s`, `1h30m`, as ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Millis:
        if isinstance(value, int):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class InstantType(click.ParamType):  # type: ignore[type-arg]
    """A time with an offset, a local time, or how long ago (`90m`); as an aware datetime."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            ago = parse_duration(value)
        except ValueError:
            return self._written_out(value, param, ctx)
        return datetime.fromtimestamp((SystemClock().now() - ago) / 1000, UTC)

    def _written_out(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.fromisoformat(value).astimezone()
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"wanted 2026-01-31T09:00:00+01:00, a local time or a span such as 2h, found {value!r}", param, ctx
            )


class StartType(click.ParamType):  # type: ignore[type-arg]
    """Where a preview starts: a time with an offset, one without (a naive datetime), or a span from now on (`2h`)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromtimestamp((SystemClock().now() + parse_duration(value)) / 1000, UTC)
        except ValueError:
            pass
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"wanted 2026-01-31T09:00:00+01:00, a time in the plan's zone or a span such as 2h, found {value!r}",
                param,
                ctx,
            )


class EndpointsType(click.ParamType):  # type: ignore[type-arg]
    """A comma list."""

    name = "host:port,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        endpoints = tuple(part.strip() for part in value.split(",") if part.strip())
        if not endpoints:
            self.fail("wanted host:port, or several with commas between, found nothing", param, ctx)
        return endpoints


DURATION = DurationType()
INSTANT = InstantType()
START = StartType()

_GLOBAL: Sequence[tuple[tuple[str, ...], dict[str, Any]]] = (
    (("--endpoints",), {"type": EndpointsType(), "help": "Servers, tried in order.  [default: 127.0.0.1:2379]"}),
    (("-w", "--write-out"), {"type": click.Choice(FORMATS), "help": "How to print.  [default: simple]"}),
    (("--command-timeout",), {"type": DURATION, "help": "For each call.  [default: 5s]"}),
    (("--dial-timeout",), {"type": DURATION, "help": "For each connection.  [default: 2s]"}),
    (("--cacert",), {"metavar": "FILE", "help": "Authorities to trust, PEM; turns TLS on."}),
    (("--cert",), {"metavar": "FILE", "help": "Our certificate, PEM; turns TLS on."}),
    (("--key",), {"metavar": "FILE", "help": "The key of --cert, PEM."}),
    (
        ("--insecure-skip-tls-verify",),
        {"is_flag": True, "help": "TLS, whoever answers. For tests only."},
    ),
    (("--debug",), {"is_flag": True, "help": "Say on stderr what is tried; tracebacks."}),
)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Nearer to the command wins: these run from the root down, and only what was given is put over it."""
    if value is not None and param.name is not None:
        ctx.obj = msgspec.structs.replace(ctx.obj, **{param.name: value})
        if param.name == "debug" and value:
            logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)


def _global_options(*, root: bool) -> list[click.Option]:
    options = []
    for names, rest in _GLOBAL:
        variable = names[-1].removeprefix("--").replace("-", "_").upper()
        where = [f"JOBPOOLCTL_{variable}", f"ETCDCTL_{variable}"] if root else None
        options.append(click.Option(names, expose_value=False, callback=_remember, envvar=where, default=None, **rest))
    return options


class _WithGlobals(click.Command):
    """Takes the global flags at any place, as people type them, and lists them apart in the help."""

    own: int

    def add_globals(self, *, root: bool) -> None:
        self.own = len(self.params)
        self.params.extend(_global_options(root=root))

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
    """A group whose commands answer to every unique beginning of their names."""

    command_class = Leaf
    group_class = type

    def __init__(self, *args: Any, root: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_globals(root=root)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        exact = super().get_command(ctx, cmd_name)
        if exact is not None:
            return exact
        matches = [name for name in self.list_commands(ctx) if name.startswith(cmd_name)]
        if len(matches) > 1:
            ctx.fail(f"{cmd_name!r} could be {' or '.join(matches)}")
        return super().get_command(ctx, matches[0]) if matches else None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _WithGlobals.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


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
            "--number", type=click.IntRange(1), default=1, show_default=True, is_eager=True, help="Page, from 1."
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


def given(values: Mapping[str, object]) -> dict[str, Any]:
    """The options that were given, by name."""
    return {name: value for name, value in values.items() if value is not None and value != ()}
