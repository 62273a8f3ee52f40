"""`jobpoolctl endpoint health` and `jobpoolctl version`: the plain HTTP questions to each server."""

import asyncio
from typing import TYPE_CHECKING

import click
import msgspec

import jobpool
from jobpool.cli.ctl_options import Leaf, PrefixGroup, Settings
from jobpool.cli.ctl_session import tls_of
from jobpool.cli.output import Lines, note, show_plain_json, show_table
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.pure.durations import Millis, format_duration
from jobpool.model.errors import JobpoolError

if TYPE_CHECKING:
    from jobpool.client import Endpoint
    from jobpool.client.probe import Answer


class Health(msgspec.Struct, frozen=True):
    """`took` in ms; `error` empty when healthy."""

    endpoint: str
    took: Millis
    error: str


@click.group(cls=PrefixGroup)
def endpoint() -> None:
    """The servers themselves."""


@endpoint.command("health")
@click.pass_context
def health(ctx: click.Context) -> None:
    """Ask each server whether it is healthy; exit code 1 when one is not."""
    settings: Settings = ctx.obj
    found = asyncio.run(_ask_all(settings))
    if settings.write_out == "json":
        show_plain_json([_as_fields(one) for one in found])
    elif settings.write_out == "table":
        show_table(("Endpoint", "Health", "Took", "Error"), [_as_row(one) for one in found])
    else:
        for one in found:
            _say(one)
    if any(one.error for one in found):
        ctx.exit(1)


@click.command(cls=Leaf)
@click.option("--server", is_flag=True, help="The servers' versions as well.")
@click.pass_obj
def version(settings: Settings, server: bool) -> None:
    """Print the version of jobpoolctl."""
    servers = asyncio.run(_versions(settings)) if server else []
    if settings.write_out == "json":
        shown: dict[str, object] = {"jobpoolctl": jobpool.__version__}
        show_plain_json(shown | {"servers": servers} if server else shown)
        return
    click.echo(f"jobpoolctl version: {jobpool.__version__}")
    Lines().show([(fields["endpoint"], _told(fields)) for fields in servers])


async def _versions(settings: Settings) -> list[dict[str, str]]:
    """Raises Unreachable or Unavailable for the first server that does not answer."""
    found = []
    for there in _endpoints(settings):
        answer = await _ask(settings, there, "/version")
        found.append({"endpoint": there.url} | {name: str(value) for name, value in answer.fields.items()})
    return found


def _told(fields: dict[str, str]) -> str:
    return "  ".join(f"{name} {value}" for name, value in fields.items() if value and name != "endpoint")


async def _ask_all(settings: Settings) -> list[Health]:
    return await asyncio.gather(*(_health(settings, there) for there in _endpoints(settings)))


async def _health(settings: Settings, there: "Endpoint") -> Health:
    from jobpool.client import Unreachable

    clock = SystemClock()
    began = clock.monotonic()
    try:
        answer = await _ask(settings, there, "/health")
    except JobpoolError as error:
        reason = error.failures[0][1] if isinstance(error, Unreachable) else error.reason
        return Health(there.url, clock.monotonic() - began, reason)
    reason = str(answer.fields.get("reason") or f"it answers {answer.status}")
    fine = answer.status == 200 and str(answer.fields.get("health")).lower() == "true"
    return Health(there.url, clock.monotonic() - began, "" if fine else reason)


async def _ask(settings: Settings, there: "Endpoint", path: str) -> "Answer":
    from jobpool.client.probe import ask

    return await ask(there, path, tls=tls_of(settings), timeout=settings.command_timeout)


def _endpoints(settings: Settings) -> "list[Endpoint]":
    from jobpool.client import parse_endpoint

    secure = tls_of(settings) is not None
    return [parse_endpoint(text, secure=secure) for text in settings.endpoints]


def _as_fields(one: Health) -> dict[str, object]:
    fields: dict[str, object] = {"endpoint": one.endpoint, "health": not one.error, "took": format_duration(one.took)}
    return fields | {"error": one.error} if one.error else fields


def _as_row(one: Health) -> tuple[str, ...]:
    return (one.endpoint, "false" if one.error else "true", format_duration(one.took), one.error)


def _say(one: Health) -> None:
    if one.error:
        note(f"{one.endpoint} is unhealthy: {one.error}")
    else:
        click.echo(f"{one.endpoint} is healthy: took {format_duration(one.took)}")
