"""`jobpoolctl endpoint` and `jobpoolctl version`: the same question to each server."""

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

import jobpool
from jobpool.cli.compat import show_old_table
from jobpool.cli.ctl_options import MAX_REVISION, Leaf, PrefixGroup, Settings
from jobpool.cli.ctl_session import ask_each, endpoints_of, tls_of, why
from jobpool.cli.formats import refuse_protobuf, shown_plain
from jobpool.cli.output import Lines, note, show_table
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.pure.durations import Millis, format_duration
from jobpool.model.errors import DeadlineExceeded, JobpoolError, Unavailable

if TYPE_CHECKING:
    from jobpool.client import Endpoint
    from jobpool.client.probe import Answer
    from jobpool.wire import jobpool_pb2 as pb


Answered = TypeVar("Answered")
OLD_FORMS = ("simple", "table", "json")
OLD_VERSION = "etcdctl version: 3.5.7\nAPI version: 3.5"
"""What the original says of itself."""


class Health(msgspec.Struct, frozen=True):
    """`took` in ms; `error` empty when healthy."""

    endpoint: str
    took: Millis
    error: str


@click.group(cls=PrefixGroup)
def endpoint() -> None:
    """The servers themselves."""


_cluster = click.option(
    "--cluster", is_flag=True, help="All servers of the cluster, as the one that answers knows them."
)


@endpoint.command("health")
@_cluster
@click.pass_context
def health(ctx: click.Context, *, cluster: bool) -> None:
    """Ask each server whether it is healthy; exit code 1 when one is not."""
    settings: Settings = ctx.obj
    refuse_protobuf(settings)
    found = asyncio.run(_ask_all(settings, cluster=cluster))
    if settings.compat and settings.write_out == "json":
        click.echo(json.dumps([_as_fields(one) for one in found], ensure_ascii=False, separators=(",", ":")))
    elif shown_plain(settings, [_as_fields(one) for one in found]):
        pass
    elif settings.write_out == "table" and settings.compat:
        show_old_table(("endpoint", "health", "took", "error"), [_as_row(one) for one in found])
    elif settings.write_out == "table":
        show_table(("Endpoint", "Health", "Took", "Error"), [_as_row(one) for one in found])
    else:
        for one in found:
            _say(one, compat=settings.compat)
    if any(one.error for one in found):
        ctx.exit(1)


@endpoint.command("status")
@_cluster
@click.pass_context
def status(ctx: click.Context, *, cluster: bool) -> None:
    """What each server says of itself: who leads, how far it is, its database; exit code 1 when one does not answer."""
    from jobpool.cli.ctl_status import COLUMNS, fields_of, line_of, row_of, status_of

    settings: Settings = ctx.obj
    refuse_protobuf(settings)

    async def ask() -> "list[tuple[str, pb.ServerStatusResponse | JobpoolError]]":
        endpoints = await endpoints_of(settings, cluster=cluster)
        return list(zip(endpoints, await ask_each(settings, endpoints, status_of), strict=True))

    found = asyncio.run(ask())
    if settings.compat and settings.write_out in OLD_FORMS:
        from jobpool.cli.compat_servers import show_old_statuses

        show_old_statuses(_answered(found), settings.write_out)
        _say_silent(found)
    elif shown_plain(settings, [fields_of(*one) for one in found]):
        pass
    elif settings.write_out == "table":
        show_table(COLUMNS, [row_of(*one) for one in found])
    else:
        Lines().show([line_of(there, answer) for there, answer in found if not isinstance(answer, JobpoolError)])
        _say_silent(found)
    if any(isinstance(answer, JobpoolError) for _, answer in found):
        ctx.exit(1)


@endpoint.command("hashkv")
@_cluster
@click.option(
    "--rev",
    type=click.IntRange(0, MAX_REVISION),
    metavar="N",
    default=0,
    help="Of this revision.  [default: the newest]",
)
@click.pass_context
def hashkv(ctx: click.Context, *, cluster: bool, rev: int) -> None:
    """Compare what the servers' databases hold; exit code 1 when they differ or one does not answer."""
    from jobpool.cli.ctl_status import HASH_COLUMNS, differ, hash_fields, hash_line, hash_row, hashes_of

    settings: Settings = ctx.obj
    refuse_protobuf(settings)
    found = asyncio.run(hashes_of(settings, cluster=cluster, revision=rev))
    if settings.compat and settings.write_out in OLD_FORMS:
        from jobpool.cli.compat_servers import show_old_hashes

        show_old_hashes(_answered(found), settings.write_out)
        _say_silent(found)
    elif shown_plain(settings, [hash_fields(*one) for one in found]):
        pass
    elif settings.write_out == "table":
        show_table(HASH_COLUMNS, [hash_row(*one) for one in found])
    else:
        Lines().show([hash_line(there, answer) for there, answer in found if not isinstance(answer, JobpoolError)])
        _say_silent(found)
    if differ([answer for _, answer in found]):
        note("the databases differ at one revision: one of them is damaged (docs/operations.md, “Alarms”)")
        ctx.exit(1)
    if any(isinstance(answer, JobpoolError) for _, answer in found):
        ctx.exit(1)


