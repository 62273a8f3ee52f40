"""`jobpoolctl export`: stored plans as documents that `apply` takes and changes nothing by."""

from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_apply import simple_or_json
from jobpool.cli.ctl_import import show_documents
from jobpool.cli.ctl_lists import must_exist
from jobpool.cli.ctl_options import MAX_PAGE, Leaf, Settings
from jobpool.cli.ctl_session import run
from jobpool.cli.output import note

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.wire import jobpool_pb2 as pb


@click.command("export", cls=Leaf)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--ns", "--namespace", "namespace", default="", help="Only of this namespace.")
@click.option("--owner", default="", metavar="NAME", help="Only of this owner.")
@click.option("--label", "labels", multiple=True, metavar="NAME[=VALUE]", help="Only with this label (repeatable).")
@click.pass_obj
def export(settings: Settings, /, ids: tuple[str, ...], *, namespace: str, owner: str, labels: tuple[str, ...]) -> int:
    """Print plans as documents for `apply`, by namespace and id; all of them, or these."""
    from jobpool.declare import document_of
    from jobpool.wire import jobpool_pb2 as pb

    simple_or_json(settings)
    request = pb.SchedulePlanListRequest(namespace=namespace, owner=owner, labels=labels, limit=MAX_PAGE)
    plans = run(settings, lambda client: _all(client, request))
    chosen = [plan for plan in plans if not ids or plan.id in ids]
    missing = [plan_id for plan_id in ids if all(plan.id != plan_id for plan in chosen)]
    if missing:
        note(f"Error: there is no plan {', '.join(missing)} among them")
        return 1
    chosen.sort(key=lambda plan: (plan.namespace, plan.id))
    for plan in chosen:
        if plan.HasField("paused"):
            note(f"Warning: plan {plan.namespace}/{plan.id} is paused; a document does not say so")
    show_documents(settings, [document_of(plan) for plan in chosen])
    return 0


async def _all(client: "Client", request: "pb.SchedulePlanListRequest") -> "list[pb.Plan]":
    found: list[pb.Plan] = []
    while True:
        page = await client.plan_list(request)
        found += page.data
        further = getattr(page, "continue")
        if not further:
            if request.namespace and not found:
                await must_exist(client, request.namespace)
            return found
        setattr(request, "continue", further)
