"""`jobpoolctl plan online|offline|pause|resume`: whether a plan's ticks run."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from jobpool.cli.ctl_lists import show_changed, timestamp
from jobpool.cli.ctl_options import START, Leaf, Settings, at_revision, in_namespace
from jobpool.cli.ctl_session import run
from jobpool.cli.ctl_views import PLANS, zone_of
from jobpool.model.errors import InvalidArgument

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.wire import jobpool_pb2 as pb


_why = click.option("--description", default="", help="Why.")


@click.command("online", cls=Leaf)
@click.argument("plan_id")
@_why
@at_revision
@in_namespace
@click.pass_obj
def online(settings: Settings, plan_id: str, *, namespace: str, description: str, revision: int | None) -> None:
    """Start a plan's ticks."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.SchedulePlanOnlineRequest(id=plan_id, namespace=namespace, description=description, revision=revision)
    _switch(settings, lambda client: client.plan_online(request))


@click.command("offline", cls=Leaf)
@click.argument("plan_id")
@_why
@at_revision
@in_namespace
@click.pass_obj
def offline(settings: Settings, plan_id: str, *, namespace: str, description: str, revision: int | None) -> None:
    """Stop a plan's ticks; its runs go on."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.SchedulePlanOfflineRequest(id=plan_id, namespace=namespace, description=description, revision=revision)
    _switch(settings, lambda client: client.plan_offline(request))


def _switch(settings: Settings, ask: "Callable[[Client], Coroutine[Any, Any, pb.SchedulePlanDetailResponse]]") -> None:
    show_changed(settings, run(settings, ask), view=PLANS)


@click.command("pause", cls=Leaf)
@click.argument("plan_id")
@click.option("--by", default="", help="Who.  [default: the address you call from]")
@click.option("--note", default="", help="Why.")
@click.option("--until", type=START, help="Resume it by itself at this time in the plan's zone, or in 2h.")
@at_revision
@in_namespace
@click.pass_obj
def pause(
    settings: Settings,
    plan_id: str,
    *,
    namespace: str,
    by: str,
    note: str,
    until: datetime | None,
    revision: int | None,
) -> None:
    """Hold a plan's ticks back for a while; its runs go on."""
    from jobpool.wire import jobpool_pb2 as pb

    async def ask(client: "Client") -> "pb.SchedulePlanDetailResponse":
        end = timestamp(await in_the_plans_zone(client, until, plan_id=plan_id, namespace=namespace))
        request = pb.PlanPauseRequest(id=plan_id, namespace=namespace, by=by, note=note, until=end, revision=revision)
        return await client.plan_pause(request)

    _switch(settings, ask)


@click.command("resume", cls=Leaf)
@click.argument("plan_id")
@click.option("--catch-up", is_flag=True, help="Let the plan's catch-up policy decide about what was due meanwhile.")
@at_revision
@in_namespace
@click.pass_obj
def resume(settings: Settings, plan_id: str, *, namespace: str, catch_up: bool, revision: int | None) -> None:
    """Let a paused plan go on; what was due meanwhile does not run."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.PlanResumeRequest(id=plan_id, namespace=namespace, catch_up=catch_up, revision=revision)
    _switch(settings, lambda client: client.plan_resume(request))


async def in_the_plans_zone(client: "Client", at: datetime | None, *, plan_id: str, namespace: str) -> datetime | None:
    """The instant; a time without an offset is in the zone of the plan."""
    from jobpool.wire import jobpool_pb2 as pb

    if at is None or at.tzinfo is not None:
        return at
    detail = await client.plan_detail(pb.SchedulePlanDetailRequest(id=plan_id, namespace=namespace))
    try:
        return at.replace(tzinfo=zone_of(detail.data)).astimezone(UTC)
    except OverflowError as error:
        raise InvalidArgument("time", f"wanted one of the years 1 to 9999 in UTC, found {at.isoformat()}") from error
