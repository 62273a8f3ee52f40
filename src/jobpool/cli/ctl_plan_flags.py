"""The flags that describe a plan, for `plan add` and `plan update`."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from jobpool.cli.output import zone_named
from jobpool.model.errors import InvalidArgument

Function = TypeVar("Function", bound=Callable[..., Any])

PATHS = {
    "name": "name",
    "type": "type",
    "description": "description",
    "spec": "periodic.spec",
    "tz": "periodic.time_zone",
    "start": "periodic.start_time",
    "end": "periodic.end_time",
    "enabled": "periodic.enabled",
    "executor": "executor",
    "synchronous": "synchronous",
    "timeout": "timeout",
    "priority": "priority",
    "overlap": "overlap",
    "catch_up": "catch_up.mode",
    "catch_up_window": "catch_up.window",
    "catch_up_max_runs": "catch_up.max_runs",
    "catch_up_rate": "catch_up.rate_per_minute",
    "retry": "retry.attempts",
    "retry_backoff": "retry.backoff",
    "retry_max_backoff": "retry.max_backoff",
    "retry_on": "retry.on",
    "delivery": "delivery",
    "dst_gap": "dst.gap",
    "dst_overlap": "dst.overlap",
    "match": "match",
    "strategy": "strategy",
    "owner": "owner",
}

_OPTIONS = (
    click.option("--name", help="For people.  [default: the id]"),
    click.option("--description", help="What it is for."),
    click.option("--spec", "--cron", "spec", help="When: '*/5 * * * *', '@every 10s', '@daily'."),
    click.option("--tz", metavar="ZONE", help="Zone of the spec, such as Europe/Berlin."),
    click.option("--start", metavar="TIME", help="No run before it: 2026-01-31T09:00:00+01:00, or in --tz without."),
    click.option("--end", metavar="TIME", help="No run after it."),
    click.option("--enabled/--disabled", default=None, help="Whether the spec fires at all.  [default: enabled]"),
    click.option("--executor", help="What runs it: rest, shell, python, noop, or a plug-in."),
    click.option("--command", help="A shell command; means --executor shell."),
    click.option("--url", help="A URL to call; means --executor rest."),
    click.option("--method", help="With --url: the HTTP method."),
    click.option("--body", metavar="TEXT|@FILE", help="With --url: what to send."),
    click.option("--parameters", metavar="JSON|@FILE", help="The executor's parameters, all of them."),
    click.option("--sync/--async", "synchronous", default=None, help="Whether the answer ends a rest run."),
    click.option("--timeout", metavar="SPAN", help="How long a run may take: 90s, 1h30m."),
    click.option("--priority", type=int, help="1 to 200, higher first.  [default: 50]"),
    click.option("--overlap", metavar="allow|skip", help="What a tick does while a run is live."),
    click.option("--catch-up", metavar="none|latest|all", help="What becomes of missed ticks."),
    click.option("--catch-up-window", metavar="SPAN", help="How far back."),
    click.option("--catch-up-max-runs", type=int, help="How many at most."),
    click.option("--catch-up-rate", type=int, help="How many a minute."),
    click.option("--retry", type=int, help="How many times after a failure."),
    click.option("--retry-backoff", metavar="SPAN", help="Before the first retry."),
    click.option("--retry-max-backoff", metavar="SPAN", help="Before any retry."),
    click.option("--retry-on", multiple=True, metavar="REASON", help="Only after these (repeatable)."),
    click.option("--delivery", metavar="at-least-once|at-most-once", help="When a run's fate is unknown."),
    click.option("--dst-gap", metavar="run-after|skip", help="A time that spring takes away."),
    click.option("--dst-overlap", metavar="first|second|both", help="A time that autumn gives twice."),
    click.option("--match", metavar="any|all", help="How day of month and day of week join."),
    click.option("--strategy", help="How a node is chosen: weighted-average, binpack, spread, random."),
    click.option("--label", multiple=True, metavar="NAME=VALUE", help="To find it by (repeatable)."),
    click.option("--owner", help="Who looks after it."),
    click.option("--type", metavar="service", help="The original's type."),
)


def plan_flags(function: Function) -> Function:
    """Adds the flags."""
    for decorate in reversed(_OPTIONS):
        function = decorate(function)
    return function


def fields_of(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The plan's fields, as a document would have them, from the flags that were given.

    Raises UsageError for flags that exclude each other, InvalidArgument for values that cannot be read.
    """
    fields: dict[str, Any] = {}
    for flag, value in flags.items():
        if value is not None and value != () and flag in PATHS:
            _put(fields, PATHS[flag], list(value) if isinstance(value, tuple) else value)
    for edge in ("start", "end"):
        if flags[edge] is not None:
            _put(fields, PATHS[edge], _instant(flags[edge], edge, flags["tz"]))
    if flags["label"]:
        fields["labels"] = dict(map(_label, flags["label"]))
    return fields | _work(flags)


def _label(text: str) -> tuple[str, str]:
    name, given, value = text.partition("=")
    if not given or not name:
        raise InvalidArgument("label", f"wanted NAME=VALUE, found {text!r}")
    return name, value


def _put(fields: dict[str, Any], path: str, value: object) -> None:
    *outer, last = path.split(".")
    for name in outer:
        fields = fields.setdefault(name, {})
    fields[last] = value


def _work(flags: Mapping[str, Any]) -> dict[str, str]:
    """The executor and its parameters."""
    sources = [name for name in ("command", "url", "parameters") if flags[name] is not None]
    if len(sources) > 1:
        raise click.UsageError(" and ".join(f"--{name}" for name in sources) + " exclude each other")
    for name in ("method", "body"):
        if flags[name] is not None and flags["url"] is None:
            raise click.UsageError(f"--{name} goes with --url")
    if flags["parameters"] is not None:
        return {"parameters": text_of(flags["parameters"], "parameters")}
    if flags["command"] is not None:
        return _for_executor("shell", flags, {"command": flags["command"]})
    if flags["url"] is not None:
        body = None if flags["body"] is None else text_of(flags["body"], "body")
        return _for_executor("rest", flags, {"url": flags["url"], "method": flags["method"], "body": body})
    return {}


def _for_executor(executor: str, flags: Mapping[str, Any], parameters: Mapping[str, object]) -> dict[str, str]:
    if flags["executor"] not in (None, executor):
        raise click.UsageError(f"--{'command' if executor == 'shell' else 'url'} means --executor {executor}")
    kept = {name: value for name, value in parameters.items() if value is not None}
    return {"executor": executor, "parameters": json.dumps(kept, ensure_ascii=False)}


def text_of(value: str, flag: str) -> str:
    """The text itself, or that of the file after an @."""
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(flag, f"cannot read {value[1:]}: {error}") from error


def _instant(text: str, flag: str, zone_name: str | None) -> str:
    """With its offset; a time without one is in the plan's zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgument(flag, f"wanted a time such as 2026-01-31T09:00:00+01:00, found {text!r}") from error
    if at.tzinfo is not None:
        return at.isoformat()
    zone = zone_named(zone_name or "")
    if zone is None:
        raise InvalidArgument(flag, f"{text!r} has no offset, and no known --tz says where it is meant")
    return at.replace(tzinfo=zone).isoformat()
