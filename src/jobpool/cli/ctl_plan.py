"""`jobpoolctl plan`: what to run and when."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from jobpool.cli.ctl_explain import explain_plan, ledger
from jobpool.cli.ctl_lists import done, show_changed, show_items, show_list, show_one, timestamp
from jobpool.cli.ctl_options import START, Paging, PrefixGroup, Settings, at_revision, in_namespace, paged
from jobpool.cli.ctl_plan_flags import fields_of, plan_flags, text_of
from jobpool.cli.ctl_plan_switch import in_the_plans_zone, offline, online, pause, resume
from jobpool.cli.ctl_session import run
from jobpool.cli.ctl_views import JOBS, PLANS, TICKS, zone_of
from jobpool.cli.formats import shown_whole
from jobpool.cli.output import Lines, note
from jobpool.model.errors import JobpoolError

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.wire import jobpool_pb2 as pb

NEXT_FIRES = 3


@click.group(cls=PrefixGroup)
def plan() -> None:
    """What to run, and when."""


for _command in (online, offline, pause, resume, explain_plan, ledger):
    plan.add_command(_command)


@plan.command("add")
@click.option("--id", "plan_id", help="Its id.  [default: the server makes one up]")
@click.option("--ns", "--namespace", "namespace", help="The namespace.  [default: default]")
@click.option("-f", "--file", "path", metavar="FILE|-", help="Plans in YAML or JSON, instead of flags.")
@click.option("--pending", is_flag=True, help="Add it, but do not start it.")
@plan_flags
@click.pass_obj
def add(
    settings: Settings, /, path: str | None, *, plan_id: str | None, namespace: str | None, pending: bool, **flags: Any
) -> int:
    """Add a plan from flags, or plans from a file; they run at once unless --pending is given.

    Of a file every plan is tried, also after one that is refused; the exit code is that of the first refusal.
    """
    from jobpool.cli.ctl_plan_add import Wanted, add_all, from_file

    if path is None:
        from jobpool.declare.requests import add_request

        fields = {"id": plan_id, "namespace": namespace} | fields_of(flags)
        wanted = [Wanted("", add_request(fields, pending=pending))]
    else:
        wanted = from_file(path, {"id": plan_id, "namespace": namespace} | flags, pending=pending)
    return run(settings, lambda client: add_all(client, wanted, settings))


@plan.command("list")
@click.option("--ns", "--namespace", "namespace", help="Only of this namespace.")
@click.option("--status", help="Only with this status.")
@click.option("--name", help="Only with this in their name.")
@click.option("--text", help="Only with this in their id or name, in capitals or not.")
@click.option("--id", help="Only with this id.")
@click.option("--executor", help="Only of this executor.")
@click.option("--paused/--not-paused", default=None, help="Only those that are paused, or that are not.")
@click.option("--order", help="created (the newest first), id, or next (what fires next first).")
@click.option("--label", "labels", multiple=True, metavar="NAME[=VALUE]", help="Only with this label (repeatable).")
@click.option("--owner", help="Only of this owner.")
@paged
@click.pass_obj
def list_(settings: Settings, /, paging: Paging, **filters: Any) -> None:
    """List plans."""
    from jobpool.wire import jobpool_pb2 as pb

    show_list(
        settings,
        lambda client, number, size: client.plan_list(
            pb.SchedulePlanListRequest(pageNumber=number, pageSize=size, **filters)
        ),
        view=PLANS,
        paging=paging,
        namespace=filters.get("namespace"),
    )


@plan.command("detail")
@click.argument("plan_id")
@in_namespace
@click.pass_obj
def detail(settings: Settings, plan_id: str, *, namespace: str) -> None:
    """Show one plan."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.SchedulePlanDetailRequest(id=plan_id, namespace=namespace)
    answer = run(settings, lambda client: client.plan_detail(request))
    show_one(settings, answer, view=PLANS, zone=zone_of(answer.data))


