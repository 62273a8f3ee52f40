"""Kinds of values that `jobpoolctl` reads from its command line: spans, times, endpoints, formats, yes and no."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.pure.durations import Millis, parse_duration

FORMATS = ("simple", "table", "json", "fields", "protobuf")
BAD_FEATURE = 4
"""Exit code of what cannot be printed as it was asked for."""
YES = ("1", "t", "T", "TRUE", "true", "True")
NO = ("0", "f", "F", "FALSE", "false", "False")


class UnsupportedFormat(click.UsageError):
    """`-w` asks for what there is not, or not of this command."""

    exit_code = BAD_FEATURE


class FormatType(click.Choice):  # type: ignore[type-arg]  # generic only in newer clicks
    """One of `FORMATS`. Raises UnsupportedFormat."""

    name = "format"

    def __init__(self) -> None:
        super().__init__(FORMATS)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in FORMATS:
            raise UnsupportedFormat(f"unsupported output format {value!r}: wanted one of {', '.join(FORMATS)}", ctx)
        return str(value)


class DurationType(click.ParamType):  # type: ignore[type-arg]
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
            return _moved(value, -1) or datetime.fromisoformat(value).astimezone()
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
            return _moved(value, 1) or datetime.fromisoformat(value)
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"wanted 2026-01-31T09:00:00+01:00, a time in the plan's zone or a span such as 2h, found {value!r}",
                param,
                ctx,
            )


def _moved(text: str, direction: int) -> datetime | None:
    """So long before or after now; None when the text is no duration. Raises ValueError beyond the calendar."""
    try:
        span = parse_duration(text)
    except ValueError:
        return None
    return datetime.fromtimestamp((SystemClock().now() + direction * span) / 1000, UTC)


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


class Switch(click.Option):
    """A flag with a hidden opposite (`--no-…`), for those that are on by default or set by the environment."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        return record and (record[0].partition(" / ")[0], record[1])


def bare_flags(params: Sequence[click.Parameter], words: Sequence[str]) -> list[str]:
    """The words with `--flag=true` as `--flag`, and `--flag=false` as its opposite or nothing, as Go's flags are said.

    Other values are left for click to refuse. What comes after `--` is nobody's flag.
    """
    flags = {name: one for one in params if isinstance(one, click.Option) and one.is_flag for name in one.opts}
    end = list(words).index("--") if "--" in words else len(words)
    read: list[str] = []
    for word in words[:end]:
        name, _, value = word.partition("=")
        flag = flags.get(name)
        if flag is None or value not in (*YES, *NO):
            read.append(word)
        elif value in YES:
            read.append(name)
        else:
            read += flag.secondary_opts[:1]
    return read + list(words[end:])


FORMAT = FormatType()
DURATION = DurationType()
INSTANT = InstantType()
START = StartType()
ENDPOINTS = EndpointsType()