def _answered(found: "Sequence[tuple[str, Answered | JobpoolError]]") -> "list[tuple[str, Answered]]":
    return [(there, answer) for there, answer in found if not isinstance(answer, JobpoolError)]


def _say_silent(found: "Sequence[tuple[str, object]]") -> None:
    for there, answer in found:
        if isinstance(answer, JobpoolError):
            silent = isinstance(answer, Unavailable | DeadlineExceeded)
            note(f"{there} {'does not answer' if silent else 'refuses'}: {why(answer)}")


@click.command(cls=Leaf)
@click.option("--server", is_flag=True, help="The servers' versions as well; exit code 1 when one does not answer.")
@click.pass_context
def version(ctx: click.Context, *, server: bool) -> None:
    """Print the version of jobpoolctl."""
    settings: Settings = ctx.obj
    refuse_protobuf(settings)
    found = asyncio.run(_versions(settings)) if server else []
    shown: dict[str, object] = {"jobpoolctl": jobpool.__version__}
    if server:
        shown["servers"] = [_fields_of(*one) for one in found]
    if settings.compat and not server and settings.write_out == "simple":
        click.echo(OLD_VERSION)
    elif not shown_plain(settings, shown):
        click.echo(f"jobpoolctl version: {jobpool.__version__}")
        Lines().show([(there, _told(answer)) for there, answer in found if not isinstance(answer, JobpoolError)])
        _say_silent(found)
    if any(isinstance(answer, JobpoolError) for _, answer in found):
        ctx.exit(1)


async def _versions(settings: Settings) -> "list[tuple[str, Answer | JobpoolError]]":
    """Raises why the first does not answer when none does."""
    there = _endpoints(settings, settings.endpoints)
    answers = await asyncio.gather(*(_version(settings, one) for one in there))
    if all(isinstance(answer, JobpoolError) for answer in answers) and isinstance(answers[0], JobpoolError):
        raise answers[0]
    return [(one.url, answer) for one, answer in zip(there, answers, strict=True)]


async def _version(settings: Settings, there: "Endpoint") -> "Answer | JobpoolError":
    try:
        return await _ask(settings, there, "/version")
    except JobpoolError as error:
        return error


def _fields_of(there: str, answer: "Answer | JobpoolError") -> dict[str, str]:
    if isinstance(answer, JobpoolError):
        return {"endpoint": there, "error": why(answer)}
    return {"endpoint": there} | {name: str(value) for name, value in answer.fields.items()}


def _told(answer: "Answer") -> str:
    return "  ".join(f"{name} {value}" for name, value in answer.fields.items() if value)


async def _ask_all(settings: Settings, *, cluster: bool) -> list[Health]:
    there = _endpoints(settings, await endpoints_of(settings, cluster=cluster))
    return await asyncio.gather(*(_health(settings, one) for one in there))


async def _health(settings: Settings, there: "Endpoint") -> Health:
    clock = SystemClock()
    began = clock.monotonic()
    try:
        answer = await _ask(settings, there, "/health")
    except JobpoolError as error:
        return Health(there.url, clock.monotonic() - began, why(error))
    reason = str(answer.fields.get("reason") or f"it answers {answer.status}")
    fine = answer.status == 200 and str(answer.fields.get("health")).lower() == "true"
    return Health(there.url, clock.monotonic() - began, "" if fine else reason)


async def _ask(settings: Settings, there: "Endpoint", path: str) -> "Answer":
    from jobpool.client.probe import ask

    return await ask(there, path, tls=tls_of(settings), timeout=settings.command_timeout)


def _endpoints(settings: Settings, texts: Sequence[str]) -> "list[Endpoint]":
    from jobpool.client import parse_endpoint

    secure = tls_of(settings) is not None
    return [parse_endpoint(text, secure=secure) for text in texts]


def _as_fields(one: Health) -> dict[str, object]:
    fields: dict[str, object] = {"endpoint": one.endpoint, "health": not one.error, "took": format_duration(one.took)}
    return fields | {"error": one.error} if one.error else fields


def _as_row(one: Health) -> tuple[str, ...]:
    return (one.endpoint, "false" if one.error else "true", format_duration(one.took), one.error)


def _say(one: Health, *, compat: bool) -> None:
    if one.error:
        note(f"{one.endpoint} is unhealthy: {'failed to commit proposal: ' if compat else ''}{one.error}")
    else:
        took = "successfully committed proposal: took =" if compat else "took"
        click.echo(f"{one.endpoint} is healthy: {took} {format_duration(one.took)}")