@plan.command("update")
@click.argument("plan_id")
@click.option("--clear", multiple=True, metavar="FIELD", help="Empty this field (repeatable), as timeout or retry.")
@at_revision
@in_namespace
@plan_flags
@click.pass_obj
def update(
    settings: Settings,
    /,
    plan_id: str,
    *,
    namespace: str,
    clear: tuple[str, ...],
    revision: int | None,
    **flags: Any,
) -> None:
    """Change what is given; all else stays."""
    from jobpool.declare.requests import update_request

    fields = fields_of(flags)
    if not fields and not clear:
        raise click.UsageError("nothing to change is given")
    request = update_request({"id": plan_id, "namespace": namespace} | fields, clear)
    if revision is not None:
        request.revision = revision
    if settings.write_out != "simple" or settings.compat:
        show_changed(settings, run(settings, lambda client: client.plan_update(request)), view=PLANS)
        return
    fires = run(settings, lambda client: _update(client, request, settings))
    Lines().show([(word, *TICKS.line(tick)) for word, ticks in fires.items() for tick in ticks])


async def _update(
    client: "Client", request: "pb.SchedulePlanUpdateRequest", settings: Settings
) -> "dict[str, Sequence[pb.PreviewTick]]":
    """Change the plan and say so; when it fires next, before and after where that is not the same."""
    before = await _fires(client, request.id, request.namespace)
    answer = await client.plan_update(request)
    show_changed(settings, answer, view=PLANS)
    after = await _fires(client, request.id, request.namespace)
    return {"next": after} if before == after else {"before": before, "after": after}


async def _fires(client: "Client", plan_id: str, namespace: str) -> "Sequence[pb.PreviewTick]":
    """None of a plan without a schedule; and what cannot be asked must not keep a change from being made."""
    from jobpool.wire import jobpool_pb2 as pb

    try:
        shown = await client.plan_preview(pb.PlanPreviewRequest(id=plan_id, namespace=namespace, n=NEXT_FIRES))
    except JobpoolError:
        return []
    return list(shown.data)


@plan.command("delete")
@click.argument("plan_id")
@at_revision
@in_namespace
@click.pass_obj
def delete(settings: Settings, plan_id: str, *, namespace: str, revision: int | None) -> None:
    """Delete a plan that is offline."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.SchedulePlanDeleteRequest(id=plan_id, namespace=namespace, revision=revision)
    done(settings, run(settings, lambda client: client.plan_delete(request)), said=f"plan {plan_id} deleted")


@plan.command("run")
@click.argument("plan_id")
@click.option("--parameters", metavar="JSON|@FILE", help="All of them, instead of the plan's, for this run.")
@click.option("--idempotency-key", default="", help="The same key within 24 h names the same run.")
@click.option("--overlap", default="", metavar="allow", help="Start it whatever runs.  [default: the plan's]")
@in_namespace
@click.pass_obj
def run_now(
    settings: Settings, plan_id: str, *, namespace: str, parameters: str | None, idempotency_key: str, overlap: str
) -> None:
    """Start a run now; the schedule goes on as it was."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.PlanRunRequest(
        id=plan_id,
        namespace=namespace,
        parameters=None if parameters is None else text_of(parameters, "parameters"),
        idempotency_key=idempotency_key,
        overlap=overlap,
        created_by="jobpoolctl",
    )
    answer = run(settings, lambda client: client.plan_run(request))
    show_changed(settings, answer, view=JOBS)


@plan.command("preview")
@click.argument("plan_id")
@click.option("-n", "--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many.")
@click.option("--after", type=START, help="From this time in the plan's zone on, or so much later than now (2h).")
@in_namespace
@click.pass_obj
def preview(settings: Settings, plan_id: str, *, namespace: str, count: int, after: datetime | None) -> None:
    """Show when a plan fires next, and what daylight saving does to it."""
    from jobpool.wire import jobpool_pb2 as pb

    async def ask(client: "Client") -> "pb.PlanPreviewResponse":
        start = await in_the_plans_zone(client, after, plan_id=plan_id, namespace=namespace)
        request = pb.PlanPreviewRequest(id=plan_id, namespace=namespace, n=count, after=timestamp(start))
        return await client.plan_preview(request)

    answer = run(settings, ask)
    if shown_whole(settings, answer):
        return
    show_items(settings, list(answer.data), TICKS)
    if not answer.data:
        note("it never fires again")
