"""`jobpoolctl namespace`: shares of parallelism."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from jobpool.cli.ctl_lists import done, show_list, show_one
from jobpool.cli.ctl_options import MAX_NUMBER, Paging, PrefixGroup, Settings, given, paged
from jobpool.cli.ctl_session import run
from jobpool.cli.ctl_views import NAMESPACES

Function = TypeVar("Function", bound=Callable[..., Any])


@click.group(cls=PrefixGroup)
def namespace() -> None:
    """Shares of parallelism, each with its own limit."""


def _settings_of_one(function: Function) -> Function:
    for decorate in (
        click.option("--description", help="What it is for."),
        click.option("--tz", "default_time_zone", metavar="ZONE", help="Zone of plans that name none."),
        click.option("--when-full", metavar="fail|wait", help="What a tick does without a free slot."),
        click.option("--limit", "job_parallelism_limit", type=click.IntRange(1, MAX_NUMBER), help="Runs at once."),
    ):
        function = decorate(function)
    return function


@namespace.command("add")
@click.argument("name")
@_settings_of_one
@click.pass_obj
def add(settings: Settings, /, name: str, **options: object) -> None:
    """Create a namespace."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.ScheduleNameSpaceAddRequest(name=name, **given(options))
    done(settings, run(settings, lambda client: client.namespace_add(request)), said=f"namespace {name} added")


@namespace.command("list")
@click.option("--name", help="Only this one.")
@paged
@click.pass_obj
def list_(settings: Settings, name: str | None, *, paging: Paging) -> None:
    """List namespaces."""
    from jobpool.wire import jobpool_pb2 as pb

    show_list(
        settings,
        lambda client, number, size: client.namespace_list(
            pb.ScheduleNameSpaceListRequest(name=name, pageNumber=number, pageSize=size)
        ),
        view=NAMESPACES,
        paging=paging,
    )


@namespace.command("detail")
@click.argument("name")
@click.pass_obj
def detail(settings: Settings, name: str) -> None:
    """Show one namespace."""
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(settings, lambda client: client.namespace_detail(pb.ScheduleNameSpaceDetailRequest(name=name)))
    show_one(settings, answer, view=NAMESPACES)


@namespace.command("update")
@click.argument("name")
@click.option("--rename", metavar="NEW", help="Its new name.")
@_settings_of_one
@click.pass_obj
def update(settings: Settings, /, name: str, *, rename: str | None, **options: object) -> None:
    """Change or rename a namespace; what is not given stays."""
    from jobpool.wire import jobpool_pb2 as pb

    changes = given(options)
    if not changes and rename is None:
        raise click.UsageError("nothing to change is given")
    request = pb.ScheduleNameSpaceUpdateRequest(name=rename or name, old_name=name if rename else "", **changes)
    said = f"namespace {name} is now {rename}" if rename else f"namespace {name} updated"
    done(settings, run(settings, lambda client: client.namespace_update(request)), said=said)


@namespace.command("delete")
@click.argument("name")
@click.pass_obj
def delete(settings: Settings, name: str) -> None:
    """Delete a namespace."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.ScheduleNameSpaceDeleteRequest(name=name)
    done(settings, run(settings, lambda client: client.namespace_delete(request)), said=f"namespace {name} deleted")
