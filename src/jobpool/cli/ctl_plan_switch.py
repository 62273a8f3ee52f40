"""`jobpoolctl plan online|offline|pause|resume`: whether a plan's ticks run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_lists import show_changed, timestamp
from jobpool.cli.ctl_options import START, Settings, in_namespace
from jobpool.cli.ctl_session import run
from jobpool.cli.ctl_views import PLANS, zone_of

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.wire import jobpool_pb2 as pb


@click.command("online")
@click.argument("plan_id")
@click.option("--description", default="", help="Why.")
@in_namespace
@click.pass_obj
def online(settings: Settings, plan_id: str, *, namespace: str, description: str) -> None:
    """Start a plan's ticks."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.SchedulePlanOnlineRequest(id=plan_id, namespace=namespace, description=description)
    answer = run(settings, lambda client: client.plan_online(request))
    show_changed(settings, answer, view=PLANS)


@click.command("offline")
@click.argument("plan_id")
@click.option("--description", default="", help="Why.")
@in_namespace
@click.pass_obj
def offline(settings: Settings, plan_id: str, *, namespace: str, description: str) -> None:
    """Stop a plan's ticks; its runs go on."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.SchedulePlanOfflineRequest(id=plan_id, namespace=namespace, description=description)
    answer = run(settings, lambda client: client.plan_offline(request))
    show_changed(settings, answer, view=PLANS)


@click.command("pause")
@click.argument("plan_id")
@click.option("--by", default="", help="Who.  [default: the address you call from]")
@click.option("--note", default="", help="Why.")
@click.option("--until", type=START, help="Resume it by itself at this time in the plan's zone, or in 2h.")
@in_namespace
@click.pass_obj
def pause(settings: Settings, plan_id: str, *, namespace: str, by: str, note: str, until: datetime | None) -> None:
    """Hold a plan's ticks back for a while; its runs go on."""
    from jobpool.wire import jobpool_pb2 as pb

    async def ask(client: "Client") -> "pb.SchedulePlanDetailResponse":
        end = timestamp(await in_the_plans_zone(client, until, plan_id=plan_id, namespace=namespace))
        request = pb.PlanPauseRequest(id=plan_id, namespace=namespace, by=by, note=note, until=end)
        return await client.plan_pause(request)

    show_changed(settings, run(settings, ask), view=PLANS)


@click.command("resume")
@click.argument("plan_id")
@click.option("--catch-up", is_flag=True, help="Let the plan's catch-up policy decide about what was due meanwhile.")
@in_namespace
@click.pass_obj
def resume(settings: Settings, plan_id: str, *, namespace: str, catch_up: bool) -> None:
    """Let a paused plan go on; what was due meanwhile does not run."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.PlanResumeRequest(id=plan_id, namespace=namespace, catch_up=catch_up)
    answer = run(settings, lambda client: client.plan_resume(request))
    show_changed(settings, answer, view=PLANS)


async def in_the_plans_zone(client: "Client", at: datetime | None, *, plan_id: str, namespace: str) -> datetime | None:
    """The instant; a time without an offset is in the zone of the plan."""
    from jobpool.wire import jobpool_pb2 as pb

    if at is None or at.tzinfo is not None:
        return at
    detail = await client.plan_detail(pb.SchedulePlanDetailRequest(id=plan_id, namespace=namespace))
    return at.replace(tzinfo=zone_of(detail.data)).astimezone(UTC)
